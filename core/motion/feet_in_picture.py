"""Feet that stand are held only as far as the picture allows: a hold that takes the body off it is let go.

Where a foot is read badly, in the first frames of a clip say, the place that it keeps over its contact may be out of
the leg's reach: the hips come down to it, and the body crouches a head too low beside the person. So the held body is
compared with the joints that the network sees in the picture, and where it is further off them than the free one by
more than a bound, the contact ends. What is dragged along the line of sight costs little there and stays held.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from ..types import Bool, Float
from .contacts import runs
from .feet import MOST_M, SHORTEST_S, planted
from .trajectory import LockedBody, Trajectory, posed

MOST_SHARE = {"auto": (0.03, 0.045), "lock": (0.04, 0.06)}
"""Of the person's size in the picture, by which hips, shoulders and head together, and the ankle of a foot, may be
further off the picture for the hold. On six rendered walks `auto` costs 0.027 and 0.037 at most; on five of them `lock`
costs 0.039 and 0.053, on the sixth (new-4, away from the camera) 0.064, where holds are let go."""
STEADY_S = 0.1
"""Width of the mean that is compared: single misread frames let nothing go."""
BODY, ANKLES = (2, 3, 8, 9, 12, 13), (5, 0)
"""LSP joints: the trunk and the head; the left and the right ankle."""
ROUNDS = 4
"""In which contacts become shorter; what is still over the bound after them is let go as a whole."""


@dataclass(frozen=True, slots=True, eq=False)
class InPicture:
    """What the picture shows of one person in the N frames in which they were seen, and the camera that shows it.

    Attributes:
        joints_px: (N, 14, 2) frame pixels.
        weights: (N, 14) confidence, 0 to 1.
        size_px: (N,) of the person in the picture.
        focal_px: focal length, or (N, 1, 1) where it changes.
        centre_px: (2,) the pixel on the camera's axis.
        to_camera: (N, 4, 4) from the axes of the path to the frame's camera.
    """

    joints_px: Float
    weights: Float
    size_px: Float
    focal_px: float | Float
    centre_px: Float
    to_camera: Float

    def off(self, path: Trajectory, shape: LockedBody) -> Float:
        """(N, 14) distances of the body's joints from the picture's, shares of the person's size."""
        is_seen = ~path.is_filled
        joints = posed(path.rotations[is_seen], shape).joints + path.root[is_seen][:, None]
        joints = joints @ np.swapaxes(self.to_camera[:, :3, :3], 1, 2) + self.to_camera[:, None, :3, 3]
        drawn_px = self.focal_px * joints[..., :2] / np.maximum(joints[..., 2:], 1e-3) + self.centre_px
        return np.asarray(np.linalg.norm(drawn_px - self.joints_px, axis=2) / self.size_px[:, None])


def planted_in_picture(
    path: Trajectory, shape: LockedBody, feet: Literal["auto", "lock"], seen: InPicture, is_given: Bool
) -> Trajectory:
    """The path with its feet held where the picture allows it, told where standing feet were let go.

    Args:
        path: with its contacts.
        shape: the body.
        feet: how far they may be moved, and how far off the picture.
        seen: what the picture shows.
        is_given: (2,) feet whose contacts a person has given: they are held whatever the picture says.
    """
    free, contacts = seen.off(path, shape), path.contacts
    for attempt in range(ROUNDS + 1):
        held = planted(replace(path, contacts=contacts), shape, MOST_M[feet])
        costly = _costly(seen.off(held, shape) - free, seen.weights, path, MOST_SHARE[feet]) & contacts & ~is_given
        if not costly.any():
            break
        shorter = contacts & ~(_whole(costly, contacts) if attempt >= ROUNDS - 1 else costly)
        contacts = np.where(is_given, contacts, _long_enough(shorter, path.time_s))
    return replace(held, let_go=path.contacts & ~contacts)


def _costly(further: Float, weights: Float, path: Trajectory, most: tuple[float, float]) -> Bool:
    """(T, 2) where a hold costs more than `most`; `further` (N, 14) is by how much the held body is off."""
    step_s = max(float(np.median(np.diff(path.time_s))), 1e-6) if len(path.time_s) > 1 else 1.0
    width = 2 * round(STEADY_S / 2 / step_s) + 1
    body = _mean(further[:, BODY], weights[:, BODY], width)
    out = np.zeros((len(path.time_s), 2), np.bool_)
    for foot, ankle in enumerate(ANKLES):
        own = _mean(further[:, [ankle]], weights[:, [ankle]], width)
        out[~path.is_filled, foot] = (body > most[0]) | (own > most[1])
    return out


def _mean(values: Float, weights: Float, width: int) -> Float:
    """(N,) means of values (N, K) by weights (N, K), over so many frames."""
    kernel = np.ones(width)
    total, sure = (values * weights).sum(1), weights.sum(1)
    near = [np.convolve(np.pad(part, width // 2, mode="edge"), kernel, "valid") for part in (total, sure)]
    return np.asarray(near[0] / np.maximum(near[1], 1e-9))


def _whole(costly: Bool, contacts: Bool) -> Bool:
    """(T, 2) all of each contact that has a costly frame."""
    out = np.zeros_like(contacts)
    for foot in range(2):
        for first, last in runs(contacts[:, foot]):
            out[first : last + 1, foot] = costly[first : last + 1, foot].any()
    return out


def _long_enough(contacts: Bool, time_s: Float) -> Bool:
    out = contacts.copy()
    for foot in range(2):
        for first, last in runs(contacts[:, foot]):
            if time_s[last] - time_s[first] < SHORTEST_S:
                out[first : last + 1, foot] = False
    return out
