"""Rigs made by code: the open body's own joints under other names, in other rest poses, with any rolls."""

from dataclasses import fields, replace
from typing import Any

import bpy
import numpy as np
from mathutils import Matrix, Vector

from blender_addon import axes
from blender_addon.scene.armature import BONES
from blender_addon.scene.build import BuildSettings, build_take
from core import Motion
from core.body.model import load_body
from tests.addon.truth import true_motion

PARENTS = [-1, 0, 0, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 9, 9, 12, 13, 14, 16, 17, 18, 19, 20, 21]
ARMS = {"left": (16, 18, 20, 22), "right": (17, 19, 21, 23)}
FINGERS = {22, 23}


def short_motion(frame_count: int = 12, start: int = 30) -> Motion:
    """Some frames of the demo clip's true motion, at 25 frames a second."""
    motion = true_motion()
    person = motion.persons[0]
    cut = {
        field.name: getattr(person, field.name)[start : start + frame_count]
        for field in fields(person)
        if field.name not in {"person_id", "betas"}
    }
    cut |= {"time_s": np.arange(frame_count) / 25, "frame_index": np.arange(frame_count)}
    return replace(motion, fps=25.0, persons=[replace(person, **cut)])


def take_skeleton(scene: Any, motion: Motion | None = None) -> bpy.types.Object:
    """The armature of a take in the scene."""
    built = build_take(scene, motion or short_motion(), BuildSettings("take", ("armature",)))
    return bpy.data.objects[built.people[0].armature]


def rest_joints(motion: Motion | None = None, arms_down_rad: float = 0.0) -> np.ndarray:
    """(24, 3) joints of the motion's person at rest in Blender's axes, arms lowered from the T-pose."""
    betas = (motion or short_motion(1)).persons[0].betas[None]
    joints = axes.body_to_armature(load_body().shape(betas)[1][0]).astype(float)
    for sign, side in ((1, "left"), (-1, "right")):
        shoulder = joints[ARMS[side][0]].copy()
        turn = np.array(Matrix.Rotation(sign * arms_down_rad, 3, "Y"))
        for joint in ARMS[side]:
            joints[joint] = turn @ (joints[joint] - shoulder) + shoulder
    joints[:, 2] -= joints[:, 2].min() - 0.02
    return joints


def make_rig(
    joints: np.ndarray,
    names: dict[str, str],
    *,
    roll_seed: int = 0,
    to_object: np.ndarray | None = None,
    parents: dict[str, str] | None = None,
    name: str = "Hero",
) -> bpy.types.Object:
    """An armature with a bone for each of `names` (SMPL's name -> the rig's), linked to the scene.

    Args:
        joints: (24, 3) in the world.
        names: bones to make, in SMPL's order.
        roll_seed: each bone gets a roll of its own.
        to_object: (4, 4) the object's matrix; the bones are where `joints` says in the world all the same.
        parents: extra bones, name -> SMPL's name of the bone that they are put above.
    """
    rng = np.random.default_rng(roll_seed)
    matrix = Matrix(np.eye(4) if to_object is None else to_object)
    local = np.array([matrix.inverted() @ Vector(joint) for joint in joints])
    rig = bpy.data.objects.new(name, bpy.data.armatures.new(name))
    rig.matrix_world = matrix
    bpy.context.scene.collection.objects.link(rig)
    bpy.context.view_layer.objects.active = rig
    bpy.ops.object.mode_set(mode="EDIT")
    made: dict[str, Any] = {}
    for joint, bone_name in names.items():
        index = BONES.index(joint)
        bone = rig.data.edit_bones.new(bone_name)
        bone.head = local[index]
        children = [child for child, parent in enumerate(PARENTS) if parent == index]
        bone.tail = local[children[0]] if children else local[index] + (local[index] - local[PARENTS[index]]) * 0.5
        bone.roll = rng.uniform(-3, 3)
        bone.parent = _nearest_made(made, index)
        made[joint] = bone
    for extra, joint in (parents or {}).items():
        bone = rig.data.edit_bones.new(extra)
        bone.head, bone.tail, bone.roll = made[joint].head, made[joint].tail, 0.7
        bone.parent, made[joint].parent = made[joint].parent, bone
    bpy.ops.object.mode_set(mode="OBJECT")
    return rig


def _nearest_made(made: dict[str, Any], index: int) -> Any:
    parent = PARENTS[index]
    while parent >= 0:
        if BONES[parent] in made:
            return made[BONES[parent]]
        parent = PARENTS[parent]
    return None


def world_heads(rig: bpy.types.Object, names: list[str], frame: int) -> np.ndarray:
    """(N, 3) where these bones begin in the world on a frame."""
    bpy.context.scene.frame_set(frame)
    return np.array([rig.matrix_world @ rig.pose.bones[name].head for name in names])


def world_turns(rig: bpy.types.Object, names: list[str], frame: int) -> np.ndarray:
    """(N, 3, 3) how far these bones have turned from rest, in the world."""
    bpy.context.scene.frame_set(frame)
    place = rig.matrix_world.to_quaternion()
    turns = []
    for name in names:
        bone = rig.pose.bones[name]
        posed = place @ bone.matrix.to_quaternion()
        turns.append((posed @ (place @ bone.bone.matrix_local.to_quaternion()).inverted()).to_matrix())
    return np.array(turns)
