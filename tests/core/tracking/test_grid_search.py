"""The search over a frame, with people whose true boxes are known."""

from dataclasses import replace

import numpy as np
import pytest

from core.geometry.boxes import box_overlap, overlap, share_inside
from core.settings import TrackSettings
from core.tracking.evidence import are_one_person, boxes_of
from core.tracking.grid_search import LAST_RESORT, find_people, grid_boxes
from tests.fixtures.fake_people import HEIGHT, WIDTH, FakePeople, Truth

SETTINGS = TrackSettings()
NEAR = 0.9
"""Overlap of a found box with the true one; the fake network is exact once a crop is about the person."""


def found_boxes(people: Truth, settings: TrackSettings = SETTINGS, is_one_enough: bool = False) -> np.ndarray:
    scene = FakePeople([people])
    image = next(scene.frames()).image
    found = find_people(image, scene.estimate, settings, is_one_enough)
    return np.zeros((0, 4)) if found is None else boxes_of(found)


@pytest.mark.parametrize("height", [340, 200, 120, 70])
@pytest.mark.parametrize("place", [0.1, 0.5, 0.9])
def test_person_of_any_size_is_found_anywhere(height: float, place: float) -> None:
    true = (place * (WIDTH - 0.4 * height), place * (HEIGHT - height), 0.4 * height, height)
    boxes = found_boxes({"a": true})
    assert len(boxes) == 1
    assert box_overlap(boxes[0], np.array(true)) > NEAR


def test_nobody_is_found_where_nobody_is() -> None:
    assert len(found_boxes({})) == 0


def test_two_people_apart_are_two() -> None:
    assert len(found_boxes({"a": (60, 80, 80, 200), "b": (420, 60, 90, 230)})) == 2


def test_people_are_one_each_though_many_crops_see_them() -> None:
    boxes = found_boxes({"a": (60, 80, 80, 200), "b": (160, 80, 80, 200)})
    assert len(boxes) == 2


def test_one_that_is_enough_costs_less() -> None:
    people: Truth = {"a": (200, 20, 120, 320)}
    costs = []
    for is_one_enough in (True, False):
        scene = FakePeople([people])
        find_people(next(scene.frames()).image, scene.estimate, SETTINGS, is_one_enough)
        costs.append(scene.crops)
    assert costs[0] < 0.5 * costs[1]


@pytest.mark.parametrize("limit", ["new_person_score", "new_confidence"])
def test_unsure_readings_are_nobody(limit: str) -> None:
    assert len(found_boxes({"a": (200, 20, 120, 320)}, replace(SETTINGS, **{limit: 1.01}))) == 0


@pytest.mark.parametrize("size", [(1280, 720), (240, 426), (64, 64)])
def test_grid_covers_every_point_of_the_frame_in_every_size(size: tuple[int, int]) -> None:
    points = np.stack(np.meshgrid(np.linspace(1, size[0] - 1, 23), np.linspace(1, size[1] - 1, 23)), -1).reshape(-1, 2)
    for boxes in grid_boxes(*size)[:LAST_RESORT]:
        low, high = boxes[:, :2], boxes[:, :2] + boxes[:, 2:]
        inside = (points[:, None] >= low).all(2) & (points[:, None] <= high).all(2)
        # the largest size is the frame's shorter side: it covers all; smaller ones must too
        assert inside.any(1).all()


def test_overlap_is_one_for_the_same_box_and_nothing_for_boxes_apart() -> None:
    box, away = np.array([10.0, 20, 40, 100]), np.array([400.0, 20, 40, 100])
    assert overlap(box, box) == box_overlap(box, box) == 1
    assert overlap(box, away) == box_overlap(box, away) == 0


def test_overlap_of_a_box_that_is_moved_by_half_its_side_is_a_third() -> None:
    box = np.array([0.0, 0, 100, 100])
    assert overlap(box, np.array([50.0, 0, 100, 100])) == pytest.approx(1 / 3)


def test_share_inside_counts_the_first_box() -> None:
    small, large = np.array([10.0, 10, 10, 10]), np.array([0.0, 0, 100, 15])
    assert share_inside(small, large) == pytest.approx(0.5)


def test_two_readings_of_one_person_are_one_and_of_two_are_two() -> None:
    scene = FakePeople([{"a": (60, 80, 80, 200), "b": (110, 90, 80, 200)}])
    image = next(scene.frames()).image
    seen = scene.estimate(image, np.array([[60, 80, 80, 200], [55, 85, 85, 205], [110, 90, 80, 200]]))
    assert are_one_person(seen[[0]], seen[[1]])
    assert not are_one_person(seen[[0]], seen[[2]])
