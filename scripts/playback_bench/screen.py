"""A connection to the X display: pixels, pointer, keys, and the strip with the frame number."""

import ctypes
import re
import subprocess
import time
from ctypes import c_ulong, c_void_p
from pathlib import Path

from .common import CELLS, HEIGHT, WIDTH, PlaybackError, Rect


class Screen:
    """One connection to the display, to be used by one thread."""

    def __init__(self, display: str) -> None:
        self.x, self.test = ctypes.CDLL("libX11.so.6"), ctypes.CDLL("libXtst.so.6")
        self.x.XOpenDisplay.restype = self.x.XGetImage.restype = c_void_p
        self.x.XDefaultRootWindow.restype = self.x.XStringToKeysym.restype = c_ulong
        self.display = c_void_p(self.x.XOpenDisplay(display.encode()))
        if not self.display:
            raise PlaybackError(f"cannot open display {display}")
        self.root = c_ulong(self.x.XDefaultRootWindow(self.display))

    def close(self) -> None:
        """Closes the connection."""
        self.x.XCloseDisplay(self.display)

    def grab(self, x: int = 0, y: int = 0, width: int = WIDTH, height: int = HEIGHT) -> bytes:
        """Reads pixels row by row, four bytes each: blue, green, red, unused."""
        image = self.x.XGetImage(self.display, self.root, x, y, width, height, c_ulong(0xFFFFFF), 2)
        if not image:
            raise PlaybackError("cannot read the display")
        # An XImage begins with four ints and the pointer to the data.
        data = ctypes.string_at(c_void_p.from_address(image + 16).value, width * height * 4)
        self.x.XDestroyImage(c_void_p(image))
        return data

    def point(self, x: int, y: int) -> None:
        """Moves the pointer."""
        self.test.XTestFakeMotionEvent(self.display, -1, x, y, c_ulong(0))
        self.x.XSync(self.display, 0)

    def press(self, key: str | None = None) -> float:
        """Presses a key, or clicks at the pointer; returns the time of the event."""
        fake, code = self.test.XTestFakeButtonEvent, 1
        if key:
            symbol = c_ulong(self.x.XStringToKeysym(key.encode()))
            fake, code = self.test.XTestFakeKeyEvent, self.x.XKeysymToKeycode(self.display, symbol)
        now = time.monotonic()
        for down in (1, 0):
            fake(self.display, code, down, c_ulong(0))
        self.x.XSync(self.display, 0)
        return now

    def save(self, path: Path) -> None:
        """Saves a screenshot."""
        subprocess.run(["ffmpeg", "-v", "error", "-y", "-f", "rawvideo", "-pix_fmt", "bgr0", "-s",
                        f"{WIDTH}x{HEIGHT}", "-i", "-", path], input=self.grab(), check=True)

    def read(self, place: Rect) -> tuple[int | None, bool]:
        """Reads the strip at `place`: the frame number, None if unreadable, and the flash."""
        left, top, width, height = place
        lines = height // 2 + 1
        data = self.grab(left, top + height // 4, width, lines)
        at = [int((cell + 0.5) * width / CELLS) * 4 + 1 for cell in range(CELLS)]
        below = (lines - 1) * width * 4
        white, black = data[at[1]], data[below + at[1]]
        middle = (white + black) // 2
        if white - black < 40 or not all(data[n + 1] > middle > data[n] for n in (at[0], at[-1])):
            return None, False
        bits = [data[n] > middle for n in at[2:-2]]
        # The lower row repeats the bits inverted, so a half-drawn frame does not pass.
        if any(bit == (data[below + n] > middle) for bit, n in zip(bits, at[2:])):
            return None, False
        number = sum(bit << n for n, bit in enumerate(reversed(bits)))
        return number, data[at[-2]] > middle < data[below + at[-2]]

    def find_strip(self) -> Rect | None:
        """Finds the topmost readable strip, by its magenta markers."""
        data = self.grab()
        high = bytes(value > 150 for value in range(256))
        low = bytes(value < 110 for value in range(256))
        blue, green, red = (int.from_bytes(data[n::4].translate(table), "big")
                            for n, table in enumerate((high, low, high)))
        magenta = (blue & green & red).to_bytes(WIDTH * HEIGHT, "big")
        top = 0
        while top < HEIGHT:
            row = magenta[top * WIDTH:(top + 1) * WIDTH]
            runs = [run.span() for run in re.finditer(b"\1{5,}", row)]
            bottom = top + 1
            while runs and bottom < HEIGHT and magenta[bottom * WIDTH + sum(runs[0]) // 2]:
                bottom += 1
            if len(runs) > 1 and bottom - top > 4:
                place = (runs[0][0], top, runs[1][1] - runs[0][0], bottom - top)
                if self.read(place)[0] is not None:
                    return place
            top = bottom
        return None
