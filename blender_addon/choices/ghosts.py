"""Ghosts: the other readings of one frame as see-through bodies in place of the solved one, in that frame alone.

A ghost knows whose reading it is and which, so that selecting it is a choice. It hangs on the person's root, is never
rendered, and goes when another frame's ghosts come, a choice is made or the take is replaced.
"""

from __future__ import annotations

import colorsys
from typing import Any

import bpy
import numpy as np

from .. import axes, bridge
from ..axes import Float
from ..scene.camera import scene_fps
from ..scene.curves import curves_of, write_curve
from ..scene.delete import delete
from ..scene.person import make_material, make_mesh
from ..scene.take_records import PART, PERSON, TakeRecord
from .alternatives import found_readings, scene_frames

GHOST, ROW, PLACE, CHANCE = "ghost", "mocap_reading_row", "mocap_reading", "mocap_chance"
HUES = (0.55, 0.78, 0.33)
"""Likeliest first: blue, violet, green; people begin at orange."""
ALPHA = 0.35
HIPS = [2, 3]
"""Of LSP's joints: their middle is the person's root."""


def ghosts_of(record: TakeRecord) -> list[Any]:
    """The ghosts of a take that are in the scene, likeliest first."""
    collection: Any = bpy.data.collections[record.built.collection]
    found = [item for item in collection.all_objects if item.get(PART) == GHOST]
    return sorted(found, key=lambda ghost: (ghost[PERSON], ghost[PLACE]))


def remove_ghosts(record: TakeRecord) -> None:
    """Delete them."""
    for ghost in ghosts_of(record):
        delete(ghost)


def show_ghosts(scene: bpy.types.Scene, record: TakeRecord, frame: int) -> list[Any]:
    """The other readings of everybody in a scene frame, as ghosts, in place of all earlier ones.

    Raises:
        MocapError: the motion or the readings can't be read, or the motion is not of the open body.
    """
    wanted = [(person, row) for at, person, row in scene_frames(record) if at == frame]
    motion = bridge.open_motion(record.motion)
    body = bridge.load_body()
    if not np.array_equal(body.faces, motion.faces):
        raise bridge.MocapError(f"{record.motion}: is not of the open body, the only one that has ghosts")
    remove_ghosts(record)
    world = bridge.in_world(motion)
    walkers = {person.person_id: person for person in world.persons}
    made = []
    for person, row in wanted:
        readings = found_readings(record.take)[person]  # type: ignore[arg-type]
        for place in np.flatnonzero(readings.probability[row] > 0):
            walker, at_s, rotations = walkers[person], float(readings.time_s[row]), readings.rotations[row, place]
            ghost = _ghost(record, person, ghost_vertices(body, walker, at_s, rotations), motion.faces, int(place))
            ghost[ROW], ghost[CHANCE] = row, float(readings.probability[row, place])
            _show_only(ghost, frame, scene_fps(scene))
            made.append(ghost)
    return made


def ghost_vertices(body: bridge.Body, person: bridge.PersonMotion, time_s: float, rotations: Float) -> Float:
    """(6890, 3) metres, the camera's axes, relative to the person's root: another pose, the pelvis turned as it was.

    Args:
        body: the open body.
        person: solved, in the world.
        time_s: of the frame.
        rotations: (21, 4) wxyz of SMPL's joints 1 to 21.
    """
    row = int(np.abs(np.asarray(person.time_s) - time_s).argmin())
    pose = np.array(person.bone_rotations[row], np.float64)
    pose[bridge.BODY_JOINTS] = rotations
    matrices = bridge.matrices_of(pose)
    vertices = body.pose(matrices[None], np.asarray(person.betas)[None]).vertices[0]
    return np.asarray(vertices - (body.lsp_regressor[HIPS] @ vertices).mean(0))


def reading_of(ghost: Any, record: TakeRecord) -> tuple[str, int, Float]:
    """Person, frame of the footage from 0, and rotations (21, 4) that a ghost stands for.

    Raises:
        MocapError: the readings are gone, or others by now.
    """
    assert record.take is not None
    person, row, place = ghost[PERSON], ghost[ROW], ghost[PLACE]
    readings = found_readings(record.take).get(person)
    if readings is None or row >= len(readings.frame_index):
        raise bridge.MocapError(f"{record.take.stem}: its other readings have changed; look for them again")
    return person, int(readings.frame_index[row]), readings.rotations[row, place]


def selected_ghost(context: Any, record: TakeRecord) -> Any:
    """The active object, where it is a ghost of this take; None otherwise."""
    active = getattr(context, "object", None)
    return active if active is not None and active in ghosts_of(record) else None


def _ghost(record: TakeRecord, person: str, vertices: Float, faces: Any, place: int) -> Any:
    name = f"{record.built.collection}.{person} reading {place + 1}"
    ghost: Any = bpy.data.objects.new(name, make_mesh(axes.camera_to_world(vertices), faces, name))
    material: Any = make_material(place, name)
    material.diffuse_color = (*colorsys.hsv_to_rgb(HUES[place % len(HUES)], 0.8, 0.95), ALPHA)
    ghost.data.materials.append(material)
    ghost.show_transparent, ghost.show_in_front, ghost.hide_render = True, True, True
    ghost[PART], ghost[PERSON], ghost[PLACE] = GHOST, person, place
    bpy.data.collections[record.built.collection].objects.link(ghost)
    root = next(each.root for each in record.built.people if each.person_id == person)
    ghost.parent = bpy.data.objects[root]
    return ghost


def _show_only(ghost: Any, frame: int, fps: float) -> None:
    """Hide a ghost outside of its frame."""
    keys, hidden = np.array([frame - fps, frame, frame + 1.0]), np.array([1.0, 0.0, 1.0])
    write_curve(curves_of(ghost, ghost.name), "hide_viewport", keys, hidden, interpolation="CONSTANT")
