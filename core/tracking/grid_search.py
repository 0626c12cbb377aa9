"""Frame -> the people in it, found by the pose network itself: no second network, nothing to download.

Square crops of several sizes are laid over the frame and read in batches. The best are cut again about the
joints that the network saw in them, twice: where there is a person the box settles on them and the score
rises, elsewhere it wanders off. What settled and agrees with its own crop is kept, the best of each place.
"""

from __future__ import annotations

import numpy as np

from ..geometry.boxes import box_overlap, overlap, share_inside
from ..geometry.crops import BOX_FACTOR
from ..inference.estimator import join
from ..settings import TrackSettings
from ..types import Bool, Estimates, Float, Image, Int
from .evidence import HOPELESS, IS_CENTRED, Estimate, boxes_of, is_somebody, quality

SIZES = (1.0, 0.6, 0.36, 0.22)
"""Longer sides of the boxes laid over the frame, against its shorter side; the network takes a person of 0.6
to 1.3 times the box that it was trained on, so steps of 0.6 leave no size out."""
LAST_RESORT = 3
"""From this size on, boxes are looked at only where larger ones held nobody: they are two thirds of all."""
STRIDE = 0.5
"""Distance of neighbouring boxes against their side."""
SMALLEST_PX = 40
CANDIDATES = 8
"""Boxes of each size that are looked at again."""
ROUNDS = 3
IS_THE_SAME = 0.45
"""Overlap (IoU) of two boxes from which on they hold the same person."""
IS_A_PART = 0.75
"""Share of a box that lies in a surer one from which on it holds a part of that person."""
IS_SETTLED = 0.55
"""Overlap of a box's square with the one that its own crop gives."""


def find_people(
    image: Image, estimate: Estimate, settings: TrackSettings, is_one_enough: bool = False
) -> Estimates | None:
    """All people that the network is sure of, the surest first; None where nobody is.

    Args:
        image: (H, W, 3) uint8 BGR.
        estimate: the network, as `Estimator.estimate`.
        settings: the thresholds.
        is_one_enough: stop at the largest size at which somebody is found.
    """
    height, width = image.shape[:2]
    found: list[Estimates] = []
    for level, boxes in enumerate(grid_boxes(width, height)):
        if found and (is_one_enough or level >= LAST_RESORT):
            break
        people = _settled(image, boxes, estimate, settings)
        if people is not None:
            found.append(people)
    if not found:
        return None
    people = join(found)
    return people[_best_apart(people, quality(people), len(people))]


def _settled(image: Image, boxes: Float, estimate: Estimate, settings: TrackSettings) -> Estimates | None:
    """The people on which boxes settle."""
    height, width = image.shape[:2]
    seen = estimate(image, boxes)
    seen = seen[_best_apart(seen, quality(seen), CANDIDATES)]
    for _ in range(ROUNDS):
        boxes = boxes_of(seen)
        rows = np.flatnonzero(_is_inside(boxes, width, height) & (quality(seen) > HOPELESS))
        is_centred = overlap(boxes, seen.box_px)[rows] > IS_CENTRED
        if not len(rows):
            return None
        kept, again = seen[rows[is_centred]], rows[~is_centred]
        if not len(again):
            seen = kept
            break
        seen = join([kept, estimate(image, boxes[again])]) if len(kept) else estimate(image, boxes[again])
        seen = seen[_best_apart(seen, quality(seen), CANDIDATES)]
    is_person = is_somebody(seen, settings)
    is_person &= overlap(boxes_of(seen), seen.box_px) > IS_SETTLED
    return seen[np.flatnonzero(is_person)] if is_person.any() else None


def grid_boxes(width: int, height: int) -> list[Float]:
    """For each size square boxes (N, 4) xywh over the frame, their crops reaching a little over its edge."""
    boxes = []
    for size in SIZES:
        side = size * min(width, height)
        if side < SMALLEST_PX:
            continue
        xs, ys = _steps(width, side), _steps(height, side)
        x, y = np.meshgrid(xs - side / 2, ys - side / 2)
        boxes.append(np.stack([x.ravel(), y.ravel(), np.full(x.size, side), np.full(x.size, side)], axis=1))
    return boxes


def _steps(length: float, side: float) -> Float:
    """Centres that cover a length: half a side from both ends, evenly, no further apart than the stride."""
    span = max(length - side, 0.0)
    count = int(np.ceil(span / (STRIDE * side))) + 1
    return np.linspace(length / 2 - span / 2, length / 2 + span / 2, count)


def _best_apart(seen: Estimates, scores: Float, count: int) -> Int:
    """Rows of the best readings, at most `count`, of which no two hold the same person."""
    boxes = boxes_of(seen)
    chosen: list[int] = []
    for row in np.argsort(-scores, kind="stable"):
        others = boxes[chosen]
        if len(others) and (box_overlap(boxes[row], others) > IS_THE_SAME).any():
            continue
        if len(others) and (share_inside(boxes[row], others) > IS_A_PART).any():
            continue
        chosen.append(int(row))
        if len(chosen) == count:
            break
    return np.array(chosen, np.int64)


def _is_inside(boxes: Float, width: int, height: int) -> Bool:
    """(B,) whether a box's middle is in the frame and it is neither tiny nor far larger than the frame."""
    centre = boxes[:, :2] + boxes[:, 2:] / 2
    side = boxes[:, 2:].max(1)
    is_in = ((centre > 0) & (centre < [width, height])).all(1)
    return np.asarray(is_in & (side >= SMALLEST_PX / 2) & (side * BOX_FACTOR < 3 * max(width, height)))
