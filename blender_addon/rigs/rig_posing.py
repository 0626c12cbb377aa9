"""What to key on a rig so that its bones stand as wanted, whatever they hang from.

A bone's keys count from its parent. Where all parents are plain, their poses are computed; where one is moved by
constraints or drivers (Rigify's mechanism bones), the rig is evaluated with what is keyed so far, one generation of
bones after the other.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import bpy
import numpy as np
from mathutils import Matrix, Quaternion

from .. import bridge
from ..axes import Float
from ..scene.curves import write_curve, write_vector_curves
from ..scene.evaluated import evaluated_frames
from .rest_pose import RestPose

BONE_PATH = re.compile(r'^pose\.bones\["((?:[^"\\]|\\.)*)"\]')
HIPS = ("left_hip", "right_hip")
Poses = list[Matrix]


class RigPosing:
    """Keys one rig.

    Args:
        rig: armature object with a new action.
        curves: that action's curves.
        frames: (T,) scene frames.
        joints: bone of the rig -> SMPL's name.
        root: bone that carries the translation.
    """

    def __init__(
        self,
        rig: bpy.types.Object,
        curves: Any,
        frames: Float,
        joints: dict[str, str],
        root: str,
    ) -> None:
        self._rig, self._curves, self._frames = rig, curves, frames
        self._joints, self._root = joints, root
        self._bones: Any = rig.data.bones  # type: ignore[union-attr]
        self._pose_bones: Any = rig.pose.bones  # type: ignore[union-attr]
        self._moved = _moved_bones(rig)
        self._poses: dict[str, Poses] = {}

    def key_properties(self, properties: dict[str, dict[str, float]]) -> None:
        """Key custom properties, such as the switch from IK to FK, on the first frame."""
        for name, values in properties.items():
            for key, value in values.items():
                if key in self._pose_bones[name]:
                    self._key_once(f'{_path(name)}["{bpy.utils.escape_identifier(key)}"]', value)

    def pose(
        self, rotations: dict[str, Float], mid_hips: Float, rest: RestPose, parents: dict[str, str | None]
    ) -> Iterator[str]:
        """Key every bone, a step at a time; each says what it did.

        Args:
            rotations: bone -> (T, 3, 3) its pose in the armature's axes.
            mid_hips: (T, 3) where the hips shall be, armature's axes.
            rest: of the rig.
            parents: SMPL's name -> name of its parent.
        """
        waiting = sorted(self._joints, key=lambda name: len(self._bones[name].parent_recursive))
        was_evaluated = False
        while waiting:
            ready = [name for name in waiting if self._parent_poses(name) is not None]
            if not ready:
                was_evaluated = True
                may_go = [name for name in waiting if self._may_go(name, waiting, parents)]
                yield from self._evaluate_parents(may_go or waiting)
                continue
            for name in ready:
                at = self._root_heads(rotations[name], mid_hips, rest) if name == self._root else None
                self._key_bone(name, rotations[name], at)
                yield f"keying {name}"
            waiting = [name for name in waiting if name not in ready]
        if was_evaluated:
            yield from self._correct_root(rotations[self._root], mid_hips, rest)

    def _may_go(self, name: str, waiting: list[str], parents: dict[str, str | None]) -> bool:
        """Whether all is keyed that a bone may depend on: above it in the rig, and above its joint in the body."""
        above = {bone.name for bone in self._bones[name].parent_recursive}
        joint = parents[self._joints[name]]
        while joint is not None:
            above |= set([bone for bone, its in self._joints.items() if its == joint][:1])
            joint = parents[joint]
        return not above & set(waiting)

    def _parent_poses(self, name: str) -> Poses | None:
        """Poses of a bone's parent on every frame; None where they have to be evaluated first."""
        parent = self._bones[name].parent
        return [Matrix.Identity(4)] * len(self._frames) if parent is None else self._plain_poses(parent)

    def _plain_poses(self, bone: Any) -> Poses | None:
        if bone.name in self._poses:
            return self._poses[bone.name]
        if bone.name in self._joints or bone.name in self._moved:
            return None
        above = self._parent_poses(bone.name)
        if above is None:
            return None
        basis = self._pose_bones[bone.name].matrix_basis
        self._poses[bone.name] = [self._to_pose(bone, basis, parent) for parent in above]
        return self._poses[bone.name]

    def _to_pose(self, bone: Any, matrix: Matrix, parent: Matrix, *, invert: bool = False) -> Matrix:
        """From a bone's own channels to its pose in the armature, or back."""
        rests = (
            {} if bone.parent is None else {"parent_matrix": parent, "parent_matrix_local": bone.parent.matrix_local}
        )
        converted: Matrix = bone.convert_local_to_pose(matrix, bone.matrix_local, invert=invert, **rests)
        return converted

    def _evaluate_parents(self, names: list[str]) -> Iterator[str]:
        """Read the poses of these bones' parents from the rig as it is keyed so far."""
        above = sorted({self._bones[name].parent.name for name in names if self._parent_poses(name) is None})
        found: dict[str, Poses] = {name: [] for name in above}
        for number, (rig,) in enumerate(evaluated_frames([self._rig], self._frames), 1):
            for name in above:
                found[name].append(rig.pose.bones[name].matrix.copy())
            yield self._evaluated_text(number)
        self._poses |= found

    def _evaluated_text(self, number: int) -> str:
        keyed = sum(name in self._poses for name in self._joints)
        return f"evaluating the rig, frame {number} of {len(self._frames)}, {keyed} of {len(self._joints)} bones keyed"

    def _key_bone(self, name: str, rotations: Float, heads: Float | None) -> None:
        bone = self._bones[name]
        wanted = [Matrix(turn.tolist()).to_4x4() for turn in rotations]
        if heads is not None:
            for matrix, head in zip(wanted, heads, strict=True):
                matrix.translation = head
        above = self._parent_poses(name)
        if above is None:
            raise RuntimeError(f"the parent of {name} has no pose yet")
        basis = [self._to_pose(bone, matrix, parent, invert=True) for matrix, parent in zip(wanted, above, strict=True)]
        self._key_rotation(name, [matrix.to_quaternion() for matrix in basis])
        if heads is not None:
            self._write(f"{_path(name)}.location", np.array([matrix.translation for matrix in basis]))
        else:
            basis = [matrix.to_quaternion().to_matrix().to_4x4() for matrix in basis]
            self._key_rest(name, "location", 0.0)
        self._key_rest(name, "scale", 1.0)
        self._poses[name] = [self._to_pose(bone, matrix, parent) for matrix, parent in zip(basis, above, strict=True)]

    def _key_rotation(self, name: str, turns: list[Quaternion]) -> None:
        """Key in the bone's own rotation mode: the rig stays as its author made it."""
        mode = self._pose_bones[name].rotation_mode
        wxyz = np.array([[turn.w, turn.x, turn.y, turn.z] for turn in turns])
        wxyz *= np.where(wxyz[:1, :1] < 0, -1.0, 1.0)
        wxyz = bridge.continuous(wxyz)
        if mode == "QUATERNION":
            self._write(f"{_path(name)}.rotation_quaternion", wxyz)
        elif mode == "AXIS_ANGLE":
            pairs = [Quaternion(turn).to_axis_angle() for turn in wxyz]
            self._write(
                f"{_path(name)}.rotation_axis_angle",
                np.array([(angle, axis[0], axis[1], axis[2]) for axis, angle in pairs]),
            )
        else:
            eulers = [turns[0].to_euler(mode)]
            for turn in turns[1:]:
                eulers.append(turn.to_euler(mode, eulers[-1]))
            self._write(f"{_path(name)}.rotation_euler", np.array(eulers))

    def _key_rest(self, name: str, channel: str, value: float) -> None:
        """Key a channel at rest where an older motion has left it elsewhere."""
        if any(abs(component - value) > 1e-6 for component in getattr(self._pose_bones[name], channel)):
            for index in range(3):
                self._key_once(f"{_path(name)}.{channel}", value, index)

    def _key_once(self, path: str, value: float, index: int = 0) -> None:
        write_curve(self._curves, path, self._frames[:1], np.array([value]), index=index, interpolation="CONSTANT")

    def _write(self, path: str, values: Float) -> None:
        for index in range(values.shape[1]):
            old = self._curves.find(path, index=index)
            if old is not None:
                self._curves.remove(old)
        write_vector_curves(self._curves, path, self._frames, values)

    def _root_heads(self, rotations: Float, mid_hips: Float, rest: RestPose) -> Float:
        """(T, 3) heads of the root bone, if the thighs hang rigidly from it."""
        bone = self._bones[self._root]
        turns = rotations @ np.array(bone.matrix_local.to_3x3()).T
        return np.asarray(mid_hips - turns @ (rest.mid_hips - np.array(bone.head_local)))

    def _correct_root(self, rotations: Float, mid_hips: Float, rest: RestPose) -> Iterator[str]:
        """Move the root by what the hips, as evaluated, are off."""
        thighs = [next(name for name, joint in self._joints.items() if joint == hip) for hip in HIPS]
        found: list[Float] = []
        for number, (rig,) in enumerate(evaluated_frames([self._rig], self._frames), 1):
            found.append(np.mean([rig.pose.bones[name].matrix.translation for name in thighs], axis=0))
            yield self._evaluated_text(number)
        heads = self._root_heads(rotations, mid_hips, rest)
        self._key_bone(self._root, rotations, heads + mid_hips - np.array(found))


def _path(name: str) -> str:
    return f'pose.bones["{bpy.utils.escape_identifier(name)}"]'


def _moved_bones(rig: bpy.types.Object) -> set[str]:
    """Bones that something else than their own channels moves."""
    bones: Any = rig.pose.bones  # type: ignore[union-attr]
    animation: Any = rig.animation_data
    if animation is not None and len(animation.nla_tracks) > 0:
        return {bone.name for bone in bones}
    moved = {bone.name for bone in bones if any(not constraint.mute for constraint in bone.constraints)}
    paths = [driver.data_path for driver in animation.drivers] if animation is not None else []
    matches = [match for match in map(BONE_PATH.match, paths) if match]
    return moved | {bpy.utils.unescape_identifier(match[1]) for match in matches}
