"""What a small copy of each picture tells: where one shot ends, and whether more than the known people moved."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import cv2
import numpy as np

from ..types import Float, Frame, Glance, Image

SIZE = (64, 48)
"""Columns and rows of the small copy."""
SAMPLED = (256, 192)
"""Pixels of a larger picture that are looked at: to average all of 1920 x 1080 takes 20 times as long."""
CHANGED = 16
"""Grey levels, of 256, by which a cell of the small copy is another: noise and compression stay below."""
CHANGED_CELLS = 4
"""So many of them are more than a flicker; a person of 60 pixels in a picture of 640 has ten and more."""
BLACK, WHITE = 24, 240
"""Grey levels, of 256, below and above which a cell shows nothing."""
SHOWN_CELLS = 0.02
"""A picture in which a smaller share of the cells shows something is blank: faded out, or a flash of white."""
AROUND = 0.15
"""Of a box's longer side, around it, that is the person's own: shadows, hair, an arm on its way."""


def glance_of(frame: Frame) -> Glance:
    """The small copy of a frame and what it tells; the frame's own where it has one."""
    if frame.glance is not None:
        return frame.glance
    small = small_copy(frame.image)
    return Glance(small, look_of(small))


def glanced_at(frame: Frame) -> Frame:
    """The frame with its glance: cheapest while the picture is still in the processor's caches."""
    return frame if frame.glance is not None else replace(frame, glance=glance_of(frame))


def small_copy(image: Image) -> Image:
    """(48, 64, 3) of a picture (H, W, 3) uint8 BGR."""
    if image.shape[1] > SAMPLED[0] and image.shape[0] > SAMPLED[1]:
        image = np.asarray(cv2.resize(image, SAMPLED, interpolation=cv2.INTER_NEAREST), np.uint8)
    return np.asarray(cv2.resize(image, SIZE, interpolation=cv2.INTER_AREA), np.uint8)


def look_of(small: Image) -> Float:
    """Histogram (16, 16) of hue and brightness of a small copy that tells shots apart, sum 1."""
    hsv = cv2.cvtColor(small, cv2.COLOR_BGR2HSV)
    counts = cv2.calcHist([hsv], [0, 2], None, [16, 16], [0, 180, 0, 256])
    return np.asarray(counts / counts.sum())


def difference(a: Float, b: Float) -> float:
    """0 for equal histograms, 1 for disjoint ones."""
    return float(1 - np.minimum(a, b).sum())


def is_blank(small: Image) -> bool:
    """Whether a small copy is black or white nearly everywhere, so that it tells nothing of its shot."""
    is_shown = (small.max(2) > BLACK) & (small.min(2) < WHITE)
    return float(is_shown.mean()) < SHOWN_CELLS


def is_changed(before: Image, now: Image, people_px: Sequence[Float], width: int, height: int) -> bool:
    """Whether a picture is another than an earlier one, beyond the people who are known to be in them.

    Args:
        before: small copy.
        now: small copy.
        people_px: boxes (4,) xywh of the known people in both pictures, frame pixels.
        width: of the frame.
        height: of the frame.
    """
    is_other = cv2.absdiff(before, now).max(2) > CHANGED
    for x, y, w, h in people_px:
        edge = AROUND * max(w, h)
        columns = _cells(x - edge, x + w + edge, SIZE[0] / width)
        rows = _cells(y - edge, y + h + edge, SIZE[1] / height)
        is_other[rows, columns] = False
    return int(is_other.sum()) >= CHANGED_CELLS


def _cells(low_px: float, high_px: float, scale: float) -> slice:
    return slice(max(0, int(low_px * scale)), max(0, int(np.ceil(high_px * scale))))
