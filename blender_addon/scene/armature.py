"""The skeleton of the same solve: 24 bones in SMPL's order, quaternion keys, and a body skinned to it.

The pelvis bone carries the person's way through the scene, so that the armature exports by itself (BVH
ignores an object's own motion).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import bpy
import numpy as np

from .. import axes
from ..axes import Float
from .curves import curves_of, write_vector_curves
from .person import holds_of, make_mesh

if TYPE_CHECKING:
    from ..bridge import PersonMotion

BONES = (
    "pelvis", "left_hip", "right_hip", "spine1", "left_knee", "right_knee", "spine2", "left_ankle",
    "right_ankle", "spine3", "left_foot", "right_foot", "neck", "left_collar", "right_collar", "head",
    "left_shoulder", "right_shoulder", "left_elbow", "right_elbow", "left_wrist", "right_wrist",
    "left_hand", "right_hand",
)  # fmt: skip
POINTS_AT = {0: 3, 9: 12}
"""Bones with several children, and the child at which each ends."""
LEAF_SHARE = 0.6  # a bone without children goes on in its parent's direction, that much of its length
SHORTEST_BONE_M = 0.01  # Blender deletes a bone without length


def make_armature(body: Any, betas: Float, name: str) -> bpy.types.Object:
    """An armature object at rest in the person's own shape; `key_bones` gives it its motion.

    Args:
        body: the body of the motion (`core.body.Body`).
        betas: (10,) shape.
        name: of the object.

    Returns:
        The object, linked to the scene's own collection so that its bones can be made.
    """
    joints = body.shape(betas[None])[1][0]
    armature = bpy.data.objects.new(name, bpy.data.armatures.new(name))
    _make_bones(armature, axes.body_to_armature(joints), [int(parent) for parent in body.parents])
    return armature


def make_skinned_body(body: Any, betas: Float, armature: bpy.types.Object, name: str) -> bpy.types.Object:
    """The body at rest in the person's shape, skinned to the armature; to be parented to it."""
    mesh = make_mesh(axes.body_to_armature(body.shape(betas[None])[0][0]), body.faces, name)
    skinned = bpy.data.objects.new(name, mesh)
    weights = np.asarray(body.skin_weights)
    for joint, bone in enumerate(BONES):
        group = skinned.vertex_groups.new(name=bone)
        for vertex in np.flatnonzero(weights[:, joint]):
            group.add([int(vertex)], float(weights[vertex, joint]), "REPLACE")
    modifier: Any = skinned.modifiers.new("Armature", "ARMATURE")
    modifier.object = armature
    return skinned


def key_bones(armature: bpy.types.Object, body: Any, person: PersonMotion, frames: Float) -> None:
    """Key every bone on every frame: a bone's own axes are those of its rest, so each turn is seen from there.

    Args:
        armature: at rest.
        body: the body of the motion (`core.body.Body`).
        person: the motion, with `bone_rotations` and `bone_transl`.
        frames: (T,) scene frames.
    """
    pelvis = body.shape(person.betas[None])[1][0][0]
    bones: Any = armature.data.bones  # type: ignore[union-attr]
    rest = np.array([bones[name].matrix_local.to_3x3() for name in BONES])
    rest_wxyz = np.array([bones[name].matrix_local.to_quaternion() for name in BONES], dtype=np.float64)
    turns = axes.bone_rotations_to_armature(np.asarray(person.bone_rotations, dtype=np.float64))
    turns = axes.quaternion_product(axes.quaternion_product(axes.quaternion_inverse(rest_wxyz), turns), rest_wxyz)
    curves, holds = curves_of(armature, armature.name), holds_of(person)
    for joint, name in enumerate(BONES):
        write_vector_curves(curves, f'pose.bones["{name}"].rotation_quaternion', frames, turns[:, joint], holds)
    position = axes.camera_to_world(pelvis + person.bone_transl + person.transl)
    location = (position - axes.body_to_armature(pelvis)) @ rest[0]
    write_vector_curves(curves, f'pose.bones["{BONES[0]}"].location', frames, location, holds)


def bone_tails(heads: Float, parents: list[int]) -> Float:
    """(24, 3) where each bone ends: at its child, or some way on where it has none."""
    tails = np.array(heads, dtype=np.float64)
    for joint, parent in enumerate(parents):
        children = [child for child, its_parent in enumerate(parents) if its_parent == joint and child != joint]
        if children:
            tails[joint] = heads[POINTS_AT.get(joint, children[0])]
        else:
            tails[joint] += (heads[joint] - heads[parent]) * LEAF_SHARE
        if np.linalg.norm(tails[joint] - heads[joint]) < SHORTEST_BONE_M:
            tails[joint, 2] += SHORTEST_BONE_M
    return tails


def _make_bones(armature: bpy.types.Object, heads: Float, parents: list[int]) -> None:
    context: Any = bpy.context
    layer = context.view_layer
    before = layer.objects.active
    context.scene.collection.objects.link(armature)
    layer.objects.active = armature
    bpy.ops.object.mode_set(mode="EDIT")
    data: Any = armature.data
    for joint, tail in enumerate(bone_tails(heads, parents)):
        bone = data.edit_bones.new(BONES[joint])
        bone.head, bone.tail = heads[joint], tail
        if joint:
            bone.parent = data.edit_bones[BONES[parents[joint]]]
    bpy.ops.object.mode_set(mode="OBJECT")
    layer.objects.active = before
    data.display_type = "STICK"
    armature.show_in_front = True
