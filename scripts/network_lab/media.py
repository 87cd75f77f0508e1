"""Random bytes in the shape of media with a constant bitrate.

A 16-bit stereo WAV file has 32 bits per sample, so the sample rate sets the
bitrate: 125,000 Hz are exactly 4 Mbit/s. The samples are reproducible random bytes,
which cannot be compressed.
"""

import os
import random
import struct
from pathlib import Path

from .scenario import Film

HEADER = 44
BLOCK = 1 << 20


def header(sample_rate: int, data: int) -> bytes:
    """The RIFF header of 16-bit stereo PCM."""
    form = struct.pack("<HHIIHH", 1, 2, sample_rate, sample_rate * 4, 4, 16)
    return (b"RIFF" + struct.pack("<I", HEADER - 8 + data) + b"WAVEfmt "
            + struct.pack("<I", len(form)) + form + b"data" + struct.pack("<I", data))


def make(film: Film, folder: Path) -> Path:
    """Returns the film's file in its own folder; creates it if necessary."""
    home = folder / f"{film.name}-{film.bitrate:g}mbit-{film.size}"
    path = home / f"{film.name}.wav"
    if path.exists() and path.stat().st_size == film.size:
        return path
    home.mkdir(parents=True, exist_ok=True)
    left = film.size - HEADER
    noise = random.Random(film.name)
    partial = path.with_suffix(".part")
    with open(partial, "wb") as out:
        out.write(header(round(film.bitrate * 1e6 / 32), left))
        while left:
            block = min(left, BLOCK)
            out.write(noise.randbytes(block))
            left -= block
    os.replace(partial, path)
    return path
