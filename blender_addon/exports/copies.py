"""Temporary copies of a take's objects, as other programs want them; the animator's own are never changed.

Absolute shape keys come out of the glTF and FBX exporters wrong without an error: bodies are copied with relative
keys, one a frame or a few morphs. Skeletons are copied to stand by themselves under other programs' names.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import bpy
import numpy as np

from ..axes import Bool, Float
from ..scene.curves import SLOTTED_SINCE, curves_of, existing_curves, forget_animation, keys_of, write_curve
from ..scene.mesh_cache import cache_of, curve_of, read_cache
from .morphs import Morphs, few_morphs

WINDOW = 64
"""Samples of a cache that are read at once."""


def relative_copy(body: bpy.types.Object) -> bpy.types.Object:
    """A copy of a body whose shape keys are relative, each 1 on its own frame and 0 on its neighbours.

    Its curves go by index, quicker than by name, which nobody edits in a temporary object.

    Raises:
        MocapError: the body's mesh cache is missing.
    """
    frames, holds = _motion_keys(body)
    first = read_cache(body, 0, 1) if cache_of(body) else None  # asked before anything is made
    copied = _plain_copy(body)
    if first is not None:
        _add_cached_keys(copied, body, len(frames))
    keys: Any = copied.data.shape_keys  # type: ignore[union-attr]
    keys.animation_data_clear()  # the copy shares the original's action: leave that alone
    keys.use_relative = True
    curves = curves_of(keys, f"{body.name} export")
    # The first key is the basis: relative keys say how far the others are from it.
    for index in range(1, len(frames)):
        keys.key_blocks[index].value = 0.0
        rows = slice(max(0, index - 1), index + 2)
        values = (frames[rows] == frames[index]).astype(float)
        write_curve(curves, f"key_blocks[{index}].value", frames[rows], values, holds=holds[rows])
    return copied


def morph_copy(body: bpy.types.Object, count: int) -> tuple[bpy.types.Object, Morphs]:
    """A copy of a body with a few relative shape keys in place of one a frame, and how near they come.

    Raises:
        MocapError: the body's mesh cache is missing.
    """
    mesh: Any = body.data
    frames, holds = _motion_keys(body)
    vertices = read_cache(body, 0, len(frames)) if cache_of(body) else _key_vertices(mesh.shape_keys)
    morphs = few_morphs(vertices, count)
    copied: Any = _plain_copy(body)
    old_keys = copied.data.shape_keys
    if old_keys is not None:
        copied.shape_key_clear()
        bpy.data.batch_remove([old_keys])  # otherwise they stay in the file without a user
    else:
        copied.modifiers.remove(cache_of(copied))
    copied.data.vertices.foreach_set("co", morphs.basis.astype(np.float32).ravel())
    copied.shape_key_add(name="Basis", from_mix=False)
    for number, offset in enumerate(morphs.offsets, 1):
        key = copied.shape_key_add(name=f"morph {number}", from_mix=False)
        key.points.foreach_set("co", (morphs.basis + offset).astype(np.float32).ravel())
        key.value = 0.0
    keys = copied.data.shape_keys
    curves = curves_of(keys, f"{body.name} export")
    for number, weights in enumerate(morphs.weights.T, 1):
        write_curve(curves, f"key_blocks[{number}].value", frames, weights, holds=holds)
    copied.data.update()
    return copied, morphs


def skeleton_copy(
    armature: bpy.types.Object, skinned: bpy.types.Object, names: dict[str, str]
) -> list[bpy.types.Object]:
    """Copies of a skeleton and of the body skinned to it that hang from nothing, with bones by other names.

    Args:
        armature: of a take.
        skinned: its body.
        names: a bone's name in SMPL -> its new name; the others keep theirs.
    """
    copied: Any = _plain_copy(armature)
    body: Any = _plain_copy(skinned)
    copied.parent = None
    copied.matrix_world = armature.matrix_world.copy()
    _own_action(copied, armature)
    body.parent = copied
    for modifier in body.modifiers:
        if modifier.type == "ARMATURE":
            modifier.object = copied
    for old, new in names.items():
        copied.data.bones[old].name = new  # takes vertex groups and curves with it
    return [copied, body]


@contextmanager
def removed_afterwards() -> Iterator[list[bpy.types.Object]]:
    """A list of temporary objects; they, their data and their actions go when the block ends."""
    copies: list[bpy.types.Object] = []
    try:
        yield copies
    finally:
        for copied in copies:
            _remove_copy(copied)


@contextmanager
def lent_names(pairs: list[tuple[bpy.types.Object, bpy.types.Object]]) -> Iterator[None]:
    """Copies bear the names of their originals meanwhile: (original, copy)."""
    names = [(original, original.name, original.data.name) for original, _ in pairs]  # type: ignore[union-attr]
    try:
        for original, copied in pairs:
            for old, new in ((original, copied), (original.data, copied.data)):
                name = old.name  # type: ignore[union-attr]
                old.name = f"{name} original"  # type: ignore[union-attr]
                new.name = name  # type: ignore[union-attr]
        yield
    finally:
        for (original, name, data_name), (_, copied) in zip(names, pairs, strict=True):
            copied.name = copied.data.name = "copy"  # type: ignore[union-attr]
            original.name, original.data.name = name, data_name  # type: ignore[union-attr]


def _plain_copy(item: bpy.types.Object) -> bpy.types.Object:
    """A copy with data of its own, shown, without an action, in the same collections."""
    copied: Any = item.copy()
    data: Any = item.data
    copied.data = data.copy()
    copied.animation_data_clear()
    copied.hide_viewport = copied.hide_render = False
    for collection in item.users_collection:
        collection.objects.link(copied)
    made: bpy.types.Object = copied
    return made


def _own_action(copied: Any, original: bpy.types.Object) -> None:
    """A copy of the original's action: renaming bones renames the paths in it."""
    held: Any = original.animation_data
    if held is None or held.action is None:
        return
    animation = copied.animation_data_create()
    animation.action = held.action.copy()
    if bpy.app.version >= SLOTTED_SINCE and held.action_slot is not None:
        animation.action_slot = next(
            slot for slot in animation.action.slots if slot.identifier == held.action_slot.identifier
        )


