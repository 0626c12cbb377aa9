"""Boxes of a detector against the truth: recall, false boxes, and how a picture is made ready for it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from core.detectors import own

Float = npt.NDArray[np.floating[Any]]
Image = npt.NDArray[np.uint8]

THRESHOLD = 0.35
"""Measured on real clips: at 0.2 the pose network believes in some of the many false boxes, at 0.35 in hardly any."""
SAME = 0.5
"""Intersection over union from which on a box is found."""
ONE_PERSON = 0.6
"""The same, of two answers, from which on the less sure one is dropped."""
MULTIPLE = own.STRIDE


@dataclass(frozen=True, slots=True, eq=False)
class Found:
    """Boxes of one picture, the surest first.

    Attributes:
        boxes: (N, 4) xyxy pixels.
        scores: (N,) in [0, 1].
    """

    boxes: Float
    scores: Float


def letterboxed(image: Image, longer_side: int) -> tuple[Image, float]:
    """A picture (H, W, 3) BGR as planes (3, H', W') RGB at the detector's size, and what its pixels were scaled by."""
    padded, _, _ = own.letterboxed(image, longer_side)
    return np.ascontiguousarray(padded[..., ::-1].transpose(2, 0, 1)), longer_side / max(image.shape[:2])


def overlaps(boxes: Float, others: Float) -> Float:
    """Intersection over union of boxes (N, 4) and others (M, 4) xyxy: (N, M)."""
    low = np.maximum(boxes[:, None, :2], others[None, :, :2])
    high = np.minimum(boxes[:, None, 2:], others[None, :, 2:])
    both = np.clip(high - low, 0, None).prod(2)
    areas = (boxes[:, 2:] - boxes[:, :2]).prod(1)[:, None] + (others[:, 2:] - others[:, :2]).prod(1)[None]
    return np.asarray(both / np.maximum(areas - both, 1e-9))


def best_boxes(boxes: Float, scores: Float, least: float = 0.05, most: int = 100) -> Found:
    """What is left of all cells' boxes (N, 4) after dropping the unsure and the doubles."""
    order = np.argsort(-scores, kind="stable")
    order = order[scores[order] >= least][: 4 * most]
    kept: list[int] = []
    for row in order:
        if not kept or overlaps(boxes[[row]], boxes[kept]).max() < ONE_PERSON:
            kept.append(int(row))
    return Found(boxes[kept[:most]].reshape(-1, 4), scores[kept[:most]])


def detection_scores(found: list[Found], true: list[Float], threshold: float = THRESHOLD) -> dict[str, float]:
    """Scores over pictures.

    Args:
        found: what was found in each picture.
        true: the people of each picture, (M, 4) xyxy.
        threshold: score from which on a box counts.

    Returns:
        recall: per cent of people with a box of IoU 0.5 of their own; false_where_nobody: boxes a picture without
        people (nan where every picture has some); precision: per cent of boxes that are somebody.
    """
    hits = people = boxes = false = empty = 0
    for one, truth in zip(found, true, strict=True):
        sure = one.boxes[one.scores >= threshold]
        boxes += len(sure)
        people += len(truth)
        if not len(truth):
            empty += 1
            false += len(sure)
            continue
        shared = overlaps(sure, truth)
        taken: set[int] = set()
        for row in shared:  # the surest first
            free = [n for n in np.argsort(-row) if n not in taken and row[n] >= SAME]
            taken |= {int(free[0])} if free else set()
        hits += len(taken)
    return {
        "recall": 100 * hits / max(1, people),
        "precision": 100 * hits / max(1, boxes),
        "false_where_nobody": false / empty if empty else float("nan"),
    }
