"""Crops: there and back, against a picture whose colours say where each pixel lies."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.geometry.boxes import BOX_MARGIN, box_of_points, xywh_to_xyxy, xyxy_to_xywh
from core.geometry.crops import (
    BOX_FACTOR,
    IMAGENET_MEAN,
    IMAGENET_STD,
    crop_matrix,
    crop_side_px,
    crop_units_to_frame,
    cut,
    frame_to_crop_units,
    make_crops,
    normalise,
)

SIZE = 64
EXACT_PX = 1e-6
ROUNDING = 0.6
"""uint8 is rounded once, and OpenCV places samples on 1/32 of a pixel; averaging down rounds once more."""

boxes = st.tuples(st.floats(-200, 400), st.floats(-200, 400), st.floats(1, 500), st.floats(1, 500)).map(np.array)
units = st.lists(st.tuples(st.floats(-1, 1), st.floats(-1, 1)), min_size=1, max_size=5).map(np.array)


def slope_picture(height: int, width: int) -> np.ndarray:
    """(H, W, 3) uint8: channel 0 is the column, channel 1 the row; half a pixel left of and above the centre."""
    picture = np.zeros((height, width, 3), np.uint8)
    picture[..., 0] = np.arange(width)
    picture[..., 1] = np.arange(height)[:, None]
    picture[..., 2] = 255
    return picture


@given(boxes, units)
def test_points_to_the_frame_and_back_are_the_same(box: np.ndarray, points: np.ndarray) -> None:
    matrix = crop_matrix(box[None], SIZE)
    frame = crop_units_to_frame(points[None], matrix, SIZE)
    assert frame_to_crop_units(frame, matrix, SIZE)[0] == pytest.approx(points, abs=EXACT_PX)


@given(boxes)
def test_box_to_corners_and_back_is_the_same(box: np.ndarray) -> None:
    corners = xywh_to_xyxy(box[None])
    assert corners[0, 2:] - corners[0, :2] == pytest.approx(box[2:])
    assert xyxy_to_xywh(corners)[0] == pytest.approx(box)


@given(boxes)
def test_the_crop_is_a_square_about_the_box_s_centre(box: np.ndarray) -> None:
    matrix = crop_matrix(box[None], SIZE)
    corners = crop_units_to_frame(np.array([[[-1.0, -1], [1, 1], [0, 0]]]), matrix, SIZE)[0]
    side = BOX_FACTOR * max(box[2:])
    assert corners[1] - corners[0] == pytest.approx([side, side], rel=1e-9)
    assert corners[2] == pytest.approx(box[:2] + box[2:] / 2, abs=EXACT_PX)
    assert crop_side_px(matrix, SIZE)[0] == pytest.approx(side)


@settings(max_examples=40, deadline=None)
@given(st.floats(60, 120), st.floats(60, 110), st.floats(20, 300))
def test_a_crop_s_pixels_lie_where_its_affine_says(x: float, y: float, longer: float) -> None:
    """Sharper than a round trip of points: OpenCV's half pixel, x for y and averaging down all show here."""
    picture = slope_picture(200, 220)
    matrix = crop_matrix(np.array([x - longer / 2, y - longer / 2, longer, longer]), SIZE)
    crop = cut(picture, matrix, SIZE).astype(float)
    centre_units = (np.arange(SIZE) + 0.5) * 2 / SIZE - 1
    grid = np.stack(np.meshgrid(centre_units, centre_units), axis=-1).reshape(1, -1, 2)
    expected = crop_units_to_frame(grid, matrix[None], SIZE).reshape(SIZE, SIZE, 2)
    blocks = max(1, int(matrix[0, 0]))  # an averaged block on the picture's edge is partly black
    inside = np.all((expected > blocks + 1) & (expected < [220 - 2 * blocks, 200 - 2 * blocks]), axis=-1)
    error = crop[..., :2][inside] + 0.5 - expected[inside]
    assert inside.any()
    assert np.abs(error).max() < ROUNDING + (0.5 if blocks > 1 else 0)


