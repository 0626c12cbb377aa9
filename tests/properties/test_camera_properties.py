"""The camera: a body put into the frame lands on the pixels that the crop said, whatever the crop."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.geometry.camera import (
    default_focal_px,
    project,
    translation_to_pixels,
    weak_project,
    weak_to_full_translation,
)
from core.geometry.crops import crop_matrix, crop_side_px, crop_units_to_frame

FRAME_SIZES = [(1280, 720), (480, 854)]
FLAT_PX = 1e-6
"""Points at the root's depth: weak and full perspective agree exactly."""
SHIFT_M = 1e-8

signed = st.floats(-0.8, 0.8)
places = st.tuples(st.floats(0.2, 1.5), signed, signed, st.floats(0, 900), st.floats(0, 700), st.floats(20, 600))


def flat_points() -> np.ndarray:
    """(1, 4, 3) metres, none of them symmetric to another, all at the root's depth."""
    return np.array([[[0.0, 0, 0], [0.3, -0.6, 0], [-0.2, 0.7, 0], [0.1, 0.2, 0]]])


@pytest.mark.parametrize("size_px", FRAME_SIZES)
@given(places, st.floats(300, 3000))
def test_a_body_lands_in_the_frame_where_its_crop_shows_it(
    size_px: tuple[int, int], place: tuple[float, ...], focal_px: float
) -> None:
    """The whole chain from crop units to the frame's camera; a flipped sign anywhere in it fails."""
    scale, tx, ty, x, y, side = place
    box = np.array([[x, y, side * 0.6, side]])
    matrix = crop_matrix(box, 128)
    units = scale * (flat_points()[..., :2] + [tx, ty])
    seen = crop_units_to_frame(units, matrix, 128)
    transl = weak_to_full_translation(
        np.array([[scale, tx, ty]]), box[:, :2] + box[:, 2:] / 2, crop_side_px(matrix, 128), focal_px, size_px
    )
    assert project(flat_points() + transl[:, None], focal_px, size_px) == pytest.approx(seen, abs=FLAT_PX)


@given(places)
def test_the_weak_projection_is_the_crop_s_affine(place: tuple[float, ...]) -> None:
    scale, tx, ty, x, y, side = place
    box = np.array([[x, y, side, side * 0.3]])
    matrix = crop_matrix(box, 256)
    weak = np.array([[scale, tx, ty]])
    seen = crop_units_to_frame(scale * (flat_points()[..., :2] + [tx, ty]), matrix, 256)
    centre = box[:, :2] + box[:, 2:] / 2
    assert weak_project(flat_points(), weak, centre, crop_side_px(matrix, 256)) == pytest.approx(seen, abs=FLAT_PX)


def test_axes_by_hand_x_right_y_down_z_forward() -> None:
    """f = 1000 px, a point one metre right of the root at 5 m: 200 px right of the middle of the frame."""
    point = np.array([[1.0, 0.5, 5.0]])
    assert project(point, 1000.0, (640, 480)) == pytest.approx(np.array([[320 + 200, 240 + 100]]))
    nearer, farther = project(np.array([[1.0, 0.5, 4.0], [1.0, 0.5, 8.0]]), 1000.0, (640, 480)) - [320, 240]
    assert np.all(nearer == 2 * farther)


def test_a_crop_right_of_and_below_the_middle_puts_the_body_right_and_down() -> None:
    transl = weak_to_full_translation(
        np.array([[0.5, 0.0, 0.0]]), np.array([[900.0, 600.0]]), np.array([400.0]), 1000.0, (1000, 800)
    )[0]
    # tz = 2 * 1000 / (400 * 0.5) = 10 m; 400 px right at 10 m and f = 1000 is 4 m, 200 px down 2 m
    assert transl == pytest.approx([4.0, 2.0, 10.0])


@given(st.floats(0.2, 1.5), st.floats(1.1, 4))
def test_half_the_scale_is_twice_the_distance(scale: float, factor: float) -> None:
    camera = np.array([[scale, 0.0, 0.0], [scale / factor, 0.0, 0.0]])
    near, far = weak_to_full_translation(camera, np.full((2, 2), 50.0), np.full(2, 100.0), 500.0, (100, 100))
    assert far[2] == pytest.approx(near[2] * factor)


def test_a_scale_that_is_not_positive_is_refused() -> None:
    with pytest.raises(ValueError, match="positive scales"):
        weak_to_full_translation(np.array([[-0.5, 0, 0]]), np.zeros((1, 2)), np.ones(1), 1.0, (1, 1))


@given(st.floats(-3, 3), st.floats(-2, 2), st.floats(2.5, 30), st.integers(0, 10_000))
def test_the_translation_of_projected_points_is_found_again(tx: float, ty: float, tz: float, seed: int) -> None:
    points = np.random.default_rng(seed).uniform(-0.9, 0.9, (1, 14, 3))
    transl = np.array([[tx, ty, tz]])
    pixels = project(points + transl[:, None], 900.0, (1280, 720))
    found = translation_to_pixels(points, pixels, np.ones((1, 14)), 900.0, (1280, 720))
    assert found == pytest.approx(transl, rel=1e-6, abs=SHIFT_M * 1e3)


def test_points_without_weight_do_not_move_the_body() -> None:
    points = np.random.default_rng(0).uniform(-0.9, 0.9, (1, 14, 3))
    transl = np.array([[0.4, -0.3, 6.0]])
    pixels = project(points + transl[:, None], 900.0, (1280, 720))
    pixels[0, 5] = 1e4
    weights = np.ones((1, 14))
    weights[0, 5] = 0
    found = translation_to_pixels(points, pixels, weights, 900.0, (1280, 720))
    assert found == pytest.approx(transl, abs=1e-6)


def test_the_default_focal_length_is_the_diagonal() -> None:
    assert default_focal_px(300, 400) == pytest.approx(500.0)
