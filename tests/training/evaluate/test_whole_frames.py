"""A detector confirmed by the pose network is scored as `core.tracking.confirm` decides, each crop read once."""

from __future__ import annotations

import numpy as np
import pytest

from core.detection.detector import Detections
from core.geometry.boxes import box_overlap, xywh_to_xyxy
from core.inference.onnx_runtime import OnnxRuntime
from core.types import Image
from core.weights.find import find_weights
from tests.fixtures.fake_people import FakePeople
from training.evaluate.whole_frames import READ, JointsOnly, Remembered, confirmed, joints_only
from training.export.network import probe_crops

ANN, CHAIR = (60.0, 80, 80, 200), (420.0, 60, 90, 230)
FLOAT32_NOISE = 1e-5


class FakeDetector:
    """Sees a person and a chair, the person a little off."""

    name, digest, threshold = "fake", "", 0.4

    def __call__(self, _frame: Image) -> Detections:
        return Detections(xywh_to_xyxy(np.array([CHAIR, (70.0, 90, 80, 180)])), np.array([0.6, 0.3]))


def looked(thresholds: list[float]) -> tuple[dict[float, list[Detections]], int]:
    scene = FakePeople([{"a": ANN}])
    picture = next(scene.frames()).image
    found, alone, true = confirmed(
        [(picture, xywh_to_xyxy(np.array([ANN])))], FakeDetector(), scene.estimate, thresholds
    )
    assert len(alone[0].scores) == 2 and len(true) == 1
    return found, scene.crops


def test_person_is_found_in_the_box_about_the_joints_and_the_chair_is_not() -> None:
    (people,) = looked([0.4])[0][0.4]
    assert len(people.scores) == 1
    assert box_overlap(people.boxes_xywh[0], np.array(ANN)) > 0.98


def test_box_too_far_below_a_threshold_is_not_looked_at() -> None:
    found, _ = looked([0.4, 0.55])
    assert [len(found[threshold][0].scores) for threshold in (0.4, 0.55)] == [1, 0]


@pytest.mark.parametrize("thresholds", [[0.4], [0.3, 0.35, 0.4, 0.45]])
def test_sweep_costs_no_more_crops_than_its_lowest_threshold(thresholds: list[float]) -> None:
    assert looked(thresholds)[1] == looked([thresholds[0]])[1] > 0


def test_boxes_are_read_once_and_answered_in_their_order() -> None:
    scene = FakePeople([{"a": ANN}])
    picture, remembered = next(scene.frames()).image, Remembered(scene.estimate)
    boxes = np.array([ANN, CHAIR, ANN])
    for rows in ([0, 1, 2], [1, 0]):
        np.testing.assert_array_equal(remembered(picture, boxes[rows]).box_px, boxes[rows])
    assert scene.crops == 2


def test_cut_graph_reads_as_the_whole_one() -> None:
    bundle, crops = find_weights(None), probe_crops(find_weights(None).input_size, 3)
    cut, whole = JointsOnly(bundle).run(crops), OnnxRuntime(bundle, "cpu", 1).run(crops)
    for name in READ:
        np.testing.assert_allclose(getattr(cut, name), getattr(whole, name), atol=FLOAT32_NOISE)


def test_network_cut_to_its_joints_reads_people_without_bones() -> None:
    picture = next(FakePeople([{"a": ANN}]).frames()).image
    seen = joints_only(find_weights()).estimate(picture, np.array([ANN]))
    assert len(seen) == 1 and seen.bone_rotations is None
