"""The buffers of all viewers over time, as an SVG picture.

One panel per system (its first run), one line per viewer. Bars below a panel are
stalls, one row per viewer in its colour.
"""

from html import escape

from .scenario import Scenario

WIDTH = 960
LEFT, RIGHT, TOP = 64, 24, 92
PLOT = 200
ROW = 7
GAP = 64
COLOURS = ("#2563eb", "#d97706", "#059669", "#db2777", "#7c3aed", "#0891b2",
           "#65a30d", "#dc2626", "#475569", "#a16207")
INK, SOFT, GRID = "#1f2937", "#6b7280", "#e5e7eb"
FONT = "Inter, 'Segoe UI', 'DejaVu Sans', Helvetica, Arial, sans-serif"
NAMES = {"ours": "Swarmplay", "control": "Control: Swarmplay, chunks in order",
         "libtorrent": "libtorrent"}


def step_for(most: float) -> int:
    """A round distance between the ticks of an axis."""
    return next((step for step in (1, 2, 5, 10, 20, 30, 60, 120) if most / step <= 10), 300)


def text(x: float, y: float, words: str, size: int = 12, fill: str = SOFT,
         anchor: str = "start", weight: int = 400) -> str:
    """A text element."""
    return (f'<text x="{x:.1f}" y="{y:.1f}" font-size="{size}" fill="{fill}" '
            f'text-anchor="{anchor}" font-weight="{weight}">{escape(words)}</text>')


def line(x1: float, y1: float, x2: float, y2: float, stroke: str = GRID) -> str:
    """A thin line."""
    return f'<line x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}" stroke="{stroke}"/>'


class Panel:
    """The chart of one system."""

    def __init__(self, top: float, viewers: dict[str, dict], end: float, most: float) -> None:
        self.top = top
        self.viewers = viewers
        self.end = end
        self.most = most

    def x(self, time: float) -> float:
        """Horizontal position of a time."""
        return LEFT + (WIDTH - LEFT - RIGHT) * min(time, self.end) / self.end

    def y(self, level: float) -> float:
        """Vertical position of a buffer level."""
        return self.top + PLOT * (1 - min(level, self.most) / self.most)

    def axes(self, events: list[dict]) -> list[str]:
        """Grid, ticks and events."""
        parts = []
        step = step_for(self.most / 1.5)
        for level in range(0, int(self.most) + 1, step):
            parts.append(line(LEFT, self.y(level), WIDTH - RIGHT, self.y(level)))
            parts.append(text(LEFT - 8, self.y(level) + 4, f"{level}", anchor="end"))
        bottom = self.top + PLOT + ROW * len(self.viewers) + 6
        for time in range(0, int(self.end) + 1, step_for(self.end)):
            parts.append(line(self.x(time), bottom, self.x(time), bottom + 4, SOFT))
            parts.append(text(self.x(time), bottom + 17, f"{time}", anchor="middle"))
        for event in events:
            at = self.x(event["at"])
            words = f"{event['does']} {', '.join(event['hosts'])}"
            parts.append(line(at, self.top, at, bottom, SOFT))
            parts.append(text(at + 4, self.top + 12, words, 11))
        return parts

    def lines(self) -> list[str]:
        """The viewers' buffers and stalls."""
        parts = []
        for index, viewer in enumerate(self.viewers.values()):
            colour = COLOURS[index % len(COLOURS)]
            arrives = viewer["arrives"]
            points = " ".join(f"{self.x(arrives + at):.1f},{self.y(level):.1f}"
                              for at, level in viewer["buffer"])
            parts.append(f'<polyline points="{points}" fill="none" stroke="{colour}" '
                         'stroke-width="1.8" stroke-linejoin="round" opacity="0.9"/>')
            row = self.top + PLOT + 4 + ROW * index
            for stall in viewer["stalls"]:
                begin = self.x(arrives + stall["at"])
                width = max(self.x(arrives + stall["at"] + stall["length"]) - begin, 2)
                parts.append(f'<rect x="{begin:.1f}" y="{row:.1f}" width="{width:.1f}" '
                             f'height="{ROW - 2}" rx="1" fill="{colour}"/>')
        return parts


def summary(viewers: dict[str, dict]) -> str:
    """Summary of the stalls, for a panel's title."""
    stayed = [viewer for viewer in viewers.values() if not viewer["killed"]]
    smooth = sum(viewer["finished"] and not viewer["stalls"] for viewer in stayed)
    stalled = sum(stall["length"] for viewer in stayed for stall in viewer["stalls"])
    return f"{smooth} of {len(stayed)} viewers without a stall, {stalled:.0f} s of stalls"


def legend(names: list[str]) -> list[str]:
    """Legend of the viewers' colours."""
    parts, x = [], float(LEFT)
    for index, name in enumerate(names):
        colour = COLOURS[index % len(COLOURS)]
        parts.append(f'<rect x="{x:.1f}" y="57" width="14" height="4" rx="2" fill="{colour}"/>')
        parts.append(text(x + 20, 63, name))
        x += 36 + 7 * len(name)
    return parts


def draw(scenario: Scenario, results: dict[str, list[dict]]) -> str:
    """Draws the chart."""
    firsts = {side: runs[0] for side, runs in results.items()}
    every = [viewer for result in firsts.values() for viewer in result["viewers"].values()]
    names = list(next(iter(firsts.values()))["viewers"])
    end = max(viewer["arrives"] + viewer["end"] for viewer in every)
    most = max(max((level for _, level in viewer["buffer"]), default=0) for viewer in every)
    height = PLOT + ROW * len(names) + GAP
    total = TOP + height * len(firsts) + 20
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {total}" '
        f'width="{WIDTH}" height="{total}" font-family="{FONT}">',
        f'<rect width="{WIDTH}" height="{total}" fill="#ffffff"/>',
        text(LEFT, 32, f"{scenario.title}: seconds of film in each viewer's buffer", 18, INK,
             weight=600),
        *legend(names),
    ]
    for index, (side, result) in enumerate(firsts.items()):
        top = TOP + height * index + 26
        panel = Panel(top, result["viewers"], end, max(most, 5.0) * 1.05)
        parts.append(text(LEFT, top - 10, NAMES.get(side, side), 14, INK, weight=600))
        parts.append(text(WIDTH - RIGHT, top - 10, summary(result["viewers"]), 12, SOFT, "end"))
        parts += panel.axes(result["events"]) + panel.lines()
    parts.append(text(WIDTH - RIGHT, total - 14,
                      "seconds since the first viewer pressed play; bars below: stalls", 12,
                      SOFT, "end"))
    return "\n".join([*parts, "</svg>"]) + "\n"
