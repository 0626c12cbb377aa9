"""The colours of a person's trunk: enough to tell two people apart when they cross or come back.

Clothes stay the same through a shot where place, size and pose do not. The trunk is the part that the
network places best and that is hidden least; the picture inside shoulders and hips is counted into a coarse
histogram of hue, saturation and brightness, smoothed so that a little more light is not another person.
"""

from __future__ import annotations

import cv2
import numpy as np

from ..types import Estimates, Float, Image

TRUNK = [8, 9, 3, 2]
"""R_Shoulder, L_Shoulder, L_Hip, R_Hip of the LSP set: around the trunk."""
PATCH = 16
"""Side of the upright picture of the trunk, pixels."""
BINS = (8, 4, 4)
"""Of hue, saturation and brightness."""
NOTHING = np.zeros(int(np.prod(BINS)))
"""The colours of whom nobody has looked at."""
NEWEST = 0.2
"""Share of the newest sighting in a person's colours."""
THINNEST = 0.35
"""Width of the trunk against its length that is looked at, at least: seen from the side it is a line."""
CELLS = np.indices((PATCH, PATCH))[::-1].reshape(2, -1)
"""(2, PATCH * PATCH) x and y of the picture of the trunk."""


def trunk_colours(image: Image, seen: Estimates) -> Float:
    """Histograms of what the trunks of people show.

    Args:
        image: (H, W, 3) uint8 BGR.
        seen: B readings of people in it.

    Returns:
        (B, 128) sums of one; zeros where the trunk has no size or lies outside the picture.
    """
    return np.stack([_colours(image, corners) for corners in seen.joints_px[:, TRUNK].astype(np.float64)])


def likeness(a: Float, b: Float) -> float:
    """1 for equal colours, 0 for colours that share nothing (Bhattacharyya); 1 where one is not known."""
    if not a.any() or not b.any():
        return 1.0
    return float(np.sqrt(a * b).sum())


def blended(known: Float, newest: Float) -> Float:
    """A person's colours after one sighting more."""
    if not known.any() or not newest.any():
        return newest if newest.any() else known
    return np.asarray((1 - NEWEST) * known + NEWEST * newest)


def _colours(image: Image, corners: Float) -> Float:
    upper, lower = corners[:2].mean(0), corners[2:].mean(0)
    down = lower - upper
    length = float(np.hypot(*down))
    if length < 2:
        return NOTHING
    across = np.array([-down[1], down[0]]) / length
    width = max(float(np.ptp(corners @ across)) * 0.8, THINNEST * length)
    start = upper + 0.1 * down - across * width / 2
    patch_to_frame = np.stack([across * width / PATCH, 0.8 * down / PATCH, start], axis=1)
    patch_to_frame[:, 2] += patch_to_frame[:, :2].sum(1) * 0.5 - 0.5  # OpenCV's pixel centres are whole numbers
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    patch = cv2.warpAffine(image, patch_to_frame, (PATCH, PATCH), flags=flags, borderValue=(0, 0, 0))
    places = patch_to_frame[:, :2] @ CELLS + patch_to_frame[:, 2:]
    limits = np.array([[image.shape[1] - 1], [image.shape[0] - 1]])
    is_in = ((places >= 0) & (places <= limits)).all(0).reshape(PATCH, PATCH).astype(np.uint8)
    if is_in.sum() < PATCH * PATCH / 4:
        return NOTHING
    hsv = cv2.cvtColor(patch, cv2.COLOR_BGR2HSV)
    counts = cv2.calcHist([hsv], [0, 1, 2], is_in, list(BINS), [0, 180, 0, 256, 0, 256]).astype(np.float64)
    counts = BLURS[1] @ (BLURS[0] @ counts.reshape(BINS[0], -1)).reshape(BINS) @ BLURS[2]
    return np.asarray(counts.ravel() / counts.sum())


def _blur(bins: int, is_circle: bool) -> Float:
    """(bins, bins), symmetric: each bin gives a quarter to both neighbours; at an end that quarter stays."""
    near = np.eye(bins) if is_circle else np.pad(np.eye(bins), ((0, 0), (1, 1)), "edge")
    sides = np.roll(near, 1, 1) + np.roll(near, -1, 1) if is_circle else near[:, :-2] + near[:, 2:]
    return np.asarray(np.eye(bins) / 2 + sides / 4)


BLURS = [_blur(bins, is_circle) for bins, is_circle in zip(BINS, (True, False, False), strict=True)]
"""Of hue, which is a circle, saturation and brightness."""
