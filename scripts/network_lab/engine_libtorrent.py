"""libtorrent in the lab: a session on every host, all told of each other.

It runs from a virtual environment under target/, installed when first asked
for. What each host does, and with which settings, is in libtorrent_host.py.
"""

import http.client
import json
import subprocess
import sys
from pathlib import Path

from .engine_ours import GATEWAY_PORT, PATIENCE, ask
from .network import LabError, Network
from .processes import Process, Processes
from .scenario import Film, Scenario

VERSION = "2.1.1"
PEER_PORT = 6881
PROGRAM = Path(__file__).resolve().with_name("libtorrent_host.py")


def environment(folder: Path) -> Path:
    """The Python that has libtorrent; installs it if need be."""
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
    """The rival."""

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
        """The torrent of a media file, made unless it is there."""
        torrent = file.with_suffix(".torrent")
        if not torrent.exists():
            subprocess.run([self.python, "-B", PROGRAM, "create", file, torrent], check=True)
        return torrent

    def start(self, scenario: Scenario, files: dict[str, Path]) -> None:
        """Brings everybody up; sources have checked their files."""
        for host in scenario.hosts:
            home = self.work / host.name
            home.mkdir(parents=True)
            concerns = {*host.shares, *([host.watches] if host.watches else [])}
            films = [{
                "name": name,
                "torrent": str(self.torrent(files[name])),
                "folder": str(files[name].parent if name in host.shares else home),
                "shared": name in host.shares,
                "rate": scenario.films[name].bitrate * 1e6 / 8,
                "peers": [self.network.address(other.name) for other in scenario.hosts
                          if other is not host and name in (*other.shares, other.watches)],
            } for name in concerns]
            spec = {"address": self.network.address(host.name), "port": PEER_PORT,
                    "http": GATEWAY_PORT, "films": films}
            self.engines[host.name] = self.processes.start(
                host.name, self.network.namespace(host.name),
                [self.python, "-B", PROGRAM, "run", json.dumps(spec)])
        for engine in self.engines.values():
            engine.first_line(PATIENCE)

    def stream_path(self, film: str) -> str:
        """Where a player reads a film."""
        return f"/stream/{film}"

    def whole_path(self, film: Film) -> tuple[str, int]:
        """What to read for a host to have all of a film, and its bytes."""
        return f"/whole/{film.name}", len(b"done\n")

    def figures(self, host: str) -> dict | None:
        """What the engine itself counts."""
        try:
            return ask(self.network, host, "/status.json")
        except (OSError, ValueError, http.client.HTTPException):
            return None
