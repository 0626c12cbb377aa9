"""The same yardstick against our networks in ONNX Runtime, float32 and 8 bits: one core, one person.

The float32 answers are compared with the yardstick's; random weights say nothing of what 8 bits cost in accuracy. The
exports take minutes and some gigabytes of memory.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterable
from dataclasses import replace
from functools import partial
from pathlib import Path

import torch

from core.nets import fold, preset
from tests.nets.small_networks import build

from . import Row
from .bench_yardstick import GOALS, Works, rows_of_times
from .graphs import export_whole, int8, largest_difference, node_count, open_session, random_image
from .timing import cpu_seconds, one_thread
from .yardstick import Yardstick


@torch.no_grad()
def measure() -> Iterable[Row]:
    """Rows of the table."""
    one_thread()
    image, works = random_image(1, 256), Works()
    with tempfile.TemporaryDirectory() as folder:
        for name in GOALS:
            changes = {"pose_backbone": "shared"} if name == "shared" else {}
            network = build(replace(preset("resnet50"), **changes))  # type: ignore[arg-type]
            reference = None
            if name == "resnet50":
                yardstick = Yardstick(network).eval()
                works["yardstick"], reference = partial(yardstick, image), yardstick(image)
                network = build(network.config)  # the same seed: the same weights, without the yardstick's hold on them
            file = export_whole(fold(network), Path(folder) / f"{name}.onnx")
            optimised = Path(folder) / f"{name}-optimised.onnx"
            run = partial(open_session(file, optimised).run, None, {"image": image.numpy()})
            yield Row(f"{name}: nodes of the file", node_count(file), "")
            yield Row(f"{name}: nodes that ONNX Runtime runs", node_count(optimised), "")
            if reference is not None:
                yield Row(
                    f"{name}: difference, of the tolerated 1e-4", largest_difference(run(), reference), "", "<= 1"
                )
            works[name] = run
            works[f"{name}, int8"] = partial(open_session(int8(file)).run, None, {"image": image.numpy()})
        yield from rows_of_times(cpu_seconds(works), GOALS)
