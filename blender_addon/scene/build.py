"""Motion in, Blender objects out: the story of `build_take`.

collection NAME
`- NAME              an empty: the whole take, so that it can be moved, turned and scaled as one (`stage`)
|- NAME camera    lens, sensor and background of the footage; keyed where the shot moves
|- NAME.ID root   an empty on the person's mid-hip, keyed
|  `- NAME.ID body      absolute shape keys, one a frame, or a mesh cache
`- NAME.ID skeleton    24 keyed bones
`- NAME.ID skinned  the body at rest, skinned to them
"""

from __future__ import annotations

import math
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal
from uuid import uuid4

import bpy
import numpy as np

from .. import axes, bridge
from ..axes import Float
from .armature import key_bones, make_armature, make_skinned_body
from .camera import key_camera, load_clip, make_camera, match_scene, opened_clip, scene_fps, show_footage
from .delete import delete
from .film_frames import FilmFrames, film_frames, shown_film
from .mesh_cache import CacheFile, cache_path
from .person import body_steps, key_presence, make_material, make_mesh, make_root
from .steps import MARK, Steps, finished, found
from .take_empty import EXTENT_SHARE, Extent, extent_steps, make_stage

if TYPE_CHECKING:
    from ..bridge import Motion, PersonMotion

Output = Literal["mesh", "armature"]
OUTPUTS: tuple[Output, ...] = ("mesh", "armature")
POLL_S = 0.005


@dataclass(frozen=True, slots=True)
class BuildSettings:
    """What to build of a motion.

    Attributes:
        name: of the collection, and the beginning of all names in it.
        outputs: mesh, armature or both.
        matches_scene: give the scene the footage's size, frame rate, range and camera.
        is_cached: keep each body's motion in a mesh cache beside the motion's file, not as shape keys in the .blend.
        is_in_place: hold each person where they begin, as a game engine's walk cycles have it.
        is_grounded: stand the take on the scene's grid; otherwise it stays where the camera saw it.
    """

    name: str
    outputs: tuple[Output, ...] = ("mesh",)
    matches_scene: bool = True
    is_cached: bool = False
    is_in_place: bool = False
    is_grounded: bool = True


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
    film: FilmFrames = field(default_factory=FilmFrames)


def build_take(
    scene: bpy.types.Scene, motion: Motion, settings: BuildSettings, beside: Path | None = None
) -> BuiltTake:
    """Build a motion's objects in a collection of their own.

    Args:
        scene: where the collection goes.
        motion: what to build; its vertices may be on disk.
        settings: what to build of it.
        beside: the motion's file, beside which mesh caches go.

    Raises:
        MocapError: the motion holds nobody, or no bone rotations where an armature was asked for.
    """
    return finished(build_steps(scene, motion, settings, beside))


def build_steps(
    scene: bpy.types.Scene, motion: Motion, settings: BuildSettings, beside: Path | None = None
) -> Steps[BuiltTake]:
    """As `build_take`, in short steps; nothing of it is in the scene, or kept, before the last one.

    Raises:
        MocapError: as `build_take`; also, something was deleted between two steps, or a cache can't be written.
    """
    if not motion.persons:
        raise bridge.MocapError(f"{motion.footage}: the motion holds nobody; reconstruct the footage first")
    if settings.is_cached and beside is None:
        raise ValueError("expected the motion's file, beside which the mesh caches go, got None")
    if "armature" in settings.outputs:
        yield from _load_body_steps()
        _check_bones(motion)
    scene_name, film = scene.name, _film_of(motion, settings, scene)
    frames = [film.frames_of(person.time_s) for person in motion.persons]
    world = bridge.in_world(motion)
    if settings.is_in_place:
        down = axes.DOWN if world.floor is None else world.floor.down
        held = [replace(each, transl=axes.in_place(each.transl, down)) for each in world.persons]
        world = replace(world, persons=held)
    extent = yield from extent_steps(motion, world)
    with _unfinished(settings.name, beside if settings.is_cached else None) as making:
        stage = make_stage(world, extent, settings.name, settings.is_grounded)
        making.stage = stage.name
        making.adopt(stage, "")
        people = []
        for index in range(len(motion.persons)):
            people.append((yield from _person_steps(making, world, index, frames[index], settings)))
        return _shown(found(bpy.data.scenes, scene_name), making, motion, people, extent, settings, film)


def counted_people(count: int) -> str:
    """The number of people in words."""
    return f"{count} {'person' if count == 1 else 'people'}"


