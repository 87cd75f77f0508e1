"""The programs under test and around them: display, sound server, tracker, client."""

import argparse
import contextlib
import json
import os
import signal
import socket
import subprocess
import urllib.request
from pathlib import Path

from .common import HEIGHT, RATE, WIDTH, PlaybackError, wait_for, wait_until_stable
from .processes import children
from .screen import Screen
from .sound import SoundRecorder

OPENBOX_CONFIG = (
    '<openbox_config xmlns="http://openbox.org/3.4/rc"><applications><application class="*">'
    "<decor>no</decor><maximized>yes</maximized></application></applications></openbox_config>")


class Session:
    """Private display and sound server, a tracker that shares the film, and a client.

    All processes end with the `with` block.
    """

    def __init__(self, options: argparse.Namespace, folder: Path) -> None:
        self.options, self.folder, self.running = options, folder, []
        self.sound, self.screen, self.client = f"unix:{folder}/sound", None, None
        self.recorder = SoundRecorder(self.sound)
        hidden = ("XDG_", "SWARMPLAY_", "PULSE_", "DBUS_", "WAYLAND_", "RUST_LOG", "SLINT_")
        self.env = {key: value for key, value in os.environ.items() if not key.startswith(hidden)}
        self.env |= {"HOME": str(folder), "XDG_RUNTIME_DIR": str(folder), "LANG": "C.UTF-8",
                     "PULSE_SERVER": self.sound, "PULSE_LATENCY_MSEC": "40"}

    def __enter__(self) -> "Session":
        return self

    def __exit__(self, *_: object) -> None:
        self.recorder.running = False
        if self.recorder.is_alive():
            self.recorder.join(2)
        while self.running:
            self.end(self.running[-1])

    def start(self, name: str, *words: object) -> subprocess.Popen:
        """Starts a program in its own process group."""
        with open(self.folder / f"{name}.log", "ab") as log:
            process = subprocess.Popen(words, env=self.env, stdin=subprocess.DEVNULL, stderr=log,
                                       stdout=subprocess.PIPE, start_new_session=True)
        self.running.append(process)
        return process

    def end(self, process: subprocess.Popen) -> None:
        """Ends a program and its process group."""
        process.terminate()
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(5)
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        self.running.remove(process)

    def first_line(self, name: str, *words: object) -> str:
        """Starts a program; returns the first line of its output, which means it is ready."""
        if line := self.start(name, *words).stdout.readline().decode().strip():
            return line
        raise PlaybackError(f"{name} did not start: {self.log_tail(name)}")

    def log_tail(self, name: str) -> str:
        """The end of a program's log."""
        log = self.folder / f"{name}.log"
        return log.read_text(errors="replace")[-600:].strip() if log.exists() else ""

    def set_up(self) -> None:
        """Starts everything except the client."""
        number = self.first_line("Xvfb", "Xvfb", "-displayfd", "1", "-nolisten", "tcp",
                                 "-screen", "0", f"{WIDTH}x{HEIGHT}x24")
        self.display = self.env["DISPLAY"] = f":{number}"
        self.screen = Screen(self.display)
        (self.folder / "rc.xml").write_text(OPENBOX_CONFIG)
        self.start("openbox", "openbox", "--config-file", self.folder / "rc.xml")
        (self.folder / ".asoundrc").write_text("pcm.!default { type pulse }\n")
        path = self.folder / "sound"
        self.start("pulseaudio", "pulseaudio", "-n", "--daemonize=no", "--exit-idle-time=-1",
                   f"--load=module-native-protocol-unix auth-anonymous=1 socket={path}",
                   f"--load=module-null-sink sink_name=nul rate={RATE} channels=2")
        wait_for("the sound server", path.exists)
        self.recorder.start()
        ready = self.first_line(
            "tracker", self.options.binary, "tracker", "--set=tracker.listen=127.0.0.1:0",
            f"--set=store.data_dir={self.folder}/tracker",
            f"--set=library.folders={self.folder}/films")
        self.address, self.tracker = json.loads(ready)["listen"], self.running[-1].pid

    def query(self, page: str):
        """A JSON page of the client's gateway, or None if it does not answer."""
        if self.client.poll() is not None:
            raise PlaybackError("the client has ended")
        try:
            with urllib.request.urlopen(f"http://{self.gateway}/{page}", timeout=5) as answer:
                return json.load(answer)
        except OSError:
            return None

    def open_client(self, data: str) -> None:
        """Starts the client, and points at the film's card once the window is stable."""
        with socket.create_server(("127.0.0.1", 0)) as free:
            self.gateway = f"127.0.0.1:{free.getsockname()[1]}"
        sets = [f"client.tracker={self.address}", "client.listen=127.0.0.1:0", *self.options.set,
                f"gateway.listen={self.gateway}", f"store.data_dir={self.folder}/{data}"]
        self.screen.point(WIDTH - 1, HEIGHT - 1)
        self.client = self.start("client", self.options.binary, "client", "--mode=video",
                                 *(f"--set={word}" for word in sets))
        wait_for("the film in the library", lambda: self.query("library.json"))
        wait_for("the film's poster in the window", self.screen.find_strip, 120)
        wait_for("the tracker to become idle", lambda: not children(self.tracker), 120)
        left, top, width, height = wait_until_stable("the library", self.screen.find_strip)
        self.screen.point(left + width // 2, top + height // 2)
        wait_until_stable("the hovered card", self.screen.grab)
