"""Apply to my rig: the motion of a take's skeleton as a new action on the animator's own rig.

Each bone of the rig turns from its rest pose as SMPL's bone turns from its own, in the world: neither the bones'
rolls nor their names for up matter. `rest_pose` brings an A-pose to the T-pose first, `rig_posing` finds what to key
for that. The way through the scene is scaled by the length of the legs, so that feet stay on the floor.
"""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass
from typing import Any

import bpy
import numpy as np

from .. import bridge
from ..axes import Float
from ..scene.armature import BONES
from ..scene.curves import curves_of, existing_curves
from ..scene.evaluated import evaluated_frames
from ..scene.take_empty import LOWEST_FEET_PERCENTILE
from .bone_maps import BoneMap, detect_map
from .rest_pose import SIDES, RestPose, rest_alignments, rest_pose
from .rig_posing import RigPosing

ANKLES_OVER_GRID_M = (0.02, 0.25)
"""Ankles of somebody who stands on the grid; elsewhere, the floor is where the feet are."""


CHANNELS = ("location", "rotation_quaternion", "rotation_euler", "rotation_axis_angle", "scale")


@dataclass(frozen=True, slots=True)
class Retargeted:
    """What was written, by name."""

    action: str
    map_name: str
    frame_count: int
    left_out: tuple[str, ...]
    """SMPL's bones that the rig doesn't have."""


@dataclass(frozen=True, slots=True, eq=False)
class _SourceMotion:
    """The take's skeleton over the frames, in the world.

    Attributes:
        frames: (T,) scene frames.
        turns: (T, 24, 3, 3) from the skeleton's rest, in its armature's axes, to the world.
        mid_hips: (T, 3) metres.
        ankle_heights: (T,) of the lower ankle, metres.
        scale: of the armature in the world.
        rig_to_world: (T, 4, 4) the rig's object.
    """

    frames: Float
    turns: Float
    mid_hips: Float
    ankle_heights: Float
    scale: float
    rig_to_world: Float


def is_take_skeleton(item: bpy.types.Object | None) -> bool:
    """Whether an object is a skeleton that this add-on built, or has all its bones."""
    if item is None or item.type != "ARMATURE":
        return False
    data: Any = item.data
    return all(name in data.bones for name in BONES)


def apply_to_rig(
    source: bpy.types.Object,
    target: bpy.types.Object,
    bone_map: BoneMap | None = None,
    *,
    at_rig: bool = False,
) -> Retargeted:
    """Write the motion of a take's skeleton as a new action on a rig; the rig's old action is kept in the file.

    Args:
        source: skeleton of a take.
        target: a rig of the animator's: local, or a library override.
        bone_map: None finds the shipped one that fits.
        at_rig: begin where the rig stands; otherwise where the person is in the shot.

    Raises:
        MocapError: the rig can't be written to, or lacks bones (named).
    """
    steps = retarget_steps(source, target, bone_map, at_rig=at_rig)
    while True:
        try:
            next(steps)
        except StopIteration as end:
            done: Retargeted = end.value
            return done


def retarget_steps(
    source: bpy.types.Object, target: bpy.types.Object, bone_map: BoneMap | None = None, *, at_rig: bool = False
) -> Generator[str, None, Retargeted]:
    """`apply_to_rig` in steps of some milliseconds; each says what it did.

    A generator that is closed before its end leaves the rig as it was.
    """
    check_rig(target)
    names = [bone.name for bone in target.data.bones]  # type: ignore[union-attr]
    bone_map = bone_map or detect_map(names)
    found = _found_bones(bone_map, names, target)
    joints = {full: bone_map.bones[bare] for bare, full in found.items() if bare in bone_map.bones}
    root = found[bone_map.root]
    main_bones = {joint: full for full, joint in reversed(joints.items())} | {"pelvis": root}
    rest = rest_pose(target, main_bones)
    with _NewAction(target, f"{target.name} {source.name}") as curves:
        motion = yield from _sample(source, target, _frames_of(source))
        posing = RigPosing(target, curves, motion.frames, joints, root)
        posing.key_properties({found[bare]: values for bare, values in bone_map.properties.items() if bare in found})
        source_rest = rest_pose(source, {name: name for name in BONES})
        yield from posing.pose(
            _wanted_rotations(motion, joints, rest_alignments(source_rest, rest), target),
            _wanted_mid_hips(motion, source_rest, rest, at_rig),
            rest,
            _parents_of(source),
        )
        action = target.animation_data.action.name  # type: ignore[union-attr]
    left_out = tuple(joint for joint in BONES[:-2] if joint not in main_bones)
    return Retargeted(action, bone_map.name, len(motion.frames), left_out)


