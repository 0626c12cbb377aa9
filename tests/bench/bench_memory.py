"""Peak memory by the length of the clip: `reconstruct` on 1920 x 1080 and `solve`, a process for each length.

The slope between the two lengths tells what 20,000 frames need beyond 200. `MOCAP_BENCH_FRAMES=20000` runs them.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Iterable
from pathlib import Path

from core.take.take import Take

from . import Row
from .long_clips import long_take, standing_clip

SHORT, LONG = 200, int(os.environ.get("MOCAP_BENCH_FRAMES", "2000"))
FAR = 20_000
ROOT = Path(__file__).parents[2]
CHILD = """
import sys
from pathlib import Path
from core.__main__ import main
code = main(sys.argv[1:])
peak = next(line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmHWM"))
print("peak", int(peak.split()[1]) * 1024)
sys.exit(code)
"""
"""Linux only: `ru_maxrss` there counts the memory of the process that started the child too."""


def measure() -> Iterable[Row]:
    """Rows of the table.

    Raises:
        SystemExit: a child failed.
    """
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        clips = {count: standing_clip(folder / f"{count}.mp4", count) for count in (SHORT, LONG)}
        takes = {count: folder / f"{count}.take" for count in clips}
        peaks = {n: _peak_mb("reconstruct", clips[n], "-o", takes[n], "--progress", "none") for n in clips}
        yield from _rows("reconstruct", peaks, " < 1200", "< 100")
        size = {n: sum(file.stat().st_size for file in takes[n].iterdir()) for n in takes}
        yield Row("take: bytes of a person-frame", (size[LONG] - size[SHORT]) / (LONG - SHORT), "bytes", "<= 8192")
        first = Take.open(takes[SHORT])
        solved = {n: long_take(folder / f"solve{n}.take", first, n) for n in (SHORT, LONG)}
        peaks = {n: _peak_mb("solve", solved[n], "-o", folder / "motion.npz", "--progress", "none") for n in solved}
        yield from _rows("solve", peaks)


def _rows(what: str, peaks: dict[int, float], peak_goal: str = "", growth_goal: str = "") -> Iterable[Row]:
    slope = (peaks[LONG] - peaks[SHORT]) / (LONG - SHORT)
    for count, peak in peaks.items():
        yield Row(f"{what}: peak with {count} frames", peak, "MB", peak_goal.strip() if count == LONG else "")
    yield Row(f"{what}: growth from {SHORT} to {FAR} frames, by the slope", slope * (FAR - SHORT), "MB", growth_goal)


def _peak_mb(*arguments: object) -> float:
    command = [sys.executable, "-c", CHILD, *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, check=False, text=True, cwd=ROOT)
    if done.returncode:
        raise SystemExit(f"bench memory: {' '.join(command[3:])} ended with {done.returncode}:\n{done.stderr[-2000:]}")
    return float(done.stdout.split()[-1]) / 1e6
