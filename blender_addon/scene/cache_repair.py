"""Mesh caches that are not where the .blend says: found again beside it, or written again from the motion."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import bpy

from .. import axes, bridge
from .mesh_cache import CacheFile, cache_of, cache_path, file_of, frames_of, is_whole, stored_path
from .steps import Steps, found

if TYPE_CHECKING:
    from .build import BuiltTake


def cached_bodies(built: BuiltTake) -> list[tuple[str, Any]]:
    """Person and body of everybody in a take whose motion is in a mesh cache."""
    bodies = [(person.person_id, bpy.data.objects.get(person.body or "")) for person in built.people]
    return [(person_id, body) for person_id, body in bodies if body is not None and cache_of(body) is not None]


def missing_caches(built: BuiltTake) -> list[Path]:
    """Caches of a take that are not there, or not whole; asks for their sizes and reads nothing."""
    return [file_of(body) for _, body in cached_bodies(built) if not _is_there(body, file_of(body))]


def relink(built: BuiltTake, motion: Path) -> list[str]:
    """Look for missing caches beside the .blend and beside the motion.

    Returns:
        The people whose cache is in neither place.
    """
    folders = [Path(bpy.data.filepath).parent] if bpy.data.filepath else []
    lost = []
    for person_id, body in cached_bodies(built):
        path = file_of(body)
        places = [path, *(folder / path.name for folder in (*folders, motion.parent))]
        there = next((place for place in places if _is_there(body, place)), None)
        if there is None:
            lost.append(person_id)
        elif there != path:
            cache_of(body).filepath = stored_path(there)
    return lost


def rebuild_steps(built: BuiltTake, people: list[str], motion_file: Path) -> Steps[BuiltTake]:
    """Write the caches of some people of a take again, beside their motion.

    Raises:
        MocapError: the motion is gone, or holds others by now; or the place can't be written to.
    """
    motion = bridge.in_world(bridge.open_motion(motion_file))
    bodies = {person_id: body.name for person_id, body in cached_bodies(built)}
    for number, person_id in enumerate(people):
        index = motion.names.index(person_id) if person_id in motion.names else -1
        if index < 0 or len(motion.persons[index].time_s) != len(frames_of(found(bpy.data.objects, bodies[person_id]))):
            raise bridge.MocapError(f"{motion_file}: holds other frames by now; apply the clean-up to the take again")
        vertices = motion.persons[index].vertices
        cache, done = CacheFile(cache_path(motion_file, index), *vertices.shape[:2]), 0
        try:
            for window in bridge.windows(vertices):
                cache.write(axes.camera_to_world(window))
                done += len(window)
                yield (number + done / len(vertices)) / len(people)
            body = found(bpy.data.objects, bodies[person_id])
            cache.keep()
            cache_of(body).filepath = stored_path(cache.path)
        finally:
            cache.discard()
    return built


def _is_there(body: Any, path: Path) -> bool:
    return is_whole(path, len(body.data.vertices), len(frames_of(body)))
