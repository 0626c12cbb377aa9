"""People of a picture, of whom the pose network reads one where the detector sees two."""

from __future__ import annotations

from typing import Any, cast

import numpy as np
import pytest

from core.detection.detector import Detections, Detector
from core.settings import TrackSettings
from core.tracking.confirm import confirmed_in
from tests.fixtures.fake_people import FakePeople

BOX = (100.0, 100, 60, 160)


def detector_of(*boxes: tuple[float, ...]) -> Detector:
    x, y, width, height = np.array(boxes).T
    found = Detections(np.stack([x, y, x + width, y + height], 1), np.full(len(boxes), 0.9))
    sure = type("Sure", (), {"threshold": 0.35, "__call__": lambda _self, _image: found})
    return cast(Detector, sure())


@pytest.mark.parametrize(("shift", "people"), [(4.0, 1), (40.0, 2)])
def test_boxes_far_apart_are_two_people_though_the_network_reads_one(shift: float, people: int) -> None:
    scene = FakePeople([{"a": BOX}])
    image = next(iter(scene.frames())).image
    read = scene.estimate(image, np.array([BOX]))
    both: Any = lambda _image, boxes: read[[0] * len(boxes)]  # noqa: E731
    other = (BOX[0] + shift, *BOX[1:])
    found = confirmed_in(image, detector_of(BOX, other), both, TrackSettings())
    assert found is not None
    assert len(found.boxes_px) == people
