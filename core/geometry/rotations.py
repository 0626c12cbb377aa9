"""Quaternions wxyz over time: between frames, without spikes, steady."""

from __future__ import annotations

import numpy as np
from scipy.spatial.transform import Rotation

from ..types import Float
from .savitzky_golay import savitzky_golay

SPIKE_RAD = 0.6
"""A bone that turns by more for one frame, and back, was misread: 0.6 in 1/30 s is 18 rad/s, a hard throw."""
SPIKE_RATIO = 3.0


def matrices_of(quaternions: Float) -> Float:
    """(..., 3, 3) rotations of quaternions (..., 4)."""
    flat = Rotation.from_quat(np.roll(quaternions, -1, axis=-1).reshape(-1, 4)).as_matrix()
    return np.asarray(flat.reshape(*quaternions.shape[:-1], 3, 3))


def quaternions_of(matrices: Float) -> Float:
    """(..., 4) unit quaternions wxyz, w >= 0, of rotations (..., 3, 3)."""
    flat = Rotation.from_matrix(np.asarray(matrices, np.float64).reshape(-1, 3, 3)).as_quat()
    wxyz = np.roll(flat, 1, axis=-1)
    return np.asarray(np.where(wxyz[:, :1] < 0, -wxyz, wxyz).reshape(*matrices.shape[:-2], 4))


def product(left: Float, right: Float) -> Float:
    """(..., 4) the turn `right`, then the turn `left`; quaternions wxyz."""
    lw, lv, rw, rv = left[..., :1], left[..., 1:], right[..., :1], right[..., 1:]
    scalar = lw * rw - (lv * rv).sum(-1, keepdims=True)
    return np.asarray(np.concatenate([scalar, lw * rv + rw * lv + np.cross(lv, rv)], axis=-1))


def inverse(unit: Float) -> Float:
    """(..., 4) the turns back of unit quaternions wxyz."""
    return np.asarray(unit * np.array([1.0, -1.0, -1.0, -1.0]))


def at_times(quaternions: Float, time_s: Float, wanted_s: Float) -> Float:
    """Rotations (N, J, 4) at wanted times, on the great arc between neighbours; held beyond both ends.

    Args:
        quaternions: (T, J, 4) unit, any signs.
        time_s: (T,) ascending.
        wanted_s: (N,).
    """
    after = np.clip(np.searchsorted(time_s, wanted_s, side="right"), 1, max(1, len(time_s) - 1))
    before, after = after - 1, np.minimum(after, len(time_s) - 1)
    span = np.maximum(time_s[after] - time_s[before], 1e-9)
    share = np.clip((wanted_s - time_s[before]) / span, 0, 1)
    return slerp(quaternions[before], quaternions[after], share[:, None])


def slerp(a: Float, b: Float, share: Float) -> Float:
    """Between a and b (..., 4), `share` (...,) of the shorter way."""
    dot = (a * b).sum(-1)
    b = np.where(dot[..., None] < 0, -b, b)
    angle = np.arccos(np.clip(np.abs(dot), 0, 1))[..., None]
    part = np.asarray(share)[..., None]
    is_near = angle < 1e-4
    sine = np.where(is_near, 1, np.sin(angle))
    from_a = np.where(is_near, 1 - part, np.sin((1 - part) * angle) / sine)
    from_b = np.where(is_near, part, np.sin(part * angle) / sine)
    return _unit(from_a * a + from_b * b)


def without_spikes(quaternions: Float) -> Float:
    """(T, J, 4) with rotations that leave and return within one frame put between their neighbours."""
    if len(quaternions) < 3:
        return quaternions
    middle = slerp(quaternions[:-2], quaternions[2:], np.full(quaternions[1:-1].shape[:2], 0.5))
    off = angle(quaternions[1:-1], middle)
    is_spike = off > np.maximum(SPIKE_RAD, SPIKE_RATIO * angle(quaternions[:-2], quaternions[2:]))
    out = quaternions.copy()
    out[1:-1] = np.where(is_spike[..., None], middle, out[1:-1])
    return out


def smooth_rotations(quaternions: Float, time_s: Float, window_s: float) -> Float:
    """Savitzky-Golay over the components of sign-continuous quaternions (T, J, 4), units again afterwards."""
    return _unit(savitzky_golay(continuous(quaternions), time_s, window_s))


def continuous(quaternions: Float) -> Float:
    """The same rotations, each with the sign that is nearer to the frame before."""
    flips = np.where((quaternions[1:] * quaternions[:-1]).sum(-1) < 0, -1.0, 1.0)
    out = quaternions.copy()
    out[1:] *= np.cumprod(flips, axis=0)[..., None]
    return np.asarray(out)


def angle(a: Float, b: Float) -> Float:
    """(...,) rad between rotations (..., 4)."""
    return np.asarray(2 * np.arccos(np.clip(np.abs((a * b).sum(-1)), 0, 1)))


def _unit(quaternions: Float) -> Float:
    return np.asarray(quaternions / np.linalg.norm(quaternions, axis=-1, keepdims=True))
