"""Figures, table and expectations.

Bounds under [expect], which our system must keep in every run:

    smooth          viewers without a stall, at least
    stall_total     seconds of stalls of all viewers, at most
    stalls_each     stalls per viewer, at most
    stall_longest   seconds of the longest stall, at most
    startup_median, startup_max     seconds, at most
    seek_max        seconds from a seek to playback, at most
    copies          bytes sent by the sources, in copies of the films, at most
    cpu             CPU seconds of all engines, at most
    limit_ratio     time of the last host divided by the fluid limit, at most
    mb_per_s        rate of a copy, at least
    control_fails   the control must miss one of the bounds above in every run;
                    otherwise the scenario proves nothing

Copies count all bytes that the sources put on the wire, headers and acknowledgements
included. CPU seconds count from the start of the clock and exclude the viewers.
"""

import statistics

from .scenario import Scenario

AT_LEAST = ("smooth", "mb_per_s")
LABELS = {
    "smooth": "smooth viewers",
    "stalls": "stalls",
    "stall_total": "total stalls, s",
    "stalls_each": "most stalls of a viewer",
    "stall_longest": "longest stall, s",
    "startup_median": "start-up median, s",
    "startup_max": "start-up max, s",
    "seek_max": "longest seek, s",
    "last": "last host, s",
    "limit_ratio": "last host / limit",
    "mb_per_s": "MB/s",
    "copies": "copies sent",
    "payload_copies": "payload copies",
    "cpu": "CPU s",
    "duplicates": "duplicates, %",
}
COLUMNS = {
    "watch": ["smooth", "stalls", "stall_total", "stall_longest", "startup_median",
              "startup_max", "copies", "payload_copies", "cpu", "duplicates"],
    "spread": ["last", "limit_ratio", "copies", "payload_copies", "cpu", "duplicates"],
    "copy": ["mb_per_s", "last", "cpu"],
}


def fluid_limit(scenario: Scenario) -> float:
    """Minimum time until all hosts can have the file (Kumar and Ross)."""
    size = sum(film.size for film in scenario.films.values()) * 8 / 1e6
    source = sum(host.up or 0 for host in scenario.sources)
    hosts = scenario.viewers
    ups = source + sum(host.up or 0 for host in hosts)
    return max(size / source, len(hosts) * size / ups) if source else 0.0


def figures(scenario: Scenario, result: dict) -> dict[str, float | None]:
    """Figures of one run."""
    common = {key: result[key] for key in ("copies", "payload_copies", "cpu")}
    duplicates = result["duplicates"]
    common["duplicates"] = None if duplicates is None else duplicates * 100
    if scenario.kind == "watch":
        return watched(result) | common
    viewers = result["viewers"].values()
    last = max(viewer["end"] for viewer in viewers)
    if not all(viewer["finished"] for viewer in viewers):
        last = float("inf")
    limit = fluid_limit(scenario)
    size = sum(film.size for film in scenario.films.values())
    return {"last": last, "limit_ratio": last / limit if limit else None,
            "mb_per_s": size / 1e6 / last} | common


def watched(result: dict) -> dict[str, float | None]:
    """Figures of the viewers that no event removed."""
    viewers = [viewer for viewer in result["viewers"].values() if not viewer["killed"]]
    lengths = [[stall["length"] for stall in viewer["stalls"]] for viewer in viewers]
    startups = [v["end"] if v["startup"] is None else v["startup"] for v in viewers]
    seeks = [seek["length"] for viewer in viewers for seek in viewer["seeks"]]
    smooth = [viewer["finished"] and not viewer["stalls"] for viewer in viewers]
    return {
        "viewers": len(viewers),
        "smooth": sum(smooth),
        "stalls": sum(map(len, lengths)),
        "stall_total": sum(map(sum, lengths)),
        "stalls_each": max(map(len, lengths)),
        "stall_longest": max((max(stalls, default=0.0) for stalls in lengths), default=0.0),
        "startup_median": statistics.median(startups),
        "startup_max": max(startups),
        "seek_max": max(seeks) if seeks else None,
    }


