"""Noisy samples at given times -> steady ones. Vectorised over channels; frames may be unevenly spaced."""

from __future__ import annotations

import numpy as np

from ..types import Float


def savitzky_golay(samples: Float, time_s: Float, window_s: float, degree: int = 2) -> Float:
    """Local polynomials, fitted to the samples within half a window to both sides, at the true times: no lag.

    Args:
        samples: (T, ...) numbers.
        time_s: (T,) ascending.
        window_s: full width of the window; a shorter one than three frames changes nothing.
        degree: of the polynomials; lower where a window holds fewer samples.

    Returns:
        (T, ...) float64.
    """
    samples, time_s = np.asarray(samples, np.float64), np.asarray(time_s, np.float64)
    count = len(samples)
    step_s = float(np.median(np.diff(time_s))) if count > 1 else 1.0
    reach = min(round(window_s / 2 / max(step_s, 1e-6)), count - 1)
    if reach < 1:
        return samples.copy()
    rows = np.arange(count)[:, None] + np.arange(-reach, reach + 1)  # (T, W)
    is_inside = (rows >= 0) & (rows < count)
    rows = np.clip(rows, 0, count - 1)
    offset = (time_s[rows] - time_s[:, None]) / (reach * step_s)
    # tricube weights: the edge of the window fades, so that a sample's entry makes no jump
    weight = np.where(is_inside, (1 - np.clip(np.abs(offset) / (1 + 1 / reach), 0, 1) ** 3) ** 3, 0)
    degree = min(degree, 2 * reach, count - 1)
    powers = offset[..., None] ** np.arange(degree + 1)
    kernel = np.linalg.pinv(powers * np.sqrt(weight)[..., None])[:, 0] * np.sqrt(weight)  # (T, W)
    flat = samples.reshape(count, -1)
    out = np.zeros_like(flat)
    for column in range(kernel.shape[1]):  # W passes over whole arrays, no (T, W, C) in memory
        out += kernel[:, column, None] * flat[rows[:, column]]
    return out.reshape(samples.shape)
