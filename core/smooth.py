"""Noisy samples at given times -> steady ones. Vectorised over channels; frames may be unevenly spaced.

Both filters keep constants, and both run without lag: the One-Euro filter goes over the clip forwards and
backwards and the two are averaged, Savitzky-Golay looks to both sides.
"""

from __future__ import annotations

import numpy as np

from .types import Float

DERIVATIVE_CUTOFF_HZ = 1.0
"""Of the speed that opens the One-Euro filter; Casiez et al. 2012, section 3."""


def one_euro(samples: Float, time_s: Float, min_cutoff_hz: float, openness: float) -> Float:
    """One-Euro filter (Casiez et al. 2012), forwards and backwards.

    Args:
        samples: (T, ...) numbers.
        time_s: (T,) ascending.
        min_cutoff_hz: what is slower passes even at rest.
        openness: the paper's beta: Hz more for each unit of speed.

    Returns:
        (T, ...) float64.
    """
    samples, time_s = np.asarray(samples, np.float64), np.asarray(time_s, np.float64)
    forwards = _one_way(samples, np.diff(time_s), min_cutoff_hz, openness)
    backwards = _one_way(samples[::-1], np.diff(time_s)[::-1], min_cutoff_hz, openness)
    return np.asarray((forwards + backwards[::-1]) / 2)


def _one_way(samples: Float, steps_s: Float, min_cutoff_hz: float, openness: float) -> Float:
    out = np.array(samples)
    speed = np.zeros_like(samples[0])
    for row, step_s in enumerate(np.maximum(steps_s, 1e-6).tolist(), start=1):
        newest = (samples[row] - samples[row - 1]) / step_s
        speed = speed + _share(DERIVATIVE_CUTOFF_HZ, step_s) * (newest - speed)
        share = _share(min_cutoff_hz + openness * np.abs(speed), step_s)
        out[row] = out[row - 1] + share * (samples[row] - out[row - 1])
    return out


def _share(cutoff_hz: Float | float, step_s: float) -> Float:
    """How far a first-order low pass moves towards a new sample."""
    turn = 2 * np.pi * step_s * np.asarray(cutoff_hz)
    return np.asarray(turn / (turn + 1))


def savitzky_golay(samples: Float, time_s: Float, window_s: float, degree: int = 2) -> Float:
    """Local polynomials, fitted to the samples within half a window to both sides, at the true times.

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
