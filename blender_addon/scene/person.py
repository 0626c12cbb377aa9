"""One person of a motion: an empty that carries the root, and the body, one shape key or cached sample a frame."""

from __future__ import annotations

import colorsys
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import bpy
import numpy as np

from .. import axes, bridge
from ..axes import Bool, Float
from .curves import curves_of, own_curves, write_curve, write_vector_curves
from .mesh_cache import CacheFile, play_cache

if TYPE_CHECKING:
    from ..bridge import PersonMotion

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
    write_vector_curves(curves_of(root, name), "location", frames, positions, holds_of(person))
    return root


def holds_of(person: PersonMotion) -> Bool | None:
    """(T,) frames after which the person holds still, hidden, until a gap that was left empty ends; None for none."""
    return person.gap_after if person.gap_after.any() else None


def body_steps(person: PersonMotion, body: Callable[[], Any], frames: Float, cache: CacheFile | None) -> Iterator[int]:
    """Give a body its motion, a window of frames at a time; yields how many frames are done.

    An absolute shape key for each frame, or a sample of a cache. Absolute keys: evaluation costs 0.1 ms a frame at
    3000 frames, where relative keys cost 200 ms.

    Args:
        person: the motion; its vertices may be on disk.
        body: gives the object, at rest; asked for in each step.
        frames: (T,) scene frames.
        cache: the file that takes the vertices; None for shape keys.

    Raises:
        MocapError: the body was deleted between two steps, or the cache can't be written.
    """
    done = 0
    for window in bridge.windows(person.vertices):
        vertices = axes.camera_to_world(window).astype(np.float32)
        if cache is None:
            _add_keys(body(), vertices, frames[done:])
        else:
            cache.write(vertices)
        done += len(window)
        yield done
    item, holds = body(), holds_of(person)
    if cache is None:
        _play_keys(item, frames, holds)
    else:
        play_cache(item, cache.path, frames, holds)


def _add_keys(body: bpy.types.Object, vertices: Float, frames: Float) -> None:
    """A shape key for each of vertices (N, V, 3), named by frames (N or more,)."""
    for shape, scene_frame in zip(vertices, frames, strict=False):
        key = body.shape_key_add(name=f"frame {scene_frame:g}", from_mix=False)
        if key is None:
            raise RuntimeError(f"Blender made no shape key for frame {scene_frame:g} of {body.name}")
        points: Any = key.points
        points.foreach_set("co", shape.ravel())
        key.value = 0.0  # 1 from Blender 5.0 on, which adds up if the keys are ever made relative


def _play_keys(body: bpy.types.Object, frames: Float, holds: Bool | None) -> None:
    mesh: Any = body.data
    keys: Any = mesh.shape_keys
    keys.use_relative = False
    # A key block's own frame drifts in float32 (9999.904 for 10000): keying just that makes it exact.
    positions = np.array([block.frame for block in keys.key_blocks])
    write_curve(curves_of(keys, body.name), "eval_time", frames, positions, holds=holds)


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


def key_presence(item: bpy.types.Object, there: list[tuple[float, float]], scene_range: tuple[int, int]) -> None:
    """Hide an object where the scene goes on without it.

    Args:
        item: an object; the curves join those that it has.
        there: first and last scene frame of each stretch in which the person is there.
        scene_range: first and last frame of the take.
    """
    hides = [(float(scene_range[0]), 1.0)] if scene_range[0] < there[0][0] else []
    ends = [first for first, _ in there[1:]] + [scene_range[1] + 1.0]
    for (first, last), comes_back in zip(there, ends, strict=True):
        hides.append((first, 0.0))
        if last + 1.0 < comes_back:
            hides.append((last + 1.0, 1.0))
    if len(hides) == len(there):
        return
    curves = own_curves(item, f"{item.name} presence")
    at, hidden = np.array(hides).T
    for path in ("hide_viewport", "hide_render"):
        write_curve(curves, path, at, hidden, interpolation="CONSTANT")
