"""The take's own empty: where in the scene the whole take stands, and how it leans."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import bpy
import numpy as np
from mathutils import Vector

from .. import axes, bridge
from ..axes import Float
from .steps import Steps

if TYPE_CHECKING:
    from ..bridge import Motion

EXTENT_SHARE = 0.1
"""Of the time of building: a look at all vertices."""
LOWEST_FEET_PERCENTILE = 5.0  # of the lowest vertex over all frames: a single bad frame doesn't lift the take


@dataclass(frozen=True, slots=True)
class Extent:
    """Lowest vertex of each person on each frame, world z in metres, all in a row; depth of the nearest vertex."""

    lowest: Float
    nearest_m: float


def extent_steps(motion: Motion, world: Motion) -> Steps[Extent]:
    """One look at all vertices, of the motion before the camera and in the world."""
    lowest, nearest, done = [], math.inf, 0
    total = sum(len(person.time_s) for person in motion.persons)
    for person, walker in zip(motion.persons, world.persons, strict=True):
        first = 0
        for window in bridge.windows(person.vertices):
            rows = slice(first, first + len(window))
            nearest = min(nearest, float((window[..., 2].min(axis=1) + person.transl[rows, 2]).min()))
            turned = window if walker is person else walker.vertices[rows]
            lowest.append(axes.height(turned).min(axis=1) + axes.height(walker.transl[rows]))
            first += len(window)
            yield EXTENT_SHARE * (done + first) / total
        done += first
    return Extent(np.concatenate(lowest), nearest)


def make_stage(world: Motion, extent: Extent, name: str, is_grounded: bool) -> bpy.types.Object:
    """The empty that carries a take.

    A floor that everybody was solved onto lies on the grid. Else the lowest foot stands there, and nothing leans.

    Args:
        world: the motion, in the world.
        extent: of it.
        name: of the object.
        is_grounded: otherwise the take stays where the camera saw it, the camera in the scene's origin.
    """
    stage = bpy.data.objects.new(name, None)
    stage.empty_display_type = "PLAIN_AXES"
    if world.floor is not None:
        down = Vector(axes.camera_to_world(world.floor.down).tolist())
        stage.rotation_euler = down.rotation_difference(Vector((0.0, 0.0, -1.0))).to_euler()
        stage.location.z = world.floor.depth_m
    elif is_grounded:
        stage.location.z = -float(np.percentile(extent.lowest, LOWEST_FEET_PERCENTILE))
    return stage
