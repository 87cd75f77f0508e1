"""Failures and departures of hosts during a run.

kill    the program dies; its kernel closes the connections
vanish  the machine dies: its link goes first, so peers get no notice
cut     the link goes; the program keeps running
freeze  the program stops with its connections open (SIGSTOP)
leave   the program shuts down properly (SIGTERM)

The condition `swarm-holds-film` holds once every film is complete at some viewer:
then the swarm does not need the source.
"""

import signal
import sys
import time

from .network import Network
from .processes import Process
from .scenario import Event, Scenario

POLL = 0.5


class Events:
    """The scenario's events against the clock."""

    def __init__(self, scenario: Scenario, engine: object, network: Network,
                 viewers: dict[str, Process]) -> None:
        self.scenario = scenario
        self.engine = engine
        self.network = network
        self.viewers = viewers
        self.todo = list(scenario.events)
        self.happened: list[dict] = []
        self.gone: set[str] = set()
        self.polled = 0.0

    def step(self, clock: float) -> None:
        """Performs the due events. `clock` is the time at which the first viewer pressed play."""
        now = time.monotonic() - clock
        for event in [event for event in self.todo if self.due(event, now)]:
            self.todo.remove(event)
            print(f"    {now:5.1f} s: {event.does} {', '.join(event.hosts)}", file=sys.stderr)
            self.happened.append({"at": now, "does": event.does, "hosts": event.hosts})
            for host in event.hosts:
                self.perform(event.does, host)

    def due(self, event: Event, now: float) -> bool:
        """True if an event is due."""
        if event.at is not None:
            return now >= event.at
        if now < self.polled + POLL:
            return False
        self.polled = now
        return all(self.held(film) for film in self.scenario.films)

    def held(self, film: str) -> bool:
        """True if a remaining viewer has the whole film."""
        for host in self.scenario.viewers:
            if host.watches == film and host.name not in self.gone:
                figures = self.engine.figures(host.name)
                have, of = (figures or {}).get("films", {}).get(film, (0, 1))
                if have == of:
                    return True
        return False

    def perform(self, action: str, host: str) -> None:
        """Performs one action on one host."""
        engine = self.engine.engines[host]
        if action in ("vanish", "cut"):
            self.network.cut(host)
        if action in ("kill", "vanish"):
            engine.kill()
        elif action == "freeze":
            engine.signal(signal.SIGSTOP)
        elif action == "leave":
            engine.signal(signal.SIGTERM)
        self.gone.add(host)
        if host in self.viewers:
            self.viewers[host].signal(signal.SIGTERM)
