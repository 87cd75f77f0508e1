"""Sound on the null sink: recording, calibration, onsets of beeps."""

import array
import ctypes
import statistics
import threading
import time
from ctypes import byref, c_int, c_size_t, c_uint32, c_void_p

from .common import RATE, PlaybackError, wait_for


class PulseStream:
    """A 16-bit mono stream to the null sink, or from its monitor."""

    def __init__(self, server: str, record: bool) -> None:
        self.lib = ctypes.CDLL("libpulse-simple.so.0")
        self.lib.pa_simple_new.restype = c_void_p
        self.lib.pa_simple_get_latency.restype = ctypes.c_uint64
        # Of five sizes, the second is the target, 20 ms, the last the fragment, 10 ms.
        sizes = (c_uint32 * 5)(2**32 - 1, RATE // 25, 2**32 - 1, 2**32 - 1, RATE // 50)
        error = c_int()
        self.stream = c_void_p(self.lib.pa_simple_new(
            server.encode(), b"playback", 1 + record, b"nul.monitor" if record else b"nul",
            b"playback", byref((c_uint32 * 3)(3, RATE, 1)), None, byref(sizes), byref(error)))
        if not self.stream:
            raise PlaybackError(f"cannot open a stream on the sound server: error {error.value}")

    def read(self, size: int) -> bytes:
        """Reads `size` bytes; returns none if the server has gone."""
        block = ctypes.create_string_buffer(size)
        failed = self.lib.pa_simple_read(self.stream, block, c_size_t(size), None)
        return b"" if failed else block.raw

    def write(self, block: bytes) -> float:
        """Writes samples; returns the time at which they will sound, as the server reports it."""
        sounds = time.monotonic() + self.lib.pa_simple_get_latency(self.stream, None) / 1e6
        self.lib.pa_simple_write(self.stream, block, c_size_t(len(block)), None)
        return sounds

    def close(self) -> None:
        """Closes the stream."""
        self.lib.pa_simple_free(self.stream)


class SoundRecorder(threading.Thread):
    """Records the null sink in blocks of 10 ms with their times of arrival."""

    def __init__(self, server: str) -> None:
        super().__init__(daemon=True)
        self.server, self.blocks, self.running, self.latency = server, [], True, 0.0

    def run(self) -> None:
        stream = PulseStream(self.server, True)
        while self.running and (block := stream.read(RATE // 50)):
            self.blocks.append((time.monotonic(), block))
        stream.close()

    def sound(self, since: float) -> tuple[float, bytes]:
        """Samples recorded since a time, and the time of the first of them.

        The sink runs on the system clock, so the least delayed block dates all of them.
        """
        blocks = [block for block in list(self.blocks) if block[0] >= since]
        start = min(at - (n + 1) / 100 for n, (at, _) in enumerate(blocks))
        return start - self.latency, b"".join(block for _, block in blocks)

    def beeps(self, since: float) -> list[float]:
        """Times at which beeps began."""
        start, samples = self.sound(since)
        return [start + onset for onset in onsets(samples)]

    def calibrate(self) -> list[float]:
        """Measures the recording latency in seconds with beeps, each after 0.4 s of silence."""
        tone = array.array("h", [16000, -16000] * (RATE // 40)).tobytes()
        stream, since, expected = PulseStream(self.server, False), time.monotonic(), []
        for block in range(400):
            if block % 40 < 39:
                stream.write(bytes(RATE // 50))
            else:
                expected.append(stream.write(tone))
        wait_for("the calibration beeps", lambda: len(self.beeps(since)) == len(expected), 5)
        stream.close()
        latencies = [heard - sounds for heard, sounds in zip(self.beeps(since), expected)]
        self.latency = statistics.median(latencies)
        return latencies


def onsets(samples: bytes) -> list[float]:
    """Times in seconds at which sound begins after a fifth of a second of silence."""
    wave = array.array("h", samples)
    loud, step = max(0.4 * max(map(abs, wave), default=0), 100), RATE // 1000
    found, last = [], -1.0
    for start in range(0, len(wave) - step, step):
        part = wave[start:start + step]
        if max(part) >= loud or min(part) <= -loud:
            if start / RATE - last > 0.2:
                found.append((start + next(n for n, v in enumerate(part) if abs(v) >= loud)) / RATE)
            last = start / RATE
    return found
