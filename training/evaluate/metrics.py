"""Scores: errors in metres a person, shares in [0, 1], and intervals by resampling people.

METRO's protocol (network.md C1): 14 LSP joints relative to mid-hip; PA after a similarity Procrustes a person.
Every function returns one value a person, so that means, intervals and breakdowns come from the same numbers.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from training.joint_orders import LSP_MIRROR

Float = npt.NDArray[np.floating[Any]]
Bool = npt.NDArray[np.bool_]

R_HIP, L_HIP = 2, 3
LIMBS = slice(0, 12)  # LSP without Neck and Head
L_SHOULDER, R_SHOULDER = 9, 8
_LEG, _ARM = (0.089, 0.087, 0.107), (0.062, 0.072, 0.079)
OKS_SIGMA = np.array([*_LEG, *_LEG[::-1], *_ARM, *_ARM[::-1]])
"""COCO's deviations of the 12 limb joints in LSP order, over the square root of the person's area."""
BODY_SHARE = 0.53
"""Area of a person over the area of the box around the joints, about."""


def mid_hip_centred(joints: Float) -> Float:
    """(B, 14, 3) joints relative to their own mid-hip, metres."""
    return np.asarray(joints - joints[:, [R_HIP, L_HIP]].mean(1, keepdims=True))


def mpjpe(predicted: Float, true: Float) -> Float:
    """Mean joint error of each person after both are put at mid-hip.

    Args:
        predicted: (B, 14, 3) metres.
        true: (B, 14, 3) metres.

    Returns:
        (B,) metres.
    """
    return np.asarray(np.linalg.norm(mid_hip_centred(predicted) - mid_hip_centred(true), axis=-1).mean(-1))


def mpvpe(predicted: Float, true: Float) -> Float:
    """Mean vertex error of each person; both already relative to the same root.

    Args:
        predicted: (B, V, 3) metres.
        true: (B, V, 3) metres.

    Returns:
        (B,) metres.
    """
    return np.asarray(np.linalg.norm(predicted - true, axis=-1).mean(-1))


def acceleration_error(predicted: Float, true: Float) -> Float:
    """Mean error of the joints' accelerations about mid-hip, of each frame but a clip's first and last.

    As HMMR (Kanazawa et al., CVPR 2019) and VIBE measure it: second differences over frames, their distance.

    Args:
        predicted: (T, 14, 3) metres, the frames of one clip in order.
        true: (T, 14, 3) metres.

    Returns:
        (T - 2,) metres per frame squared.
    """
    apart = np.diff(mid_hip_centred(predicted) - mid_hip_centred(true), n=2, axis=0)
    return np.asarray(np.linalg.norm(apart, axis=-1).mean(-1))


def procrustes(predicted: Float, true: Float) -> Float:
    """Predictions after the similarity (scale, rotation without reflection, shift) nearest to the truth.

    Args:
        predicted: (B, N, 3).
        true: (B, N, 3).

    Returns:
        (B, N, 3).
    """
    predicted, true = predicted.astype(np.float64), true.astype(np.float64)
    mean_predicted, mean_true = predicted.mean(1, keepdims=True), true.mean(1, keepdims=True)
    centred, target = predicted - mean_predicted, true - mean_true
    u, singular, vt = np.linalg.svd(np.swapaxes(centred, 1, 2) @ target)
    sign = np.sign(np.linalg.det(u @ vt))
    singular[:, -1] *= sign
    u[:, :, -1] *= sign[:, None]
    scale = singular.sum(-1) / np.maximum((centred**2).sum((1, 2)), 1e-12)
    return np.asarray(scale[:, None, None] * (centred @ (u @ vt)) + mean_true)


def pa_mpjpe(predicted: Float, true: Float) -> Float:
    """Mean joint error of each person after Procrustes alignment.

    Args:
        predicted: (B, J, 3) metres.
        true: (B, J, 3) metres.

    Returns:
        (B,) metres.
    """
    return np.asarray(np.linalg.norm(procrustes(predicted, true) - true, axis=-1).mean(-1))


def is_left_right_correct(predicted: Float, true: Float) -> Bool:
    """People whose joints fit better as they are than with left and right exchanged.

    Args:
        predicted: (B, 14, D) metres or crop units, D 2 or 3.
        true: (B, 14, D).

    Returns:
        (B,).
    """
    kept, truth = mid_hip_centred(predicted), mid_hip_centred(true)
    as_is = np.linalg.norm(kept - truth, axis=-1).mean(-1)
    exchanged = np.linalg.norm(kept[:, LSP_MIRROR] - truth, axis=-1).mean(-1)
    return np.asarray(as_is < exchanged)


def yaw(joints: Float) -> Float:
    """Where the trunk faces, read from hips and shoulders.

    Args:
        joints: (B, 14, 3) metres, camera axes (x right, y down, z forward).

    Returns:
        (B,) radians about the vertical; 0 faces the camera, positive turns towards the picture's right.
    """
    left = joints[:, L_HIP] + joints[:, L_SHOULDER] - joints[:, R_HIP] - joints[:, R_SHOULDER]
    up = joints[:, [R_SHOULDER, L_SHOULDER]].mean(1) - joints[:, [R_HIP, L_HIP]].mean(1)
    forward = np.cross(left, up)
    return np.asarray(np.arctan2(forward[:, 0], -forward[:, 2]))


def angle_between(first: Float, second: Float) -> Float:
    """(B,) absolute difference of two angles, radians in [0, pi]."""
    return np.asarray(np.abs((first - second + np.pi) % (2 * np.pi) - np.pi))


def facing_groups(facing: Float) -> dict[str, Bool]:
    """People by where they face: front within 45 degrees of the camera, back within 45 of away, side.

    Args:
        facing: (B,) radians, 0 faces the camera.
    """
    turned = angle_between(facing, np.zeros_like(facing))
    front, back = turned < np.pi / 4, turned > 3 * np.pi / 4
    return {"front": front, "side": ~front & ~back, "back": back}


def pck(predicted: Float, true: Float, visible: Bool, side: Float, threshold: float = 0.1) -> Float:
    """Share of each person's visible limb joints that lie within a part of the box's longer side.

    Args:
        predicted: (B, 14, 2) in the units of the truth.
        true: (B, 14, 2).
        visible: (B, 14).
        side: (B,) longer side of the box, same units.
        threshold: part of the side.

    Returns:
        (B,) in [0, 1]; nan for a person without visible limbs.
    """
    distance = np.linalg.norm(predicted[:, LIMBS] - true[:, LIMBS], axis=-1)
    hit = (distance <= threshold * side[:, None]) & visible[:, LIMBS]
    count = visible[:, LIMBS].sum(1)
    return np.where(count > 0, hit.sum(1) / np.maximum(count, 1), np.nan)


def oks(predicted: Float, true: Float, visible: Bool, area: Float) -> Float:
    """Object keypoint similarity of each person (COCO), over the limb joints.

    Args:
        predicted: (B, 14, 2) in the units of the truth.
        true: (B, 14, 2).
        visible: (B, 14).
        area: (B,) of the person, square units; `BODY_SHARE` of the box where no outline is known.

    Returns:
        (B,) in [0, 1]; nan for a person without visible limbs.
    """
    squared = ((predicted[:, LIMBS] - true[:, LIMBS]) ** 2).sum(-1)
    similarity = np.exp(-squared / (2 * np.maximum(area, 1e-12)[:, None] * (2 * OKS_SIGMA) ** 2))
    count = visible[:, LIMBS].sum(1)
    total = (similarity * visible[:, LIMBS]).sum(1)
    return np.where(count > 0, total / np.maximum(count, 1), np.nan)


def pck_better_side(predicted: Float, true: Float, visible: Bool, side: Float, threshold: float = 0.1) -> Float:
    """As `pck`, with the better of the two left-right assignments of each person.

    Args:
        predicted: (B, 14, 2).
        true: (B, 14, 2).
        visible: (B, 14).
        side: (B,).
        threshold: part of the side.

    Returns:
        (B,) in [0, 1].
    """
    as_is = pck(predicted, true, visible, side, threshold)
    exchanged = pck(predicted[:, LSP_MIRROR], true, visible, side, threshold)
    return np.asarray(np.fmax(as_is, exchanged))


def bootstrap_interval(
    values: Float, weights: Float | None = None, draws: int = 1000, seed: int = 0
) -> tuple[float, float]:
    """95 % interval of a weighted mean, by resampling people.

    Args:
        values: (B,) one value a person.
        weights: (B,) such as visible joints; None weighs all alike.
        draws: resamples.
        seed: of the resampling.

    Returns:
        Lower and upper end.
    """
    weights = np.ones(len(values)) if weights is None else weights
    picks = np.random.default_rng(seed).integers(0, len(values), (draws, len(values)))
    means = (values * weights)[picks].sum(1) / np.maximum(weights[picks].sum(1), 1e-12)
    low, high = np.percentile(means, [2.5, 97.5])
    return float(low), float(high)
