"""Motion in, Blender objects out: the story of `build_take`.

collection NAME
`- NAME              an empty: the whole take, so that it can be moved, turned and scaled as one;
|                 raised so that the lowest foot stands on the grid
|- NAME camera    lens, sensor and background of the footage; keyed where the shot moves
|- NAME.ID root   an empty on the person's mid-hip, keyed
|  `- NAME.ID body      absolute shape keys, one a frame
`- NAME.ID skeleton    24 keyed bones
`- NAME.ID skinned  the body at rest, skinned to them
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import bpy
import numpy as np

from . import axes, bridge
from .armature import make_armature, make_skinned_body
from .axes import Float
from .camera import key_camera, make_camera, match_scene, scene_fps, show_footage
from .person import key_presence, make_body, make_material, make_root

if TYPE_CHECKING:
    from .bridge import Motion, PersonMotion

Output = Literal["mesh", "armature"]
OUTPUTS: tuple[Output, ...] = ("mesh", "armature")
LOWEST_FEET_PERCENTILE = 5.0  # of the lowest vertex over all frames: a single bad frame doesn't lift the take


@dataclass(frozen=True, slots=True)
class BuildSettings:
    """What to build of a motion.

    Attributes:
        name: of the collection, and the beginning of all names in it.
        outputs: mesh, armature or both.
        matches_scene: give the scene the footage's size, frame rate, range and camera.
    """

    name: str
    outputs: tuple[Output, ...] = ("mesh",)
    matches_scene: bool = True


@dataclass(frozen=True, slots=True)
class BuiltPerson:
    """Names of one person's objects; None where that output was not asked for."""

    person_id: str
    root: str
    body: str | None
    armature: str | None
    skinned: str | None
    first_frame: float
    last_frame: float


@dataclass(frozen=True, slots=True)
class BuiltTake:
    """Names of what was built, to be looked up when needed: the person may delete or undo any of it."""

    collection: str
    stage: str
    camera: str
    people: tuple[BuiltPerson, ...]
    frame_start: int
    frame_end: int
    has_footage: bool
    is_moving: bool = False


def build_take(scene: bpy.types.Scene, motion: Motion, settings: BuildSettings) -> BuiltTake:
    """Build a motion's objects in a collection of their own.

    Raises:
        MocapError: the motion holds nobody, or no bone rotations where an armature was asked for.
    """
    if not motion.persons:
        raise bridge.MocapError(f"{motion.footage}: the motion holds nobody; reconstruct the footage first")
    if "armature" in settings.outputs:
        _check_bones(motion)
    _leave_edit_mode()
    collection = bpy.data.collections.new(settings.name)
    scene.collection.children.link(collection)
    camera = make_camera(motion, f"{settings.name} camera")
    if settings.matches_scene:
        match_scene(scene, motion, camera)
    if motion.camera is not None:
        key_camera(camera, motion, scene_fps(scene))
    motion = bridge.core_module("moving").in_world(motion)
    clip = show_footage(camera, motion.footage)
    frames = [axes.time_to_scene_frame(person.time_s, scene_fps(scene)) for person in motion.persons]
    scene_range = _take_range(frames, clip, motion.fps, scene_fps(scene))
    stage = _make_stage(motion, settings.name)
    _adopt(collection, stage, None)
    _adopt(collection, camera, stage)
    people = tuple(
        _build_person(_Place(collection, stage, scene_range), motion, index, frames[index], settings)
        for index in range(len(motion.persons))
    )
    if settings.matches_scene:
        scene.frame_start, scene.frame_end = scene_range
        scene.frame_set(math.floor(min(float(person_frames[0]) for person_frames in frames)))
    is_moving = motion.camera is not None
    return BuiltTake(collection.name, stage.name, camera.name, people, *scene_range, clip is not None, is_moving)


def counted_people(count: int) -> str:
    """The number of people in words."""
    return f"{count} {'person' if count == 1 else 'people'}"


