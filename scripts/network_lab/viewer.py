"""A simulated player: reads a stream over HTTP in real time and records stalls.

It starts when 2 s of media have arrived, reads at most 30 s ahead of the playhead, stalls
when the next byte is missing, and resumes when it has 2 s again. A seek closes the
connection, requests another range, and needs 2 s, too.

This is a separate program. It takes its specification as JSON in the first argument,
prints `ready`, reads the time (CLOCK_MONOTONIC) at which play is pressed from standard
input, and prints its result as JSON. Times in the result are seconds since play was
pressed. SIGTERM ends it early.
"""

import json
import math
import select
import signal
import socket
import sys
import time

# Keeps the kernel from reading ahead: this buffer holds at most half a second of a film.
RECEIVE_BUFFER = 64 << 10
# Bytes of one read, at most.
READ_SIZE = 64 << 10
# Seconds between two attempts to connect.
RETRY_DELAY = 0.5


class Stopped(Exception):
    """SIGTERM arrived."""


class Playback:
    """The player's clock: media time against wall time, without IO."""

    def __init__(self, length: float, start_buffer: float, read_ahead: float,
                 seeks: list[dict]) -> None:
        self.length = length
        self.start_buffer = start_buffer
        self.read_ahead = read_ahead
        self.todo = list(seeks)
        self.front = 0.0  # end of the media that has arrived
        self.playhead = 0.0
        self.played = 0.0
        self.waiting: str | None = "start"
        self.since = 0.0  # playing: time of the playhead; else: start of the wait
        self.startup: float | None = None
        self.ended: float | None = None
        self.stalls: list[dict] = []
        self.seeks: list[dict] = []

    def advance(self, now: float) -> None:
        """Plays until now, or until the buffer is empty."""
        if self.waiting or self.ended is not None:
            return
        step = min(now - self.since, self.front - self.playhead)
        self.playhead += step
        self.played += step
        self.since += step
        if self.playhead >= self.front - 1e-9 and self.since < now:
            if self.front >= self.length:
                self.ended = self.since
            else:
                self.waiting = "stall"

    def arrived(self, now: float, front: float) -> None:
        """Records that media has arrived up to `front`."""
        self.advance(now)
        self.front = front
        enough = front - self.playhead >= self.start_buffer or front >= self.length
        if self.waiting and enough:
            self.note(now)
            self.waiting, self.since = None, now

    def note(self, now: float) -> None:
        """Records the wait that ends now."""
        took = {"at": self.since, "length": now - self.since, "playhead": self.playhead}
        if self.waiting == "start":
            self.startup = now
        elif self.waiting == "stall":
            self.stalls.append(took)
        elif self.waiting == "seek":
            self.seeks.append(took)

    def seek_due(self) -> float | None:
        """Returns the target of a due seek."""
        due = self.todo and not self.waiting and self.played >= self.todo[0]["at"] - 1e-6
        return self.todo.pop(0)["to"] if due else None

    def seek(self, now: float, to: float) -> None:
        """Seeks, and drops the buffer."""
        self.front = self.playhead = to
        self.waiting, self.since = "seek", now

    def room(self) -> float:
        """Seconds of media that may be read now."""
        return self.playhead + self.read_ahead - self.front

    def next_change(self) -> float:
        """Time of the next change if no media arrives."""
        if self.waiting:
            return math.inf
        change = self.since + self.front - self.playhead
        if self.todo:
            change = min(change, self.since + self.todo[0]["at"] - self.played)
        return change


class Stream:
    """A response to GET, read without blocking. Reconnects after errors."""

    def __init__(self, spec: dict, offset: int, small: bool) -> None:
        self.spec = spec
        self.offset = offset  # of the next byte
        self.small = small
        self.errors: list[str] = []
        self.socket: socket.socket | None = None
        self.head = b""
        self.in_body = False
        self.wake = 0.0  # time of the next attempt to connect

    def connect(self) -> None:
        """Sends the request."""
        self.close()
        sock = socket.socket()
        if self.small:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, RECEIVE_BUFFER)
        sock.settimeout(5)
        try:
            sock.connect(("127.0.0.1", self.spec["port"]))
            ranged = f"Range: bytes={self.offset}-\r\n" if self.offset else ""
            request = f"GET {self.spec['path']} HTTP/1.1\r\nHost: lab\r\n{ranged}\r\n"
            sock.sendall(request.encode())
        except OSError as error:
            self.fail(f"connect: {error}")
            sock.close()
            return
        sock.setblocking(False)
        self.socket, self.head, self.in_body = sock, b"", False

    def close(self) -> None:
        """Closes the connection."""
        if self.socket:
            self.socket.close()
        self.socket = None

    def fail(self, why: str) -> None:
        """Records an error, and schedules the next attempt."""
        self.errors.append(f"at byte {self.offset}: {why}")
        self.close()
        self.wake = time.monotonic() + RETRY_DELAY

    def read(self, most: int) -> int:
        """Reads available bytes; returns the number of media bytes."""
        try:
            data = self.socket.recv(min(most, READ_SIZE))
        except BlockingIOError:
            return 0
        except OSError as error:
            self.fail(str(error))
            return 0
        if not data:
            self.fail("closed")
            return 0
        if not self.in_body:
            data = self.body(data)
        self.offset += len(data)
        return len(data)

    def body(self, data: bytes) -> bytes:
        """Returns the media bytes among the first bytes of the response."""
        self.head += data
        head, found, rest = self.head.partition(b"\r\n\r\n")
        if not found:
            return b""
        line = head.split(b"\r\n", 1)[0]
        if line.split()[1] not in (b"200", b"206"):
            self.fail(line.decode(errors="replace"))
            return b""
        self.in_body = True
        return rest


