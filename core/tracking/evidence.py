"""What finding and following people both ask of the network's readings: where, how sure, the same one?"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np

from ..geometry.boxes import box_of_points, box_overlap
from ..inference.estimator import join
from ..settings import TrackSettings
from ..types import Bool, Estimates, Float, Image, Int

Estimate: TypeAlias = Callable[[Sequence[Image] | Image, Float], Estimates]
"""Pictures and boxes (B, 4) xywh -> readings, as `Estimator.estimate`."""

IS_CENTRED = 0.85
"""Overlap of a crop's box with the one that it gives from which on another look would change nothing."""
HOPELESS = 0.1
"""Quality below which a box is not looked at again."""
SAME_JOINTS = 0.12
"""Mean distance of two people's joints, against the box's side, below which they are one person."""
NO_WORSE = 0.9
"""Quality of a second look against the first, from which on it counts: it is the better centred one."""
ONE_PERSON = 0.5
"""IoU of two boxes from which on their joints are compared."""
LOW_CONFIDENCE = 0.08
"""Joints below count as not seen when a box is laid around them."""


@dataclass(frozen=True, slots=True, eq=False)
class Found:
    """Who a look over a whole frame has found.

    Attributes:
        seen: B readings.
        is_sure: (B,) whether this is somebody though nobody was known there; others can only be who is missed.
    """

    seen: Estimates
    is_sure: Bool


def boxes_of(seen: Estimates) -> Float:
    """(B, 4) boxes around the joints that the network is not quite unsure of, with the margin."""
    is_used = seen.joint_confidence >= LOW_CONFIDENCE
    is_used |= is_used.sum(1, keepdims=True) < 4
    boxes = box_of_points(np.asarray(seen.joints_px, np.float64), is_used)
    boxes[:, 2:] = np.maximum(boxes[:, 2:], 1.0)
    return boxes


def quality(seen: Estimates) -> Float:
    """(B,) how sure the network is that there is a person and where, 0 to 1."""
    return np.asarray(seen.person_score * np.sqrt(np.clip(seen.joint_confidence.mean(1), 0, 1)))


def is_seen(seen: Estimates, settings: TrackSettings) -> Bool:
    """(B,) whether a reading counts as the person who is followed."""
    is_sure = seen.joint_confidence.mean(1) >= settings.min_confidence
    return np.asarray((seen.person_score >= settings.min_person_score) & is_sure)


def is_somebody(seen: Estimates, settings: TrackSettings) -> Bool:
    """(B,) whether a reading counts as a person where nobody was known to be."""
    is_sure = seen.joint_confidence.mean(1) >= settings.new_confidence
    return np.asarray((seen.person_score >= settings.new_person_score) & is_sure)


def looked_again(image: Image, seen: Estimates, again: Int, estimate: Estimate) -> Estimates:
    """Readings in a picture, of which some rows are cut again about their own boxes, where that is no worse."""
    if not len(again):
        return seen
    second = estimate(image, boxes_of(seen)[again])
    is_better = quality(second) >= NO_WORSE * quality(seen)[again]
    rows = np.arange(len(seen))
    rows[again[is_better]] = len(seen) + np.flatnonzero(is_better)
    return join([seen, second])[rows]


def are_one_person(a: Estimates, b: Estimates) -> bool:
    """Whether two readings of one frame are of the same person."""
    boxes = boxes_of(a)[0], boxes_of(b)[0]
    if float(box_overlap(*boxes)) < ONE_PERSON:
        return False
    apart = np.linalg.norm(a.joints_px[0] - b.joints_px[0], axis=-1).mean()
    return bool(apart < SAME_JOINTS * max(box[2:].max() for box in boxes))
