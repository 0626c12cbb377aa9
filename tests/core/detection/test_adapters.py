"""Detectors of the three known forms, as graphs made for the test: their boxes must come back in the frame."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from core.detection import open_detector as detect
from core.detection import own
from core.detection.detector import Detections, FullFrame
from core.detection.onnx_graph import apart
from core.detection.open_detector import open_detector
from core.detection.yolox import grid
from core.errors import MocapError, WeightsError
from tests.fixtures.detector_graphs import detr_graph, folder_of, own_graph, saved, yolox_graph

SIZES = [(640, 360), (360, 640), (333, 517), (97, 61), (1920, 1080)]
"""Width, height: wide, tall, odd, smaller than any input, larger than all."""
NEAR_PX = 0.02
PERSON, DOG = 0, 16


def frame_of(width: int, height: int, value: int = 255) -> np.ndarray:
    return np.full((height, width, 3), value, np.uint8)


def shrunk(box: np.ndarray, width: int, height: int, side: int, is_floor: bool) -> np.ndarray:
    """A box of the frame in pixels of an input in whose upper left the frame lies, its longer side as given."""
    to_whole = np.floor if is_floor else np.round
    small = np.maximum(1, to_whole(np.array([width, height]) * side / max(width, height)))
    return box * np.tile(small / [width, height], 2)


def two_boxes(width: int, height: int) -> np.ndarray:
    return np.array([[0.1, 0.2, 0.4, 0.9], [0.5, 0.1, 0.9, 0.6]]) * [width, height, width, height]


def detections(form: str, folder: Path, width: int, height: int) -> tuple[Detections, np.ndarray]:
    """What a detector of that form says of a frame in which its graph "sees" a dog and two people."""
    true = two_boxes(width, height)
    three, kinds, scores = np.concatenate([true[:1] + 3, true]), [DOG, PERSON, PERSON], [0.99, 0.7, 0.9]
    if form == "own":  # it knows people only
        boxes = shrunk(true, width, height, own.LONGER_SIDE, is_floor=False)
        file = own_graph(folder / "d.onnx", boxes, np.array(scores[1:]))
    elif form == "detr":
        share = three / [width, height, width, height]
        boxes = np.concatenate([(share[:, :2] + share[:, 2:]) / 2, share[:, 2:] - share[:, :2]], axis=1)
        file = detr_graph(folder / "d.onnx", boxes, kinds, scores)
    else:
        boxes = shrunk(three, width, height, 416, is_floor=True)
        file = yolox_graph(folder / "d.onnx", boxes, kinds, scores)
    return open_detector(file, threads=1)(frame_of(width, height)), true[::-1]


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("form", ["own", "detr", "yolox"])
def test_people_come_back_where_they_are_the_surest_first_and_nothing_else(
    tmp_path: Path, form: str, size: tuple[int, int]
) -> None:
    found, true = detections(form, tmp_path, *size)
    np.testing.assert_allclose(found.boxes_xyxy, true, atol=NEAR_PX)
    np.testing.assert_allclose(found.scores, [0.9, 0.7], atol=1e-3)


@pytest.mark.parametrize("form", ["own", "yolox"])
def test_boxes_of_one_person_are_one(tmp_path: Path, form: str) -> None:
    boxes = np.array([[50.0, 40, 130, 260], [54, 44, 134, 264], [200, 40, 280, 260]])
    scores = [0.6, 0.8, 0.7]
    if form == "own":
        file = own_graph(tmp_path / "d.onnx", boxes, np.array(scores))
    else:
        file = yolox_graph(tmp_path / "d.onnx", boxes, [PERSON] * 3, scores)
    side = own.LONGER_SIDE if form == "own" else 416
    found = open_detector(file, threads=1)(frame_of(side, side))
    np.testing.assert_allclose(found.boxes_xyxy, boxes[[1, 2]], atol=NEAR_PX)


@pytest.mark.parametrize("form", ["own", "detr", "yolox"])
def test_unsure_boxes_are_nobody(tmp_path: Path, form: str) -> None:
    boxes = np.array([[50.0, 40, 130, 260]])
    if form == "own":
        file = own_graph(tmp_path / "d.onnx", boxes, np.array([0.2]))
    elif form == "detr":
        file = detr_graph(tmp_path / "d.onnx", boxes / 416, [PERSON], [0.2])
    else:
        file = yolox_graph(tmp_path / "d.onnx", boxes, [PERSON], [0.2])
    assert len(open_detector(file)(frame_of(416, 416)).scores) == 0


def test_unsure_boxes_come_back_where_they_are_asked_for(tmp_path: Path) -> None:
    boxes = np.array([[50.0, 40, 130, 260], [200, 40, 280, 260], [300, 40, 380, 260]])
    file = own_graph(tmp_path / "d.onnx", boxes, np.array([0.5, 0.3, 0.1]))
    detector = open_detector(file, threads=1, least=0.5)
    assert detector.threshold == own.THRESHOLD
    np.testing.assert_allclose(detector(frame_of(320, 320)).scores, [0.5, 0.3], atol=1e-6)


def test_own_detector_gets_rgb_in_0_to_1_in_multiples_of_32_padded_with_black(tmp_path: Path) -> None:
    """A graph that answers with what it was given: its size, and the means of its channels."""
    nodes = [
        helper.make_node("Shape", ["image"], ["shape"]),
        helper.make_node("Cast", ["shape"], ["shape_float"], to=TensorProto.FLOAT),
        helper.make_node("Slice", ["shape_float", "two", "four"], ["size"]),
        helper.make_node("ReduceMean", ["image", "space"], ["means"], keepdims=0),
        helper.make_node("Slice", ["means", "zero", "one", "zero"], ["red_of_one"]),
        helper.make_node("Slice", ["red_of_one", "zero", "one", "one"], ["red"]),
        helper.make_node("Squeeze", ["red", "zero"], ["red_share"]),
        helper.make_node("Concat", ["zeros", "size"], ["box"], axis=0),
        helper.make_node("Unsqueeze", ["box", "zero"], ["boxes"]),
        helper.make_node("Identity", ["red_share"], ["scores"]),
    ]
    constants = {
        "zero": np.array([0]), "one": np.array([1]), "two": np.array([2]), "four": np.array([4]),
        "space": np.array([2, 3]),
    }  # fmt: skip
    initialisers = [numpy_helper.from_array(value.astype(np.int64), name) for name, value in constants.items()]
    initialisers.append(numpy_helper.from_array(np.zeros(2, np.float32), "zeros"))
    outputs = [
        helper.make_tensor_value_info("boxes", TensorProto.FLOAT, [1, 4]),
        helper.make_tensor_value_info("scores", TensorProto.FLOAT, [1]),
    ]
    image = helper.make_tensor_value_info("image", TensorProto.FLOAT, [1, 3, "h", "w"])
    graph = helper.make_graph(nodes, "echo", [image], outputs, initialisers)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9)
    onnx.save(model, tmp_path / "d.onnx")
    frame = np.zeros((300, 832, 3), np.uint8)
    frame[..., 2] = 255  # red, in BGR
    found = open_detector(folder_of(tmp_path / "d.onnx", adapter="own", longer_side=416, threshold=0.1), 1)(frame)
    # 416 x 150 in 416 x 160: the box says (height, width) of the input where x and y stand
    assert found.scores[0] == pytest.approx(150 / 160, abs=1e-3)
    np.testing.assert_allclose(found.boxes_xyxy[0], [0, 0, 160 * 2, min(416 * 2, 300 + 416 * 2 / 4)], atol=0.5)


@pytest.mark.parametrize(("is_divided", "white"), [(False, 255), (True, 1)])
def test_yolox_is_divided_by_255_only_where_its_config_says_so(tmp_path: Path, is_divided: bool, white: int) -> None:
    """All numbers of the answer are multiplied with the picture's greatest value: two of them are the score."""
    rows = np.zeros((1, len(grid(416)[0]), 85))
    rows[0, 2000, 2:4] = np.log(8) / white
    rows[0, 2000, 4], rows[0, 2000, 5] = 0.9, 1.0
    file = saved(tmp_path / "d.onnx", {"images": [1, 3, 416, 416]}, {"output": rows}, gate="output")
    found = open_detector(folder_of(file, adapter="yolox", is_divided_by_255=is_divided))(frame_of(416, 416))
    assert found.scores == pytest.approx([0.9 * white**2])


