"""Weak camera of a crop -> the body's place in the frame's camera, and points -> pixels.

The network answers in its crop: u = s * (xy + t), [-1, 1] over the crop's side. The frame's camera is a
pinhole, its centre the middle of the picture. At the root's depth both must agree on position and scale.
"""

from __future__ import annotations

from typing import TypeAlias

import numpy as np

from ..types import Float

Size: TypeAlias = tuple[float, float]
"""Width and height of the frame, or twice its centre where that is not the middle."""


def default_focal_px(width: int, height: int) -> float:
    """The diagonal of the frame: a diagonal angle of view of 53 degrees, the usual guess (CLIFF, section 3)."""
    return float(np.hypot(width, height))


def weak_to_full_translation(
    weak_camera: Float, crop_centre_px: Float, crop_side_px: Float, focal_px: float, size_px: tuple[int, int]
) -> Float:
    """Translation of each body in the frame's camera.

    tz = 2 f / (side of the crop in frame pixels * s), the weak-perspective limit of a pinhole camera; tx and
    ty follow from where the crop lies in the frame.

    Args:
        weak_camera: (B, 3) scale, tx, ty; crop units, [-1, 1] over the crop.
        crop_centre_px: (B, 2) frame pixels.
        crop_side_px: (B,) frame pixels.
        focal_px: focal length of the frame's camera.
        size_px: width and height of the frame.

    Returns:
        (B, 3) metres, camera frame.

    Raises:
        ValueError: a scale is not positive.
    """
    weak = np.asarray(weak_camera, np.float64)
    if not (weak[:, 0] > 0).all():
        raise ValueError(f"expected positive scales, got {weak[:, 0].min()}")
    depth = 2 * focal_px / (np.asarray(crop_side_px, np.float64) * weak[:, 0])
    off_axis_px = np.asarray(crop_centre_px, np.float64) - np.asarray(size_px) / 2
    return np.concatenate([weak[:, 1:] + off_axis_px * (depth / focal_px)[:, None], depth[:, None]], axis=1)


def weak_project(points: Float, weak_camera: Float, crop_centre_px: Float, crop_side_px: Float) -> Float:
    """Where the network's own camera puts points (B, N, 3), metres: (B, N, 2) frame pixels."""
    units = weak_camera[:, None, :1] * (points[..., :2] + weak_camera[:, None, 1:])
    return np.asarray(crop_centre_px[:, None] + units * (crop_side_px[:, None, None] / 2))


def project(points: Float, focal_px: float | Float, size_px: Size) -> Float:
    """Pixels (..., 2) of points (..., 3), metres, in the frame's camera; a focal length, or (T, 1, ...) of them."""
    return np.asarray(focal_px * points[..., :2] / points[..., 2:] + np.asarray(size_px) / 2)


def translation_to_pixels(
    points: Float, pixels: Float, weights: Float, focal_px: float | Float, size_px: Size
) -> Float:
    """The translation with which a body's points land on pixels, as nearly as a rigid shift can.

    Linear least squares a frame: f (x + tx) = u (z + tz), u from the middle of the picture.

    Args:
        points: (T, N, 3) metres, camera axes, relative to the root.
        pixels: (T, N, 2) frame pixels.
        weights: (T, N) how much each point counts; two of a frame must count.
        focal_px: focal length of the frame's camera, or (T, 1, 1) where it changes.
        size_px: width and height of the frame.

    Returns:
        (T, 3) metres, camera frame.
    """
    points = np.asarray(points, np.float64)
    rays = (np.asarray(pixels, np.float64) - np.asarray(size_px) / 2) / focal_px  # (T, N, 2)
    wanted = rays * points[..., 2:] - points[..., :2]
    w = np.asarray(weights, np.float64)
    normal = np.zeros((len(points), 3, 3))
    normal[:, 0, 0] = normal[:, 1, 1] = w.sum(1)
    cross = -(w[..., None] * rays).sum(1)
    normal[:, :2, 2] = normal[:, 2, :2] = cross
    normal[:, 2, 2] = (w[..., None] * rays**2).sum((1, 2))
    right = np.concatenate(
        [(w[..., None] * wanted).sum(1), -(w[..., None] * rays * wanted).sum((1, 2))[:, None]], axis=1
    )
    return np.asarray(np.linalg.solve(normal, right[..., None])[..., 0])
