"""Boxes of a detector against the truth: recall, false boxes, and how a picture is made ready for it."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from core.detection import own
from core.detection.detector import Detections
from core.geometry.boxes import box_overlap, xyxy_to_xywh

Float = npt.NDArray[np.floating[Any]]
Image = npt.NDArray[np.uint8]

SAME = 0.5
"""Intersection over union from which on a box is found."""


def letterboxed(image: Image, longer_side: int) -> tuple[Image, float]:
    """A picture (H, W, 3) BGR as planes (3, H', W') RGB at the detector's size, and what its pixels were scaled by."""
    padded, _, _ = own.letterboxed(image, longer_side)
    return np.ascontiguousarray(padded[..., ::-1].transpose(2, 0, 1)), longer_side / max(image.shape[:2])


def detection_scores(found: list[Detections], true: list[Float], threshold: float = own.THRESHOLD) -> dict[str, float]:
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
        sure = one.boxes_xywh[one.scores >= threshold]
        boxes += len(sure)
        people += len(truth)
        if not len(truth):
            empty += 1
            false += len(sure)
            continue
        shared = box_overlap(sure[:, None], xyxy_to_xywh(truth)[None])
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