def test_box_that_is_cut_by_the_frame_reaches_out_by_a_quarter_at_most(tmp_path: Path) -> None:
    boxes = np.array([[-100.0, 50, 100, 150], [204, 204, 324, 404]])
    found = open_detector(own_graph(tmp_path / "d.onnx", boxes, np.array([0.9, 0.8])))(frame_of(320, 320))
    np.testing.assert_allclose(found.boxes_xyxy, [[-50, 50, 100, 150], [204, 204, 324, 370]], atol=NEAR_PX)


def test_box_without_a_size_or_a_number_is_dropped(tmp_path: Path) -> None:
    boxes = np.array([[np.nan, 50, 100, 150], [200, 50, 200, 150], [10, 10, 90, 190]])
    found = open_detector(own_graph(tmp_path / "d.onnx", boxes, np.array([0.9, 0.8, 0.7])))(frame_of(320, 320))
    np.testing.assert_allclose(found.boxes_xyxy, [[10, 10, 90, 190]], atol=NEAR_PX)


def test_apart_keeps_neighbours_that_overlap_little() -> None:
    boxes = np.array([[0.0, 0, 100, 200], [60, 0, 160, 200], [5, 0, 105, 200]])
    assert apart(boxes, np.array([0.5, 0.9, 0.6]), 0.6).tolist() == [1, 2]


