"""Smoothing of a trajectory: body, limbs and root, each with its own strength from 0 to 1.

Rotations are smoothed as quaternions. The root is smoothed as the camera sees it, and its depth, which one
camera knows by the body's size alone, more than its direction.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from scipy.ndimage import median_filter

from ..geometry.rotations import continuous, smooth_rotations, without_spikes
from ..geometry.savitzky_golay import savitzky_golay
from ..settings import SolveSettings
from ..types import CameraPath
from .moving_camera import to_camera, to_world
from .trajectory import Trajectory, from_ray_depth, to_ray_depth

LIMBS = (1, 2, 4, 5, 7, 8, 10, 11, 16, 17, 18, 19, 20, 21, 22, 23)
"""Of SMPL's joints: both legs from the hip and both arms from the shoulder; the others are the body."""
POSE_WINDOW_S = (0.15, 2.4)
"""Window of the Savitzky-Golay filter on rotations, at smooth 0 and 1: 0.6 s at a half. On eight rendered clips, two
of them fast, that halves the acceleration error that a One-Euro filter of 2.8 Hz left, at the same MPJPE or less."""
IMAGE_WINDOW_S = (0.05, 0.5)
DEPTH_WINDOW_S = (0.4, 4.0)
"""The same for the root's direction and on its depth, 1.3 s at a half: what is left of its error changes slowly, as the
pose does. On twelve rendered walks the root is 5.0 cm off in the mean of them; half the window gave 5.5."""
SPIKE_FRAMES = 5
"""Median over depth before smoothing: single readings are far off when a limb is missed."""
FEWEST_FRAMES = 3
NEAREST_M = 0.1
"""Nobody who is seen is nearer to the camera."""


def smoothed_pose(path: Trajectory, settings: SolveSettings) -> Trajectory:
    """The path with steady rotations, without single misread frames."""
    if len(path.time_s) < FEWEST_FRAMES:
        return path
    limbs = np.isin(np.arange(path.rotations.shape[1]), LIMBS)
    rotations = path.rotations.copy()
    for bones, strength in ((~limbs, settings.smooth_body), (limbs, settings.smooth_limbs)):
        smooth = settings.smooth if strength is None else strength
        if smooth > 0:
            whole = without_spikes(continuous(rotations[:, bones]))
            rotations[:, bones] = smooth_rotations(whole, path.time_s, _geometric(POSE_WINDOW_S, smooth))
    return replace(path, rotations=rotations)


def smoothed_root(path: Trajectory, settings: SolveSettings, camera: CameraPath | None = None) -> Trajectory:
    """The path with the root's direction a little steadier and its depth much.

    Where the camera moves, what is steady is the way through the world: the depth is that of the steady way, and
    directions are steadied by what they are off it.

    Args:
        path: its root in the frame's camera.
        settings: strengths.
        camera: one row for each of the path; None for a camera that stands.
    """
    smooth = settings.smooth if settings.smooth_root is None else settings.smooth_root
    if smooth == 0 or len(path.time_s) < FEWEST_FRAMES:
        return path
    ray_depth = to_ray_depth(path.root)
    ray_depth[:, 2] = median_filter(ray_depth[:, 2], SPIKE_FRAMES, mode="nearest")
    image_s, depth_s = _geometric(IMAGE_WINDOW_S, smooth), _geometric(DEPTH_WINDOW_S, smooth)
    steady = np.zeros((1, 3))
    if camera is None:
        depth = savitzky_golay(ray_depth[:, 2:], path.time_s, depth_s, degree=1)
    else:
        way = to_world(from_ray_depth(ray_depth), camera.camera_to_world)
        way = to_camera(savitzky_golay(way, path.time_s, depth_s, degree=1), camera.camera_to_world)
        steady = to_ray_depth(np.concatenate([way[:, :2], np.maximum(way[:, 2:], NEAREST_M)], axis=1))
        depth = steady[:, 2:]
    rays = savitzky_golay(ray_depth[:, :2] - steady[:, :2], path.time_s, image_s) + steady[:, :2]
    return replace(path, root=from_ray_depth(np.concatenate([rays, depth], axis=1)))


def _geometric(ends: tuple[float, float], share: float) -> float:
    """From one end at 0 to the other at 1 in equal ratios."""
    return float(ends[0] * (ends[1] / ends[0]) ** share)