class Viewer:
    """A playback fed by a stream."""

    def __init__(self, spec: dict, pressed: float) -> None:
        self.spec = spec
        self.pressed = pressed
        self.rate = spec["bitrate"] * 1e6 / 8
        self.playback = Playback(spec["size"] / self.rate, spec["start_buffer"],
                                 spec["read_ahead"], spec["seeks"])
        self.stream = Stream(spec, 0, small=True)
        self.buffer: list[list[float]] = []
        self.samples = 0
        self.killed = False

    def now(self) -> float:
        """Seconds since play was pressed."""
        return time.monotonic() - self.pressed

    def run(self) -> None:
        """Plays to the end, to the limit, or until stopped."""
        playback = self.playback
        try:
            while playback.ended is None and self.now() < self.spec["limit"]:
                playback.advance(self.now())
                to = playback.seek_due()
                if to is not None:
                    self.seek(to)
                self.sample()
                self.wait_and_read()
        except Stopped:
            self.killed = True
        self.stream.close()

    def seek(self, to: float) -> None:
        """Seeks to a position in the film."""
        self.playback.seek(self.now(), to)
        self.stream.close()
        self.stream.offset = int(to * self.rate)
        self.stream.wake = 0.0

    def sample(self) -> None:
        """Records the buffer level at regular times."""
        now, every = self.now(), self.spec["sample"]
        if now >= self.samples * every:
            level = self.playback.front - self.playback.playhead
            self.buffer.append([round(now, 3), round(level, 3)])
            self.samples = int(now / every) + 1

    def wait_and_read(self) -> None:
        """Waits for bytes or for the next change."""
        stream, playback = self.stream, self.playback
        done = stream.offset >= self.spec["size"]
        room = int(playback.room() * self.rate)
        if stream.socket is None and not done and time.monotonic() >= stream.wake:
            stream.connect()
        until = min(self.samples * self.spec["sample"], playback.next_change(),
                    self.spec["limit"])
        wait = max(0.0, until - self.now()) + 1e-4
        if stream.socket is None or done or room <= 0:
            time.sleep(min(wait, 0.02))
            return
        if select.select([stream.socket], [], [], wait)[0] and stream.read(room):
            playback.arrived(self.now(), min(stream.offset / self.rate, playback.length))

    def result(self) -> dict:
        """The result of the run."""
        playback, now = self.playback, self.now()
        finished = playback.ended is not None
        if playback.waiting and not finished and not self.killed:
            playback.note(now)
            playback.startup = None if playback.waiting == "start" else playback.startup
        return {
            "startup": playback.startup, "stalls": playback.stalls, "seeks": playback.seeks,
            "finished": finished, "killed": self.killed, "played": playback.played,
            "end": playback.ended if finished else now, "buffer": self.buffer,
            "errors": self.stream.errors, "waiting": playback.waiting,
        }


def fetch(spec: dict, pressed: float) -> dict:
    """Reads the whole stream as fast as it arrives."""
    stream = Stream(spec, 0, small=False)
    killed = False
    try:
        while stream.offset < spec["size"] and time.monotonic() < pressed + spec["limit"]:
            if stream.socket is None and time.monotonic() >= stream.wake:
                stream.connect()
            if stream.socket is None:
                time.sleep(0.02)
            elif select.select([stream.socket], [], [], 0.25)[0]:
                stream.read(1 << 20)
    except Stopped:
        killed = True
    return {"finished": stream.offset >= spec["size"], "killed": killed,
            "end": time.monotonic() - pressed, "errors": stream.errors}


def stop(*_: object) -> None:
    """Handles SIGTERM."""
    raise Stopped


def main() -> None:
    """Runs the program."""
    spec = json.loads(sys.argv[1])
    print("ready", flush=True)
    pressed = float(sys.stdin.readline())
    signal.signal(signal.SIGTERM, stop)
    time.sleep(max(0.0, pressed - time.monotonic()))
    if spec["paced"]:
        viewer = Viewer(spec, pressed)
        viewer.run()
        result = viewer.result()
    else:
        result = fetch(spec, pressed)
    print(json.dumps(result), flush=True)


if __name__ == "__main__":
    main()
