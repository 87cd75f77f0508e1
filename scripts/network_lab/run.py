"""One run of one system in one scenario: start the hosts, press play, measure."""

import json
import os
import shutil
import sys
import time
from pathlib import Path
from typing import Callable

from .events import Events
from .network import LabError, Network
from .processes import Process, Processes
from .scenario import Host, Scenario

VIEWER = Path(__file__).resolve().with_name("viewer.py")
# Seconds of media that a viewer needs to start playing, and that it reads ahead.
START_BUFFER = 2.0
READ_AHEAD = 30.0
# Seconds between two samples of the buffer level.
SAMPLE = 0.25
# Seconds from the end of the preparations until play is pressed first.
SETTLE = 1.0
# Time limit of a download in seconds.
FETCH_LIMIT = 600.0

MakeEngine = Callable[[Network, Processes, Path], object]


class Run:
    """A run in progress, with its figures."""

    def __init__(self, scenario: Scenario, network: Network, processes: Processes,
                 engine: object) -> None:
        self.scenario = scenario
        self.network = network
        self.processes = processes
        self.engine = engine
        self.clock = 0.0
        self.cpu_before: dict[str, float] = {}
        self.sent_before: dict[str, tuple[int, int]] = {}
        self.traffic: list[dict] = []

    def viewer(self, host: Host) -> Process:
        """Starts a viewer, which waits for its time."""
        film = self.scenario.films[host.watches]
        paced = self.scenario.kind == "watch"
        if paced:
            path, size = self.engine.stream_path(film.name), film.size
            limit = self.scenario.limit * film.length
        else:
            path, size = self.engine.whole_path(film)
            limit = FETCH_LIMIT
        spec = {"port": self.engine.stream_port, "path": path, "size": size, "paced": paced,
                "bitrate": film.bitrate, "limit": limit, "start_buffer": START_BUFFER,
                "read_ahead": READ_AHEAD,
                "sample": SAMPLE, "seeks": host.seeks}
        words = [sys.executable, "-B", VIEWER, json.dumps(spec)]
        namespace = self.network.namespace(host.name)
        return self.processes.start(f"{host.name}.viewer", namespace, words)

    def begin(self) -> None:
        """Starts the clock; earlier CPU time and traffic do not count."""
        # Writing back earlier data would keep the disk busy during the run.
        os.sync()
        self.cpu_before = {name: p.cpu() for name, p in self.engine.engines.items()}
        self.sent_before = self.network.counters()
        self.clock = time.monotonic() + SETTLE

    def note_traffic(self) -> None:
        """Records the traffic of each host once a second."""
        now = time.monotonic() - self.clock
        if now < len(self.traffic):
            return
        counters = self.network.counters()
        since = {host: [a - b for a, b in zip(counters[host], self.sent_before[host])]
                 for host in self.sent_before}
        self.traffic.append({"at": now, "bytes": since})

    def watch(self) -> dict:
        """Runs until every viewer has ended; returns their results."""
        viewers = {host.name: self.viewer(host) for host in self.scenario.viewers}
        for process in viewers.values():
            process.first_line(30)
        events = Events(self.scenario, self.engine, self.network, viewers)
        self.begin()
        for host in self.scenario.viewers:
            viewers[host.name].send_line(repr(self.clock + host.arrives))
        while not all(process.ended() for process in viewers.values()):
            events.step(self.clock)
            self.note_traffic()
            time.sleep(0.02)
        results = {name: process.last_json() for name, process in viewers.items()}
        missing = [name for name, result in results.items() if not result]
        if missing:
            raise LabError(f"no result from {', '.join(missing)}; see its log")
        arrived = {host.name: host.arrives for host in self.scenario.viewers}
        results = {name: result | {"arrives": arrived[name]} for name, result in results.items()}
        dead = [name for name, engine in self.engine.engines.items()
                if engine.ended() and name not in events.gone]
        return {"viewers": results, "events": events.happened, "died": dead,
                "undone": [f"{event.does} {', '.join(event.hosts)}" for event in events.todo]}

    def get(self, target: Path) -> dict:
        """Times `swarmplay get` from its start to its end."""
        (host,) = self.scenario.viewers
        self.begin()
        self.clock = time.monotonic()
        process = self.engine.get(host, target)
        while not process.ended():
            if time.monotonic() > self.clock + FETCH_LIMIT:
                raise LabError(f"{host.name} has not finished after {FETCH_LIMIT:.0f} s")
            time.sleep(0.002)
        end = time.monotonic() - self.clock
        size = self.scenario.films[host.watches].size
        if process.popen.returncode or target.stat().st_size != size:
            raise LabError(f"{host.name} failed; see {process.log}")
        result = {"finished": True, "killed": False, "end": end, "errors": []}
        return {"viewers": {host.name: result}, "events": [], "undone": [], "died": []}

    def spread(self, folder: Path) -> dict:
        """Times `swarmplay get` on all hosts at once until the last one has the file.

        A file gets its final name only when it is complete.
        """
        hosts = {host.name: host for host in self.scenario.viewers}
        targets = {name: folder / f"{name}.received" for name in hosts}
        self.begin()
        self.clock = time.monotonic()
        processes = {name: self.engine.get(host, targets[name], stay=True)
                     for name, host in hosts.items()}
        ends: dict[str, float] = {}
        while len(ends) < len(hosts):
            now = time.monotonic() - self.clock
            if now > FETCH_LIMIT:
                raise LabError(f"not all hosts have finished after {FETCH_LIMIT:.0f} s")
            ended = [name for name, process in processes.items() if process.ended()]
            if ended:
                raise LabError(f"{ended[0]} failed; see {processes[ended[0]].log}")
            for name in hosts.keys() - ends.keys():
                if targets[name].exists():
                    ends[name] = now
            self.note_traffic()
            time.sleep(0.01)
        for name, host in hosts.items():
            if targets[name].stat().st_size != self.scenario.films[host.watches].size:
                raise LabError(f"{name} does not have the whole file")
        viewers = {name: {"finished": True, "killed": False, "end": end, "errors": []}
                   for name, end in ends.items()}
        return {"viewers": viewers, "events": [], "undone": [], "died": []}

    def totals(self) -> dict:
        """CPU time and traffic of the engines since the clock started."""
        used = {name: p.cpu() - self.cpu_before.get(name, 0.0)
                for name, p in self.engine.engines.items()}
        counters = self.network.counters()
        sources = self.scenario.sources
        sent = sum(counters[h.name][0] - self.sent_before[h.name][0] for h in sources)
        size = sum(film.size for film in self.scenario.films.values())
        figures = {h.name: self.engine.figures(h.name) for h in self.scenario.hosts}
        known = [f for f in figures.values() if f]
        payload = [figures[h.name]["sent"] for h in sources if figures[h.name]]
        received = sum(f["received"] for f in known)
        duplicates = sum(f["duplicates"] for f in known)
        return {
            "cpu": sum(used.values()),
            "cpu_of": used,
            "copies": sent / size,
            "payload_copies": sum(payload) / size if payload else None,
            "duplicates": duplicates / received if received else None,
            "engine_figures": figures,
            "traffic": self.traffic,
        }


def run(scenario: Scenario, make_engine: MakeEngine, files: dict[str, Path],
        logs: Path, work: Path) -> dict:
    """Runs one system once, and removes everything it started."""
    shutil.rmtree(logs, ignore_errors=True)
    logs.mkdir(parents=True)
    work.mkdir(parents=True)
    try:
        with Network() as network, Processes(logs) as processes:
            for host in scenario.hosts:
                network.add(host.name, host.up, host.down)
            engine = make_engine(network, processes, work)
            for host in scenario.hosts:
                if host.firewall:
                    network.firewall(host.name, engine.peer_port)
            engine.start(scenario, files)
            current = Run(scenario, network, processes, engine)
            if scenario.kind == "copy" and hasattr(engine, "get"):
                result = current.get(work / "received")
            elif scenario.kind == "spread" and hasattr(engine, "get"):
                result = current.spread(work)
            else:
                result = current.watch()
            return result | current.totals()
    finally:
        shutil.rmtree(work, ignore_errors=True)
