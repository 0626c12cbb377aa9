import json
from pathlib import Path

import cv2
import numpy as np
import pytest

from core.body.model import load_body
from core.detection.detector import Detections
from core.errors import BoxesError, Cancelled, FootageError
from core.geometry.crops import crop_matrix, crop_units_to_frame
from core.inference.estimator import Estimator
from core.inference.runtime import open_runtime
from core.stills import Stills, estimate_stills, find_stills, write_stills
from core.types import Image, Progress
from core.weights.find import find_weights
from tests.fixtures.graphs import blob


@pytest.fixture(scope="module")
def estimator(blob_weights: Path) -> Estimator:
    bundle = find_weights(blob_weights)
    return Estimator(open_runtime(bundle, threads=1), bundle)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    cv2.imwrite(str(tmp_path / "left.png"), blob([(100, 120)]))
    cv2.imwrite(str(tmp_path / "right.png"), blob([(220, 120)]))
    whole = [0, 0, 320, 240]
    boxes = {
        "right.png": [{"id": "r", "box_xywh": whole}],
        "left.png": [{"id": "l1", "box_xywh": whole}, {"id": "l2", "box_xywh": [60, 40, 80, 160]}],
    }
    (tmp_path / "boxes.json").write_text(json.dumps(boxes))
    return tmp_path


def _estimate(folder: Path, estimator: Estimator) -> Stills:
    return estimate_stills(folder, folder / "boxes.json", estimator)


def test_stills_are_in_the_order_of_the_boxes(folder: Path, estimator: Estimator) -> None:
    stills = _estimate(folder, estimator)
    assert stills.ids == ["r", "l1", "l2"]
    np.testing.assert_allclose(stills.joints_px[:, :, 0].mean(axis=1), [220, 100, 100], atol=3)


def test_stills_file_has_the_arrays_that_scripts_rely_on(folder: Path, estimator: Estimator) -> None:
    write_stills(_estimate(folder, estimator), folder / "out.npz")
    with np.load(folder / "out.npz") as arrays:
        shapes = {name: arrays[name].shape for name in arrays.files}
    assert shapes == {
        "ids": (3,),
        "keypoints_px": (3, 17, 2),
        "joints_px": (3, 14, 2),
        "mesh_joints_px": (3, 14, 2),
        "joints": (3, 14, 3),
        "vertices": (3, 6890, 3),
        "confidence": (3, 14),
        "boxes_xywh": (3, 4),
        "scores": (3,),
    }


def test_mesh_joints_in_the_picture_are_those_of_the_vertices_through_the_crop(
    folder: Path, estimator: Estimator
) -> None:
    """The other way round: into the crop by the network's camera, then back by the crop's affine."""
    stills, size = _estimate(folder, estimator), estimator.bundle.input_size
    boxes = np.array([[0, 0, 320, 240], [0, 0, 320, 240], [60, 40, 80, 160]], np.float64)
    pictures = [cv2.imread(str(folder / name)) for name in ("right.png", "left.png", "left.png")]
    scale, shift = np.split(estimator.estimate(pictures, boxes).weak_camera[:, None], [1], axis=2)
    joints = load_body().lsp_regressor @ stills.vertices
    crop_to_frame = crop_matrix(boxes, size, estimator.bundle.box_factor)
    wanted = crop_units_to_frame(scale * (joints[..., :2] + shift), crop_to_frame, size)
    np.testing.assert_allclose(stills.mesh_joints_px, wanted, atol=1e-3)


def test_stills_tell_their_progress(folder: Path, estimator: Estimator) -> None:
    told: list[Progress] = []
    estimate_stills(folder, folder / "boxes.json", estimator, told.append)
    assert (told[-1].stage, told[-1].done, told[-1].total) == ("stills", 3, 3)


def test_stills_stop_when_asked(folder: Path, estimator: Estimator) -> None:
    with pytest.raises(Cancelled):
        estimate_stills(folder, folder / "boxes.json", estimator, is_cancelled=lambda: True)


