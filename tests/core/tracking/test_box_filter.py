"""The box filter on boxes whose true path is known."""

from __future__ import annotations

import json

import numpy as np
import pytest

from core.tracking.box_filter import BoxFilter

STEP_S = 1 / 25


def box(x: float, y: float, width: float = 60, height: float = 160) -> np.ndarray:
    return np.array([x - width / 2, y - height / 2, width, height])


def middle(of: np.ndarray) -> np.ndarray:
    return np.asarray(of[:2] + of[2:] / 2)


def walked(count: int, speed: tuple[float, float], noise_px: float = 0.0, seed: int = 0) -> BoxFilter:
    """A filter that has followed somebody of 160 px for so many frames, speed in pixels a second."""
    random = np.random.default_rng(seed)
    followed = BoxFilter(box(100, 200))
    for index in range(1, count):
        place = np.array([100.0, 200]) + np.array(speed) * index * STEP_S + random.normal(0, noise_px, 2)
        followed.follow(box(*place), STEP_S)
    return followed


def test_first_box_comes_back_as_it_was_and_stands() -> None:
    first = np.array([12.0, 30, 81, 47])
    begun = BoxFilter(first)
    np.testing.assert_allclose(begun.box_px, first)
    np.testing.assert_allclose(begun.box_after(2.0), first)


@pytest.mark.parametrize("speed", [(250.0, 0.0), (-120.0, 60.0), (0.0, 0.0)])
def test_steady_walk_is_foreseen_in_the_next_frame(speed: tuple[float, float]) -> None:
    followed = walked(20, speed)
    now = np.array([100.0, 200]) + np.array(speed) * 19 * STEP_S
    ahead = np.array([100.0, 200]) + np.array(speed) * 20 * STEP_S
    np.testing.assert_allclose(middle(followed.box_px), now, atol=1.0)
    np.testing.assert_allclose(middle(followed.box_after(STEP_S)), ahead, atol=1.5)


def test_motion_wears_off_without_sightings() -> None:
    followed = walked(20, (200.0, 0.0))
    moved = [float(middle(followed.box_after(after_s))[0] - middle(followed.box_px)[0]) for after_s in (0.4, 1, 10, 20)]
    assert 60 < moved[0] < 80  # four fifths of the way at least
    assert moved[1] < moved[2] < 210
    assert moved[3] == pytest.approx(moved[2], abs=0.1)


def test_noise_is_smoothed() -> None:
    off = [
        middle(walked(40, (100.0, 0.0), noise_px=3.0, seed=seed).box_px)[0] - (100 + 100 * 39 * STEP_S)
        for seed in range(40)
    ]
    assert np.std(off) < 0.9 * 3.0


def test_arms_that_go_up_are_in_the_box_within_a_few_frames() -> None:
    followed = walked(20, (0.0, 0.0))
    for _ in range(4):
        followed.follow(box(100, 180, 60, 220), STEP_S)
    np.testing.assert_allclose(followed.box_px[2:], [60, 220], rtol=0.05)


def test_long_gap_tells_more_of_the_speed_than_one_frame_does() -> None:
    """A jump of 40 px in one frame is half noise; 40 px within half a second are 80 px a second."""
    followed = walked(20, (0.0, 0.0))
    followed.follow(box(140, 200), 0.5)
    assert 30 < followed.mean[0, 1] < 160
    assert middle(followed.box_px)[0] == pytest.approx(140, abs=3)


def test_covariance_stays_symmetric_and_positive() -> None:
    followed = walked(300, (90.0, -30.0), noise_px=2.0)
    np.testing.assert_allclose(followed.covariance, followed.covariance.transpose(0, 2, 1), rtol=1e-9, atol=1e-12)
    assert (np.linalg.eigvalsh(followed.covariance) > 0).all()


def test_stored_filter_goes_on_exactly() -> None:
    followed = walked(20, (120.0, 10.0), noise_px=2.0)
    again = BoxFilter.from_json(json.loads(json.dumps(followed.to_json())))
    for one in (followed, again):
        one.follow(box(210, 220), STEP_S)
    assert np.array_equal(followed.box_px, again.box_px)
    assert np.array_equal(followed.covariance, again.covariance)
