"""Constants and helpers that every part of the benchmark uses."""

import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
WIDTH, HEIGHT, FPS = 1280, 800, 30
# Samples per second of the recorded sound.
RATE = 48000
# The strip: a marker, white over black, the bits, the flash, a marker; all of equal width.
BITS, CELL = 14, 56
CELLS = BITS + 4

# Left, top, width and height, in pixels.
Rect = tuple[int, int, int, int]
# Time, frame number or None if unreadable, flash.
Captures = list[tuple[float, int | None, bool]]


class PlaybackError(Exception):
    """The measurement failed; the text gives the cause."""


def say(text: str) -> None:
    """Prints progress on stderr."""
    print(text, file=sys.stderr, flush=True)


def wait_for(what: str, look, timeout: float = 60):
    """Calls `look` until it returns something true, and returns that."""
    deadline = time.monotonic() + timeout
    while not (found := look()):
        if time.monotonic() > deadline:
            raise PlaybackError(f"timed out waiting for {what}")
        time.sleep(0.05)
    return found


def wait_until_stable(what: str, look):
    """Calls `look` until its result has not changed for half a second, and returns that."""
    last, since = None, time.monotonic()

    def settled() -> bool:
        nonlocal last, since
        now = look()
        if now is None or now != last:
            last, since = now, time.monotonic()
        return time.monotonic() - since > 0.5
    wait_for(f"{what} to become stable", settled)
    return last
