"""Swarmplay in the lab: a tracker, and a peer on every host.

The tracker runs on an unshaped host and shares nothing; the source is a peer that
has the film. Every peer is registered and has the catalogue before the clock
starts.
"""

import os
import http.client
import json
import time
from pathlib import Path

from .network import LabError, Network
from .processes import Process, Processes
from .scenario import Film, Host, Scenario

TRACKER = "tracker"
TRACKER_PORT = 7700
PEER_PORT = 7701
GATEWAY_PORT = 8080
START_TIMEOUT = 60.0


def query(network: Network, host: str, path: str, timeout: float = 2.0) -> object:
    """Fetches a JSON document from a host's HTTP port."""
    connection = http.client.HTTPConnection("lab", timeout=timeout)
    connection.sock = network.connect(host, GATEWAY_PORT, timeout)
    try:
        connection.request("GET", path)
        return json.load(connection.getresponse())
    finally:
        connection.close()


class Ours:
    """The engine under test, or the control, which fetches chunks in order."""

    stream_port = GATEWAY_PORT
    peer_port = PEER_PORT

    def __init__(self, binary: Path, settings: dict[str, str], network: Network,
                 processes: Processes, work: Path) -> None:
        self.binary = binary
        self.settings = settings
        self.network = network
        self.processes = processes
        self.work = work
        self.ids: dict[str, str] = {}
        self.engines: dict[str, Process] = {}

    def start(self, scenario: Scenario, files: dict[str, Path]) -> None:
        """Starts the tracker and all peers."""
        self.network.add(TRACKER)
        listen = f"0.0.0.0:{TRACKER_PORT}"
        self.run(TRACKER, ["tracker"], [], {"tracker.listen": listen}).first_line(START_TIMEOUT)
        for host in scenario.hosts:
            if scenario.kind == "watch" or host.shares:
                folders = [files[film].parent for film in host.shares]
                self.peer(host, folders)
        for host in self.engines:
            self.engines[host].first_line(START_TIMEOUT)
        for host in self.engines:
            if host != TRACKER:
                self.wait_for_catalogue(host, scenario)

    def run(self, host: str, words: list[object], folders: list[Path],
            settings: dict[str, str]) -> Process:
        """Starts the program on a host."""
        home = self.work / host
        home.mkdir(parents=True)
        listed = ", ".join(json.dumps(str(folder)) for folder in folders)
        config = home / "config.toml"
        config.write_text(
            f"[client]\nname = {json.dumps(host)}\n"
            f"[store]\ndata_dir = {json.dumps(str(home / 'data'))}\n"
            f"[library]\nfolders = [{listed}]\n")
        sets = [word for pair in settings.items() for word in ("--set", "=".join(pair))]
        command = [self.binary, words[0], "--config", config, *sets, *words[1:]]
        log = {"RUST_LOG": os.environ.get("RUST_LOG", "info")}
        namespace = self.network.namespace(host)
        self.engines[host] = self.processes.start(host, namespace, command, log)
        return self.engines[host]

    def client(self) -> dict[str, str]:
        """Settings of every peer."""
        tracker = f"{self.network.address(TRACKER)}:{TRACKER_PORT}"
        listen = f"0.0.0.0:{PEER_PORT}"
        # Posters would compete for the measured uplinks.
        own = {"client.tracker": tracker, "client.listen": listen, "library.sidecars": "false"}
        return own | self.settings

    def peer(self, host: Host, folders: list[Path]) -> None:
        """Starts a peer."""
        words = ["peer", "--http", f"127.0.0.1:{GATEWAY_PORT}"]
        self.run(host.name, words, folders, self.client())

    def wait_for_catalogue(self, host: str, scenario: Scenario) -> None:
        """Waits until a host's catalogue lists all films, which means they are hashed."""
        deadline = time.monotonic() + START_TIMEOUT
        wanted = {f"{name}.wav" for name in scenario.films}
        while time.monotonic() < deadline:
            items = {item["name"]: item["id"] for item in self.query(host, "/library.json") or []}
            if wanted <= items.keys():
                self.ids = {name: items[f"{name}.wav"] for name in scenario.films}
                return
            time.sleep(0.1)
        raise LabError(f"{host} does not list {', '.join(sorted(wanted))}; see its log")

    def query(self, host: str, path: str) -> object | None:
        """Fetches a JSON document of a peer; None if it does not answer."""
        try:
            return query(self.network, host, path)
        except (OSError, ValueError, http.client.HTTPException):
            return None

    def stream_path(self, film: str) -> str:
        """HTTP path of a film."""
        return f"/stream/{self.ids[film]}"

    def whole_path(self, film: Film) -> tuple[str, int]:
        """HTTP path whose response ends when a host has the whole film, and its length."""
        return self.stream_path(film.name), film.size

    def get(self, host: Host, target: Path, stay: bool = False) -> Process:
        """Downloads a whole file with `swarmplay get`, which may keep serving it."""
        words = ["get", self.ids[host.watches], "-o", target] + ["--stay"] * stay
        return self.run(host.name, words, [], self.client())

    def figures(self, host: str) -> dict | None:
        """The engine's own counters."""
        status = self.query(host, "/status.json")
        if not status:
            return None
        streams = {stream["id"]: stream for stream in status["streams"]}
        films = {name: streams[id] for name, id in self.ids.items() if id in streams}
        supplied = [supply for stream in films.values() for supply in stream["supplied"]]
        by = {name: sum(s["bytes"] for s in supplied if s["name"] == name)
              for name in {s["name"] for s in supplied}}
        return {
            "sent": status["swarm"]["uploaded"],
            "received": status["swarm"]["downloaded"],
            "duplicates": sum(stream["duplicate_bytes"] for stream in films.values()),
            "supplied_by": by,
            "films": {n: [s["have"], s["chunks"]] for n, s in films.items()},
            "status": status,
        }
