"""Another skeleton's motion on the 24 SMPL-order joints.

Global rotations are taken relative to the source's own rest pose. Limbs are first turned from our rest
direction to the source's (CMU's legs splay by 20 degrees), the trunk is not.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from core.errors import MocapError
from training.motions.figure import rest_joints
from training.motions.rotation_vectors import PARENTS, SMPL_NAMES, Float, smallest_rotation, to_rotvec

FPS = 30
# Which end of our bone gives its direction; the joints not named here take the source's rotation as it is.
BONE_END = {
    "left_hip": "left_knee", "right_hip": "right_knee", "left_knee": "left_ankle", "right_knee": "right_ankle",
    "left_ankle": "left_foot", "right_ankle": "right_foot", "left_shoulder": "left_elbow",
    "right_shoulder": "right_elbow", "left_elbow": "left_wrist", "right_elbow": "right_wrist",
    "left_wrist": "left_hand", "right_wrist": "right_hand",
}  # fmt: skip
# Names that others give our joints, lower case without blanks, "_", ".", "-" and prefixes; first found counts.
_SIDES = {
    "hip": ("{s}upleg", "{s}thigh", "{i}femur", "{i}thigh", "thigh{i}", "{s}hip", "{i}hip"),
    "knee": ("{s}leg", "{s}lowleg", "{s}shin", "{i}tibia", "{i}shin", "calf{i}", "{s}knee", "{i}knee"),
    "ankle": ("{s}foot", "{i}foot", "foot{i}", "{s}ankle", "{i}ankle"),
    "foot": ("{s}toebase", "{s}toe", "{i}toes", "ball{i}", "{i}toe"),
    "collar": ("{s}shoulder", "{i}clavicle", "clavicle{i}", "{s}collar", "{i}collar"),
    "shoulder": ("{s}arm", "{s}uparm", "{i}humerus", "upperarm{i}", "{s}upperarm", "{i}shoulder"),
    "elbow": ("{s}forearm", "{s}lowarm", "{i}radius", "lowerarm{i}", "{s}elbow", "{i}elbow"),
    # CMU's own "wrist" only twists the forearm; the hand's turn is our wrist's.
    "wrist": ("{s}hand", "{i}hand", "hand{i}", "{s}wrist", "{i}wrist"),
}
_MIDDLE = {
    "pelvis": ("hips", "root", "pelvis", "hip"),
    "spine1": ("spine", "lowerback", "abdomen", "spine01"),
    "spine2": ("spine1", "upperback", "spine02"),
    "spine3": ("spine2", "thorax", "chest", "spine03"),
    "neck": ("neck", "lowerneck", "neck01"),
    "head": ("head",),
}


@dataclass(frozen=True, slots=True, eq=False)
class SourceMotion:
    """A motion on its own skeleton, y up.

    Attributes:
        rotations: name -> (T, 3, 3) global rotation relative to the rest pose.
        directions: name -> (3,) where the bone that the joint moves points in the rest pose.
        root: (T, 3) of the first joint, in the source's unit.
        leg: length from hip to ankle in the source's unit.
        fps: frames a second.
    """

    rotations: Mapping[str, Float]
    directions: Mapping[str, Float]
    root: Float
    leg: float
    fps: float


def plain(name: str) -> str:
    """A joint's name without prefix, case and punctuation."""
    last = name.rsplit(":", 1)[-1].lower()
    for junk in ("mixamorig", "_", ".", "-", " "):
        last = last.replace(junk, "")
    return last


def match_names(names: list[str]) -> dict[str, str]:
    """Our joint -> the source's joint; joints that the source lacks are left out.

    Raises:
        MocapError: no pelvis, hip, knee or shoulder of one side is found.
    """
    known = {plain(name): name for name in reversed(names)}
    wanted = dict(_MIDDLE)
    for side, initial in (("left", "l"), ("right", "r")):
        for joint, patterns in _SIDES.items():
            wanted[f"{side}_{joint}"] = tuple(p.format(s=side, i=initial) for p in patterns)
    found = {ours: known[name] for ours, options in wanted.items() for name in options[::-1] if name in known}
    for side in ("left", "right"):  # "LeftShoulder" is a collar only where there is a "LeftArm" besides
        if f"{side}_shoulder" not in found and f"{side}_collar" in found:
            found[f"{side}_shoulder"] = found.pop(f"{side}_collar")
    needed = {"pelvis", "left_hip", "right_hip", "left_knee", "right_knee", "left_shoulder", "right_shoulder"}
    if needed - set(found):
        raise MocapError(
            f"the skeleton has no joint that looks like {', '.join(sorted(needed - set(found)))}; "
            f"it has {', '.join(names[:12])}"
        )
    return found


def retarget(source: SourceMotion) -> tuple[Float, Float]:
    """The motion on our skeleton at 30 frames a second.

    Returns:
        pose (T, 24, 3) rotation vectors, root (T, 3) metres.

    Raises:
        MocapError: the skeleton lacks what is needed.
    """
    names = match_names(list(source.rotations))
    rest = rest_joints()
    count = len(source.root)
    frames = np.round(np.arange(0, count - 1e-6, source.fps / FPS)).astype(int)
    frames = frames[frames < count]
    turns = np.empty((len(frames), 24, 3, 3), np.float32)
    for joint, name in enumerate(SMPL_NAMES):
        parent = PARENTS[joint]
        if name not in names:
            turns[:, joint] = turns[:, parent]
            continue
        turns[:, joint] = source.rotations[names[name]][frames]
        direction = source.directions.get(names[name])
        if name in BONE_END and direction is not None and np.linalg.norm(direction) > 1e-6:
            ours = rest[SMPL_NAMES.index(BONE_END[name])] - rest[joint]
            turns[:, joint] = turns[:, joint] @ smallest_rotation(ours, direction)
    local = turns.copy()
    for joint in range(1, 24):
        local[:, joint] = turns[:, PARENTS[joint]].transpose(0, 2, 1) @ turns[:, joint]
    leg = float(np.linalg.norm(rest[4] - rest[1]) + np.linalg.norm(rest[7] - rest[4]))
    return to_rotvec(local), (source.root[frames] * (leg / max(source.leg, 1e-6))).astype(np.float32)
