"""Two skeletons at rest, and the turns that bring the limbs of one to the other's: T-pose against A-pose.

Bones are called by SMPL's names here, whatever the rig calls them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import bpy
import numpy as np
from mathutils import Vector

from ..axes import Float

SIDES = ("left", "right")
SNAP_COSINE = 0.94  # 20 degrees: an upright rest pose leans and a hand-drawn one is a little askew
ANKLE_SHARE_OF_LEG = 0.25  # an ankle is 8 to 12 % of the leg above the sole; heels and boots are higher


@dataclass(frozen=True, slots=True, eq=False)
class RestPose:
    """A skeleton at rest, in its armature's axes and units.

    Attributes:
        heads: SMPL's name -> (3,) where the bone begins, of the bones that the skeleton has.
        tails: the same, where it ends.
        upright: (3, 3) the directions left, back and up of the body as columns.
        floor: height of the sole along up.
    """

    heads: dict[str, Float]
    tails: dict[str, Float]
    upright: Float
    floor: float

    @property
    def mid_hips(self) -> Float:
        """(3,) between the heads of both thighs."""
        return np.asarray((self.heads["left_hip"] + self.heads["right_hip"]) / 2)

    @property
    def leg_length(self) -> float:
        """From hip to ankle along the bones, mean of both legs."""
        thighs = [np.linalg.norm(self.heads[f"{side}_knee"] - self.heads[f"{side}_hip"]) for side in SIDES]
        shins = [np.linalg.norm(self.heads[f"{side}_ankle"] - self.heads[f"{side}_knee"]) for side in SIDES]
        return float(np.mean(thighs) + np.mean(shins))

    @property
    def ankle_height(self) -> float:
        """Of the ankles above the sole."""
        ankles = [self.heads[f"{side}_ankle"] @ self.upright[:, 2] for side in SIDES]
        return float(np.mean(ankles)) - self.floor


def rest_pose(armature: bpy.types.Object, names: dict[str, str]) -> RestPose:
    """The rest pose of an armature; `names` goes from SMPL's names to the armature's."""
    bones: Any = armature.data.bones  # type: ignore[union-attr]
    heads = {joint: np.array(bones[name].head_local, np.float64) for joint, name in names.items()}
    tails = {joint: np.array(bones[name].tail_local, np.float64) for joint, name in names.items()}
    upright = _upright(heads)
    ends = np.array([point for bone in bones if bone.use_deform for point in (bone.head_local, bone.tail_local)])
    pose = RestPose(heads, tails, upright, floor=0.0)
    if 0 < pose.ankle_height < ANKLE_SHARE_OF_LEG * pose.leg_length:
        return pose  # most rigs stand on their origin
    lowest = float((ends @ upright[:, 2]).min()) if len(ends) else pose.ankle_height
    return RestPose(heads, tails, upright, lowest)


def rest_alignments(source: RestPose, target: RestPose) -> dict[str, Float]:
    """Turns (3, 3) from the target's rest pose to the source's, armature axes to armature axes, for SMPL's names.

    All bones turn as the body faces. Arms and thighs and shins turn on until they point as the source's do; hands
    follow their forearms. Spine, head and feet keep their rest: how a rig's author draws these bones says nothing
    about how a body stands.
    """
    facing = source.upright @ target.upright.T
    turns = dict.fromkeys(source.heads, facing)
    for side in SIDES:
        hip, knee = _limb_turns(source, target, facing, [f"{side}_{bone}" for bone in ("hip", "knee", "ankle")])
        turns |= {f"{side}_hip": hip, f"{side}_knee": knee}
        shoulder, elbow = _limb_turns(
            source, target, facing, [f"{side}_{bone}" for bone in ("shoulder", "elbow", "wrist")]
        )
        turns |= {f"{side}_shoulder": shoulder, f"{side}_elbow": elbow, f"{side}_wrist": elbow}
    return turns


def _limb_turns(source: RestPose, target: RestPose, facing: Float, joints: list[str]) -> tuple[Float, Float]:
    """Turns of the upper and of the lower bone: the lower turns with the upper first."""
    upper = _swing(facing @ _direction(target, *joints[:2]), _direction(source, *joints[:2])) @ facing
    lower = _swing(upper @ _direction(target, *joints[1:]), _direction(source, *joints[1:])) @ upper
    return upper, lower


def _direction(pose: RestPose, joint: str, child: str) -> Float:
    return np.asarray(pose.heads.get(child, pose.tails[joint]) - pose.heads[joint])


def _swing(start: Float, end: Float) -> Float:
    """(3, 3) the shortest turn from one direction to another."""
    return np.array(Vector(start.tolist()).rotation_difference(Vector(end.tolist())).to_matrix(), np.float64)


def _upright(heads: dict[str, Float]) -> Float:
    """(3, 3) left, back and up as columns; along the armature's own axes where the body nearly is."""
    left = heads["left_hip"] - heads["right_hip"]
    above = (heads["left_shoulder"] + heads["right_shoulder"]) / 2
    up = _snapped(above - (heads["left_hip"] + heads["right_hip"]) / 2)
    left = _snapped(left - up * (left @ up))
    left -= up * (left @ up)
    left /= np.linalg.norm(left)
    return np.stack([left, np.cross(up, left), up], axis=1)


def _snapped(direction: Float) -> Float:
    unit = direction / np.linalg.norm(direction)
    axis = int(np.argmax(np.abs(unit)))
    if abs(unit[axis]) < SNAP_COSINE:
        return np.asarray(unit)
    return np.asarray(np.sign(unit[axis]) * np.eye(3)[axis])
