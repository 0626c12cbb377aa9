"""Feet that stand stay where they stand: contact from speed and height, then the root, then the legs.

Works in the frame's camera, its y taken to point down: a camera that stands. Where the camera moves, feet
are not still in its frame, no contact is found, and nothing is changed.
"""

from __future__ import annotations

import numpy as np
from scipy.ndimage import gaussian_filter1d
from scipy.spatial.transform import Rotation

from .skinning import forward_kinematics
from .types import Bool, Float, Int

LEGS = ((1, 4, 7, 10), (2, 5, 8, 11))
"""SMPL's hip, knee, ankle and toes, left and right."""
STILL_M_S, MOVING_M_S = 0.25, 0.5
"""A foot comes to stand below the first speed and leaves above the second."""
DEPTH_SHARE = 0.3
"""Of the speed along the view, which one camera sees worst."""
NEAR_FLOOR_M = 0.12
"""Above the lower one of the two feet."""
BELOW_HIPS_M = 0.35
"""Feet higher than this below the hips carry nobody."""
SHORTEST_S = 0.1
GREATEST_SHIFT_M = 0.15
"""Of the root: more would show in the picture."""
FADE_S = 0.08
"""Standard deviation of the blend between contacts."""


def foot_points(posed: Float) -> Float:
    """(T, 2, 3) the middle between ankle and toes of both feet, from joints (T, 24, 3)."""
    return np.stack([(posed[:, ankle] + posed[:, toes]) / 2 for _, _, ankle, toes in LEGS], axis=1)


def find_contacts(posed: Float, time_s: Float) -> Bool:
    """(T, 2) whether the left and the right foot stand.

    Args:
        posed: (T, 24, 3) joints in the frame's camera, metres, y down.
        time_s: (T,).
    """
    if len(posed) < 3:
        return np.zeros((len(posed), 2), bool)
    feet = foot_points(posed)
    velocity = np.gradient(feet, time_s, axis=0) * [1, 1, DEPTH_SHARE]
    speed = np.linalg.norm(velocity, axis=2)
    lowest = feet[..., 1].max(1, keepdims=True)
    is_low = (lowest - feet[..., 1] < NEAR_FLOOR_M) & (feet[..., 1] - posed[:, :1, 1] > BELOW_HIPS_M)
    stands = np.zeros((len(posed), 2), bool)
    now = np.zeros(2, bool)
    for row in range(len(posed)):
        now = is_low[row] & (speed[row] < np.where(now, MOVING_M_S, STILL_M_S))
        stands[row] = now
    for foot in range(2):
        for first, last in _runs(stands[:, foot]):
            if time_s[last] - time_s[first] < SHORTEST_S:
                stands[first : last + 1, foot] = False
    return stands


def anchors(feet: Float, contacts: Bool) -> Float:
    """(T, 2, 3) where each standing foot should be: its mean place over the contact; NaN where it moves."""
    out = np.full(feet.shape, np.nan)
    for foot in range(2):
        for first, last in _runs(contacts[:, foot]):
            out[first : last + 1, foot] = feet[first : last + 1, foot].mean(0)
    return out


def root_shift(feet: Float, wanted: Float, time_s: Float) -> Float:
    """(T, 3) what to add to the translation so that standing feet stay, blended between contacts.

    Args:
        feet: (T, 2, 3) metres.
        wanted: (T, 2, 3) `anchors`.
        time_s: (T,).
    """
    is_held = ~np.isnan(wanted[..., :1])
    off = np.where(is_held, wanted - feet, 0).sum(1) / np.maximum(is_held.sum(1), 1)
    rows = np.flatnonzero(is_held.any(1)[:, 0])
    if not len(rows):
        return np.zeros((len(feet), 3))
    shift = np.stack([np.interp(time_s, time_s[rows], off[rows, axis]) for axis in range(3)], axis=1)
    step_s = float(np.median(np.diff(time_s)))
    shift = gaussian_filter1d(shift, FADE_S / max(step_s, 1e-6), axis=0, mode="nearest")
    length = np.linalg.norm(shift, axis=1, keepdims=True)
    return np.asarray(shift * np.minimum(1, GREATEST_SHIFT_M / np.maximum(length, 1e-9)))


