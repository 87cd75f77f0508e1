"""Command line of the lab: scenarios, systems, number of runs, output folder."""

import argparse
import json
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

from . import chart, media, report, scenario
from .engine_libtorrent import Libtorrent, environment
from .engine_ours import Ours
from .network import LabError
from .run import run

ROOT = Path(__file__).resolve().parents[2]
TARGET = ROOT / "target"
SIDES = ("ours", "control", "libtorrent")


def arguments() -> argparse.Namespace:
    """Parses the command line."""
    parser = argparse.ArgumentParser(
        prog="scripts/lab", description="Runs a swarm of hosts with shaped links on this machine.")
    parser.add_argument("scenario", nargs="*", help="name from --list, or a file")
    parser.add_argument("--only", metavar="SIDES", help=f"systems to run, of {','.join(SIDES)}")
    parser.add_argument("--runs", type=int, default=1, help="number of runs of each system")
    parser.add_argument("--binary", type=Path, help="program to run instead of building one")
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE",
                        help="setting of every peer of ours and the control")
    parser.add_argument("--out", type=Path, help="folder for the results")
    parser.add_argument("--list", action="store_true", help="list the scenarios")
    return parser.parse_args()


def check_machine() -> None:
    """Reports missing privileges and programs."""
    if os.geteuid():
        raise LabError("network namespaces need root: run it with sudo")
    for tool in ("ip", "tc", "ffmpeg", "ffprobe"):
        if not shutil.which(tool):
            raise LabError(f"{tool} is missing: apt-get install iproute2 ffmpeg")


def build() -> Path:
    """Builds the program."""
    command = ["cargo", "build", "--release", "--no-default-features"]
    if subprocess.run(command, cwd=ROOT, check=False).returncode:
        raise LabError("the build failed; --binary runs an existing program")
    return TARGET / "release" / "swarmplay"


class Lab:
    """State shared by all scenarios of one invocation."""

    def __init__(self, options: argparse.Namespace) -> None:
        self.options = options
        self.only = options.only.split(",") if options.only else None
        self.settings = dict(word.split("=", 1) for word in options.set)
        self.binary: Path | None = options.binary and options.binary.resolve()
        unknown = set(self.only or []) - set(SIDES)
        if unknown:
            raise LabError(f"--only accepts {', '.join(SIDES)}")

    def maker(self, side: str, chosen: scenario.Scenario):
        """Returns a factory for the engine of a system."""
        if side == "libtorrent":
            python = environment(TARGET / "lab-venv")
            return lambda *where: Libtorrent(python, *where)
        self.binary = self.binary or build()
        settings = chosen.settings | self.settings
        if side == "control":
            settings["stream.picker"] = "in-order"
        return lambda *where: Ours(self.binary, settings, *where)

    def run(self, name: str) -> bool:
        """Runs one scenario; returns true if the expectations were met."""
        path = Path(name) if name.endswith(".toml") else scenario.FOLDER / f"{name}.toml"
        if not path.exists():
            raise LabError(f"no scenario {name}; available: {', '.join(scenario.names())}")
        chosen = scenario.load(path)
        sides = self.only or chosen.sides
        out = self.options.out or TARGET / "lab"
        if not self.options.out or len(self.options.scenario) > 1:
            out /= chosen.name
        files = {film.name: media.make(film, TARGET / "lab" / "media")
                 for film in chosen.films.values()}
        results: dict[str, list[dict]] = {}
        for side in sides:
            make = self.maker(side, chosen)
            for number in range(1, self.options.runs + 1):
                print(f"{chosen.name}: {side}, run {number} of {self.options.runs}",
                      file=sys.stderr)
                work = TARGET / "lab" / f"work-{os.getpid()}"
                result = run(chosen, make, files, out / f"{side}-{number}", work)
                results.setdefault(side, []).append(result)
                print(f"    {report.brief(chosen, result)}", file=sys.stderr)
        return self.write(chosen, results, out)

    def write(self, chosen: scenario.Scenario, results: dict[str, list[dict]],
              out: Path) -> bool:
        """Writes the results; returns true if the expectations were met."""
        misses = report.misses(chosen, results)
        table = report.table(chosen, results, misses)
        (out / "table.md").write_text(table)
        document = report.document(chosen, results, misses, self.settings)
        (out / "result.json").write_text(json.dumps(document, indent=1))
        if chosen.kind == "watch":
            (out / "chart.svg").write_text(chart.draw(chosen, results))
        print(table)
        print(f"results in {out}", file=sys.stderr)
        return not misses


def interrupted(*_: object) -> None:
    """Handles SIGTERM like Ctrl-C, so that everything is cleaned up."""
    raise KeyboardInterrupt


def main() -> int:
    """Runs the program; returns its exit status."""
    options = arguments()
    signal.signal(signal.SIGTERM, interrupted)
    try:
        if options.list or not options.scenario:
            for name in scenario.names():
                print(f"{name:12} {scenario.load(scenario.FOLDER / f'{name}.toml').title}")
            return 0
        check_machine()
        lab = Lab(options)
        met = [lab.run(name) for name in options.scenario]
        return 0 if all(met) else 1
    except LabError as error:
        print(f"lab: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("lab: interrupted", file=sys.stderr)
        return 130
