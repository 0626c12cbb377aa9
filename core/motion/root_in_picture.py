"""Where a locked body is in the frame's camera, so that its joints lie where the network saw them."""

from __future__ import annotations

import numpy as np

from ..geometry.camera import Size, project, translation_to_pixels, weak_project
from ..types import Estimates, Float

DRAWN_WEIGHT = 0.15
"""Of a joint as mesh and camera place it, against one that the picture shows with full confidence."""
TRUSTED_SHARE = 0.06
"""Distance, against the crop's side, at which a joint of the picture counts a quarter."""
ROOT_ROUNDS = 4


def root_in_picture(joints: Float, seen: Estimates, focal_px: float | Float, size_px: Size) -> Float:
    """(T, 3) the translation with which the locked joints (T, 14, 3) land where the network saw them.

    It saw them twice: by its mesh and camera, which are always whole, and joint by joint in the picture,
    which is nearer to the pixel but may take a wall for a hand. The second reading counts by its confidence
    and less the further it is from the body (Geman-McClure weights, reweighted a few times).
    """
    centre = seen.box_px[:, :2] + seen.box_px[:, 2:] / 2
    drawn_px = weak_project(seen.joints, seen.weak_camera, centre, seen.crop_side_px)
    seen_px = np.asarray(seen.joints_px, np.float64)
    points, pixels = np.concatenate([joints, joints], axis=1), np.concatenate([drawn_px, seen_px], axis=1)
    steady, sure = np.full(drawn_px.shape[:2], DRAWN_WEIGHT), np.asarray(seen.joint_confidence, np.float64)
    weights = np.concatenate([steady, sure], axis=1)
    for _ in range(ROOT_ROUNDS):
        root = translation_to_pixels(points, pixels, weights, focal_px, size_px)
        off_px = np.linalg.norm(project(joints + root[:, None], focal_px, size_px) - seen_px, axis=2)
        far = off_px / (TRUSTED_SHARE * seen.crop_side_px[:, None])
        weights = np.concatenate([steady, sure / (1 + far**2) ** 2], axis=1)
    return root
