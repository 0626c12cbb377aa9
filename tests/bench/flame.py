"""`python -m tests.bench.flame -o FILE.svg`: where the CPU time of a run goes, as a flame graph.

The stacks of all threads are sampled while `reconstruct` runs over the demo clip; each sample weighs as much as its
thread's CPU clock has gone on since the last, so that waiting and a busy machine don't count. Only this project's
functions are shown, those in which libraries compute among them. Another checkout is measured by
`PYTHONPATH=CHECKOUT python tests/bench/flame.py -o FILE.svg`.
"""

from __future__ import annotations

import argparse
import html
import sys
import tempfile
import threading
import time
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path
from types import FrameType

CLIP = Path(__file__).parents[2] / "assets" / "demo" / "clip.mp4"
EVERY_S = 0.001
SKIPPED = 15
"""Frames before anything counts: a short clip is half loading and first looks."""
WIDTH, ROW, LEAST_PX = 1200, 18, 1.0
CHARACTER_PX = 6.4
COLOURS = (
    ("runtimes.", "#e07b39"),
    ("estimate.", "#f0b27a"),
    ("crop.", "#f7dc6f"),
    ("detect", "#7fb3d5"),
    ("footage.", "#82c99d"),
    ("ahead.", "#82c99d"),
    ("take.", "#c39bd3"),
    ("behind.", "#c39bd3"),
    ("output.", "#c39bd3"),
)
OTHER = "#d5d8dc"
Stack = tuple[str, ...]


class Sampler:
    """Samples the stacks of all threads but its own, from `start` to `stop`.

    Attributes:
        seconds: of CPU by stack, the outermost function first.
    """

    def __init__(self, root: Path) -> None:
        """`root` is the folder whose functions are shown."""
        self.seconds: dict[Stack, float] = defaultdict(float)
        self._root = root
        self._is_over = threading.Event()
        self._thread = threading.Thread(target=self._sample, name="sampler", daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def stop(self) -> None:
        """End, and wait for it."""
        self._is_over.set()
        self._thread.join()

    def _sample(self) -> None:
        last: dict[int, float] = {}
        while not self._is_over.wait(EVERY_S):
            for ident, frame in sys._current_frames().items():
                if ident == self._thread.ident:
                    continue
                try:
                    now = time.clock_gettime(time.pthread_getcpuclockid(ident))
                except OSError:  # the thread ended between the two calls
                    continue
                spent, last[ident] = now - last.get(ident, now), now
                if spent > 0:
                    self.seconds[self._stack(frame)] += spent

    def _stack(self, frame: FrameType | None) -> Stack:
        names: list[str] = []
        while frame is not None:
            file = Path(frame.f_code.co_filename)
            if file.is_relative_to(self._root):
                module = ".".join(file.relative_to(self._root).with_suffix("").parts)
                names.append(f"{module}.{frame.f_code.co_name}")
            frame = frame.f_back
        return tuple(reversed(names)) or ("libraries",)


def spent_in(seconds: dict[Stack, float], is_meant: Callable[[str], bool]) -> float:
    """Share of the time in stacks with a function that is meant, 0 to 1."""
    return sum(s for stack, s in seconds.items() if any(map(is_meant, stack))) / (sum(seconds.values()) or 1)


def svg(seconds: dict[Stack, float], title: str) -> str:
    """The graph: a function is as wide as its time, those that it calls lie on it."""
    depth = max(map(len, seconds), default=0) + 1
    height = (depth + 2) * ROW
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{height}" font-family="monospace" '
        f'font-size="11"><rect width="100%" height="100%" fill="#ffffff"/>'
        f'<text x="6" y="13" font-size="12">{html.escape(title)}</text>'
    ]
    total = sum(seconds.values()) or 1.0
    _draw(parts, "all", dict(seconds), 0.0, height - ROW, WIDTH / total, total)
    return "\n".join([*parts, "</svg>"]) + "\n"


def _draw(
    parts: list[str], name: str, inside: dict[Stack, float], x: float, y: float, px_per_s: float, total: float
) -> None:
    """A function's bar, and above it those of what it calls; `inside` are stacks from it on, it left out."""
    spent = sum(inside.values())
    width = spent * px_per_s
    if width < LEAST_PX:
        return
    colour = next((c for start, c in COLOURS if name.startswith(start)), OTHER)
    told = f"{name} {100 * spent / total:.1f} %"
    label = told if len(told) * CHARACTER_PX < width else name[: max(0, int(width / CHARACTER_PX))]
    parts.append(
        f'<g><title>{html.escape(told)}</title><rect x="{x:.1f}" y="{y}" width="{width:.1f}" height="{ROW - 1}" '
        f'fill="{colour}"/><text x="{x + 3:.1f}" y="{y + 12}">{html.escape(label)}</text></g>'
    )
    called: dict[str, dict[Stack, float]] = defaultdict(dict)
    for stack, each in inside.items():
        if stack:
            called[stack[0]][stack[1:]] = called[stack[0]].get(stack[1:], 0.0) + each
    for callee in sorted(called):
        _draw(parts, callee, called[callee], x, y - ROW, px_per_s, total)
        x += sum(called[callee].values()) * px_per_s


def main(arguments: list[str] | None = None) -> int:
    """Runs the command line and returns its exit code."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.flame", description=__doc__)
    parser.add_argument("-o", "--output", type=Path, required=True, help="the .svg file")
    parser.add_argument("--title", default="one person, one thread", help="beside the number of frames")
    given = parser.parse_args(arguments)
    import core
    from core.pipeline import reconstruct
    from core.settings import ReconstructSettings
    from core.types import Progress

    settings = ReconstructSettings(people="all", threads=1)
    sampler, counted = Sampler(Path(core.__file__).parent), 0

    def told(progress: Progress) -> None:
        nonlocal counted
        if progress.done == SKIPPED:
            sampler.start()
        counted += progress.done > SKIPPED

    with tempfile.TemporaryDirectory() as folder:
        reconstruct(CLIP, Path(folder) / "clip.take", settings, told)
    sampler.stop()
    total = sum(sampler.seconds.values())
    network = spent_in(sampler.seconds, lambda name: name == "runtimes.onnx_runtime.run")
    title = f"{given.title}: {1000 * total / counted:.1f} ms of CPU a frame, the network {100 * network:.0f} %"
    given.output.write_text(svg(sampler.seconds, title), encoding="utf-8")
    print(f"{given.output}: {title}")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
