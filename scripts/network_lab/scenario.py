"""Format of the scenario files. Rates are in Mbit/s, times in seconds.

    title, about        text for the report
    kind                "watch": viewers play films in real time
                        "spread": all hosts download a file as fast as possible
                        "copy": one host downloads a file from another
    sides               systems to compare, unless --only is given
    limit               a viewer gives up after this many durations of its film
    [[film]]            name, bitrate, and seconds or bytes
    [[host]]            name, count, up, down; shares = films it has;
                        watches = film; arrives = time at which it presses play,
                        spacing = interval between hosts if count is given;
                        firewall = true: no peer can dial it;
                        seeks = [{at = seconds played, to = position in the film}]
    [[event]]           at = time, or when = "swarm-holds-film";
                        does = "kill", "vanish", "cut", "freeze" or "leave";
                        hosts = names
    [settings]          settings of our system in this scenario
    [expect]            bounds that our system must keep; see report.py
"""

import tomllib
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from .network import LabError

FOLDER = Path(__file__).resolve().parent / "scenarios"
KINDS = ("watch", "spread", "copy")
ACTIONS = ("kill", "vanish", "cut", "freeze", "leave")


@dataclass
class Film:
    """A file of random bytes to watch or download."""

    name: str
    bitrate: float
    seconds: float = 0.0
    bytes: int = 0

    @property
    def size(self) -> int:
        """Size of the file in bytes."""
        return self.bytes or round(self.bitrate * 1e6 / 8 * self.seconds)

    @property
    def length(self) -> float:
        """Duration in seconds."""
        return self.size * 8 / (self.bitrate * 1e6)


@dataclass
class Host:
    """One machine."""

    name: str
    up: float | None = None
    down: float | None = None
    shares: list[str] = field(default_factory=list)
    watches: str = ""
    arrives: float = 0.0
    firewall: bool = False
    seeks: list[dict[str, float]] = field(default_factory=list)


@dataclass
class Event:
    """An action on hosts, at a time or on a condition."""

    does: str
    hosts: list[str]
    at: float | None = None
    when: str = ""


@dataclass
class Scenario:
    """One scenario file, validated."""

    name: str
    title: str
    about: str
    kind: str
    sides: list[str]
    limit: float
    films: dict[str, Film]
    hosts: list[Host]
    events: list[Event]
    settings: dict[str, str]
    expect: dict[str, Any]

    @property
    def viewers(self) -> list[Host]:
        """Hosts that watch or download, in order of arrival."""
        return sorted((h for h in self.hosts if h.watches), key=lambda h: h.arrives)

    @property
    def sources(self) -> list[Host]:
        """Hosts that have a film from the start."""
        return [host for host in self.hosts if host.shares]

    def check(self) -> None:
        """Rejects invalid scenarios."""
        if self.kind not in KINDS:
            raise LabError(f"{self.name}: kind must be one of {', '.join(KINDS)}")
        known = {host.name for host in self.hosts}
        for host in self.hosts:
            for film in [*host.shares, *([host.watches] if host.watches else [])]:
                if film not in self.films:
                    raise LabError(f"{self.name}: no film {film} (host {host.name})")
        for event in self.events:
            unknown = set(event.hosts) - known
            if unknown or event.does not in ACTIONS:
                raise LabError(f"{self.name}: unknown action or host in event {event.does} "
                               f"{sorted(unknown)}")


def _hosts(table: dict[str, Any]) -> list[Host]:
    """One host, or `count` of them numbered from 1."""
    table = dict(table)
    count, spacing = table.pop("count", None), table.pop("spacing", 0.0)
    if count is None:
        return [Host(**table)]
    name, arrives = table.pop("name"), table.pop("arrives", 0.0)
    return [Host(name=f"{name}-{i + 1}", arrives=arrives + i * spacing, **table)
            for i in range(count)]


def load(path: Path) -> Scenario:
    """Reads and validates a scenario file."""
    try:
        data = tomllib.loads(path.read_text())
        scenario = Scenario(
            name=path.stem,
            title=data["title"],
            about=data["about"].strip(),
            kind=data["kind"],
            sides=data["sides"],
            limit=data.get("limit", 4.0),
            films={film["name"]: Film(**film) for film in data["film"]},
            hosts=[host for table in data["host"] for host in _hosts(table)],
            events=[Event(**event) for event in data.get("event", [])],
            settings={k: str(v) for k, v in data.get("settings", {}).items()},
            expect=data.get("expect", {}),
        )
    except (OSError, KeyError, TypeError, tomllib.TOMLDecodeError) as error:
        raise LabError(f"{path.name}: {error!r}") from error
    scenario.check()
    return scenario


def names() -> list[str]:
    """Names of all scenarios."""
    return sorted(path.stem for path in FOLDER.glob("*.toml"))