def brief(scenario: Scenario, result: dict) -> str:
    """Summary of one run in one line."""
    numbers = figures(scenario, result)
    died = f"; died: {', '.join(result['died'])}" if result["died"] else ""
    undone = f"; did not happen: {', '.join(result['undone'])}" if result["undone"] else ""
    shown = [key for key in columns(scenario) if numbers.get(key) is not None]
    return ", ".join(f"{LABELS[key]} {show(key, numbers[key])}" for key in shown) + died + undone


def columns(scenario: Scenario) -> list[str]:
    """Columns of the table."""
    chosen = list(COLUMNS[scenario.kind])
    if any(host.seeks for host in scenario.hosts):
        chosen.insert(6, "seek_max")
    return chosen


def show(key: str, value: float | None) -> str:
    """Formats a figure."""
    if value is None:
        return "–"
    if key in ("smooth", "stalls", "stalls_each", "mb_per_s"):
        return f"{value:.0f}"
    digits = 1 if key in ("cpu", "duplicates", "last", "stall_total") else 2
    return f"{value:.{digits}f}"


def cell(key: str, runs: list[dict]) -> str:
    """Formats a figure over all runs: the median, with the worst in brackets."""
    values = [numbers[key] for numbers in runs if numbers.get(key) is not None]
    if not values:
        return "–"
    worst = min(values) if key in AT_LEAST else max(values)
    text = show(key, statistics.median_low(values))
    of = f" of {runs[0]['viewers']}" if key == "smooth" else ""
    return text + of if len(values) == 1 else f"{text} ({show(key, worst)}){of}"


def misses_of(scenario: Scenario, numbers: dict) -> list[str]:
    """Bounds that a run does not keep."""
    missed = []
    for key, bound in scenario.expect.items():
        value = numbers.get(key)
        if key == "control_fails" or value is None:
            continue
        kept = value >= bound if key in AT_LEAST else value <= bound
        if not kept:
            word = "at least" if key in AT_LEAST else "at most"
            missed.append(f"{LABELS[key]} {show(key, value)}, expected {word} {bound:g}")
    return missed


def misses(scenario: Scenario, results: dict[str, list[dict]]) -> list[str]:
    """All missed expectations as text."""
    missed = []
    for number, result in enumerate(results.get("ours", []), 1):
        run_misses = misses_of(scenario, figures(scenario, result))
        run_misses += [f"{name} died" for name in result["died"]]
        run_misses += [f"event did not happen: {event}" for event in result["undone"]]
        missed += [f"ours, run {number}: {miss}" for miss in run_misses]
    if scenario.expect.get("control_fails"):
        for number, result in enumerate(results.get("control", []), 1):
            if not misses_of(scenario, figures(scenario, result)):
                missed.append(f"control, run {number}: keeps all bounds, so the scenario "
                              "proves nothing")
    return missed


def table(scenario: Scenario, results: dict[str, list[dict]], missed: list[str]) -> str:
    """Formats the results as a Markdown table."""
    shown = columns(scenario)
    runs = max(map(len, results.values()))
    lines = [f"## {scenario.title}", "", scenario.about, ""]
    if runs > 1:
        lines += [f"{runs} runs each: median, worst in brackets.", ""]
    lines += ["| | " + " | ".join(LABELS[key] for key in shown) + " |",
              "|---|" + "--:|" * len(shown)]
    for side, side_results in results.items():
        numbers = [figures(scenario, result) for result in side_results]
        cells = [cell(key, numbers) for key in shown]
        lines.append(f"| {side} | " + " | ".join(cells) + " |")
    lines.append("")
    if scenario.expect and "ours" in results:
        lines += [f"- missed: {miss}" for miss in missed] or ["All expectations met."]
    return "\n".join(lines) + "\n"


def document(scenario: Scenario, results: dict[str, list[dict]], missed: list[str],
             settings: dict[str, str]) -> dict:
    """All results as one JSON document."""
    congestion = open("/proc/sys/net/ipv4/tcp_congestion_control").read().strip()
    return {
        "scenario": scenario.name,
        "title": scenario.title,
        "hosts": [vars(host) for host in scenario.hosts],
        "films": [vars(film) | {"size": film.size} for film in scenario.films.values()],
        "settings": scenario.settings | settings,
        "tcp_congestion_control": congestion,
        "fluid_limit": fluid_limit(scenario),
        "missed": missed,
        "sides": {side: [{"figures": figures(scenario, result)} | result for result in runs]
                  for side, runs in results.items()},
    }