@dataclass(frozen=True, slots=True)
class _Place:
    """Where a person's objects go."""

    collection: bpy.types.Collection
    stage: bpy.types.Object
    scene_range: tuple[int, int]


def _build_person(place: _Place, motion: Motion, index: int, frames: Float, settings: BuildSettings) -> BuiltPerson:
    person = motion.persons[index]
    label = f"{settings.name}.{person.person_id}"
    material = make_material(index, label)
    root = make_root(person, frames, f"{label} root")
    _adopt(place.collection, root, place.stage)
    body = armature = skinned = None
    if "armature" in settings.outputs:  # first: its edit mode evaluates the scene, which would copy all shape keys
        armature, skinned = _build_skeleton(place, person, frames, label)
    if "mesh" in settings.outputs:
        body = make_body(person, motion.faces, frames, f"{label} body")
        _adopt(place.collection, body, root)
    for mesh in (body, skinned):
        if mesh is not None:
            data: Any = mesh.data
            data.materials.append(material)
            key_presence(mesh, frames, place.scene_range)
    if body and skinned:  # two bodies in one place: the one with shape keys is shown
        skinned.animation_data_clear()
        skinned.hide_viewport = skinned.hide_render = True
    return BuiltPerson(
        person_id=person.person_id,
        root=root.name,
        body=body.name if body else None,
        armature=armature.name if armature else None,
        skinned=skinned.name if skinned else None,
        first_frame=float(frames[0]),
        last_frame=float(frames[-1]),
    )


def _check_bones(motion: Motion) -> None:
    """Raises MocapError where no armature can be made: asked first, so that nothing is left half built."""
    has_bones = all(person.bone_rotations is not None for person in motion.persons)
    if not has_bones or not np.array_equal(bridge.core_module("body").load_body().faces, motion.faces):
        raise bridge.MocapError(
            f"{motion.footage}: the motion has no bone rotations for the open body; ask for the mesh alone"
        )


def _build_skeleton(
    place: _Place, person: PersonMotion, frames: Float, label: str
) -> tuple[bpy.types.Object, bpy.types.Object]:
    body = bridge.core_module("body").load_body()
    armature = make_armature(body, person, frames, f"{label} skeleton")
    for users in armature.users_collection:
        users.objects.unlink(armature)
    _adopt(place.collection, armature, place.stage)
    skinned = make_skinned_body(body, person.betas, armature, f"{label} skinned")
    _adopt(place.collection, skinned, armature)
    return armature, skinned


def _leave_edit_mode() -> None:
    if bpy.context.mode != "OBJECT" and bpy.context.view_layer.objects.active is not None:  # type: ignore[union-attr]
        bpy.ops.object.mode_set(mode="OBJECT")


def _adopt(collection: bpy.types.Collection, item: bpy.types.Object, parent: bpy.types.Object | None) -> None:
    collection.objects.link(item)
    item.parent = parent


def _make_stage(motion: Motion, name: str) -> bpy.types.Object:
    stage = bpy.data.objects.new(name, None)
    stage.empty_display_type = "PLAIN_AXES"
    lowest = np.concatenate([axes.height(p.vertices).min(axis=1) + axes.height(p.transl) for p in motion.persons])
    stage.location.z = -float(np.percentile(lowest, LOWEST_FEET_PERCENTILE))
    return stage


def _take_range(frames: list[Float], clip: Any, footage_fps: float, fps: float) -> tuple[int, int]:
    """First and last scene frame of the footage, or of the motion where the footage can't be read."""
    last = max(math.ceil(float(person_frames[-1])) for person_frames in frames)
    if clip is not None:
        seconds = max(0, clip.frame_duration - 1) / footage_fps
        last = max(last, axes.FIRST_SCENE_FRAME + math.floor(seconds * fps + 0.5))
    return axes.FIRST_SCENE_FRAME, last
