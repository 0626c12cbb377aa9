"""From a detector's boxes to people: the pose network has the last word, with people whose true boxes are known."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest

from core.detection.detector import Detections
from core.geometry.boxes import box_overlap
from core.settings import TrackSettings
from core.tracking.confirm import find_detected, is_confirmed
from core.tracking.evidence import Found, boxes_of
from core.types import Image
from tests.fixtures.fake_people import FakePeople, Truth

SETTINGS = TrackSettings()
NEAR = 0.9
NOBODY = np.zeros((0, 4))
ANN, BOB = (60.0, 80, 80, 200), (420.0, 60, 90, 230)
BESIDE_ANN = (64.0, 80, 80, 200)
DOUBTFUL = replace(SETTINGS, found_score=0.99999)


class FakeDetector:
    """Says the same boxes, xywh, of every frame."""

    name, digest, threshold = "fake", "", 0.35

    def __init__(self, boxes: Sequence[tuple[float, float, float, float]], least_score: float = 0.5) -> None:
        self.boxes = np.array(boxes, np.float64).reshape(-1, 4)
        self.scores = np.linspace(0.9, least_score, len(boxes)) if len(boxes) > 1 else np.full(len(boxes), least_score)

    def __call__(self, frame: Image) -> Detections:
        corners = np.concatenate([self.boxes[:, :2], self.boxes[:, :2] + self.boxes[:, 2:]], axis=1)
        return Detections(corners, self.scores)


def found(
    people: Truth,
    boxes: Sequence[tuple[float, float, float, float]],
    known_px: np.ndarray = NOBODY,
    settings: TrackSettings = SETTINGS,
    missed_px: np.ndarray = NOBODY,
    score: float = 0.5,
    threshold: float = FakeDetector.threshold,
) -> tuple[Found | None, int]:
    """Who is found, and how many crops that cost."""
    scene = FakePeople([people])
    image, detector = next(scene.frames()).image, FakeDetector(boxes, score)
    detector.threshold = threshold
    return find_detected(image, known_px, missed_px, detector, scene.estimate, settings), scene.crops


def test_people_in_the_boxes_are_found_for_one_crop_each() -> None:
    people, crops = found({"a": ANN, "b": BOB}, [ANN, BOB])
    assert people is not None
    assert crops == 2
    assert people.is_sure.all()
    np.testing.assert_allclose(np.sort(boxes_of(people.seen)[:, 0]), [60, 420], atol=1)


@pytest.mark.parametrize("off", [(-40, 0, 1.0), (30, 30, 1.0), (0, 0, 1.5), (0, 0, 0.6)])
def test_box_that_is_off_is_cut_again_about_the_person(off: tuple[float, float, float]) -> None:
    x, y, scale = off
    middle = np.array([ANN[0] + ANN[2] / 2 + x, ANN[1] + ANN[3] / 2 + y])
    size = np.array(ANN[2:]) * scale
    people, crops = found({"a": ANN}, [(*(middle - size / 2), *size)])
    assert people is not None
    assert crops == 2
    assert box_overlap(people.seen.box_px[0], np.array(ANN)) > NEAR


def test_boxes_on_one_person_are_one_person() -> None:
    people, _ = found({"a": ANN}, [ANN, (70, 80, 80, 190), (50, 90, 80, 210)])
    assert people is not None
    assert len(people.seen) == 1


def test_who_is_known_costs_nothing_and_is_left_out() -> None:
    people, crops = found({"a": ANN, "b": BOB}, [ANN, BOB], np.array([ANN]))
    assert people is not None
    assert crops == 1
    assert boxes_of(people.seen)[0, 0] == pytest.approx(BOB[0], abs=1)


def test_box_with_nobody_in_it_is_nobody() -> None:
    assert found({}, [ANN])[0] is None
    assert found({"a": ANN}, [])[0] is None
    assert found({"a": ANN}, [BOB])[0] is None


def test_unsure_reading_of_a_frame_without_anybody_is_nobody() -> None:
    assert found({"a": ANN}, [BESIDE_ANN], settings=DOUBTFUL)[0] is None


def test_unsure_reading_beside_others_is_found_as_unsure() -> None:
    people, _ = found({"a": ANN}, [BESIDE_ANN], np.array([BOB]), DOUBTFUL)
    assert people is not None
    assert not people.is_sure.any()


def test_box_of_just_the_threshold_is_somebody_alone_but_nobody_new_beside_others() -> None:
    alone, _ = found({"a": ANN}, [ANN], score=0.36)
    assert alone is not None and alone.is_sure.all()
    assert found({"a": ANN}, [ANN], np.array([BOB]), score=0.36) == (None, 0)


def confirmed_at(box_score: float, person_score: float, confidence: float = 0.5) -> bool:
    """Whether a box and a reading of those scores are somebody, at thresholds of 0.4 and 0.45."""
    scene = FakePeople([{"a": ANN}])
    seen = scene.estimate(next(scene.frames()).image, np.array([ANN]))
    sure = np.full_like(seen.joint_confidence, confidence)
    seen = replace(seen, person_score=np.array([person_score]), joint_confidence=sure)
    return bool(is_confirmed(np.array([box_score]), seen, 0.4, replace(SETTINGS, found_score=0.45))[0])


def test_box_and_reading_of_just_their_thresholds_are_somebody() -> None:
    assert confirmed_at(0.401, 0.901)
    assert not confirmed_at(0.399, 0.899)


def test_sure_box_makes_up_for_an_unsure_reading_and_the_other_way_round() -> None:
    assert confirmed_at(0.6, 0.7, 0.2) and not confirmed_at(0.4, 0.7, 0.2)
    assert confirmed_at(0.35, 0.97, 0.8) and not confirmed_at(0.35, 0.9)


def test_who_is_there_but_cannot_be_read_is_nobody_to_follow() -> None:
    settings = replace(SETTINGS, min_confidence=1.01)
    assert found({"a": ANN}, [ANN], settings=settings, score=0.9)[0] is None


def test_detector_that_asks_for_much_can_still_find_somebody_beside_others() -> None:
    people, _ = found({"a": ANN}, [ANN], np.array([BOB]), score=0.95, threshold=0.8)
    assert people is not None and people.is_sure.all()


def test_unsure_box_beside_others_counts_only_where_somebody_is_missed() -> None:
    assert found({"a": ANN}, [ANN], missed_px=np.array([BOB]), score=0.3) == (None, 0)
    people, crops = found({"a": ANN}, [ANN], missed_px=np.array([(70, 90, 85, 210)]), score=0.3)
    assert people is not None
    assert (crops, people.is_sure.tolist()) == (1, [False])


def test_unsure_box_with_a_sure_reading_is_somebody() -> None:
    people, _ = found({"a": ANN}, [ANN], score=0.3)
    assert people is not None
    assert people.is_sure.all()


def test_box_far_below_the_threshold_is_not_looked_at() -> None:
    assert found({"a": ANN}, [ANN], score=0.2, missed_px=np.array([ANN])) == (None, 0)
