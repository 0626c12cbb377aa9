"""A detector's boxes are where to look: the pose network says whether somebody is there, and where exactly."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..detection.detector import Detector
from ..geometry.boxes import box_overlap, overlap
from ..settings import TrackSettings
from ..types import Bool, Estimates, Float, Image, Int
from .evidence import (
    HOPELESS,
    IS_CENTRED,
    Estimate,
    Found,
    are_one_person,
    boxes_of,
    is_seen,
    looked_again,
    quality,
)

MOST_PEOPLE = 32
"""Of one frame that are looked at, the surest first."""
UNSURE = 0.6
"""Share of a detector's threshold from which on a box is looked at where nobody is known or somebody is missed: people
who are half hidden score less, and so do things that are nobody."""
BESIDE_OTHERS = 1.15
"""A detector's threshold, times this, counts while others are followed or missed: somebody new who is nobody, or is one
of them, then costs more than somebody found later."""
BOX_WEIGHT = 4.0
"""Log odds of a detector's score against those of the pose network, which spread more widely. With either pose network
that was tried 3 to 5 serve everyday photographs alike, and 2 costs recall."""
APART = 0.5
"""IoU of two of the detector's boxes below which they are of two people, whatever the pose network reads: in the crop
of somebody half hidden it may read the one in front. On everyday photographs this found 8 of 100 people more."""
NEARLY = 1e-5
"""A score as near to 0 or 1 counts as this far from it."""
IS_MISSED = 0.3
"""Overlap (IoU of the squares) with the place where somebody is missed, from which on an unsure box can be them."""
IS_KNOWN = 0.5
"""IoU of a detection with the box of somebody who is followed, from which on it is them."""


@dataclass(frozen=True, slots=True, eq=False)
class Confirmed:
    """The people of one picture of whom detector and pose network are sure, the surest first.

    Attributes:
        seen: N readings.
        boxes_px: (N, 4) xywh of the detector: around what is seen of each, where a reading's box is around joints.
        scores: (N,) of the detector.
    """

    seen: Estimates
    boxes_px: Float
    scores: Float


def find_detected(
    image: Image,
    known_px: Float,
    missed_px: Float,
    detector: Detector,
    estimate: Estimate,
    settings: TrackSettings,
) -> Found | None:
    """The people whom the detector sees and the pose network believes in; None where there are none.

    Args:
        image: (H, W, 3) uint8 BGR.
        known_px: (N, 4) xywh of people who are followed already: they are left out.
        missed_px: (N, 4) xywh where people should be who are not seen: there unsure boxes count too.
        detector: where to look.
        estimate: the network, as `Estimator.estimate`.
        settings: the thresholds.
    """
    if not len(known_px) and not len(missed_px):
        everybody = confirmed_in(image, detector, estimate, settings)
        return None if everybody is None else _followable(everybody.seen, settings)
    detections, threshold = detector(image), detector.threshold
    boxes, scores = detections.boxes_xywh, detections.scores
    least = min(BESIDE_OTHERS * threshold, (1 + threshold) / 2)  # one that asks for much is still to be met
    is_known = (box_overlap(boxes[:, None], known_px) > IS_KNOWN).any(1)
    is_missed = (overlap(boxes[:, None], missed_px) > IS_MISSED).any(1)
    is_worth_it = (scores >= least) | is_missed & (scores >= UNSURE * least)
    rows = np.flatnonzero(~is_known & is_worth_it)[:MOST_PEOPLE]
    if not len(rows):
        return None
    seen = _centred(image, boxes[rows], estimate)
    is_sure = (scores[rows] >= least) & is_confirmed(scores[rows], seen, least, settings)
    chosen = _nobody_twice(seen, is_seen(seen, settings))
    return Found(seen[chosen], is_sure[chosen]) if len(chosen) else None


def _followable(seen: Estimates, settings: TrackSettings) -> Found | None:
    """Of people who are there, those whom the pose network reads well enough to be followed."""
    rows = np.flatnonzero(is_seen(seen, settings))
    return Found(seen[rows], np.ones(len(rows), np.bool_)) if len(rows) else None


def confirmed_in(image: Image, detector: Detector, estimate: Estimate, settings: TrackSettings) -> Confirmed | None:
    """The people of a picture (H, W, 3) BGR in which nobody is known yet; None where there are none."""
    detections = detector(image)
    rows = np.flatnonzero(detections.scores >= UNSURE * detector.threshold)[:MOST_PEOPLE]
    if not len(rows):
        return None
    boxes, scores = detections.boxes_xywh[rows], detections.scores[rows]
    seen = _centred(image, boxes, estimate)
    chosen = _nobody_twice(seen, is_confirmed(scores, seen, detector.threshold, settings), boxes)
    return Confirmed(seen[chosen], boxes[chosen], scores[chosen]) if len(chosen) else None


def is_confirmed(scores: Float, seen: Estimates, threshold: float, settings: TrackSettings) -> Bool:
    """(B,) whether detector and pose network together are sure of somebody.

    A sure box makes up for an unsure reading, and the other way round: the log odds of both, each against its own
    threshold, are weighed and added. A reading's score is the person's times the joints' mean confidence.

    Args:
        scores: (B,) of the detector.
        seen: B readings.
        threshold: of the detector.
        settings: the network's thresholds.
    """
    of_box = BOX_WEIGHT * (_log_odds(scores) - _log_odds(threshold))
    reading = seen.person_score * seen.joint_confidence.mean(1)
    return np.asarray(of_box + _log_odds(reading) - _log_odds(settings.found_score) >= 0)


def _log_odds(score: Float | float) -> Float:
    probability = np.clip(score, NEARLY, 1 - NEARLY)
    return np.asarray(np.log(probability / (1 - probability)))


def _centred(image: Image, boxes: Float, estimate: Estimate) -> Estimates:
    """Readings of people in boxes, cut once more about the joints where the first crop was not."""
    seen = estimate(image, boxes)
    again = np.flatnonzero((overlap(boxes_of(seen), seen.box_px) <= IS_CENTRED) & (quality(seen) > HOPELESS))
    return looked_again(image, seen, again, estimate)


def _nobody_twice(seen: Estimates, is_wanted: Bool, boxes: Float | None = None) -> Int:
    """Rows of the wanted readings, the surest first, of which no two are of one person.

    Args:
        seen: B readings.
        is_wanted: (B,) whether a reading may be chosen.
        boxes: (B, 4) xywh of the detector, where those that are `APART` are two people; None asks the joints alone.
    """
    chosen: list[int] = []
    for row in np.argsort(-quality(seen), kind="stable"):
        near = [other for other in chosen if boxes is None or box_overlap(boxes[row], boxes[other]) >= APART]
        if is_wanted[row] and not any(are_one_person(seen[[int(row)]], seen[[other]]) for other in near):
            chosen.append(int(row))
    return np.array(chosen, np.int64)