def test_full_frame_is_one_person() -> None:
    detector = open_detector("frame")
    found = detector(frame_of(300, 200))
    assert isinstance(detector, FullFrame)
    assert (found.boxes_xyxy.tolist(), found.boxes_xywh.tolist()) == ([[0, 0, 300, 200]], [[0, 0, 300, 200]])


def test_folder_tells_name_digest_and_options(tmp_path: Path) -> None:
    file = detr_graph(tmp_path / "m" / "d.onnx", np.array([[0.5, 0.5, 0.2, 0.4]]), [1], [0.3])
    detector = open_detector(folder_of(file, adapter="detr", person=1, threshold=0.25))
    assert (detector.name, detector.digest) == ("made-up", hashlib.sha256(file.read_bytes()).hexdigest())
    assert len(detector(frame_of(640, 360)).scores) == 1


def test_none_is_the_folder_that_ships(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(detect, "OWN_FOLDER", tmp_path / "open-detector")
    assert not detect.is_own_there()
    with pytest.raises(WeightsError, match="no such detector"):
        open_detector(None)
    file = own_graph(tmp_path / "open-detector" / "detector.onnx", np.array([[1.0, 1, 40, 90]]), np.array([0.9]))
    folder_of(file, adapter="own", name="open-detector")
    assert detect.is_own_there()
    assert open_detector(None).name == open_detector("own").name == "open-detector"


def broken_file(folder: Path) -> Path:
    (folder / "d.onnx").write_bytes(b"no graph at all")
    return folder / "d.onnx"


def wrong_graph(folder: Path) -> Path:
    return saved(folder / "d.onnx", {"image": [1, 3, "h", "w"]}, {"mask": np.zeros((1, 4))})


def wrong_adapter(folder: Path) -> Path:
    file = own_graph(folder / "d.onnx", np.array([[1.0, 1, 40, 90]]), np.array([0.9]))
    return folder_of(file, adapter="detr")


def unknown_adapter(folder: Path) -> Path:
    return folder_of(own_graph(folder / "d.onnx", np.zeros((1, 4)), np.zeros(1)), adapter="psychic")


def wrong_digest(folder: Path) -> Path:
    file = own_graph(folder / "d.onnx", np.zeros((1, 4)), np.zeros(1))
    made = folder_of(file, adapter="own")
    file.write_bytes(file.read_bytes() + b"\0")
    return made


def missing_file(folder: Path) -> Path:
    made = folder_of(own_graph(folder / "d.onnx", np.zeros((1, 4)), np.zeros(1)), adapter="own")
    (folder / "d.onnx").unlink()
    return made


def weights_of_people(folder: Path) -> Path:
    (folder / "config.json").write_text(json.dumps({"format_version": 1, "name": "x", "files": {"a": 1, "b": 2}}))
    return folder


def newer(folder: Path) -> Path:
    return folder_of(own_graph(folder / "d.onnx", np.zeros((1, 4)), np.zeros(1)), adapter="own", format_version=9)


def bad_option(folder: Path) -> Path:
    return folder_of(own_graph(folder / "d.onnx", np.zeros((1, 4)), np.zeros(1)), adapter="own", threshold="high")


def outside(folder: Path) -> Path:
    made = folder_of(own_graph(folder / "in" / "d.onnx", np.zeros((1, 4)), np.zeros(1)), adapter="own")
    config = json.loads((made / "config.json").read_text())
    config["files"] = {"../d.onnx": config["files"]["d.onnx"]}
    (made / "config.json").write_text(json.dumps(config))
    return made


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (broken_file, "no ONNX file"),
        (wrong_graph, "not a detector of a known form"),
        (wrong_adapter, "expected the input pixel_values"),
        (unknown_adapter, "unknown adapter 'psychic'"),
        (wrong_digest, "sha256 differs"),
        (missing_file, "can't be read"),
        (weights_of_people, "of no detector"),
        (newer, "newer version"),
        (bad_option, "missing or wrong"),
        (outside, "outside its folder"),
        (lambda folder: folder, "no config.json"),
        (lambda folder: folder / "gone.onnx", "no such detector"),
    ],
)
def test_bad_detector_ends_in_one_sentence(tmp_path: Path, make: Any, words: str) -> None:
    with pytest.raises(MocapError, match=words) as raised:
        open_detector(make(tmp_path))
    assert "\n" not in str(raised.value)
    assert str(tmp_path) in str(raised.value)


def test_outputs_of_another_shape_end_in_one_sentence(tmp_path: Path) -> None:
    file = own_graph(tmp_path / "d.onnx", np.zeros((1, 3, 4)), np.zeros(3))
    with pytest.raises(WeightsError, match="expected boxes"):
        open_detector(file)(frame_of(64, 64))
