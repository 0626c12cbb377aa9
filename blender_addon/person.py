"""One person of a motion: an empty that carries the root, and the body, one absolute shape key a frame."""

from __future__ import annotations

import colorsys
from typing import TYPE_CHECKING, Any

import bpy
import numpy as np

from . import axes
from .axes import Float
from .curves import curves_of, write_curve, write_vector_curves

if TYPE_CHECKING:
    from .bridge import PersonMotion

ROOT_EMPTY_M = 0.1
GOLDEN_ANGLE = 0.381966  # hues of neighbouring people are far apart, for any number of people


def make_root(person: PersonMotion, frames: Float, name: str) -> bpy.types.Object:
    """An empty on the person's root (mid-hip), with keyed location.

    Args:
        person: the motion.
        frames: (T,) scene frames.
        name: of the object.
    """
    root = bpy.data.objects.new(name, None)
    root.empty_display_size = ROOT_EMPTY_M
    positions = axes.camera_to_world(person.transl)
    root.location = positions[0]
    write_vector_curves(curves_of(root, name), "location", frames, positions)
    return root


def make_body(person: PersonMotion, faces: Any, frames: Float, name: str) -> bpy.types.Object:
    """The body as a mesh object with an absolute shape key for each frame, to be parented to the root.

    Absolute keys: evaluation costs 0.1 ms a frame at 3000 frames, where relative keys cost 200 ms.
    """
    mesh = make_mesh(axes.camera_to_world(person.vertices[0]), faces, name)
    body = bpy.data.objects.new(name, mesh)
    for vertices, scene_frame in zip(person.vertices, frames, strict=True):
        key = body.shape_key_add(name=f"frame {scene_frame:g}", from_mix=False)
        if key is None:
            raise RuntimeError(f"Blender made no shape key for frame {scene_frame:g} of {name}")
        points: Any = key.points
        points.foreach_set("co", axes.camera_to_world(vertices).astype(np.float32).ravel())
        key.value = 0.0  # 1 from Blender 5.0 on, which adds up if the keys are ever made relative
    keys: Any = mesh.shape_keys
    keys.use_relative = False
    # A key block's own frame drifts in float32 (9999.904 for 10000): keying just that makes it exact.
    positions = np.array([block.frame for block in keys.key_blocks])
    write_curve(curves_of(keys, name), "eval_time", frames, positions)
    return body


def make_mesh(vertices: Float, faces: Any, name: str) -> bpy.types.Mesh:
    """A smooth-shaded mesh; vertices (V, 3) in Blender's axes."""
    mesh = bpy.data.meshes.new(name)
    mesh.from_pydata(vertices.tolist(), [], np.asarray(faces).tolist())
    mesh.shade_smooth()  # flat shading makes glTF split vertices, and the file four times as large
    mesh.update()
    return mesh


def make_material(index: int, name: str) -> bpy.types.Material:
    """A plain material in the person's own colour, the same in solid view and in a render."""
    colour = (*colorsys.hsv_to_rgb((0.07 + index * GOLDEN_ANGLE) % 1.0, 0.75, 0.9), 1.0)
    material = bpy.data.materials.new(name)
    material.diffuse_color = colour  # type: ignore[assignment]
    if material.node_tree is None:
        material.use_nodes = True  # always on, and deprecated, from 5.0
    tree: Any = material.node_tree
    shader = next(node for node in tree.nodes if node.type == "BSDF_PRINCIPLED")
    shader.inputs["Base Color"].default_value = colour
    shader.inputs["Roughness"].default_value = 0.6
    return material


def key_presence(item: bpy.types.Object, frames: Float, scene_range: tuple[int, int]) -> None:
    """Hide an object before its first and after its last frame, where the scene goes on without it.

    Args:
        item: an object whose own action is still free.
        frames: (T,) scene frames in which the person is there.
        scene_range: first and last frame of the take.
    """
    first, last = float(frames[0]), float(frames[-1])
    keys = [(first, 0.0)]
    if scene_range[0] < first:
        keys.insert(0, (float(scene_range[0]), 1.0))
    if last < scene_range[1]:
        keys.append((last + 1.0, 1.0))
    if len(keys) == 1:
        return
    curves = curves_of(item, f"{item.name} presence")
    at, hidden = np.array([k[0] for k in keys]), np.array([k[1] for k in keys])
    for path in ("hide_viewport", "hide_render"):
        write_curve(curves, path, at, hidden, interpolation="CONSTANT")
