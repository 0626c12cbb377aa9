"""F-curves of a datablock, the same call from Blender 4.2 to 5.x.

Up to 4.3 an action holds its curves. From 4.4 on it has slots, layers and strips, and the curves of one slot
in one strip are in a channelbag; `action.fcurves` is gone in 5.0.
"""

from __future__ import annotations

from typing import Any

import bpy
import numpy as np

from ..axes import Bool, Float

SLOTTED_SINCE = (4, 4, 0)


def curves_of(datablock: Any, name: str) -> Any:
    """The empty F-curve collection of a new action on an object, or on a mesh's shape keys."""
    action: Any = bpy.data.actions.new(name)
    animation = datablock.animation_data_create()
    animation.action = action
    if bpy.app.version < SLOTTED_SINCE:
        return action.fcurves
    animation.action_slot = slot = action.slots.new(id_type=datablock.id_type, name=name)
    strip = action.layers.new("Layer").strips.new(type="KEYFRAME")
    return strip.channelbag(slot, ensure=True).fcurves


def own_curves(datablock: Any, name: str) -> Any:
    """The F-curve collection that animates a datablock now; that of a new action where nothing does."""
    animation = datablock.animation_data
    if animation is None or animation.action is None:
        return curves_of(datablock, name)
    if bpy.app.version < SLOTTED_SINCE:
        return animation.action.fcurves
    (strip,) = animation.action.layers[0].strips
    return strip.channelbag(animation.action_slot, ensure=True).fcurves


def existing_curves(datablock: Any) -> list[Any]:
    """The F-curves that animate a datablock now; empty where nothing does."""
    animation = datablock.animation_data
    if animation is None or animation.action is None:
        return []
    if bpy.app.version < SLOTTED_SINCE:
        return list(animation.action.fcurves)
    bags = (
        strip.channelbag(animation.action_slot)
        for layer in animation.action.layers
        for strip in layer.strips
        if animation.action_slot is not None
    )
    return [curve for bag in bags if bag is not None for curve in bag.fcurves]


def write_curve(
    curves: Any,
    path: str,
    frames: Float,
    values: Float,
    *,
    index: int = 0,
    interpolation: str = "LINEAR",
    holds: Bool | None = None,
) -> Any:
    """A new F-curve through (frames, values), both (T,).

    Args:
        curves: what `curves_of` returned.
        path: RNA path from the datablock.
        frames: scene frames, ascending.
        values: in Blender's units.
        index: component of a vector property.
        interpolation: name of a keyframe interpolation, LINEAR or CONSTANT.
        holds: (T,) keys whose value stands until the next one, whatever the others do; None for none.
    """
    if len(frames) != len(values):
        raise ValueError(f"expected as many values as frames, got {len(values)} for {len(frames)}")
    curve = curves.new(path, index=index)
    points = curve.keyframe_points
    points.add(len(frames))
    points.foreach_set("co", np.stack([frames, values], axis=1).astype(np.float32).ravel())
    kinds = np.full(len(frames), _kind(interpolation), np.int32)
    if holds is not None:
        kinds[holds] = _kind("CONSTANT")
    points.foreach_set("interpolation", kinds)
    curve.update()
    return curve


def write_vector_curves(curves: Any, path: str, frames: Float, values: Float, holds: Bool | None = None) -> None:
    """One F-curve for each of the columns of values (T, C)."""
    for index in range(values.shape[1]):
        write_curve(curves, path, frames, values[:, index], index=index, holds=holds)


def keys_of(curve: Any) -> tuple[Float, Bool]:
    """(T,) frames of a curve's keys, and (T,) whether each stands until the next one."""
    points, count = curve.keyframe_points, len(curve.keyframe_points)
    places, kinds = np.empty(2 * count, np.float32), np.empty(count, np.int32)
    points.foreach_get("co", places)
    points.foreach_get("interpolation", kinds)
    return places.reshape(-1, 2)[:, 0], kinds == _kind("CONSTANT")


def _kind(interpolation: str) -> int:
    kinds: Any = bpy.types.Keyframe.bl_rna.properties["interpolation"]
    return int(kinds.enum_items[interpolation].value)


def forget_animation(datablock: Any) -> None:
    """Take a datablock's action off and delete it if nothing else uses it."""
    animation = datablock.animation_data
    if animation is None:
        return
    action = animation.action
    datablock.animation_data_clear()
    if action is not None and action.users == 0:
        bpy.data.actions.remove(action)