def check_rig(target: bpy.types.Object) -> None:
    """Raises MocapError where a rig can't be animated, with what to do."""
    problem = ""
    animation = target.animation_data
    data: Any = target.data
    if target.library is not None:
        problem = (
            f"is linked from {target.library.filepath} and can't be changed here; "
            "make a library override of it (Object > Library Override > Make) and apply to that"
        )
    elif target.mode == "EDIT":
        problem = "is in edit mode; leave it (Tab) first"
    elif data.pose_position == "REST":
        problem = "shows its rest position; choose Pose Position in the armature's properties"
    elif animation is not None and animation.use_tweak_mode:
        problem = "is in the tweak mode of the NLA editor; leave it (Tab) first"
    elif target.matrix_world.determinant() <= 0:
        problem = "is mirrored or flat (its scale is negative or zero); apply its scale first"
    if problem:
        raise bridge.MocapError(f"{target.name}: {problem}")


def _found_bones(bone_map: BoneMap, names: list[str], target: bpy.types.Object) -> dict[str, str]:
    missing = bone_map.missing_in(names)
    found = bone_map.found_in(names)
    if bone_map.root not in found and bone_map.root not in missing:
        missing.insert(0, bone_map.root)
    if missing:
        raise bridge.MocapError(
            f"{target.name}: the rig lacks {', '.join(missing)} of the bone map {bone_map.name}; "
            "choose another map, or save one, write the rig's names into it and choose that file"
        )
    bones: Any = target.data.bones  # type: ignore[union-attr]
    root = bones[found[bone_map.root]]
    if root.use_connect:
        raise bridge.MocapError(
            f"{target.name}: {root.name} is connected to its parent and can't move; disconnect it in edit mode"
        )
    return found


class _NewAction:
    """A new action on a rig, taken back if the block fails; the rig then stands as before."""

    def __init__(self, target: bpy.types.Object, name: str) -> None:
        self._target, self._name = target, name

    def __enter__(self) -> Any:
        animation: Any = self._target.animation_data
        self._old = animation.action if animation is not None else None
        self._had_data = animation is not None
        self._old_slot = getattr(animation, "action_slot", None)
        self._pose = [(bone.name, _channels_of(bone)) for bone in self._target.pose.bones]  # type: ignore[union-attr]
        return curves_of(self._target, self._name)

    def __exit__(self, kind: Any, *_: object) -> None:
        if kind is None:
            if self._old is not None and self._old.library is None:
                self._old.use_fake_user = True
            return
        animation: Any = self._target.animation_data
        new = animation.action
        animation.action = self._old
        if self._old_slot is not None:
            animation.action_slot = self._old_slot
        if not self._had_data:
            self._target.animation_data_clear()
        bpy.data.actions.remove(new)
        bones: Any = self._target.pose.bones  # type: ignore[union-attr]
        for name, channels in self._pose:  # a viewport shows the half-keyed rig, and leaves its values behind
            for channel, value in channels.items():
                if channel in CHANNELS:
                    setattr(bones[name], channel, value)
                else:
                    bones[name][channel] = value


def _channels_of(bone: Any) -> dict[str, Any]:
    """What an action may have keyed of a pose bone, its number properties included."""
    properties = {key: bone[key] for key in bone.keys() if isinstance(bone[key], int | float)}  # noqa: SIM118 no dict
    return {channel: getattr(bone, channel)[:] for channel in CHANNELS} | properties


def _frames_of(source: bpy.types.Object) -> Float:
    """(T,) the frames that the skeleton is keyed on; all of its range where an animator has thinned its keys out."""
    keyed = [point.co[0] for curve in existing_curves(source) for point in curve.keyframe_points]
    scene: Any = bpy.context.scene
    if not keyed:
        return np.arange(float(scene.frame_start), float(scene.frame_end + 1))
    frames = np.unique(np.array(keyed, np.float64))
    whole = np.arange(np.ceil(frames[0]), np.floor(frames[-1]) + 1)
    after = np.searchsorted(frames, whole, side="right")
    gaps = np.diff(frames, append=frames[-1])
    is_in_gap = gaps[np.maximum(after - 1, 0)] > 1.0
    return np.asarray(np.unique(np.concatenate([frames, whole[is_in_gap]])))


