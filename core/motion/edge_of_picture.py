"""How far away somebody is whom the edge of the picture cuts: as far as where they were whole, so they keep their size.

A network draws the whole body into what it sees of it, so that somebody who leaves the picture shrinks, and moves away
from the camera, while they go. Their visible joints still tell where they are and, with some depth between them, how
far. So a row that is cut gets the depth of the frames around in which the person is whole; the longer those are ago,
the more it gets of what its own visible joints tell.
"""

from __future__ import annotations

import numpy as np

from ..geometry.camera import Size, project
from ..types import Bool, Estimates, Float

TOUCHES_SHARE = 0.02
"""Of the box's longer side, from the edge of the picture, within which a box touches it."""
SEEN_CONFIDENCE, FEWEST_UNSEEN = 0.3, 2
"""Of a joint in the picture that counts as seen, and the joints that a cut body lacks at least."""
HOLD_S = 1.5
"""After so long the held depth and the body's own count alike."""
FEWEST_SEEN = 3


def visible(seen: Estimates, size_px: Size) -> Bool:
    """(T, 14) joints that lie in the picture, and that the network is not unsure of."""
    joints = np.asarray(seen.joints_px)
    is_inside = ((joints >= 0) & (joints <= np.asarray(size_px))).all(2)
    return np.asarray(is_inside & (np.asarray(seen.joint_confidence) >= SEEN_CONFIDENCE))


def is_cut(seen: Estimates, size_px: Size) -> Bool:
    """(T,) whether the picture's edge cuts the body: the box touches it, and joints are missing."""
    box = np.asarray(seen.box_px, np.float64)
    slack = TOUCHES_SHARE * box[:, 2:].max(1, keepdims=True)
    low, high = box[:, :2] <= slack, box[:, :2] + box[:, 2:] >= np.asarray(size_px) - slack
    return np.asarray((low | high).any(1) & ((~visible(seen, size_px)).sum(1) >= FEWEST_UNSEEN))


def kept_size(
    root: Float, joints: Float, seen: Estimates, time_s: Float, focal_px: float | Float, size_px: Size
) -> Float:
    """(T, 3) roots with the depth of the frames in which the person is whole, where the picture cuts them.

    Args:
        root: (T, 3) metres, as each frame by itself has it.
        joints: (T, 14, 3) metres, relative to the root.
        seen: the sightings.
        time_s: (T,) of theirs.
        focal_px: of the frame's camera, or (T, 1, 1) where it changes.
        size_px: width and height of the frame.
    """
    cut, shown = is_cut(seen, size_px), visible(seen, size_px)
    cut &= shown.sum(1) >= FEWEST_SEEN
    if not cut.any() or cut.all() or not (root[:, 2] > 0).all():
        return root
    whole_s = time_s[~cut]
    held = np.interp(time_s, whole_s, np.log(root[~cut, 2]))
    since_s = np.abs(time_s[:, None] - whole_s).min(1)
    share = since_s**2 / (since_s**2 + HOLD_S**2)
    depth = np.where(cut, np.exp((1 - share) * held + share * np.log(root[:, 2])), root[:, 2])
    there = _at_depth(root, depth, joints, seen, shown, focal_px, size_px)
    return np.asarray(np.where(cut[:, None], there, root))


def _at_depth(
    root: Float, depth: Float, joints: Float, seen: Estimates, shown: Bool, focal_px: float | Float, size_px: Size
) -> Float:
    """(T, 3) roots at depths (T,), where the visible joints lie on the picture's, by confidence."""
    moved = np.concatenate([root[:, :2] * (depth / root[:, 2])[:, None], depth[:, None]], axis=1)
    weights = np.where(shown, np.asarray(seen.joint_confidence, np.float64), 0.0)[..., None]
    drawn_px = project(joints + moved[:, None], focal_px, size_px)
    there_m = (joints[..., 2:] + moved[:, None, 2:]) / focal_px
    off = (np.asarray(seen.joints_px, np.float64) - drawn_px) * there_m
    moved[:, :2] += (weights * off).sum(1) / np.maximum(weights.sum(1), 1e-9)
    return np.asarray(moved)
