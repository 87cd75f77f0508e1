"""CPU time and children of processes, from /proc."""

import os
from pathlib import Path


def stat(pid: int | str) -> list[str]:
    """Fields of /proc/PID/stat from the state on: parent at 1, user and system ticks at 11, 12."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    except OSError:
        return ["gone", *["0"] * 12]


def cpu_seconds(*pids: int) -> float:
    """CPU time that processes have used so far."""
    return sum(sum(map(int, stat(pid)[11:13])) for pid in pids) / os.sysconf("SC_CLK_TCK")


def children(pid: int) -> list[int]:
    """Living children of a process."""
    return [int(entry) for entry in filter(str.isdigit, os.listdir("/proc"))
            if (words := stat(entry))[1] == str(pid) and words[0] != "Z"]
