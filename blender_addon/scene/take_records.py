"""The takes of a scene, known again after saving, undo and renaming.

A take's collection says in one line of JSON what it was built from; each object in it says which part of whom
it is. The .blend holds the path of the take, never its data.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import bpy
from mathutils import Euler, Vector

from .build import BuiltPerson, BuiltTake, Output
from .camera import scene_fps
from .delete import delete
from .film_frames import FilmFrames

TAKE, PART, PERSON = "mocap_take", "mocap_part", "mocap_person"
REPLACED = " old"
PARTS = ("root", "body", "armature", "skinned")


@dataclass(frozen=True, slots=True)
class TakeRecord:
    """What a collection was built from.

    Attributes:
        built: the objects that are still there, by their names of today.
        take: the take on disk; None where a motion file was built.
        motion: the solved motion on disk.
    """

    built: BuiltTake
    take: Path | None
    motion: Path
    is_moving: bool = False
    """Whether a solved camera was used: beside the take lies its file."""

    @property
    def outputs(self) -> tuple[Output, ...]:
        """What was made of it: mesh, armature or both."""
        person = self.built.people[0]
        made: dict[Output, str | None] = {"mesh": person.body, "armature": person.armature}
        return tuple(kind for kind, name in made.items() if name)


def mark(built: BuiltTake, take: Path | None, motion: Path) -> None:
    """Write down in the scene what was built, and from what."""
    stage: Any = bpy.data.objects[built.stage]
    stage[PART] = "stage"
    if built.camera:
        bpy.data.objects[built.camera][PART] = "camera"
    for person in built.people:
        for part in PARTS:
            name = getattr(person, part)
            if name is not None:
                bpy.data.objects[name][PART] = part
                bpy.data.objects[name][PERSON] = person.person_id
    bpy.data.collections[built.collection][TAKE] = json.dumps(
        {
            "take": str(take) if take else None,
            "motion": str(motion),
            "frames": [built.frame_start, built.frame_end],
            "has_footage": built.has_footage,
            "film": [built.film.start, built.film.rate],
            "is_moving": built.is_moving,
            "stage_location": list(stage.location),
            "stage_rotation": list(stage.rotation_euler),
            "people": [[person.person_id, person.first_frame, person.last_frame] for person in built.people],
        }
    )


def record_of(collection: Any) -> TakeRecord | None:
    """What a collection was built from, or None where it is no take or hardly anything of it is left."""
    held = _held(collection)
    items = [item for item in collection.all_objects if PART in item]
    parts: dict[Any, Any] = {(item[PART], item.get(PERSON)): item.name for item in items}
    if not held or ("stage", None) not in parts:
        return None
    people = []
    for person_id, first, last in held["people"]:
        root, body, armature, skinned = (parts.get((part, person_id)) for part in PARTS)
        if root is not None:
            people.append(BuiltPerson(person_id, root, body, armature, skinned, first, last))
    if not people:
        return None
    built = BuiltTake(
        collection=collection.name,
        stage=parts["stage", None],
        camera=parts.get(("camera", None), ""),
        people=tuple(people),
        frame_start=held["frames"][0],
        frame_end=held["frames"][1],
        has_footage=held["has_footage"],
        is_moving=held.get("is_moving", False),
        film=FilmFrames(*held["film"]) if "film" in held else FilmFrames(rate=scene_fps(_scene())),
    )
    take = Path(held["take"]) if held["take"] else None
    return TakeRecord(built, take, Path(held["motion"]), built.is_moving)


def _scene() -> bpy.types.Scene:
    scene: bpy.types.Scene = bpy.context.scene  # type: ignore[assignment]
    return scene


def takes_in(scene: bpy.types.Scene) -> list[Any]:
    """Collections of the scene that are takes."""
    children: Any = scene.collection.children_recursive
    return [collection for collection in children if TAKE in collection]


def active_take(context: Any) -> Any:
    """The take of the active object, or the newest of the scene; None where there is none."""
    found = takes_in(context.scene)
    active = getattr(context, "object", None)
    if active is not None:
        for collection in found:
            if active.name in collection.all_objects:
                return collection
    return found[-1] if found else None


@dataclass(slots=True)
class Place:
    """Where the person moved a take that is being replaced, and how they turned it, from how it was built."""

    offset: Any = None
    turn: Any = None
    scale: Any = None

    def give_to(self, built: BuiltTake) -> None:
        """Move another take there."""
        if self.offset is not None:
            stage = bpy.data.objects[built.stage]
            stage.location += self.offset
            stage.rotation_euler = (self.turn @ stage.rotation_euler.to_quaternion()).to_euler()
            stage.scale = self.scale


@contextmanager
def replaced(name: str) -> Iterator[Place]:
    """Let a new take have an old one's names, and delete the old one; on an error the old one stays.

    Args:
        name: of the old collection; where it is not there any more, nothing is replaced.
    """
    old: Any = bpy.data.collections.get(name) if name else None
    if old is None:
        yield Place()
        return
    names = [(item.id_type, item.name) for item in (*old.all_objects, old)]
    _rename((kind, its_name, f"{its_name}{REPLACED}") for kind, its_name in names)
    try:
        yield _place_of(old)
    except BaseException:
        _rename((kind, f"{its_name}{REPLACED}", its_name) for kind, its_name in names)
        raise
    old = bpy.data.collections.get(f"{name}{REPLACED}")
    if old is not None:
        remove(old)


def _rename(names: Iterable[tuple[str, str, str]]) -> None:
    """Rename objects and a collection: kind, name, new name; those that are gone meanwhile are not missed."""
    holders: dict[str, Any] = {"OBJECT": bpy.data.objects, "COLLECTION": bpy.data.collections}
    for kind, name, new_name in names:
        item = holders[kind].get(name)
        if item is not None:
            item.name = new_name


def remove(collection: Any) -> None:
    """Delete a take's objects with their data and animation; what else is in the collection stays in the scene."""
    scene: Any = bpy.context.scene
    for item in list(collection.all_objects):
        if PART in item:
            delete(item)
        elif item.name not in scene.collection.objects:
            scene.collection.objects.link(item)
    bpy.data.collections.remove(collection)


def _place_of(collection: Any) -> Place:
    stage = next((item for item in collection.all_objects if item.get(PART) == "stage"), None)
    if stage is None:
        return Place()
    held = _held(collection)
    built_at, leant = Vector(held["stage_location"]), Euler(held.get("stage_rotation", (0.0, 0.0, 0.0)))
    turn = stage.rotation_euler.to_quaternion() @ leant.to_quaternion().inverted()
    return Place(stage.location - built_at, turn, stage.scale.copy())


def _held(collection: Any) -> dict[str, Any]:
    held: dict[str, Any] = json.loads(collection.get(TAKE, "{}"))
    return held
