"""The paper's presets as files: float32, 8 bits and float16; their sizes, and how far their answers are from torch.

Fresh weights, the 6890 vertices among the answers, two smooth random pictures; float32 is compared with torch, 1e-4
tolerated. For 8 bits (convolutions and matrix products) and float16 the table has the mean distance of the 431 vertices
from float32's, relative to how far those are from the hip: with fresh weights it says whether a file is broken, and not
what it costs in accuracy, which `training.export.quantise` measures on a trained bundle. Seconds are those of this
process's CPU; a file that MOCAP_BENCH_GRAPHS kept has none.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from pathlib import Path

import numpy as np
import torch

from core.nets import fold, preset
from core.types import Float
from tests.fixtures.small_networks import build
from training.export.network import probe_crops
from training.export.quantise import halve

from . import Row
from .graphs import WholeMesh, export_whole, graphs_folder, int8, largest_difference, open_session
from .timing import one_thread
from .yardstick import YardstickOutput

PRESETS = ("resnet50", "hrnet_w48")
PICTURES = 2
VERTICES = YardstickOutput._fields.index("coarse_vertices")


@torch.no_grad()
def measure() -> Iterable[Row]:
    """Rows of the table."""
    one_thread()
    with graphs_folder() as folder:
        for name in PRESETS:
            yield from _rows(name, folder)


def _rows(name: str, folder: Path) -> Iterable[Row]:
    network = build(preset(name))
    size = network.config.input_size
    images = probe_crops(size, PICTURES)
    wanted = WholeMesh(network).eval()(torch.from_numpy(images))
    source, seconds = _timed(lambda: export_whole(fold(network), folder))
    exact = open_session(source).run(None, {"image": images})
    yield from _size_and_seconds(f"{name}, float32", source, seconds)
    share = largest_difference(exact, wanted)
    yield Row(f"{name}, float32: difference, of the tolerated 1e-4", share, "", "<= 1")
    for label, make in (("int8", lambda: int8(source, size)), ("float16", lambda: _float16(source))):
        file, seconds = _timed(make)
        answer = open_session(file).run(None, {"image": images})[VERTICES]
        yield from _size_and_seconds(f"{name}, {label}", file, seconds)
        yield Row(f"{name}, {label}: vertices' distance from float32's", _percent(answer, exact[VERTICES]), "%")


def _timed(make: Callable[[], Path]) -> tuple[Path, float]:
    start = time.process_time()
    return make(), time.process_time() - start


def _size_and_seconds(label: str, file: Path, seconds: float) -> Iterable[Row]:
    yield Row(f"{label}: size", file.stat().st_size / 1e6, "MB")
    yield Row(f"{label}: made in", seconds, "s of CPU")


def _float16(source: Path) -> Path:
    target = source.with_name(f"{source.stem}-float16.onnx")
    if not target.exists():
        unfinished = target.with_suffix(".unfinished")
        halve(source, unfinished)
        unfinished.rename(target)
    return target


def _percent(answer: Float, exact: Float) -> float:
    """Mean distance of the vertices as a share of their mean distance from the hip."""
    return 100 * float(np.linalg.norm(answer - exact, axis=-1).mean() / np.linalg.norm(exact, axis=-1).mean())