@dataclass(slots=True)
class _Making:
    """What there is of a take so far, by name; the collection is in no scene yet.

    Attributes:
        collection: its name.
        beside: the motion's file, beside which caches go; None for shape keys.
        stage: name of the take's empty.
        materials: name of each person's, by number.
        caches: being written.
        mark: of this take's objects while they are made: names may be another's after an undo.
    """

    collection: str
    beside: Path | None
    stage: str = ""
    materials: dict[int, str] = field(default_factory=dict)
    caches: list[CacheFile] = field(default_factory=list)
    mark: str = field(default_factory=lambda: uuid4().hex)

    def item(self, name: str) -> Any:
        """An object of this take by its name; raises MocapError where it is gone."""
        return found(bpy.data.objects, name, self.mark)

    def adopt(self, item: bpy.types.Object, parent: str) -> None:
        """Put an object into the collection; parent is a name, or empty."""
        held: Any = item
        held[MARK] = self.mark
        found(bpy.data.collections, self.collection, self.mark).objects.link(item)
        item.parent = self.item(parent) if parent else None

    def paint(self, item: Any, index: int, label: str) -> None:
        """Give a mesh object its person's material."""
        if index not in self.materials:
            self.materials[index] = make_material(index, label).name
        item.data.materials.append(found(bpy.data.materials, self.materials[index]))


@contextmanager
def _unfinished(name: str, beside: Path | None) -> Iterator[_Making]:
    """A take in the making; unless the block ends well, all that was made of it is deleted."""
    collection: Any = bpy.data.collections.new(name)
    making = _Making(collection.name, beside)
    collection[MARK] = making.mark
    try:
        yield making
    except BaseException:
        kinds: Any = (bpy.data.objects, bpy.data.collections)
        items, collections = ([item for item in kind if item.get(MARK) == making.mark] for kind in kinds)
        for item in items:
            delete(item)
        bpy.data.batch_remove(collections)
        raise
    finally:
        for cache in making.caches:
            cache.discard()


def _person_steps(
    making: _Making, motion: Motion, index: int, frames: Float, settings: BuildSettings
) -> Steps[BuiltPerson]:
    person = motion.persons[index]
    label = f"{settings.name}.{person.person_id}"
    share, all_frames = EXTENT_SHARE, sum(len(each.time_s) for each in motion.persons)
    share += (1 - share) * sum(len(each.time_s) for each in motion.persons[:index]) / all_frames
    root = make_root(person, frames, f"{label} root")
    making.adopt(root, making.stage)
    names: dict[str, str | None] = {"root": root.name, "body": None, "armature": None, "skinned": None}
    if "armature" in settings.outputs:
        for part, item in _skeleton(making, person, frames, label):
            names[part] = item.name
            if part == "skinned":
                making.paint(item, index, label)
            yield share
    if "mesh" in settings.outputs:
        mesh = make_mesh(axes.camera_to_world(np.asarray(person.vertices[0])), motion.faces, f"{label} body")
        body = bpy.data.objects.new(f"{label} body", mesh)
        names["body"] = body_name = body.name
        making.adopt(body, str(names["root"]))
        making.paint(body, index, label)
        cache = _cache(making, person, index)
        yield share
        for done in body_steps(person, lambda: making.item(body_name), frames, cache):
            yield share + (1 - EXTENT_SHARE) * done / all_frames
    return BuiltPerson(person.person_id, **names, first_frame=float(frames[0]), last_frame=float(frames[-1]))  # type: ignore[arg-type]


def _cache(making: _Making, person: PersonMotion, index: int) -> CacheFile | None:
    if making.beside is None:
        return None
    cache = CacheFile(cache_path(making.beside, index), *person.vertices.shape[:2])
    making.caches.append(cache)
    return cache


def _shown(
    scene: bpy.types.Scene,
    making: _Making,
    motion: Motion,
    people: list[BuiltPerson],
    extent: Extent,
    settings: BuildSettings,
    film: FilmFrames,
) -> BuiltTake:
    """The last step: the camera, when everybody is to be seen, and the take in its scene."""
    collection = found(bpy.data.collections, making.collection, making.mark)
    camera = make_camera(motion, extent.nearest_m, f"{settings.name} camera")
    making.adopt(camera, making.stage)
    for person in people:
        for name in (person.root, person.body, person.armature, person.skinned):
            if name is not None:
                making.item(name)
    for cache in making.caches:
        cache.keep()
    if settings.matches_scene:
        match_scene(scene, motion, camera, film.rate)
    if motion.camera is not None:
        key_camera(camera, motion, film)
    clip = show_footage(camera, motion.footage)
    first, last = _take_range(people, clip, motion.footage)
    for person, moving in zip(people, motion.persons, strict=True):
        _show_person(person, _there(moving, film), (first, last))
    for item in (collection, *collection.objects):
        del item[MARK]
    scene.collection.children.link(collection)
    if settings.matches_scene:
        scene.frame_start, scene.frame_end = first, last
        show_frame(scene, max(first, math.floor(min(person.first_frame for person in people))))
    seen = (clip is not None, motion.camera is not None, film)
    return BuiltTake(collection.name, making.stage, camera.name, tuple(people), first, last, *seen)