def test_box_of_a_picture_that_is_not_there_is_an_error(folder: Path, estimator: Estimator) -> None:
    (folder / "left.png").unlink()
    with pytest.raises(BoxesError, match=r"names 'left\.png'"):
        _estimate(folder, estimator)


def test_picture_that_cannot_be_decoded_is_an_error(folder: Path, estimator: Estimator) -> None:
    (folder / "left.png").write_bytes(b"")
    with pytest.raises(FootageError, match=r"left\.png: can't be decoded"):
        _estimate(folder, estimator)


def test_folder_that_is_not_there_is_an_error(folder: Path, estimator: Estimator) -> None:
    with pytest.raises(FootageError, match="no such folder"):
        estimate_stills(folder / "none", folder / "boxes.json", estimator)


@pytest.mark.parametrize("name", ["../other.png", "sub/../../other.png", "{parent}/other.png"])
def test_picture_outside_of_the_folder_is_refused(folder: Path, estimator: Estimator, name: str) -> None:
    inside = folder / "inside"
    (inside / "sub").mkdir(parents=True)
    cv2.imwrite(str(folder / "other.png"), blob([(100, 120)]))
    named = name.format(parent=folder)
    (inside / "boxes.json").write_text(json.dumps({named: [{"id": "r", "box_xywh": [0, 0, 320, 240]}]}))
    with pytest.raises(BoxesError, match=r"outside of .*inside; give names of pictures in it"):
        _estimate(inside, estimator)


class BrightThings:
    """A detector that sees the bright thing of a picture, half of it also outside; nothing in a dark picture."""

    name, digest, threshold = "bright", "", 0.4

    def __call__(self, frame: Image) -> Detections:
        rows, columns = np.nonzero(frame.max(2) > 100)
        if not len(rows):
            return Detections(np.zeros((0, 4)), np.zeros(0))
        x, y = columns.mean(), rows.mean()
        boxes = np.array([[x - 40, y - 200, x + 40, y + 80], [x - 38, y - 198, x + 42, y + 80]])
        return Detections(boxes, np.array([0.9, 0.8]))


def test_people_are_found_where_no_boxes_are_given(folder: Path, estimator: Estimator) -> None:
    cv2.imwrite(str(folder / "empty.png"), np.zeros((240, 320, 3), np.uint8))
    stills = find_stills(folder, BrightThings(), estimator)
    assert stills.ids == ["left.png#0", "right.png#0"]
    np.testing.assert_allclose(stills.boxes_xywh, [[60, 0, 80, 200], [180, 0, 80, 200]], atol=2)
    np.testing.assert_allclose(stills.scores, [0.9, 0.9])
    np.testing.assert_allclose(stills.joints_px[:, :, 0].mean(axis=1), [100, 220], atol=6)


def test_pictures_without_anybody_make_a_file_without_rows(tmp_path: Path, estimator: Estimator) -> None:
    cv2.imwrite(str(tmp_path / "empty.png"), np.zeros((240, 320, 3), np.uint8))
    write_stills(find_stills(tmp_path, BrightThings(), estimator), tmp_path / "out.npz")
    with np.load(tmp_path / "out.npz") as arrays:
        shapes = {name: arrays[name].shape for name in arrays.files}
    assert shapes["ids"] == (0,) and shapes["boxes_xywh"] == (0, 4) and shapes["vertices"] == (0, 6890, 3)


def test_folder_without_pictures_is_an_error(tmp_path: Path, estimator: Estimator) -> None:
    with pytest.raises(FootageError, match="no pictures in it"):
        find_stills(tmp_path, BrightThings(), estimator)


def test_given_boxes_come_back_with_the_stills(folder: Path, estimator: Estimator) -> None:
    stills = _estimate(folder, estimator)
    np.testing.assert_array_equal(stills.boxes_xywh[2], [60, 40, 80, 160])
    assert stills.scores.tolist() == [1, 1, 1]
