"""How large a .blend gets by a take, and how long Blender waits for its shape keys, told before it is built."""

from __future__ import annotations

from typing import Any

from ..choices.properties import film_of, frame_range, settings_of, shown_clip
from ..operators.takes import active_record
from ..scene.mesh_cache import bytes_of

VERTEX_COUNT = 6890
MEGABYTE = 1e6
_KEY_BYTES = VERTEX_COUNT * 12 + 500
"""A shape key: its points, and what Blender keeps of every datablock."""
_CURVE_KEY_BYTES = 71
"""A key of an F-curve as it lies in a .blend."""
_ROOT_CURVES, _MOTION_CURVES, _SKELETON_CURVES = 3, 1, 24 * 4 + 3
_BODY_BYTES, _SKELETON_BYTES = 0.79e6, 1.3e6
"""Measured in bpy 4.2 and 5.0: a mesh without its motion; bones, and the mesh skinned to them."""
_WAIT_S_A_BYTE = 0.77e-9
"""Blender copies the keys when they are first shown, and again into the undo step: 0.57 s each for 3,000 frames of
three people (`tests.bench ui`)."""
_LONG_WAIT_S = 0.1


def blend_bytes(frame_counts: list[int], outputs: tuple[str, ...] | set[str], is_cached: bool) -> float:
    """By how much a take makes a .blend larger that is not compressed.

    Args:
        frame_counts: of each person.
        outputs: mesh, armature or both.
        is_cached: whether the mesh's motion is in a cache.
    """
    has_mesh, has_skeleton = "mesh" in outputs, "armature" in outputs
    curves = _ROOT_CURVES + has_mesh * _MOTION_CURVES + has_skeleton * _SKELETON_CURVES
    a_frame = curves * _CURVE_KEY_BYTES + (_KEY_BYTES if has_mesh and not is_cached else 0)
    a_person = has_mesh * _BODY_BYTES + has_skeleton * _SKELETON_BYTES
    return sum(a_person + frames * a_frame for frames in frame_counts)


def size_text(context: Any) -> str:
    """Both ways to keep the mesh's motion, each with its size; nothing where no mesh is made or no length is known."""
    settings = settings_of(context.scene)
    counts, whose = _frame_counts(context)
    if "mesh" not in settings.outputs or not counts:
        return ""
    keys, cached = (blend_bytes(counts, settings.outputs, is_cached) / MEGABYTE for is_cached in (False, True))
    beside = sum(bytes_of(VERTEX_COUNT, count) for count in counts) / MEGABYTE
    return (
        f"{whose}: {keys:.0f} MB in the .blend with shape keys; "
        f"{cached:.0f} MB with a mesh cache, and {beside:.0f} MB beside the take"
    )


def wait_text(context: Any) -> str:
    """What shape keys of this length cost the person who clicks; nothing where Blender hardly waits."""
    settings = settings_of(context.scene)
    counts, _ = _frame_counts(context)
    key_bytes = sum(counts) * _KEY_BYTES
    wait_s = key_bytes * _WAIT_S_A_BYTE
    if "mesh" not in settings.outputs or settings.storage == "CACHE" or wait_s <= _LONG_WAIT_S:
        return ""
    return (
        f"{key_bytes / MEGABYTE:.0f} MB of shape keys: Blender stands still for about {wait_s:.1f} s when they are "
        "first shown, and again for the undo step. A mesh cache avoids both"
    )


def _frame_counts(context: Any) -> tuple[list[int], str]:
    """Frames of each person of the chosen take; else those of the footage, for one person."""
    record = active_record(context)
    if record is not None:
        counts = [round(person.last_frame - person.first_frame) + 1 for person in record.built.people]
        return counts, record.built.collection
    settings = settings_of(context.scene)
    clip = shown_clip(settings)
    first, last = frame_range(settings, context.scene)
    if last is None:
        last = (film_of(settings).length or clip.frame_duration) - 1 if clip else None
    return ([max(1, last - (first or 0) + 1)], "A person") if last is not None else ([], "")
