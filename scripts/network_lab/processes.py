"""Programs on the hosts of the lab, ended by process id only."""

import ctypes
import json
import os
import signal
import subprocess
import time
from pathlib import Path

from .network import LabError

PR_SET_PDEATHSIG = 1
TICKS = os.sysconf("SC_CLK_TCK")
LIBC = ctypes.CDLL(None)


def _die_with_parent() -> None:
    LIBC.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


class Process:
    """One program. Its output goes to files, so no pipe can fill up."""

    def __init__(self, name: str, words: list[str], logs: Path, env: dict[str, str]) -> None:
        self.name = name
        self.output = logs / f"{name}.out"
        self.log = logs / f"{name}.log"
        self.last_cpu = 0.0
        with open(self.output, "wb") as output, open(self.log, "wb") as log:
            self.popen = subprocess.Popen(
                words, stdin=subprocess.PIPE, stdout=output, stderr=log, env=env,
                start_new_session=True, preexec_fn=_die_with_parent)

    def send_line(self, line: str) -> None:
        """Writes a line to its standard input."""
        self.popen.stdin.write(line.encode() + b"\n")
        self.popen.stdin.flush()

    def first_line(self, timeout: float) -> str:
        """Waits for the first line of its output."""
        deadline = time.monotonic() + timeout
        while time.monotonic() < deadline:
            text = self.output.read_text()
            if "\n" in text:
                return text.split("\n", 1)[0]
            if self.ended():
                break
            time.sleep(0.02)
        tail = self.log.read_text(errors="replace")[-800:]
        raise LabError(f"{self.name} did not start; {self.log} ends with:\n{tail}")

    def last_json(self) -> dict | None:
        """The last line of its output, if that is JSON."""
        lines = self.output.read_text().strip().splitlines()
        try:
            return json.loads(lines[-1]) if lines else None
        except ValueError:
            return None

    def cpu(self) -> float:
        """CPU seconds so far, including reaped children; the last known value after its
        end."""
        try:
            stat = Path(f"/proc/{self.popen.pid}/stat").read_text()
        except OSError:
            return self.last_cpu
        fields = stat.rpartition(")")[2].split()
        self.last_cpu = sum(int(field) for field in fields[11:15]) / TICKS
        return self.last_cpu

    def ended(self) -> bool:
        """True if it has ended. Reads its CPU time before reaping it."""
        if self.popen.returncode is not None:
            return True
        flags = os.WEXITED | os.WNOHANG | os.WNOWAIT
        if os.waitid(os.P_PID, self.popen.pid, flags) is None:
            return False
        self.cpu()
        self.popen.wait()
        return True

    def signal(self, number: int) -> None:
        """Sends a signal, unless it has ended."""
        if not self.ended():
            self.popen.send_signal(number)

    def kill(self) -> None:
        """Kills it and waits for its end."""
        self.cpu()
        self.signal(signal.SIGKILL)
        self.popen.wait()


class Processes:
    """All started programs, killed on leaving the context."""

    def __init__(self, logs: Path) -> None:
        self.logs = logs
        self.all: list[Process] = []

    def __enter__(self) -> "Processes":
        return self

    def __exit__(self, *_: object) -> None:
        for process in self.all:
            process.kill()

    def start(self, name: str, namespace: str, words: list[object],
              extra_env: dict[str, str] | None = None) -> Process:
        """Runs a command in a namespace."""
        kept = {k: v for k, v in os.environ.items() if not k.startswith("SWARMPLAY_")}
        env = kept | (extra_env or {})
        # `ip netns exec` replaces itself with the command, so the process id is the command's.
        words = ["ip", "netns", "exec", namespace, *(str(word) for word in words)]
        process = Process(name, words, self.logs, env)
        self.all.append(process)
        return process
