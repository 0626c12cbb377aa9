"""The released PostoMETRO network, ported literally, against ours: one core, one person, equal answers.

Weights are random: times do not hang on them. The shared variant reads its pose tokens from the image's backbone, which
is another network: its answers are compared with nothing.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterable
from copy import deepcopy
from dataclasses import replace
from functools import partial
from pathlib import Path

import torch
from torch import Tensor

from core.nets import Network, fold, preset
from tests.nets.small_networks import build

from . import Row
from .graphs import WholeMesh, export_whole, int8, largest_difference, node_count, open_session, random_image
from .timing import cpu_seconds, gflops_per_second, one_thread
from .yardstick import Yardstick, YardstickOutput

GFLOPS = 70.33
"""Of the yardstick for one person, two a multiply-add."""
GOALS = {"resnet50": 2.5, "shared": 4.0}


@torch.no_grad()
def measure() -> Iterable[Row]:
    """Rows of the table."""
    one_thread()
    with tempfile.TemporaryDirectory() as folder:
        yield from _rows(Path(folder))


def _rows(folder: Path) -> Iterable[Row]:
    network, image = build(preset("resnet50")), random_image(1, 256)
    yardstick = Yardstick(network).eval()
    works: dict[str, Callable[[], object]] = {"yardstick": partial(yardstick, image)}
    reference = yardstick(image)
    yield from _ours("resnet50", network, image, folder, works, reference)
    shared = build(replace(preset("resnet50"), pose_backbone="shared"))
    yield from _ours("shared", shared, image, folder, works, None)
    yield from _times(works)


def _ours(
    name: str,
    network: Network,
    image: Tensor,
    folder: Path,
    works: dict[str, Callable[[], object]],
    reference: YardstickOutput | None,
) -> Iterable[Row]:
    """Adds our ways of computing to `works`, and tells how far they are from the reference where there is one."""
    eager = WholeMesh(fold(deepcopy(network))).eval()
    file = export_whole(eager.network, folder / f"{name}.onnx")
    optimised = folder / f"{name}-optimised.onnx"
    session = open_session(file, optimised)
    yield Row(f"{name}: nodes of the file", node_count(file), "")
    yield Row(f"{name}: nodes that ONNX Runtime runs", node_count(optimised), "")
    optimised.unlink()
    feed = {"image": image.numpy()}
    if reference is not None:
        answers = {"torch": [part.numpy() for part in eager(image)], "ONNX Runtime": session.run(None, feed)}
        for way, ours in answers.items():
            share = largest_difference(ours, reference)
            yield Row(f"{name}, {way}: difference, of the tolerated 1e-4", share, "", "<= 1")
    works[f"{name}, torch"] = partial(eager, image)
    works[f"{name}, ONNX Runtime"] = partial(session.run, None, feed)
    works[f"{name}, ONNX Runtime, int8"] = partial(open_session(int8(file)).run, None, feed)


def _times(works: dict[str, Callable[[], object]]) -> Iterable[Row]:
    speed = gflops_per_second()
    times = cpu_seconds(works)
    yield Row("matrix product of float32, one core", speed, "GFLOP/s")
    yield Row("the yardstick's sums alone at that speed", 1000 * GFLOPS / speed, "ms")
    for name, seconds in times.items():
        yield Row(f"{name}: one person", 1000 * seconds, "ms of CPU")
    for name, seconds in times.items():
        goal = GOALS[name.split(",")[0]] if name.endswith("ONNX Runtime") else None
        if name != "yardstick":
            yield Row(f"{name} against the yardstick", times["yardstick"] / seconds, "x", f">= {goal}" if goal else "")