def show_frame(scene: bpy.types.Scene, frame: int) -> None:
    """Go to a frame, the Movie Clip Editors too: `frame_set` alone leaves them where they are."""
    scene.frame_set(frame)
    scene.frame_current = frame


def _there(person: PersonMotion, film: FilmFrames) -> list[tuple[float, float]]:
    """First and last scene frame of each stretch between gaps that were left empty."""
    frames = film.frames_of(person.time_s)
    parts = bridge.stretches(person)
    return [(float(frames[part.start]), float(frames[part.stop - 1])) for part in parts]


def _show_person(person: BuiltPerson, there: list[tuple[float, float]], scene_range: tuple[int, int]) -> None:
    for name in (person.body, person.skinned):
        if name is not None:
            key_presence(bpy.data.objects[name], there, scene_range)
    if person.body and person.skinned:  # two bodies in one place: the one with shape keys is shown
        skinned = bpy.data.objects[person.skinned]
        skinned.animation_data_clear()
        skinned.hide_viewport = skinned.hide_render = True


def _load_body_steps() -> Steps[None]:
    """The open body, read in a thread the first time: Blender's interface would wait for it."""

    def load() -> None:
        with suppress(Exception):  # told where it is asked for
            bridge.load_body()

    loading = threading.Thread(target=load, daemon=True)
    loading.start()
    while loading.is_alive():
        loading.join(POLL_S)
        yield 0.0


def _check_bones(motion: Motion) -> None:
    """Raises MocapError where no armature can be made: asked first, so that nothing is left half built."""
    has_bones = all(person.bone_rotations is not None for person in motion.persons)
    if not has_bones or not np.array_equal(bridge.load_body().faces, motion.faces):
        raise bridge.MocapError(
            f"{motion.footage}: the motion has no bone rotations for the open body; ask for the mesh alone"
        )


def _skeleton(
    making: _Making, person: PersonMotion, frames: Float, label: str
) -> Iterator[tuple[str, bpy.types.Object]]:
    """The armature, then the body that is skinned to it."""
    body = bridge.load_body()
    _leave_edit_mode()
    armature = make_armature(body, person.betas, f"{label} skeleton")
    for users in armature.users_collection:
        users.objects.unlink(armature)
    making.adopt(armature, making.stage)
    name = armature.name
    yield "armature", armature
    key_bones(making.item(name), body, person, frames)
    yield "armature", making.item(name)
    skinned = make_skinned_body(body, person.betas, making.item(name), f"{label} skinned")
    making.adopt(skinned, name)
    yield "skinned", skinned


def _leave_edit_mode() -> None:
    if bpy.context.mode != "OBJECT" and bpy.context.view_layer.objects.active is not None:  # type: ignore[union-attr]
        bpy.ops.object.mode_set(mode="OBJECT")


def _film_of(motion: Motion, settings: BuildSettings, scene: bpy.types.Scene) -> FilmFrames:
    """Where the footage lies in the scene; a clip that is opened to ask it is not kept."""
    known = opened_clip(motion.footage)
    clip = load_clip(motion.footage)
    scene_rate = motion.fps if settings.matches_scene else scene_fps(scene)
    film = film_frames(clip, motion.film_fps or motion.fps, motion.slowdown, scene_rate)
    if clip is not None and motion.film_fps is None:  # an older motion's frames are the film's, at its own rate
        film = replace(film, rate=motion.fps)
    if clip is not None and clip != known:
        bpy.data.movieclips.remove(clip)
    return film


def _take_range(people: list[BuiltPerson], clip: Any, footage: Path) -> tuple[int, int]:
    """First and last scene frame of the footage, or of the motion where the footage can't be read."""
    last = max(math.ceil(person.last_frame) for person in people)
    if clip is None:
        return axes.FIRST_SCENE_FRAME, last
    film = shown_film(clip, footage)
    return int(clip.frame_start), max(last, film.scene_frame_of((film.length or 1) - 1))