def _sample(source: bpy.types.Object, target: bpy.types.Object, frames: Float) -> Generator[str, None, _SourceMotion]:
    bones: Any = source.data.bones  # type: ignore[union-attr]
    rest = np.array([bones[name].matrix_local.to_3x3() for name in BONES])
    poses, places, rig_places = [], [], []
    for skeleton, rig in evaluated_frames([source, target], frames):
        poses.append([[*map(list, skeleton.pose.bones[name].matrix)] for name in BONES])
        places.append(list(map(list, skeleton.matrix_world)))
        rig_places.append(list(map(list, rig.matrix_world)))
        yield f"reading the take, frame {len(poses)} of {len(frames)}"
    posed, to_world = np.array(poses), np.array(places)
    heads = np.einsum("tij,tbj->tbi", to_world, posed[..., 3])[..., :3]
    hips = [BONES.index(f"{side}_hip") for side in SIDES]
    ankles = [BONES.index(f"{side}_ankle") for side in SIDES]
    return _SourceMotion(
        frames=frames,
        turns=_rotation(to_world)[:, None] @ _rotation(posed) @ rest.transpose(0, 2, 1),
        mid_hips=heads[:, hips].mean(axis=1),
        ankle_heights=heads[:, ankles, 2].min(axis=1),
        scale=_scale(to_world[0]),
        rig_to_world=np.array(rig_places),
    )


def _wanted_rotations(
    motion: _SourceMotion, joints: dict[str, str], alignments: dict[str, Float], target: bpy.types.Object
) -> dict[str, Float]:
    """Bone of the rig -> (T, 3, 3) its pose, in the armature's axes."""
    bones: Any = target.data.bones  # type: ignore[union-attr]
    world_to_rig = _rotation(motion.rig_to_world).transpose(0, 2, 1)
    return {
        name: np.asarray(
            world_to_rig
            @ motion.turns[:, BONES.index(joint)]
            @ (alignments[joint] @ np.array(bones[name].matrix_local.to_3x3()))
        )
        for name, joint in joints.items()
    }


def _wanted_mid_hips(motion: _SourceMotion, source: RestPose, target: RestPose, at_rig: bool) -> Float:
    """(T, 3) where the rig's hips shall be, in the armature's axes and units."""
    rig_scale = _scale(motion.rig_to_world[0])
    ratio = target.leg_length * rig_scale / (source.leg_length * motion.scale)
    ankle = target.ankle_height * rig_scale
    contact = float(np.percentile(motion.ankle_heights, LOWEST_FEET_PERCENTILE))
    start = np.array([*motion.mid_hips[0, :2], contact])
    low, high = ANKLES_OVER_GRID_M
    floor = 0.0 if low <= contact <= high else contact - ankle / ratio
    place = np.array([*start[:2], floor])
    if at_rig:
        on_floor = target.upright[:, 2] * target.floor
        place = (motion.rig_to_world[0] @ np.array([*on_floor, 1.0]))[:3]
    wanted = place + np.array([0, 0, ankle]) + (motion.mid_hips - start) * ratio
    world_to_rig = np.linalg.inv(motion.rig_to_world)
    return np.asarray(np.einsum("tij,tj->ti", world_to_rig[:, :3, :3], wanted) + world_to_rig[:, :3, 3])


def _parents_of(source: bpy.types.Object) -> dict[str, str | None]:
    bones: Any = source.data.bones  # type: ignore[union-attr]
    return {name: bones[name].parent.name if bones[name].parent else None for name in BONES}


def _rotation(matrices: Float) -> Float:
    """(..., 3, 3) rotations of matrices (..., 4, 4) that turn and scale evenly."""
    turned = matrices[..., :3, :3]
    return np.asarray(turned / np.linalg.norm(turned, axis=-2, keepdims=True))


def _scale(matrix: Float) -> float:
    return float(np.cbrt(np.linalg.det(matrix[:3, :3])))
