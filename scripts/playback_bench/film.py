"""The test film: numbered frames, a flash and a beep in each second."""

import statistics
import subprocess
from pathlib import Path

from .common import BITS, CELL, CELLS, FPS, RATE
from .sound import onsets


def make_film(path: Path, seconds: int) -> float:
    """Encodes the film; returns the delay of its beeps after its flashes in seconds."""
    def box(cell: int, cells: int, row: int, rows: int, colour: str, when: str = "1") -> str:
        return (f"drawbox=x={136 + cell * CELL}:y={180 + 40 * row}:w={cells * CELL}:h={40 * rows}"
                f":color={colour}:t=fill:enable='{when}'")

    flash = f"lt(mod(n,{FPS}),2)"
    boxes = [box(0, CELLS, 0, 2, "0xff00ff"), box(1, CELLS - 2, 0, 2, "black"),
             box(1, 1, 0, 1, "white"), box(2, BITS, 1, 1, "white"),
             box(2 + BITS, 1, 0, 2, "white", flash), box(5, 8, 7, 4, "white", flash)]
    for bit in range(BITS):
        one = f"gt(mod(floor(n/{2 ** bit}),2),0)"
        cell = 1 + BITS - bit
        boxes += [box(cell, 1, 0, 1, "white", one), box(cell, 1, 1, 1, "black", one)]
    picture = (f"gradients=s=160x90:r={FPS}:d={seconds}:c0=0x0b2233:c1=0x2f7f9f:n=2:seed=7,"
               f"format=yuv420p,scale=1280:720,noise=alls=6:allf=t,{','.join(boxes)}")
    sound = f"aevalsrc=0.7*sin(2*PI*1000*t)*lt(mod(t\\,1)\\,0.1):s={RATE}:d={seconds}"
    ffmpeg = ["ffmpeg", "-nostdin", "-v", "error", "-y"]
    subprocess.run([*ffmpeg, "-f", "lavfi", "-i", picture, "-f", "lavfi", "-i", sound,
                    "-c:v", "libx264", "-preset", "superfast", "-b:v", "4M", "-g", str(2 * FPS),
                    "-c:a", "aac", "-ac", "2", "-movflags", "+faststart", path], check=True)
    decoded = subprocess.run([*ffmpeg, "-i", path, "-f", "s16le", "-ac", "1", "-ar", str(RATE),
                              "-"], capture_output=True, check=True).stdout
    return statistics.median(at - round(at) for at in onsets(decoded)[1:])
