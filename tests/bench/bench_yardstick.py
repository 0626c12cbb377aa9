"""The released PostoMETRO network, ported literally, against ours in torch: one core, one person, equal answers.

Weights are random: times do not hang on them. The shared variant reads its pose tokens from the image's backbone, which
is another network: its answers are compared with nothing. "the yardstick's sums alone" is the least time in which
this core could do what the yardstick computes, 70.33 GFLOP, as one big matrix product of float32.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from copy import deepcopy
from dataclasses import replace
from functools import partial

import torch

from core.nets import fold, preset
from tests.fixtures.small_networks import build

from . import Row
from .graphs import WholeMesh, largest_difference, random_image
from .timing import cpu_seconds, gflops_per_second, one_thread
from .yardstick import Yardstick

GFLOPS = 70.33
"""Of the yardstick for one person, two a multiply-add; 25.89 without PCT's backbone."""
GOALS = {"resnet50": 2.5, "shared": 4.0}
Works = dict[str, Callable[[], object]]


@torch.no_grad()
def measure() -> Iterable[Row]:
    """Rows of the table."""
    one_thread()
    network, image = build(preset("resnet50")), random_image(1, 256)
    yardstick = Yardstick(network).eval()
    ours = WholeMesh(fold(deepcopy(network))).eval()  # the yardstick keeps the network as it is
    share = largest_difference([part.numpy() for part in ours(image)], yardstick(image))
    yield Row("resnet50: difference, of the tolerated 1e-4", share, "", "<= 1")
    shared = WholeMesh(fold(build(replace(preset("resnet50"), pose_backbone="shared")))).eval()
    works: Works = {"yardstick": partial(yardstick, image), "resnet50, not folded": partial(WholeMesh(network), image)}
    works |= {"resnet50": partial(ours, image), "shared": partial(shared, image)}
    yield from rows_of_times(cpu_seconds(works), GOALS)


def rows_of_times(times: dict[str, float], goals: dict[str, float]) -> Iterable[Row]:
    """What each takes, and how much less than the yardstick that is."""
    speed = gflops_per_second()
    yield Row("matrix product of float32, one core", speed, "GFLOP/s")
    yield Row("the yardstick's sums alone at that speed", 1000 * GFLOPS / speed, "ms")
    for name, seconds in times.items():
        yield Row(f"{name}: one person", 1000 * seconds, "ms of CPU")
    for name in [name for name in times if name != "yardstick"]:
        goal = f">= {goals[name]}" if name in goals else ""
        yield Row(f"{name} against the yardstick", times["yardstick"] / times[name], "x", goal)
