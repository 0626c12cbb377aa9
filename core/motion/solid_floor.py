"""One floor that is solid: everybody who stands is set on it, and nobody sinks through it.

    the plane through all standing feet
    -> each person as a whole up or down, by the middle of their standing feet   depth and size are read apart
    -> legs bend, so that soles that stand touch it and others stay above        where feet may be moved at all
    -> up, where anything else is under it: a hand, a hip

Works along the floor's own vertical, in the frame of a camera that stands or in the world. What is moved lies less well
on the picture: the self-check's picture tells.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from scipy.ndimage import gaussian_filter1d, maximum_filter1d

from ..files.windows import window_slices
from ..geometry.rotations import matrices_of
from ..types import Float, Floor
from .contacts import runs
from .feet import faded, with_feet_moved
from .floor_plane import fitted_floor, foot_surfaces, lowest_under, soles_of
from .trajectory import LockedBody, Trajectory, posed

FAR_M = 0.3
"""Feet that stand further off the floor stand on something else: a step, a chair."""
STEADY_S = 0.08
"""Standard deviation of the blur over what moves up and down. With half of it a locked foot of a trembling walk goes up
and down by 2.1 cm/s in place of 1.5, and stands nearer to the floor: to 2 mm in 95 of 100 frames in place of 5."""


def common_floor(paths: Sequence[Trajectory], shapes: Sequence[LockedBody]) -> Floor | None:
    """The plane through the standing feet of all people; None where nobody stands."""
    soles = [
        soles_of(posed(path.rotations, shape).vertices, path.root, path.contacts, shape.body)
        for path, shape in zip(paths, shapes, strict=True)
    ]
    return fitted_floor(np.concatenate(soles))


def on_floor(path: Trajectory, shape: LockedBody, floor: Floor, *, bends_legs: bool) -> Trajectory:
    """The path of somebody who stands on the floor and is nowhere under it.

    Args:
        path: with its contacts.
        shape: the body.
        floor: in the path's axes.
        bends_legs: whether each foot is set down by its leg; else the person is moved as a whole.
    """
    under = _soles_under(path, shape, floor)
    stands = path.contacts & (np.abs(under) < FAR_M)
    if stands.any():
        sunk = float(np.median(under[stands]))
        path, under = replace(path, root=path.root - sunk * floor.down), under - sunk
        if bends_legs:
            rise = _rise(under, replace(path, contacts=stands))
            path = with_feet_moved(path, shape, -rise[..., None] * floor.down)
    lowest = lowest_under(posed(path.rotations, shape).vertices, path.root, floor)
    return replace(path, root=path.root - _over(np.maximum(lowest, 0), path.time_s)[:, None] * floor.down)


def _soles_under(path: Trajectory, shape: LockedBody, floor: Floor) -> Float:
    """(T, 2) metres by which the lowest point of each foot is under the floor."""
    surfaces, parts = foot_surfaces(shape.body), []
    relative = posed(path.rotations, shape).bone_transl @ floor.down
    for rows in window_slices(len(path.root)):
        matrices, lowest = matrices_of(path.rotations[rows]), []
        for surface in surfaces:
            foot = shape.body.pose(matrices, shape.betas[None], only=np.array(surface)).vertices
            lowest.append((foot @ floor.down).max(1))
        parts.append(np.stack(lowest, axis=1))
    return np.asarray(np.concatenate(parts) + (relative + path.root @ floor.down - floor.depth_m)[:, None])


def _rise(under: Float, path: Trajectory) -> Float:
    """(T, 2) metres that each foot is to rise: to the floor while it stands, and nowhere under it."""
    step_s = max(float(np.median(np.diff(path.time_s))), 1e-6)
    steady = np.array(under)
    for foot in range(2):
        for first, last in runs(path.contacts[:, foot]):
            rows = slice(first, last + 1)
            steady[rows, foot] = gaussian_filter1d(under[rows, foot], STEADY_S / step_s, mode="nearest")
    rise = faded(np.where(path.contacts, steady, 0)[..., None], path.contacts, path.time_s)[..., 0]
    sinks = np.maximum(under - rise, 0)
    return rise + np.stack([_over(foot, path.time_s) for foot in sinks.T], axis=1)


def _over(values: Float, time_s: Float) -> Float:
    """(T,) the same or more, and smooth: nothing where values (T,) are nothing for a while."""
    sigma = STEADY_S / max(float(np.median(np.diff(time_s))), 1e-6) if len(time_s) > 1 else 0.0
    reach = round(2 * sigma)
    if not values.any() or reach < 1:
        return values
    wide = maximum_filter1d(values, 2 * reach + 1, mode="nearest")
    return np.asarray(gaussian_filter1d(wide, sigma, mode="nearest", radius=reach))
