"""The measurements, one figure after the other."""

import argparse
import time

from .capture import ScreenCapture
from .common import FPS, Rect, say, wait_for, wait_until_stable
from .processes import children, cpu_seconds
from .report import dropped_frames, sync_offsets
from .session import Session

# Tenths of the film to seek to, each far from the next.
SEEKS = (5, 2, 7, 3, 8, 1, 6)


class Measurement:
    """Drives the client and collects its figures in `raw`."""

    def __init__(self, session: Session, options: argparse.Namespace, length: int) -> None:
        self.session, self.options, self.length = session, options, length
        self.place: Rect = (0, 0, 0, 0)
        self.raw: dict = {"cold_ms": [], "again_ms": [], "seek_ms": []}

    def save(self, name: str, capture: ScreenCapture | None = None) -> None:
        """Saves a screenshot and the captures, with --out."""
        if out := self.options.out:
            self.session.screen.save(out / f"{name}.png")
            rows = [f"{at:.4f},{'' if number is None else number},{flash:d}\n"
                    for at, number, flash in (capture.captures if capture else [])]
            if rows:
                (out / f"{name}.csv").write_text("time,number,flash\n" + "".join(rows))

    def time_to_frame(self, name: str, key: str | None = None, near: int | None = None) -> float:
        """Presses a key or clicks; returns the milliseconds until a frame is shown."""
        with ScreenCapture(self.session.display, self.place) as capture:
            pressed = self.session.screen.press(key)
            try:
                shown = wait_for(f"a frame ({name})",
                                 lambda: capture.first_frame(pressed, near), 20)
            finally:
                self.save(name, capture)
        return 1000 * (shown - pressed)

    def find_video(self, before: Rect | None) -> None:
        """Finds the place of the video, which differs from `before`."""
        find = self.session.screen.find_strip
        wait_for("a frame", lambda: find() not in (None, before), 20)
        self.place = wait_until_stable("the place of the video", find)

    def first_frames(self, kind: str, data: str) -> None:
        """Measures the first frame in a new client for each run; the last client stays open."""
        for number in range(1, self.options.runs + 1):
            say(f"first frame, {kind}, {number} of {self.options.runs}")
            self.session.end(self.session.client)
            self.session.open_client(data.format(number))
            self.save(f"{kind}-{number}-before")
            self.raw[f"{kind}_ms"].append(self.time_to_frame(f"{kind}-{number}"))

    def seeks(self) -> None:
        """Measures seeks once the whole film is in the store."""
        def complete() -> bool:
            streams = (self.session.query("status.json") or {}).get("streams", [])
            return any(stream["have"] == stream["chunks"] for stream in streams)
        wait_for("the whole film", complete, 120)
        for number in range(self.options.runs):
            tenth = SEEKS[number % len(SEEKS)]
            near = tenth * self.length * FPS // 10
            self.raw["seek_ms"].append(self.time_to_frame(f"seek-{number + 1}", str(tenth), near))
            time.sleep(2)

    def undisturbed(self, film_delay: float) -> None:
        """Measures frames, sound and CPU time during playback, then CPU time while paused."""
        pid = self.session.client.pid

        def cpu_share(seconds: int) -> list[float]:
            def used() -> list[float]:
                return [cpu_seconds(pid), cpu_seconds(*children(pid)), time.process_time(),
                        time.monotonic()]
            before = used()
            time.sleep(seconds)
            spent = [after - b for after, b in zip(used(), before)]
            return [100 * part / spent[-1] for part in spent[:-1]]

        with ScreenCapture(self.session.display, self.place) as capture:
            shares = cpu_share(self.options.seconds)
        self.save("playing", capture)
        recorder, captures = self.session.recorder, capture.captures
        since = captures[0][0]
        if self.options.out:
            start, samples = recorder.sound(since)
            (self.options.out / f"sound-from-{start:.4f}-s16le-48k-mono.raw").write_bytes(samples)
        self.raw |= dropped_frames(captures)
        self.raw |= dict(zip(("cpu", "ffmpeg_cpu", "script_cpu"), shares))
        self.raw["sync_ms"] = sync_offsets(
            captures, [at - film_delay for at in recorder.beeps(since)])
        self.session.screen.press("space")
        wait_until_stable("the paused frame", lambda: self.session.screen.read(self.place)[0])
        self.raw["paused_cpu"] = cpu_share(10)[0]
        self.save("paused")
        self.session.screen.press("space")

    def run(self, film_delay: float) -> dict:
        """Runs all measurements; returns the raw figures."""
        say("warm-up")
        self.session.open_client("warm-up")
        self.save("library")
        card = self.session.screen.find_strip()
        self.session.screen.press()
        self.find_video(card)
        window = self.place
        self.save("warm-up")
        self.first_frames("cold", "cold-{}")
        if self.options.fullscreen:
            self.session.screen.press("f")
            self.find_video(window)
        say(f"playing, {self.options.seconds} s")
        # The controls hide after 2.5 s.
        time.sleep(4)
        self.undisturbed(film_delay)
        say("seeks")
        self.seeks()
        self.place = window
        self.first_frames("again", f"cold-{self.options.runs}")
        return self.raw
