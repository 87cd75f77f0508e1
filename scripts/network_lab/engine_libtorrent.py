"""libtorrent in the lab: a session on every host, each told all addresses.

It runs from a virtual environment under target/, installed on first use.
libtorrent_host.py is the program of each host, with its settings.
"""

import http.client
import json
import subprocess
import sys
from pathlib import Path

from .engine_ours import GATEWAY_PORT, START_TIMEOUT, query
from .network import LabError, Network
from .processes import Process, Processes
from .scenario import Film, Scenario

VERSION = "2.1.1"
PEER_PORT = 6881
PROGRAM = Path(__file__).resolve().with_name("libtorrent_host.py")


def environment(folder: Path) -> Path:
    """Returns a Python that has libtorrent; installs it if necessary."""
    python = folder / "bin" / "python"
    check = [python, "-c", "import libtorrent; print(libtorrent.version)"]
    try:
        found = subprocess.run(check, capture_output=True, text=True, check=True).stdout
        if found.startswith(VERSION):
            return python
    except (OSError, subprocess.CalledProcessError):
        pass
    print(f"installing libtorrent {VERSION} into {folder}", file=sys.stderr)
    steps = ([sys.executable, "-m", "venv", folder],
             [python, "-m", "pip", "install", "-q", f"libtorrent=={VERSION}"])
    for step in steps:
        done = subprocess.run(step, capture_output=True, text=True, check=False)
        if done.returncode:
            raise LabError(f"cannot install libtorrent {VERSION} from PyPI "
                           f"(without it: --only ours):\n{(done.stderr or done.stdout)[-800:]}")
    return python


class Libtorrent:
    """libtorrent as the engine of a run."""

    stream_port = GATEWAY_PORT
    peer_port = PEER_PORT

    def __init__(self, python: Path, network: Network, processes: Processes,
                 work: Path) -> None:
        self.python = python
        self.network = network
        self.processes = processes
        self.work = work
        self.engines: dict[str, Process] = {}

    def torrent(self, file: Path) -> Path:
        """Returns the torrent of a media file; creates it if necessary."""
        torrent = file.with_suffix(".torrent")
        if not torrent.exists():
            subprocess.run([self.python, "-B", PROGRAM, "create", file, torrent], check=True)
        return torrent

    def start(self, scenario: Scenario, files: dict[str, Path]) -> None:
        """Starts all hosts; waits until the sources have checked their files."""
        for host in scenario.hosts:
            home = self.work / host.name
            home.mkdir(parents=True)
            films_of_host = {*host.shares, *([host.watches] if host.watches else [])}
            films = [{
                "name": name,
                "torrent": str(self.torrent(files[name])),
                "folder": str(files[name].parent if name in host.shares else home),
                "shared": name in host.shares,
                "rate": scenario.films[name].bitrate * 1e6 / 8,
                "peers": [self.network.address(other.name) for other in scenario.hosts
                          if other is not host and name in (*other.shares, other.watches)],
            } for name in films_of_host]
            spec = {"address": self.network.address(host.name), "port": PEER_PORT,
                    "http": GATEWAY_PORT, "films": films}
            self.engines[host.name] = self.processes.start(
                host.name, self.network.namespace(host.name),
                [self.python, "-B", PROGRAM, "run", json.dumps(spec)])
        for engine in self.engines.values():
            engine.first_line(START_TIMEOUT)

    def stream_path(self, film: str) -> str:
        """HTTP path of a film."""
        return f"/stream/{film}"

    def whole_path(self, film: Film) -> tuple[str, int]:
        """HTTP path whose response ends when a host has the whole film, and its length."""
        return f"/whole/{film.name}", len(b"done\n")

    def figures(self, host: str) -> dict | None:
        """The engine's own counters."""
        try:
            return query(self.network, host, "/status.json")
        except (OSError, ValueError, http.client.HTTPException):
            return None
