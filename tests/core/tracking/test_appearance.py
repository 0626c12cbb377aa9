"""Colours of the trunk: the same person whatever the size and place, another one in other clothes."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from core.inference.estimator import Estimator
from core.inference.runtime import open_runtime
from core.settings import TrackSettings
from core.tracking.appearance import blended, likeness, trunk_colours
from core.tracking.evidence import Found
from core.tracking.grid_search import find_people
from core.tracking.tracker import Tracker
from core.types import Estimates, Frame
from core.weights.find import find_weights

RED, BLUE, GREY = (60, 60, 230), (230, 120, 60), (200, 200, 200)
"""BGR; their means are alike, so that the blob's network sees them alike."""


def reading(shoulder_y: float, hip_y: float, left: float, right: float) -> Estimates:
    """A reading of one person of whom only the trunk's corners matter."""
    joints = np.zeros((1, 14, 2))
    joints[0, 8], joints[0, 9] = (left, shoulder_y), (right, shoulder_y)
    joints[0, 2], joints[0, 3] = (left, hip_y), (right, hip_y)
    fields = dict.fromkeys(Estimates.__dataclass_fields__, np.zeros((1, 1)))
    return Estimates(**{**fields, "joints_px": joints})  # type: ignore[arg-type]


def rectangle(colour: tuple[int, int, int], x: int, y: int, width: int, height: int) -> np.ndarray:
    image = np.full((240, 320, 3), 20, np.uint8)
    image[y : y + height, x : x + width] = colour
    return image


def test_the_same_clothes_elsewhere_and_larger_are_alike() -> None:
    near = trunk_colours(rectangle(RED, 100, 60, 60, 90), reading(60, 150, 100, 160))[0]
    far = trunk_colours(rectangle(RED, 20, 100, 20, 30), reading(100, 130, 20, 40))[0]
    assert likeness(near, far) == pytest.approx(1.0, abs=1e-6)


def test_other_clothes_are_not_alike() -> None:
    red = trunk_colours(rectangle(RED, 100, 60, 60, 90), reading(60, 150, 100, 160))[0]
    blue = trunk_colours(rectangle(BLUE, 100, 60, 60, 90), reading(60, 150, 100, 160))[0]
    assert likeness(red, blue) < 0.3


def test_only_the_trunk_counts() -> None:
    image = rectangle(RED, 100, 60, 60, 90)
    person = reading(60, 150, 100, 160)
    before = trunk_colours(image, person)[0]
    image[:58] = image[152:] = BLUE
    image[:, :98] = image[:, 162:] = BLUE
    assert np.array_equal(trunk_colours(image, person)[0], before)


def test_a_person_seen_from_the_side_still_has_colours() -> None:
    line = trunk_colours(rectangle(RED, 100, 60, 60, 90), reading(60, 150, 130, 130))[0]
    assert line.sum() == pytest.approx(1.0)


@pytest.mark.parametrize("corners", [(80, 80, 100, 100), (-300, -200, 100, 160)])
def test_a_trunk_that_is_not_in_the_picture_tells_nothing(corners: tuple[float, ...]) -> None:
    nothing = trunk_colours(rectangle(RED, 100, 60, 60, 90), reading(*corners))[0]
    assert not nothing.any()
    assert likeness(nothing, np.full(128, 1 / 128)) == 1.0


def test_known_colours_change_slowly_and_first_ones_at_once() -> None:
    a, b = np.eye(128)[3], np.eye(128)[9]
    assert np.array_equal(blended(np.zeros(128), a), a)
    assert np.array_equal(blended(a, np.zeros(128)), a)
    assert blended(a, b)[3] == pytest.approx(0.8)


@pytest.fixture(scope="module")
def estimator(blob_weights: Path) -> Estimator:
    bundle = find_weights(str(blob_weights))
    return Estimator(open_runtime(bundle, "onnx", "cpu", 1), bundle)


def walkers(places: list[tuple[float, tuple[int, int, int]]]) -> np.ndarray:
    image = np.full((240, 400, 3), 20, np.uint8)
    for x, colour in places:
        cv2.ellipse(image, (round(x), 120), (20, 56), 0, 0, 360, colour, -1, cv2.LINE_AA)
    return image


def track(estimator: Estimator, pictures: list[np.ndarray]) -> dict[str, dict[int, float]]:
    """Where each person was, x by frame."""
    settings = TrackSettings()

    def find(image: np.ndarray, _known_px: np.ndarray, _missed_px: np.ndarray) -> Found | None:
        people = find_people(image, estimator.estimate, settings)
        return None if people is None else Found(people, np.ones(len(people), np.bool_))

    tracker = Tracker(estimator.estimate, find, settings, "all")
    seen: dict[str, dict[int, float]] = {}
    for index, picture in enumerate(pictures):
        for sighting in tracker.step(Frame(index, index / 20, picture)):
            x = float(sighting.estimates.joints_px[0, :, 0].mean())
            seen.setdefault(sighting.person_id, {})[sighting.frame_index] = x
    return seen


def test_somebody_in_other_clothes_at_the_same_place_is_another_person(estimator: Estimator) -> None:
    """Gone for half a second, then another at that place: without the colours they would be one."""
    pictures = [walkers([(150, RED)])] * 12 + [walkers([])] * 10 + [walkers([(150, GREY)])] * 20
    seen = track(estimator, pictures)
    assert sorted(seen) == ["1", "2"]
    assert max(seen["1"]) == 11
    assert min(seen["2"]) >= 22


def test_somebody_who_comes_back_in_the_same_clothes_keeps_the_name(estimator: Estimator) -> None:
    pictures = [walkers([(150, RED)])] * 12 + [walkers([])] * 10 + [walkers([(160, RED)])] * 20
    assert sorted(track(estimator, pictures)) == ["1"]