def faded(off: Float, contacts: Bool, time_s: Float) -> Float:
    """(T, 2, 3) corrections of both feet: as given in contact, fading away before and after it."""
    out = np.zeros(off.shape)
    for foot in range(2):
        rows = np.flatnonzero(contacts[:, foot])
        if not len(rows):
            continue
        after = np.clip(np.searchsorted(rows, np.arange(len(off))), 0, len(rows) - 1)
        for nearest in (rows[after], rows[np.maximum(after - 1, 0)]):
            away = np.abs(time_s - time_s[nearest]) / (2 * FADE_S)
            part = np.exp(-(away**2))[:, None] * off[nearest, foot]
            out[:, foot] = np.where(np.abs(part) > np.abs(out[:, foot]), part, out[:, foot])
        out[rows, foot] = off[rows, foot]
    return out


def reach(matrices: Float, rest_joints: Float, shift: Float, parents: Int) -> Float:
    """Local rotations with which both ankles move by `shift`, the feet keeping their turn: two-bone legs.

    Args:
        matrices: (T, 24, 3, 3) local rotations.
        rest_joints: (24, 3) unposed, metres.
        shift: (T, 2, 3) metres, for the left and the right ankle.
        parents: (24,) of the joints.

    Returns:
        (T, 24, 3, 3).
    """
    out = np.array(matrices, np.float64)
    world, posed = forward_kinematics(out, rest_joints[None], parents)
    for foot, (hip, knee, ankle, _) in enumerate(LEGS):
        upper = posed[:, knee] - posed[:, hip]
        lower = posed[:, ankle] - posed[:, knee]
        target = posed[:, ankle] + shift[:, foot] - posed[:, hip]
        bend = _bend(upper, lower, target, world[:, knee, :, 0])
        swing = _shortest_turn(upper + (bend @ lower[..., None])[..., 0], target)
        new_hip, new_knee = swing @ world[:, hip], swing @ bend @ world[:, knee]
        out[:, hip] = np.swapaxes(world[:, parents[hip]], -1, -2) @ new_hip
        out[:, knee] = np.swapaxes(new_hip, -1, -2) @ new_knee
        out[:, ankle] = np.swapaxes(new_knee, -1, -2) @ world[:, ankle]
    return out


def _bend(upper: Float, lower: Float, target: Float, sideways: Float) -> Float:
    """(T, 3, 3) turn of the lower leg with which the ankle comes as far from the hip as the target is."""
    upper_m, lower_m = np.linalg.norm(upper, axis=1), np.linalg.norm(lower, axis=1)
    reach_m = np.clip(np.linalg.norm(target, axis=1), np.abs(upper_m - lower_m) + 1e-4, upper_m + lower_m - 1e-4)
    hinge = np.cross(upper, lower)
    sine = np.linalg.norm(hinge, axis=1)
    straight = sine < 1e-3 * upper_m * lower_m  # no bend shows the hinge: the knee's own x axis
    hinge = np.where(straight[:, None], sideways, hinge)
    hinge = hinge / np.linalg.norm(hinge, axis=1, keepdims=True)
    now = np.arctan2(sine, (upper * lower).sum(1))
    wanted = np.arccos(np.clip((reach_m**2 - upper_m**2 - lower_m**2) / (2 * upper_m * lower_m), -1, 1))
    return np.asarray(Rotation.from_rotvec(hinge * (wanted - now)[:, None]).as_matrix())


def _shortest_turn(a: Float, b: Float) -> Float:
    """(T, 3, 3) rotations that take the direction of a (T, 3) to that of b."""
    axis = np.cross(a, b)
    sine = np.linalg.norm(axis, axis=1)
    angle = np.arctan2(sine, (a * b).sum(1))
    return np.asarray(Rotation.from_rotvec(axis * (angle / np.maximum(sine, 1e-12))[:, None]).as_matrix())


def _runs(is_on: Bool) -> list[tuple[int, int]]:
    """First and last rows of the stretches that are on."""
    edges = np.diff(np.concatenate([[0], is_on.astype(np.int8), [0]]))
    return list(zip(np.flatnonzero(edges == 1).tolist(), (np.flatnonzero(edges == -1) - 1).tolist(), strict=True))
