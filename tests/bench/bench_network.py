"""Crops a second of the shipped network alone, in CPU time of one thread, so that a busy machine does not count.

One thread that keeps up with a camera is the lower bound of what two cores do.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable

import numpy as np

from core.inference.runtime import open_runtime
from core.types import Float
from core.weights.find import find_weights

from . import Row

ROUNDS, SECONDS = 3, 2.0
GOAL = 25.0


def measure() -> Iterable[Row]:
    """Rows of the table: both runtimes, one person a frame and eight."""
    bundle = find_weights("open-tiny")
    rng = np.random.default_rng(0)
    for kind in ("onnx", "torch"):
        runtime = open_runtime(bundle, kind, "cpu", threads=1)
        for count in (1, 8):
            crops = rng.normal(size=(count, 3, bundle.input_size, bundle.input_size)).astype(np.float32)
            runtime.run(crops)
            rate = float(np.median([_frames_per_second(runtime.run, crops) for _ in range(ROUNDS)]))
            people = "one person" if count == 1 else f"{count} people"
            goal = f">= {GOAL:.0f}" if (kind, count) == ("onnx", 1) else ""
            yield Row(f"{bundle.name}, {runtime.name}, 1 thread, {people}", rate, "frames/s", goal)


def _frames_per_second(run: Callable[[Float], object], crops: Float) -> float:
    start, frames = time.process_time(), 0
    while (spent := time.process_time() - start) < SECONDS:
        run(crops)
        frames += 1
    return frames / spent
