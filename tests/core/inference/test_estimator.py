from pathlib import Path

import numpy as np
import pytest

from core.errors import WeightsError
from core.inference.estimator import BATCH, Estimator
from core.inference.runtime import open_runtime
from core.types import Estimates, NetworkOutput
from core.weights.find import find_weights
from tests.fixtures.graphs import blob

ONE_CROP_PIXEL_PX = 3.0
BOXES = np.array([[60.0, 40, 120, 170], [80, 50, 60, 140], [0, 0, 320, 240]])


@pytest.fixture(scope="module")
def estimator(blob_weights: Path) -> Estimator:
    bundle = find_weights(blob_weights)
    return Estimator(open_runtime(bundle, threads=1), bundle)


def _height(estimates: Estimates) -> np.ndarray:
    return np.ptp(estimates.joints_px[:, :, 1], axis=1)


def test_joints_come_out_in_frame_pixels_whatever_the_box(estimator: Estimator) -> None:
    found = estimator.estimate(blob([(110, 125)]), BOXES)
    middle = (found.joints_px.min(axis=1) + found.joints_px.max(axis=1)) / 2
    np.testing.assert_allclose(middle[:, 1], 125, atol=ONE_CROP_PIXEL_PX)
    np.testing.assert_allclose(found.joints_px[:, :, 0].mean(axis=1), 110, atol=ONE_CROP_PIXEL_PX)
    np.testing.assert_allclose(_height(found), 120, rtol=0.05)


def test_projected_joints_are_the_joints_px(estimator: Estimator) -> None:
    found = estimator.estimate(blob([(110, 125)]), BOXES)
    centre = found.box_px[:, :2] + found.box_px[:, 2:] / 2
    scale, shift = found.weak_camera[:, :1, None], found.weak_camera[:, None, 1:]
    units = scale * (found.joints[:, :, :2] + shift)
    projected = centre[:, None] + units * found.crop_side_px[:, None, None] / 2
    np.testing.assert_allclose(projected, found.joints_px, atol=1e-3)


def test_empty_picture_has_nobody_in_it(estimator: Estimator) -> None:
    assert estimator.estimate(blob([]), BOXES).person_score.max() < 0.1


def test_many_boxes_give_what_each_gives_alone(estimator: Estimator) -> None:
    image = blob([(110, 125), (230, 110)])
    rng = np.random.default_rng(0)
    boxes = np.concatenate([rng.uniform(0, 150, (BATCH + 3, 2)), rng.uniform(60, 180, (BATCH + 3, 2))], axis=1)
    together = estimator.estimate(image, boxes)
    for row, box in enumerate(boxes):
        alone = estimator.estimate([image], box[None])
        for name, array in alone.arrays().items():
            np.testing.assert_allclose(getattr(together, name)[row], array[0], rtol=1e-4, atol=1e-4)


def test_boxes_that_differ_by_float_noise_are_cut_alike(estimator: Estimator) -> None:
    image, boxes = blob([(110, 125)]), BOXES + 0.3
    seen, again = estimator.estimate(image, boxes), estimator.estimate(image, boxes + 1e-4)
    np.testing.assert_array_equal(seen.box_px, again.box_px)
    np.testing.assert_array_equal(seen.joints_px, again.joints_px)


def test_box_smaller_than_a_pixel_keeps_a_size(estimator: Estimator) -> None:
    assert estimator.estimate(blob([]), np.array([[5, 5, 0.2, 0.3]])).box_px[0, 2:].tolist() == [1, 1]


def test_box_without_a_size_is_the_callers_mistake(estimator: Estimator) -> None:
    with pytest.raises(ValueError, match="positive width or height"):
        estimator.estimate(blob([]), np.array([[5.0, 5, 0, 0]]))


def test_each_box_reads_its_own_picture(estimator: Estimator) -> None:
    pictures = [blob([(110, 125)]), blob([(200, 125)])]
    found = estimator.estimate(pictures, np.repeat(BOXES[2:], 2, axis=0))
    np.testing.assert_allclose(found.joints_px[:, :, 0].mean(axis=1), [110, 200], atol=ONE_CROP_PIXEL_PX)


@pytest.mark.parametrize("boxes", [np.zeros((0, 4)), np.ones((3, 4))])
def test_pictures_that_do_not_match_the_boxes_are_the_callers_mistake(estimator: Estimator, boxes: np.ndarray) -> None:
    with pytest.raises(ValueError, match="one picture a box"):
        estimator.estimate([blob([])], boxes)


def test_answer_that_is_not_finite_is_an_error(estimator: Estimator, monkeypatch: pytest.MonkeyPatch) -> None:
    run = estimator.runtime.run

    def broken(images: np.ndarray) -> NetworkOutput:
        out = run(images)
        out.coarse_vertices[:] = np.nan
        return out

    monkeypatch.setattr(estimator.runtime, "run", broken)
    with pytest.raises(WeightsError, match="not finite"):
        estimator.estimate(blob([]), BOXES)
