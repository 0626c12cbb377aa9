"""Our losses, metrics and data operations on the `train_eval_ops` fixture, under its names."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
import torch

from core.nets import project
from training.datasets import metro_operations
from training.evaluate import metrics
from training.losses import mesh_losses

Array = npt.NDArray[Any]
MakeArray = Callable[..., Array]
"""(name, shape, salt, scale=1, shift=0) -> float32: the fixtures' rule for inputs."""

CROPS: dict[str, tuple[tuple[float, float], float, float]] = {
    "plain": ((60, 45), 0.35, 0),
    "border": ((10, 80), 0.5, 0),
    "rot": ((62, 40), 0.3, 23),
    "up": ((60, 45), 0.2, 0),
}
CROP_POINTS = np.array([(20.0, 30.0), (60.4, 45.7), (100.0, 70.0), (5.0, 85.0)]) + 1.0  # one-based


def _mesh_losses(make: Callable[..., Array]) -> dict[str, Array]:
    true = torch.from_numpy(make("gti", (4, 1723, 3), 0.4))
    predicted = true + torch.from_numpy(make("ei", (4, 1723, 3), 0.03))
    i = np.arange(3400)
    faces = np.stack([i % 1723, (7 * i + 1) % 1723, (13 * i + 5) % 1723], 1)
    a, b, c = faces.T
    faces = faces[(a != b) & (b != c) & (a != c)]
    edges = np.stack([i % 1723, (11 * i + 3) % 1723], 1)
    edges = edges[edges[:, 0] != edges[:, 1]]
    has_mesh = torch.tensor([True, False, True, True])
    predicted, true = predicted[has_mesh], true[has_mesh]
    edge_ids, face_ids = torch.from_numpy(edges), torch.from_numpy(faces)
    return {
        "loss_edge_gt": mesh_losses.edge_length_loss(predicted, true, edge_ids).numpy(),
        "loss_edge_self": mesh_losses.edge_self_loss(predicted, edge_ids).numpy(),
        "loss_normal": mesh_losses.normal_loss(predicted, true, face_ids).numpy(),
    }


def _joint_and_vertex_ops(make: Callable[..., Array]) -> dict[str, Array]:
    true = make("gt14", (4, 14, 4), 0.4)
    confidence = np.ones((4, 14), np.float32)
    confidence[0, 2] = confidence[2, :5] = 0
    true = true[..., :3]
    predicted = true + make("e14", (4, 14, 3), 0.05)
    has_joints, has_mesh = np.array([1, 1, 0, 1], bool), np.array([1, 0, 1, 1], bool)
    vertices = make("gtv", (4, 6890, 3), 0.4)
    predicted_vertices = vertices + make("ev", (4, 6890, 3), 0.03)
    keypoints, visible = make("kp", (4, 14, 3), 0.6), make("vis", (4, 14)) > 0
    t = torch.from_numpy
    projected = project(t(predicted), t(make("cam", (4, 3), 0.1, 0.9)))
    args = (t(predicted), t(true), t(confidence))
    return {
        "proj": projected.numpy(),
        "loss_3d": mesh_losses.joint_loss_3d(*args, t(has_joints)).numpy(),
        "loss_3d_none": mesh_losses.joint_loss_3d(*args, torch.zeros(4, dtype=torch.bool)).reshape(1).numpy(),
        "loss_2d": mesh_losses.joint_loss_2d(projected, t(keypoints[..., :2]), t(visible).float()).numpy(),
        "loss_v": mesh_losses.vertex_loss(t(predicted_vertices), t(vertices), t(has_mesh)).numpy(),
        "mpjpe": metrics.mpjpe(predicted[has_joints], true[has_joints]),
        "mpvpe": metrics.mpvpe(predicted_vertices[has_mesh], vertices[has_mesh]),
        "pampjpe": metrics.pa_mpjpe(np.asarray(predicted, np.float32), true),
    }


def _picture_ops(make: Callable[..., Array], digest: Callable[[Array], Array]) -> dict[str, Array]:
    photo = cv2.GaussianBlur(np.clip(make("photo", (90, 120, 3), 40, 128), 0, 255).astype(np.uint8), (0, 0), 2)
    result: dict[str, Array] = {}
    for name, (center, scale, rotation) in CROPS.items():
        cropped = metro_operations.crop(photo, np.array(center), scale, 64, rotation)
        matrix = metro_operations.frame_to_crop(np.array(center), scale, 64, rotation)
        result[f"crop_{name}_s"] = cropped[::4, ::4]
        result[f"digest_crop_{name}"] = digest(cropped)
        result[f"pts_{name}"] = metro_operations.transform_points(CROP_POINTS, matrix)
    return result


def train_eval_ops(make_array: MakeArray, digest: Callable[[Array], Array], salt: str) -> dict[str, Array]:
    """Every array of the fixture, computed by this project's code.

    Args:
        make_array: the fixtures' rule for input arrays.
        digest: the fixtures' summary of an array.
        salt: of the fixture, from its meta.json.

    Returns:
        Arrays by the fixture's names.
    """

    def make(name: str, shape: tuple[int, ...], scale: float = 1.0, shift: float = 0.0) -> Array:
        return make_array(name, shape, salt, scale, shift)

    rotations = [cv2.Rodrigues(aa.astype(np.float64))[0] for aa in make("aa", (6, 3), 1.2)]
    pose = make("pose72", (72,), 0.4)
    return {
        **_joint_and_vertex_ops(make),
        **_mesh_losses(make),
        **_picture_ops(make, digest),
        "rodrigues": np.stack(rotations),
        "flip_kp": metro_operations.flip_joints(make("k24", (24, 3))),
        "flip_pose": metro_operations.flip_pose(pose),
        "rot_aa": metro_operations.rotate_global_orient(pose[:3].astype(np.float64), 17),
    }