def _motion_keys(body: Any) -> tuple[Float, Bool]:
    """(T,) scene frames of a body's shape keys, or of its cache's samples; (T,) whether each stands until the next."""
    return keys_of(curve_of(body) if cache_of(body) else _eval_time_curve(body.data.shape_keys))


def _add_cached_keys(copied: Any, body: Any, frame_count: int) -> None:
    """A shape key for each sample of a body's cache, in place of the cache."""
    copied.modifiers.remove(cache_of(copied))
    for first in range(0, frame_count, WINDOW):
        for vertices in read_cache(body, first, min(first + WINDOW, frame_count)):
            key = copied.shape_key_add(name="frame", from_mix=False)
            key.points.foreach_set("co", vertices.ravel())


def _eval_time_curve(keys: Any) -> Any:
    """The curve that says which of the absolute keys is shown."""
    return next(curve for curve in existing_curves(keys) if curve.data_path == "eval_time")


def _key_vertices(keys: Any) -> Float:
    """(T, V, 3) of the absolute keys."""
    found = []
    for block in keys.key_blocks:
        flat = np.empty(3 * len(block.points), np.float32)
        block.points.foreach_get("co", flat)
        found.append(flat.reshape(-1, 3))
    return np.stack(found)


def _remove_copy(copied: bpy.types.Object) -> None:
    data: Any = copied.data
    keys = getattr(data, "shape_keys", None)
    if keys is not None:
        forget_animation(keys)
    forget_animation(copied)
    bpy.data.objects.remove(copied)
    holder: Any = bpy.data.armatures if isinstance(data, bpy.types.Armature) else bpy.data.meshes
    holder.remove(data)
