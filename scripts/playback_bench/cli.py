"""Measures playback from outside, as a viewer sees and hears it.

    scripts/playback                      # builds target/release/swarmplay if necessary
    scripts/playback --runs 9 --json --out target/playback

The real program runs in a real window: a tracker shares a film and the client opens it on a
virtual display of 1280x800 with a window manager and a null sink for sound, all private to this
run. Every frame of the film (720p30, H.264 and AAC, 4 Mbit/s, a key frame every 2 s) carries
its number as a strip of black and white fields, repeated inverted below, so that a half-drawn
or covered strip is unreadable instead of another number. Each full second begins with a white
flash of two frames and a 1 kHz beep. One thread reads the strip from the display 120 times a
second, another records the null sink; keys and clicks go through XTEST. Everything runs in this
process on one clock, CLOCK_MONOTONIC.

* First frame, cold: from the click on the film's card to the first frame number that is followed
  by others. Each run has a new data directory; a warm-up fills the system's caches first.
  Again: the client is restarted with the whole film in its store and resumes where playback
  stopped, which includes a seek.
* Seek, with the whole film in the store: from the digit key to the first frame number within
  1.5 s of that tenth of the film that is followed by others.
* Dropped frames: numbers never seen during undisturbed playback. Those that may have come and
  gone between two captures more than 25 ms apart are counted separately.
* A/V offset: onset of the flash minus onset of the beep in ms, negative if the frame is first.
  A flash begins half-way between two captures (+-4 ms). The recording latency is calibrated with
  beeps whose time the sound server reports; the film's own offset is subtracted.
* CPU: user and system time of the client without its ffmpeg children, in percent of one core,
  during undisturbed playback (downloading continues) and during 10 s of pause.

Limits: a virtual display has no refresh; a real one adds up to one frame, and a sound card adds
its own latency. A frame shown for less than 8 ms may be missed. The film comes over loopback.
Any other load on the machine spoils the figures. The exit status is 0 if the worst run meets
all targets, 1 if not, 2 if the measurement failed. A run takes about four minutes.
"""

import argparse
import ctypes
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

from . import report
from .common import ROOT, PlaybackError, say
from .film import make_film
from .measure import Measurement
from .session import Session

RELEASE = ROOT / "target" / "release" / "swarmplay"
# Program or library, and the Debian package that has it.
NEEDED = {"Xvfb": "xvfb", "openbox": "openbox", "pulseaudio": "pulseaudio", "ffmpeg": "ffmpeg",
          "libX11.so.6": "libx11-6", "libXtst.so.6": "libxtst6",
          "libpulse-simple.so.0": "libpulse0"}


def arguments() -> argparse.Namespace:
    """Parses the command line."""
    parser = argparse.ArgumentParser(prog="scripts/playback", description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--binary", type=Path, default=RELEASE, help="program to measure")
    parser.add_argument("--runs", type=int, default=5, help="number of first frames and of seeks")
    parser.add_argument("--seconds", type=int, default=60,
                        help="length of undisturbed playback, 3 to 500")
    parser.add_argument("--fullscreen", action="store_true",
                        help="measure in full screen, except first frames")
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE",
                        help="setting of the client")
    parser.add_argument("--json", action="store_true",
                        help="print all figures as JSON, and the table on stderr")
    parser.add_argument("--out", type=Path, help="folder for captures, screenshots and logs")
    options = parser.parse_args()
    if options.runs < 1 or not 3 <= options.seconds <= 500:
        parser.error("needs at least one run, and 3 to 500 seconds")
    return options


def check(options: argparse.Namespace) -> None:
    """Reports missing packages; builds the program if necessary."""
    def installed(name: str) -> bool:
        try:
            return bool(ctypes.CDLL(name) if ".so" in name else shutil.which(name))
        except OSError:
            return False
    if missing := [package for name, package in NEEDED.items() if not installed(name)]:
        raise PlaybackError(f"missing: apt-get install {' '.join(missing)} libasound2-plugins")
    # `scripts/lab` builds a program without a window at the same path.
    def usable() -> bool:
        path = options.binary
        return path.exists() and b"this build has no window" not in path.read_bytes()
    if options.binary == RELEASE and not usable():
        subprocess.run(["cargo", "build", "--release", "--locked"], cwd=ROOT, check=True)
    if not usable():
        raise PlaybackError(f"{options.binary} does not exist or has no window")


def measure(options: argparse.Namespace, folder: Path) -> dict:
    """Runs all measurements; returns the raw figures."""
    (folder / "films").mkdir()
    if options.out:
        options.out.mkdir(parents=True, exist_ok=True)
    # A build in the meantime must not change the program.
    options.binary = Path(shutil.copy(options.binary, folder / "swarmplay"))
    # Leaves room before and after undisturbed playback.
    length = max(90, options.seconds + 30)
    say("encoding the film")
    film_delay = make_film(folder / "films" / "Playback.mp4", length)
    with Session(options, folder) as session:
        try:
            session.set_up()
            calibration = session.recorder.calibrate()
            raw = Measurement(session, options, length).run(film_delay)
        except PlaybackError as error:
            if options.out and session.screen:
                session.screen.save(options.out / "failed.png")
            raise PlaybackError(f"{error}\n{session.log_tail('client')}") from error
        finally:
            for log in folder.glob("*.log") if options.out else ():
                shutil.copy(log, options.out)
    return raw | {"film_ms": 1000 * film_delay,
                  "calibration_ms": [1000 * latency for latency in calibration],
                  "cores": os.cpu_count(), "load": os.getloadavg(), "settings": options.set}


def main() -> int:
    """Runs the program; returns its exit status."""
    options = arguments()
    # SIGTERM cleans up like Ctrl-C.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        check(options)
        with tempfile.TemporaryDirectory(prefix="playback-") as folder:
            raw = measure(options, Path(folder))
    except (PlaybackError, subprocess.CalledProcessError) as error:
        say(f"playback: {error}")
        return 2
    except KeyboardInterrupt:
        say("playback: interrupted")
        return 130
    rows = report.judge(raw)
    table = report.table(rows)
    print(table, file=sys.stderr if options.json else sys.stdout)
    if options.json:
        print(json.dumps(raw, indent=1))
    if options.out:
        (options.out / "table.md").write_text(table + "\n")
        (options.out / "result.json").write_text(json.dumps(raw, indent=1))
    return 1 if any(row[3] is False for row in rows) else 0
