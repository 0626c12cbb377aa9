"""A person's box through time: a Kalman filter of the middle, the size and the shape.

Each of the four values has a rate that wears off, since nobody walks on for long behind a pillar; the four don't
depend on each other, so that the filter is four small ones. Rates are taken in the direction of travel: who is
followed backwards has time steps that are positive too.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ..types import Float

MEASURED = np.array([0.02, 0.02, 0.08, 0.15])
"""Deviation of a sighting's box: its middle against its side, log of the side, log of width by height."""
WANDER = np.array([0.0, 0.0, 0.5, 1.0])
"""How far a value strays in a second, in the same units: arms go up within a few frames."""
PUSH = np.array([4.0, 4.0, 0.5, 0.0])
"""How much a rate, per second, changes in a second: a player turns round within a third of one."""
LASTS_S = np.array([1.0, 1.0, 0.3, 0.3])
"""How long a rate lasts: after that time a third of it is left."""
LARGEST = 1e6
"""Of a stored value, far beyond any picture."""
FIRST_RATE = np.array([2.0, 2.0, 0.3, 0.1])
"""Deviation of the rates before anything is known of them."""


class BoxFilter:
    """Where a person's box is, and where it goes.

    Attributes:
        mean: (4, 2) value and rate, per second, of the middle's x and y in frame pixels, log side, log aspect.
        covariance: (4, 2, 2).
    """

    def __init__(self, box_px: Float) -> None:
        """Begin with a box (4,) xywh that stands still as far as is known."""
        self.mean = np.stack([_values(box_px), np.zeros(4)], axis=1)
        self.covariance = np.zeros((4, 2, 2))
        self.covariance[:, 0, 0] = (MEASURED * self._units) ** 2
        self.covariance[:, 1, 1] = (FIRST_RATE * self._units) ** 2

    @property
    def box_px(self) -> Float:
        """(4,) xywh, frame pixels."""
        return _box(self.mean[:, 0])

    def box_after(self, after_s: float) -> Float:
        """(4,) where the box will be after so many seconds."""
        return _box(self.mean[:, 0] + self.mean[:, 1] * LASTS_S * (1 - np.exp(-after_s / LASTS_S)))

    def follow(self, box_px: Float, after_s: float) -> None:
        """Take in a sighting (4,) xywh, so many seconds after the last one."""
        left, step = np.exp(-after_s / LASTS_S), np.zeros((4, 2, 2))
        step[:, 0, 0], step[:, 0, 1], step[:, 1, 1] = 1, LASTS_S * (1 - left), left
        push = (PUSH * self._units)[:, None, None] ** 2
        noise = push * np.array([[after_s**3 / 3, after_s**2 / 2], [after_s**2 / 2, after_s]])
        noise[:, 0, 0] += (WANDER * self._units) ** 2 * after_s
        mean = np.einsum("kij,kj->ki", step, self.mean)
        covariance = step @ self.covariance @ step.transpose(0, 2, 1) + noise
        gain = covariance[:, :, 0] / (covariance[:, 0, 0] + (MEASURED * self._units) ** 2)[:, None]
        self.mean = mean + gain * (_values(box_px) - mean[:, 0])[:, None]
        self.covariance = covariance - gain[:, :, None] * covariance[:, :1, :]

    def to_json(self) -> list[Any]:
        """Plain types."""
        return [self.mean.tolist(), self.covariance.tolist()]

    @classmethod
    def from_json(cls, stored: list[Any]) -> BoxFilter:
        """What `to_json` gave."""
        made = cls(np.ones(4))
        mean, covariance = np.array(stored[0], np.float64), np.array(stored[1], np.float64)
        if mean.shape != (4, 2) or covariance.shape != (4, 2, 2) or not np.isfinite(covariance).all():
            raise ValueError(f"expected (4, 2) and (4, 2, 2), got {mean.shape} and {covariance.shape}")
        if not (np.abs(mean) < LARGEST).all():
            raise ValueError("a box that is nowhere")
        made.mean, made.covariance = mean, covariance
        return made

    @property
    def _units(self) -> Float:
        """(4,) what the deviations above are multiplied with: pixels for the middle."""
        side = np.exp(self.mean[2, 0])
        return np.array([side, side, 1.0, 1.0])


def _values(box_px: Float) -> Float:
    width, height = box_px[2:]
    return np.array([*(box_px[:2] + box_px[2:] / 2), np.log(max(width, height)), np.log(width / height)])


def _box(values: Float) -> Float:
    side, aspect = np.exp(values[2:])
    size = side * np.array([min(1.0, aspect), min(1.0, 1 / aspect)])
    return np.concatenate([values[:2] - size / 2, size])
