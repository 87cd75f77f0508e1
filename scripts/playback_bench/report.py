"""From captures to figures, targets and the table."""

import statistics

from .common import FPS, Captures, PlaybackError

# Distance of two captures above which frames may have been missed, in seconds.
GAP = 0.025
TARGETS = {"frame_ms": 400, "seek_ms": 300, "sync_ms": 45, "cpu": 20, "paused_cpu": 2}

# Quantity, measured value, target, and whether the target is met.
Row = tuple[str, str, str, bool | None]


def dropped_frames(captures: Captures) -> dict:
    """Counts the frames that were never shown, and how complete the captures are."""
    read = [(at, number) for at, number, _ in captures if number is not None]
    if len(read) < 2:
        raise PlaybackError("no frame number was readable during playback")
    gaps = [(a[0], b[0]) for a, b in zip(captures, captures[1:]) if b[0] - a[0] > GAP]
    lost, unseen = [], 0
    for (at, number), (later, after) in zip(read, read[1:]):
        between = list(range(number + 1, after))
        # At most this many may have come and gone between two captures.
        missed = sum(int((end - start) * FPS) + 1 for start, end in gaps if at <= start < later)
        unseen += min(missed, len(between))
        lost += between[missed:]
    changes = [b[0] for a, b in zip([(0, None), *read], read) if a[1] != b[1]]
    intervals = [1000 * (b - a) for a, b in zip(changes, changes[1:])]
    return {"frames": len({number for _, number in read}), "dropped": len(lost), "lost": lost,
            "unseen": unseen, "captures": len(captures), "capture_gaps": len(gaps),
            "longest_gap_ms": 1000 * max(b[0] - a[0] for a, b in zip(captures, captures[1:])),
            "unreadable": len(captures) - len(read),
            "captured_s": captures[-1][0] - captures[0][0],
            "longest_frame_ms": max(intervals, default=0)}


def sync_offsets(captures: Captures, beeps: list[float]) -> list[float]:
    """Flash minus beep in milliseconds, for each flash that has a beep within 0.4 s."""
    flashes = [(a[0] + b[0]) / 2 for a, b in zip(captures, captures[1:])
               if b[2] and not a[2] and a[1] is not None and b[0] - a[0] <= GAP]
    offsets = [1000 * min((flash - beep for beep in beeps), key=abs, default=1)
               for flash in flashes]
    return [ms for ms in offsets if abs(ms) < 400]


def judge(raw: dict) -> list[Row]:
    """Compares the figures with the targets."""
    def times(what: str, key: str, most: int) -> Row:
        middle, longest = statistics.median(raw[key]), max(raw[key])
        return (f"{what} ({len(raw[key])})", f"median {middle:.0f}, max {longest:.0f} ms",
                f"<= {most} ms", longest <= most)

    sync, most, offsets = raw["sync_ms"], TARGETS["sync_ms"], "no flash with a beep"
    if sync:
        offsets = (f"mean {statistics.mean(sync):.0f}, min {min(sync):.0f}, max {max(sync):.0f}, "
                   f"sd {statistics.pstdev(sync):.0f} ms")
    total = raw["frames"] + raw["dropped"] + raw["unseen"]
    return [
        times("first frame, cold", "cold_ms", TARGETS["frame_ms"]),
        times("first frame, again", "again_ms", TARGETS["frame_ms"]),
        times("seek", "seek_ms", TARGETS["seek_ms"]),
        ("dropped frames", f"{raw['dropped']} of {total} in {raw['captured_s']:.1f} s", "0",
         not raw["dropped"]),
        ("– missed by the capture", str(raw["unseen"]), "", None),
        ("– longest time on screen", f"{raw['longest_frame_ms']:.0f} ms", "", None),
        ("– captures, gaps > 25 ms, unreadable",
         f"{raw['captures']}, {raw['capture_gaps']}, {raw['unreadable']}", "", None),
        (f"A/V offset ({len(sync)})", offsets, f"+-{most} ms",
         bool(sync) and max(map(abs, sync)) <= most),
        ("CPU, playing", f"{raw['cpu']:.1f} %", f"<= {TARGETS['cpu']} %",
         raw["cpu"] <= TARGETS["cpu"]),
        ("CPU, paused", f"{raw['paused_cpu']:.1f} %", f"< {TARGETS['paused_cpu']} %",
         raw["paused_cpu"] < TARGETS["paused_cpu"]),
        ("– its ffmpeg, this script",
         f"{raw['ffmpeg_cpu']:.0f} %, {raw['script_cpu']:.0f} %", "", None)]


def table(rows: list[Row]) -> str:
    """Formats the rows in Markdown."""
    words = {None: "", True: "met", False: "missed"}
    return "\n".join(["| | measured | target | |", "|---|--:|--:|---|",
                      *(f"| {' | '.join([*row[:3], words[row[3]]])} |" for row in rows)])
