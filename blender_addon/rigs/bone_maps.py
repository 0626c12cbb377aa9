"""Which bone of a rig plays which bone of SMPL: the maps that ship, in `bone_maps/`, and the animator's own.

A map is a JSON file: `name`; `bones`, from the rig's bone to SMPL's (several may play one, and a rig needn't have
them all); `root`, the bone that carries the way through the scene; `prefix`, a regular expression for what may
stand before every name; `properties`, bone -> custom property -> value to key, such as Rigify's IK_FK.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from .. import bridge
from ..scene.armature import BONES

FOLDER = Path(__file__).resolve().parent / "bone_maps"
ORDER = ("rigify", "mixamo", "mpfb", "mpfb_game_engine", "rigify_bones")
"""Files of the maps that ship; the first wins where a rig fits several, so controls come before deform bones."""
REQUIRED = (
    "pelvis",
    *(f"{side}_{bone}" for bone in ("hip", "knee", "ankle", "shoulder", "elbow") for side in ("left", "right")),
)
"""SMPL's bones that a rig has to have; it may do without the others."""


@dataclass(frozen=True, slots=True, eq=False)
class BoneMap:
    """A map as its file has it.

    Attributes:
        name: for people.
        bones: name in the rig, without its prefix -> name in SMPL.
        root: the rig's bone that carries the translation.
        prefix: regular expression of what may stand before a name.
        properties: bone -> custom property -> value that is keyed.
    """

    name: str
    bones: dict[str, str]
    root: str
    prefix: str
    properties: dict[str, dict[str, float]]

    def found_in(self, rig_names: Iterable[str]) -> dict[str, str]:
        """Name without prefix -> full name, of those bones of the map that the rig has, in the map's order."""
        wanted = [*self.bones, *(name for name in self.properties if name not in self.bones)]
        pattern = re.compile(self.prefix)
        found: dict[str, str] = {}
        for full in rig_names:
            start = pattern.match(full)
            bare = full[start.end() :] if start else full
            if bare in wanted and (bare not in found or full == bare):
                found[bare] = full
        return {bare: found[bare] for bare in wanted if bare in found}

    def joints_in(self, rig_names: Iterable[str]) -> set[str]:
        """SMPL's bones that the rig has."""
        return {self.bones[bare] for bare in self.found_in(rig_names) if bare in self.bones}

    def missing_in(self, rig_names: Iterable[str]) -> list[str]:
        """The map's names of bones that the rig must have and has not."""
        there = self.joints_in(rig_names)
        by_joint = {joint: bare for bare, joint in reversed(self.bones.items())}
        return [by_joint.get(joint, joint) for joint in REQUIRED if joint not in there]


@cache
def shipped_maps() -> tuple[BoneMap, ...]:
    """The maps that ship, the preferred first."""
    return tuple(read_map(FOLDER / f"{name}.json") for name in ORDER)


def detect_map(rig_names: Iterable[str]) -> BoneMap:
    """The shipped map of which the rig has the most bones; the caller asks what is missing."""
    names = list(rig_names)
    return max(shipped_maps(), key=lambda bone_map: len(bone_map.joints_in(names)))


def read_map(path: Path) -> BoneMap:
    """Read a map.

    Raises:
        MocapError: the file can't be read, or is no bone map.
    """
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise bridge.MocapError(f"{path}: can't be read as a bone map ({error}); choose another file") from error
    problem = _problem(document)
    if problem:
        raise bridge.MocapError(f"{path}: no bone map: {problem}; save a shipped one and edit that")
    return BoneMap(
        name=str(document.get("name", path.stem)),
        bones=document["bones"],
        root=document["root"],
        prefix=document.get("prefix", ""),
        properties=document.get("properties", {}),
    )


def write_map(bone_map: BoneMap, path: Path) -> None:
    """Write a map, to be edited.

    Raises:
        OutputError: the place can't be written to.
    """
    document = {name: getattr(bone_map, name) for name in ("name", "root", "prefix", "bones", "properties")}
    with bridge.written_whole(path) as file:
        file.write((json.dumps(document, indent=2, ensure_ascii=False) + "\n").encode())


def _problem(document: Any) -> str:
    """What is wrong with a map's file, or nothing."""
    if not isinstance(document, dict) or not isinstance(document.get("bones"), dict):
        return '"bones" is missing'
    unknown = sorted({str(joint) for joint in document["bones"].values()} - set(BONES))
    if unknown:
        return f"unknown bones of SMPL: {', '.join(unknown)} (known are {', '.join(BONES)})"
    if document["bones"].get(document.get("root")) != "pelvis":
        return '"root" has to be one of the bones that play pelvis'
    return _prefix_problem(document.get("prefix", "")) or _properties_problem(document.get("properties", {}))


def _prefix_problem(prefix: Any) -> str:
    try:
        re.compile(prefix)
    except (TypeError, re.error) as error:
        return f'"prefix" is no regular expression ({error})'
    return ""


def _properties_problem(properties: Any) -> str:
    is_right = isinstance(properties, dict) and all(
        isinstance(values, dict) and all(isinstance(value, int | float) for value in values.values())
        for values in properties.values()
    )
    return "" if is_right else '"properties" has to be bone -> property -> number'