def test_an_identity_crop_is_the_picture_itself() -> None:
    picture = np.random.default_rng(0).integers(0, 256, (SIZE, SIZE, 3), dtype=np.uint8)
    matrix = crop_matrix(np.array([0.0, 0, SIZE, SIZE]), SIZE, box_factor=1.0)
    assert np.array_equal(cut(picture, matrix, SIZE), picture)


@pytest.mark.parametrize("shrink", [2, 3, 5])
def test_a_crop_that_shrinks_by_a_whole_factor_is_the_mean_of_blocks(shrink: int) -> None:
    side = SIZE * shrink
    picture = np.random.default_rng(0).integers(0, 256, (side, side, 3), dtype=np.uint8)
    matrix = crop_matrix(np.array([0.0, 0, side, side]), SIZE, box_factor=1.0)
    means = picture.reshape(SIZE, shrink, SIZE, shrink, 3).astype(float).mean(axis=(1, 3))
    assert np.abs(cut(picture, matrix, SIZE) - means).max() <= 1.0


@pytest.mark.parametrize("box", [(-500.0, 0.0, 50.0, 90.0), (0.0, 900.0, 400.0, 300.0)])
def test_a_crop_outside_the_picture_is_black(box: tuple[float, ...]) -> None:
    picture = np.full((100, 120, 3), 255, np.uint8)
    assert not cut(picture, crop_matrix(np.array(box), SIZE), SIZE).any()


def test_what_reaches_over_the_edge_is_black_there_and_only_there() -> None:
    picture = np.full((SIZE, SIZE, 3), 255, np.uint8)
    matrix = crop_matrix(np.array([-SIZE / 2, 0, SIZE, SIZE]), SIZE, box_factor=1.0)  # half of it to the left
    crop = cut(picture, matrix, SIZE)
    assert not crop[:, : SIZE // 2].any()
    assert (crop[:, SIZE // 2 :] == 255).all()


def test_channels_come_out_as_rgb() -> None:
    picture = np.zeros((80, 80, 3), np.uint8)
    picture[..., 2] = 255  # BGR: red
    crops = make_crops([picture], np.array([[20.0, 20, 20, 20]]), SIZE)
    red, green, _ = crops.images[0, :, SIZE // 2, SIZE // 2]
    assert red == pytest.approx((1 - IMAGENET_MEAN[0]) / IMAGENET_STD[0], abs=1e-5)
    assert green == pytest.approx(-IMAGENET_MEAN[1] / IMAGENET_STD[1], abs=1e-5)


def test_crops_of_a_batch_equal_crops_one_by_one() -> None:
    rng = np.random.default_rng(1)
    pictures = [rng.integers(0, 256, (90, 70, 3), dtype=np.uint8) for _ in range(3)]
    three = np.array([[0.0, 0, 30, 60], [10, 5, 200, 90], [-20, 30, 15, 15]])
    batch = make_crops(pictures, three, SIZE)
    for row, (picture, box) in enumerate(zip(pictures, three, strict=True)):
        assert np.array_equal(batch.images[row], make_crops([picture], box, SIZE).images[0])


def test_normalising_keeps_columns_columns() -> None:
    crop = np.zeros((1, 4, 4, 3), np.uint8)
    crop[0, 1, 3, 0] = 255
    row, column = np.argwhere(normalise(crop)[0, 0] > 0)[0]
    assert (row, column) == (1, 3)


@given(boxes.filter(lambda box: min(box[2:]) > 2))
def test_the_box_of_a_box_s_corners_has_the_margin(box: np.ndarray) -> None:
    x, y, w, h = box
    found = box_of_points(np.array([[x, y], [x + w, y + h]]))
    assert found[2:] == pytest.approx(box[2:] * BOX_MARGIN)
    assert found[:2] + found[2:] / 2 == pytest.approx(box[:2] + box[2:] / 2, abs=1e-6)


def test_points_that_do_not_count_leave_the_box_alone() -> None:
    points = np.array([[0.0, 0], [10, 20], [900, -900]])
    found = box_of_points(points, np.array([True, True, False]))
    assert found == pytest.approx(box_of_points(points[:2]))


def test_a_box_without_size_is_refused() -> None:
    with pytest.raises(ValueError, match="positive width or height"):
        crop_matrix(np.array([1.0, 2, 0, 0]), SIZE)
