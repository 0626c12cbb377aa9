"""The floor under people's standing feet: a plane through their soles."""

from __future__ import annotations

import numpy as np

from ..body.model import Body
from ..files.windows import Rows, window_slices, windows
from ..types import Bool, Float, Floor
from .contacts import runs

FOOT_BONES = ((7, 10), (8, 11))
"""SMPL's ankle and toes, left and right."""
TILT_RAD, SOLE_M = 0.1, 0.04
"""How far the floor may tilt against the camera, and soles may lie off it: feet on one spot tell no tilt. A contact
counts once, however long it is, since its place is misread as a whole: somebody who turned on the spot had a floor that
leant by 21 degrees when each frame counted."""


def foot_surfaces(body: Body) -> tuple[list[int], list[int]]:
    """Vertices of the left and of the right foot."""
    left, right = (np.flatnonzero(body.skin_weights[:, list(bones)].sum(1) > 0.5).tolist() for bones in FOOT_BONES)
    return left, right


def soles_of(vertices: Rows, root: Float, contacts: Bool, body: Body) -> Float:
    """(N, 3) metres: where each foot stood in each of its contacts, the mean of its lowest points.

    Args:
        vertices: (T, 6890, 3) metres, relative to the root, y down.
        root: (T, 3) metres.
        contacts: (T, 2) whether the left and the right foot stand.
        body: that they are of.
    """
    surfaces, lowest = foot_surfaces(body), np.zeros((len(contacts), 2, 3))
    for part in window_slices(len(vertices)):
        if contacts[part].any():
            window = vertices[part]
            for foot, surface in enumerate(surfaces):
                sole = window[:, surface]
                lowest[part, foot] = sole[np.arange(len(sole)), sole[..., 1].argmax(1)] + root[part]
    stood = [lowest[first : last + 1, foot].mean(0) for foot in range(2) for first, last in runs(contacts[:, foot])]
    return np.array(stood, np.float64).reshape(-1, 3)


def fitted_floor(soles: Float) -> Floor | None:
    """The plane through soles (N, 3), as level as they allow; None where there are none."""
    if not len(soles):
        return None
    middle = soles.mean(0)
    sides = (soles - middle)[:, [0, 2]]
    normal = sides.T @ sides + np.eye(2) * (SOLE_M / TILT_RAD) ** 2
    tilt = np.linalg.solve(normal, sides.T @ (soles - middle)[:, 1])
    down = np.array([-tilt[0], 1.0, -tilt[1]]) / np.sqrt(1 + tilt @ tilt)
    return Floor(down, float(middle @ down))


def lowest_under(vertices: Rows, root: Float, floor: Floor) -> Float:
    """(T,) metres by which the lowest vertex is under the floor; negative above it."""
    down = floor.down.astype(np.float32)
    lowest = np.concatenate([(window @ down).max(1) for window in windows(vertices)])
    return np.asarray(lowest + root @ floor.down - floor.depth_m)
