"""What other programs want of a take: which objects, under which names, in which format; and how large it gets."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import bpy

from ..rigs.bone_maps import FOLDER, read_map

if TYPE_CHECKING:
    from ..scene.build import BuiltPerson, BuiltTake

ENGINE_MORPHS = 64
"""Where a game engine gets a mesh without a skeleton: it takes that many morphs well, and not one a frame."""
_EVEN_UNITS = {"apply_scale_options": "FBX_SCALE_ALL"}
"""Metres in the file's own unit, so that no object or bone comes in with a scale of 100."""


@dataclass(frozen=True, slots=True, eq=False)
class Preset:
    """How to write a take for one program.

    Attributes:
        key: name in commands and settings.
        label: name in menus.
        kind: format, and suffix of the file.
        for_engine: each person in a file of their own: the skeleton with the skinned body, or else the body with a
            few morphs. Otherwise, all there is in one file.
        bone_map: file of the bone map whose names the skeleton gets; SMPL's own without one.
        prefix: before every such name.
        options: of Blender's exporter.
    """

    key: str
    label: str
    kind: str
    for_engine: bool = False
    bone_map: str = ""
    prefix: str = ""
    options: dict[str, Any] = field(default_factory=dict)

    def bone_names(self) -> dict[str, str]:
        """SMPL's name -> the preset's; fingers keep SMPL's, since it has one for all of a hand."""
        if not self.bone_map:
            return {}
        bones = read_map(FOLDER / f"{self.bone_map}.json").bones
        return {joint: self.prefix + name for name, joint in reversed(bones.items())}


PRESETS = {
    preset.key: preset
    for preset in (
        Preset("unreal", "Unreal (FBX)", "fbx", True, "mpfb_game_engine", options=_EVEN_UNITS),
        Preset("unity", "Unity (FBX)", "fbx", True, "mixamo", options=_EVEN_UNITS),
        Preset("godot", "Godot, Unity (GLB)", "glb", True),
        Preset("mixamo", "Mixamo names (FBX)", "fbx", True, "mixamo", "mixamorig:"),
        Preset("bvh", "BVH", "bvh"),
        Preset("abc", "Alembic", "abc"),
        Preset("usd", "USD", "usd"),
        Preset("glb", "glTF, all of the take", "glb"),
        Preset("fbx", "FBX, all of the take", "fbx"),
    )
}

_BASE_BYTES = {
    "body": {"glb": 165e3, "fbx": 120e3, "usd": 52e3, "abc": 306e3},
    "skeleton": {"glb": 411e3, "fbx": 576e3, "usd": 288e3, "abc": 306e3, "bvh": 3e3},
}
"""Measured on the open body, bpy 5.0.1: what a file holds besides its frames."""
_FRAME_BYTES = {
    "body": {"glb": 83.3e3, "fbx": 106e3, "usd": 82.8e3, "abc": 83e3},
    "skeleton": {"glb": 980, "fbx": 1900, "usd": 744, "abc": 83e3, "bvh": 742},
}
"""Measured at 10 and 60 frames; a frame of the mesh is 6890 vertices of 12 bytes whatever holds it."""
_WEIGHT_BYTES = 8  # of a morph on a frame


def estimated_bytes(built: BuiltTake, preset: Preset, morph_count: int = 0) -> int:
    """How large the files of a preset will be together, within a quarter.

    Args:
        built: the take.
        preset: what is written.
        morph_count: 0 is a morph a frame, or what a game engine takes.
    """
    return round(sum(_person_bytes(built, person, preset, morph_count) for person in built.people))


def morphs_for(preset: Preset, morph_count: int) -> int:
    """How many morphs a body gets; 0 is one a frame. Formats that hold vertices need none."""
    if preset.kind not in ("glb", "fbx"):
        return 0
    return morph_count or (ENGINE_MORPHS if preset.for_engine else 0)


def has_body(person: BuiltPerson, preset: Preset) -> bool:
    """Whether the body with its shape keys goes into the file."""
    if preset.kind == "bvh" or person.body is None:
        return False
    return not preset.for_engine or person.armature is None


def _person_bytes(built: BuiltTake, person: BuiltPerson, preset: Preset, morph_count: int) -> float:
    kind = preset.kind
    frames = person.last_frame - person.first_frame + 1
    if kind in ("bvh", "usd", "abc"):  # these sample the scene's range
        scene: Any = bpy.context.scene
        frames = scene.frame_end - scene.frame_start + 1
    total = 0.0
    if person.armature is not None:
        total += _BASE_BYTES["skeleton"][kind] + frames * _FRAME_BYTES["skeleton"][kind]
    if has_body(person, preset):
        keys = morphs_for(preset, morph_count) or frames
        total += _BASE_BYTES["body"][kind] + min(keys, frames) * _FRAME_BYTES["body"][kind]
        total += frames * keys * _WEIGHT_BYTES if keys < frames else 0
    return total
