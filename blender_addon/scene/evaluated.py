"""What armatures look like over the frames, after all constraints and drivers, at no cost to the scene.

A scene of their own holds nothing but them (and what they depend on), so that neither the frame that the animator
sees moves nor anything else is evaluated.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import bpy

from ..axes import Float


def evaluated_frames(items: list[bpy.types.Object], frames: Float) -> Iterator[list[Any]]:
    """The evaluated objects on each of the frames (T,); valid until the next frame is asked for."""
    with _own_scene(items) as scene:
        for frame in frames:
            scene.frame_set(math.floor(frame), subframe=float(frame) - math.floor(frame))
            depsgraph: Any = scene.view_layers[0].depsgraph
            yield [item.evaluated_get(depsgraph) for item in items]


@contextmanager
def _own_scene(items: list[bpy.types.Object]) -> Iterator[bpy.types.Scene]:
    """A temporary scene with these objects; what is hidden would not be evaluated, so nothing is meanwhile."""
    scene = bpy.data.scenes.new("Footage Mocap evaluation")
    hidden = [item for item in items if item.hide_viewport]
    try:
        for item in hidden:
            item.hide_viewport = False
        for item in items:
            scene.collection.objects.link(item)
        yield scene
    finally:
        bpy.data.scenes.remove(scene)
        for item in hidden:
            item.hide_viewport = True
