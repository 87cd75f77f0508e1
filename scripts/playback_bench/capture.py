"""A thread that reads the frame number from the display many times a second."""

import threading
import time

from .common import FPS, Captures, Rect
from .screen import Screen

# Captures per second.
CAPTURE_RATE = 120


class ScreenCapture(threading.Thread):
    """Reads the strip until the `with` block ends; `captures` holds the results."""

    def __init__(self, display: str, place: Rect) -> None:
        super().__init__(daemon=True)
        self.screen, self.place, self.running = Screen(display), place, True
        self.captures: Captures = []

    def __enter__(self) -> "ScreenCapture":
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.running = False
        self.join()
        self.screen.close()

    def run(self) -> None:
        due = time.monotonic()
        while self.running:
            before = time.monotonic()
            shown = self.screen.read(self.place)
            now = time.monotonic()
            self.captures.append(((before + now) / 2, *shown))
            due = max(due + 1 / CAPTURE_RATE, now)
            time.sleep(due - now)

    def first_frame(self, since: float, near: int | None = None) -> float | None:
        """Time of the first frame after `since` that is followed by later frames.

        With `near`, only frames within 1.5 s of that frame number count.
        """
        numbers = [(at, number) for at, number, _ in list(self.captures)
                   if number is not None and at >= since]
        for (_, number), (_, after) in zip(numbers, numbers[1:]):
            if 0 < after - number <= FPS and (near is None or abs(number - near) <= 1.5 * FPS):
                return next(at for at, other in numbers if other == number)
        return None
