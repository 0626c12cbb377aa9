"""Boxes of a detector against the truth: recall, false boxes, and how a picture is made ready for it."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from core.detection import own
from core.detection.detector import Detections
from core.geometry.boxes import box_overlap, share_inside, xyxy_to_xywh

Float = npt.NDArray[np.floating[Any]]
Image = npt.NDArray[np.uint8]

SAME = 0.5
"""Intersection over union from which on a box is found."""
IN_A_CROWD = 0.5
"""Share of a box that lies in a region of a crowd, from which on it is not counted where it is nobody's."""


def letterboxed(image: Image, longer_side: int) -> tuple[Image, float]:
    """A picture (H, W, 3) BGR as planes (3, H', W') RGB at the detector's size, and what its pixels were scaled by."""
    padded, _, _ = own.letterboxed(image, longer_side)
    return np.ascontiguousarray(padded[..., ::-1].transpose(2, 0, 1)), longer_side / max(image.shape[:2])


def detection_scores(
    found: list[Detections],
    true: list[Float],
    threshold: float = own.THRESHOLD,
    crowds: list[Float] | None = None,
    least_px: float = 0.0,
) -> dict[str, float]:
    """Scores over pictures.

    Args:
        found: what was found in each picture.
        true: the people of each picture, (M, 4) xyxy.
        threshold: score from which on a box counts.
        crowds: of each picture, (K, 4) xyxy: regions in which boxes of nobody known are not counted.
        least_px: longer side of the box from which on a person counts for the recall; whoever is found may be smaller.

    Returns:
        recall: per cent of people with a box of IoU 0.5 of their own; false_where_nobody: boxes a picture without
        people (nan where every picture has some); precision: per cent of boxes that are somebody.
    """
    hits = people = boxes = right = false = empty = 0
    for row, (one, truth) in enumerate(zip(found, true, strict=True)):
        sure = one.boxes_xywh[one.scores >= threshold]
        asked = is_asked(truth, least_px)
        taken, is_right = _matched(sure, truth)
        boxes += len(sure) if crowds is None else int((is_right | ~_is_in(sure, crowds[row])).sum())
        right += int(is_right.sum())
        people += int(asked.sum())
        hits += sum(bool(asked[person]) for person in taken)
        if not len(truth) and (crowds is None or not len(crowds[row])):
            empty += 1
            false += len(sure)
    return {
        "recall": 100 * hits / max(1, people),
        "precision": 100 * right / max(1, boxes),
        "false_where_nobody": false / empty if empty else float("nan"),
    }


def is_asked(truth: Float, least_px: float) -> npt.NDArray[np.bool_]:
    """(M,) whether people (M, 4) xyxy are so large on the longer side."""
    return np.asarray((truth[:, 2:] - truth[:, :2]).max(1, initial=0) >= least_px)


def _matched(sure: Float, truth: Float) -> tuple[set[int], npt.NDArray[np.bool_]]:
    """People who have a box of their own, and whether each box (N, 4) xywh, the surest first, is somebody's."""
    taken: set[int] = set()
    is_right = np.zeros(len(sure), np.bool_)
    if not len(truth):
        return taken, is_right
    for row, shared in enumerate(box_overlap(sure[:, None], xyxy_to_xywh(truth)[None])):
        free = [n for n in np.argsort(-shared) if n not in taken and shared[n] >= SAME]
        is_right[row] = bool(free)
        taken |= {int(free[0])} if free else set()
    return taken, is_right


def _is_in(sure: Float, crowds: Float) -> npt.NDArray[np.bool_]:
    """(N,) whether a box (N, 4) xywh lies in a region of a crowd (K, 4) xyxy."""
    others = xyxy_to_xywh(crowds)
    return np.array([(share_inside(box, others) >= IN_A_CROWD).any() for box in sure], np.bool_)
