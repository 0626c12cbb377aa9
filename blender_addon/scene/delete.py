"""Deleting objects with all that is theirs alone."""

from __future__ import annotations

from typing import Any

import bpy

from .curves import forget_animation


def delete(item: Any) -> None:
    """Delete an object with its animation, and its data and materials where nothing else uses them."""
    held: Any = item.data
    materials = list(getattr(held, "materials", []))
    for animated in (item, getattr(held, "shape_keys", None)):
        if animated is not None:
            forget_animation(animated)
    bpy.data.objects.remove(item)
    for blocks in ([held], set(materials)):  # a mesh is a user of its materials as long as it is there
        bpy.data.batch_remove([block for block in blocks if block is not None and block.users == 0])
