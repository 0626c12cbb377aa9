"""The same yardstick against our networks in ONNX Runtime, float32 and 8 bits: one core, one person.

The float32 answers are compared with the yardstick's. "int8" has its convolutions and matrix products in 8 bits, as
`training.export.quantise --convolutions` makes it; random weights say nothing of what that costs in accuracy.
"shared" reads
its pose tokens from the image's backbone. The exports take five minutes of CPU and some gigabytes of memory.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from functools import partial

import torch

from core.nets import fold, preset
from tests.fixtures.small_networks import build

from . import Row
from .bench_yardstick import GOALS, Works, rows_of_times
from .graphs import export_whole, graphs_folder, int8, largest_difference, open_session, random_image
from .timing import cpu_seconds, one_thread
from .yardstick import Yardstick


@torch.no_grad()
def measure() -> Iterable[Row]:
    """Rows of the table."""
    one_thread()
    image, works = random_image(1, 256), Works()
    feed = {"image": image.numpy()}
    with graphs_folder() as folder:
        for name in GOALS:
            changes = {"pose_backbone": "shared"} if name == "shared" else {}
            network = build(replace(preset("resnet50"), **changes))  # type: ignore[arg-type]
            reference = None
            if name == "resnet50":
                yardstick = Yardstick(network).eval()
                works["yardstick"], reference = partial(yardstick, image), yardstick(image)
                network = build(network.config)  # the same seed: the same weights, without the yardstick's hold on them
            file = export_whole(fold(network), folder)
            works[name] = partial(open_session(file).run, None, feed)
            if reference is not None:
                share = largest_difference(works[name](), reference)  # type: ignore[arg-type]
                yield Row(f"{name}: difference, of the tolerated 1e-4", share, "", "<= 1")
            works[f"{name}, int8"] = partial(open_session(int8(file, 256)).run, None, feed)
        goals = GOALS | {f"{name}, int8": goal for name, goal in GOALS.items()}
        yield from rows_of_times(cpu_seconds(works), goals)
