import json
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from core.errors import BoxesError
from core.footage.reader import open_footage
from core.tracking.drawn_boxes import boxes_by_frame, read_boxes
from tests.fixtures.graphs import write_clip


def _write(path: Path, document: Any) -> Path:
    path.write_text(json.dumps(document))
    return path


def _entry(*box: float, name: str = "a") -> dict[str, Any]:
    return {"id": name, "box_xywh": list(box)}


@pytest.fixture
def clip(tmp_path: Path) -> Path:
    return write_clip(tmp_path / "clip.mp4", 5)


def test_boxes_are_read_by_key(tmp_path: Path) -> None:
    file = _write(tmp_path / "b.json", {"x.jpg": [_entry(1, 2, 3, 4), _entry(5, 6, 7, 8, name="b")]})
    boxes = read_boxes(file)["x.jpg"]
    assert [(box.person_id, box.box_px.tolist()) for box in boxes] == [("a", [1, 2, 3, 4]), ("b", [5, 6, 7, 8])]


@pytest.mark.parametrize("key, frame", [("0", 0), ("3", 3), ("clip.mp4", 0)])
def test_video_boxes_are_found_by_frame_number_or_name(tmp_path: Path, clip: Path, key: str, frame: int) -> None:
    file = _write(tmp_path / "b.json", {key: [_entry(10, 20, 30, 40)]})
    assert list(boxes_by_frame(file, open_footage(clip))) == [frame]


def test_picture_boxes_are_found_by_name(tmp_path: Path) -> None:
    for name in ("p1.png", "p2.png", "p10.png"):
        cv2.imwrite(str(tmp_path / name), np.zeros((50, 60, 3), np.uint8))
    file = _write(tmp_path / "b.json", {"p10.png": [_entry(10, 20, 30, 40)]})
    assert list(boxes_by_frame(file, open_footage(tmp_path))) == [9]  # numbers 3 to 9 have no picture


@pytest.mark.parametrize("box", [(320, 0, 10, 10), (0, 240, 10, 10), (-20, 0, 20, 10), (0, -9, 20, 9)])
def test_box_outside_the_frame_is_an_error(tmp_path: Path, clip: Path, box: tuple[float, ...]) -> None:
    file = _write(tmp_path / "b.json", {"0": [_entry(*box)]})
    with pytest.raises(BoxesError, match=r"b\.json: the box of 'a' in '0' lies outside the frame \(320 x 240\)"):
        boxes_by_frame(file, open_footage(clip))


def test_box_that_reaches_over_the_edge_is_fine(tmp_path: Path, clip: Path) -> None:
    file = _write(tmp_path / "b.json", {"0": [_entry(-20, -30, 100, 500)]})
    assert len(boxes_by_frame(file, open_footage(clip))) == 1


@pytest.mark.parametrize("key", ["5", "other.mp4", "-1"])
def test_unknown_frame_is_an_error(tmp_path: Path, clip: Path, key: str) -> None:
    file = _write(tmp_path / "b.json", {key: [_entry(1, 2, 3, 4)]})
    with pytest.raises(BoxesError, match=f"no frame '{key}'"):
        boxes_by_frame(file, open_footage(clip))


@pytest.mark.parametrize(
    "document, message",
    [
        ([], "expected"),
        ({}, "expected"),
        ({"x": 1}, "expected a list"),
        ({"x": [{"id": "a"}]}, "expected"),
        ({"x": [{"box_xywh": [1, 2, 3, 4]}]}, "expected"),
        ({"x": [_entry(1, 2, 3)]}, "has no size"),
        ({"x": [_entry(1, 2, 0, 4)]}, "has no size"),
        ({"x": [_entry(1, 2, float("nan"), 4)]}, "has no size"),
        ({"x": [{"id": "a", "box_xywh": "wide"}]}, "expected"),
    ],
)
def test_boxes_of_another_form_are_an_error(tmp_path: Path, document: Any, message: str) -> None:
    with pytest.raises(BoxesError, match=message):
        read_boxes(_write(tmp_path / "b.json", document))


def test_missing_boxes_file_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(BoxesError, match="can't be read"):
        read_boxes(tmp_path / "b.json")


def test_boxes_that_are_no_json_are_an_error(tmp_path: Path) -> None:
    (tmp_path / "b.json").write_text("x.jpg: 1 2 3 4")
    with pytest.raises(BoxesError, match="not JSON"):
        read_boxes(tmp_path / "b.json")


@pytest.mark.parametrize(
    ("frames", "expected"), [([0, 39], (0, 39)), ([40, None], (40, None)), ([None, None], (None, None))]
)
def test_frames_of_a_box_are_read(tmp_path: Path, frames: list[int | None], expected: tuple[int | None, ...]) -> None:
    file = _write(tmp_path / "b.json", {"0": [{**_entry(1, 2, 3, 4), "frames": frames}]})
    assert read_boxes(file)["0"][0].frames == expected


@pytest.mark.parametrize("frames", [[1], 5, "all", [0, "x"], [-1, 3], [1.5, 2], None])
def test_frames_that_are_no_range_are_an_error(tmp_path: Path, frames: Any) -> None:
    file = _write(tmp_path / "b.json", {"0": [{**_entry(1, 2, 3, 4), "frames": frames}]})
    with pytest.raises(BoxesError, match="first, last"):
        read_boxes(file)
