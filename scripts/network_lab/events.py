"""What happens to hosts while others watch.

kill    the program dies; its system closes the connections
vanish  the machine dies: the cable goes first, so nobody is told
cut     only the cable goes; the program runs on and notices nothing
freeze  the program stops, its connections stay open (SIGSTOP)
leave   the program is asked to end and says goodbye (SIGTERM)

`swarm-holds-film` is due when some viewer has all of every film: then the
swarm surely has it without the source.
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
        """Does what is due. `clock` is when the first viewer pressed play."""
        now = time.monotonic() - clock
        for event in [event for event in self.todo if self.due(event, now)]:
            self.todo.remove(event)
            print(f"    {now:5.1f} s: {event.does} {', '.join(event.hosts)}", file=sys.stderr)
            self.happened.append({"at": now, "does": event.does, "hosts": event.hosts})
            for host in event.hosts:
                self.do(event.does, host)

    def due(self, event: Event, now: float) -> bool:
        """Whether it is time for an event."""
        if event.at is not None:
            return now >= event.at
        if now < self.polled + POLL:
            return False
        self.polled = now
        return all(self.held(film) for film in self.scenario.films)

    def held(self, film: str) -> bool:
        """Whether a viewer that is still here has all of a film."""
        for host in self.scenario.viewers:
            if host.watches == film and host.name not in self.gone:
                figures = self.engine.figures(host.name)
                have, of = (figures or {}).get("films", {}).get(film, (0, 1))
                if have == of:
                    return True
        return False

    def do(self, deed: str, host: str) -> None:
        """Does one thing to one host."""
        engine = self.engine.engines[host]
        if deed in ("vanish", "cut"):
            self.network.cut(host)
        if deed in ("kill", "vanish"):
            engine.kill()
        elif deed == "freeze":
            engine.signal(signal.SIGSTOP)
        elif deed == "leave":
            engine.signal(signal.SIGTERM)
        self.gone.add(host)
        if host in self.viewers:
            self.viewers[host].signal(signal.SIGTERM)
