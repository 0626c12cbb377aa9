"""What Blender shows, after all its evaluation."""

from typing import Any

import bpy
import numpy as np


def world_vertices(name: str, frame: float) -> np.ndarray:
    """(V, 3) evaluated vertices of an object in the world on a scene frame."""
    scene: Any = bpy.context.scene
    scene.frame_set(int(frame), subframe=frame - int(frame))
    item = bpy.data.objects[name].evaluated_get(bpy.context.evaluated_depsgraph_get())
    mesh = item.to_mesh()
    flat = np.empty(len(mesh.vertices) * 3, np.float32)
    mesh.vertices.foreach_get("co", flat)
    to_world = np.array(item.matrix_world)
    item.to_mesh_clear()
    return flat.reshape(-1, 3) @ to_world[:3, :3].T + to_world[:3, 3]


def stage_offset(stage: str) -> np.ndarray:
    """(3,) how far the take was moved so that its feet stand on the grid."""
    return np.array(bpy.data.objects[stage].location)
