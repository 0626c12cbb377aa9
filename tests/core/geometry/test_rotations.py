"""Quaternions over time."""

import numpy as np
from scipy.spatial.transform import Rotation

from core.geometry.rotations import at_times, continuous, matrices_of, slerp, smooth_rotations, without_spikes

EXACT = 1e-9
TIMES_S = np.arange(40) / 25


def turning(speed: float = 1.0, axis: tuple[float, float, float] = (0, 0, 1)) -> np.ndarray:
    """(40, 1, 4) wxyz: a turn at constant speed, radians a second."""
    xyzw = Rotation.from_rotvec(TIMES_S[:, None] * speed * np.array(axis)).as_quat()
    return np.roll(xyzw, 1, axis=1)[:, None]


def same(a: np.ndarray, b: np.ndarray) -> float:
    return float((1 - np.abs((a * b).sum(-1))).max())


def test_matrices_turn_x_to_y_about_z() -> None:
    half = np.sqrt(0.5)
    np.testing.assert_allclose(matrices_of(np.array([half, 0, 0, half])) @ [1, 0, 0], [0, 1, 0], atol=EXACT)


def test_interpolation_of_a_steady_turn_is_the_turn() -> None:
    turn = turning()
    every_third = np.r_[0:40:3]
    assert same(at_times(turn[every_third], TIMES_S[every_third], TIMES_S[:37]), turn[:37]) < EXACT


def test_interpolation_ignores_signs() -> None:
    turn = turning()
    flipped = turn * np.where(np.arange(40) % 2, 1, -1)[:, None, None]
    middle = (TIMES_S[1:] + TIMES_S[:-1]) / 2
    assert same(at_times(flipped, TIMES_S, middle), at_times(turn, TIMES_S, middle)) < EXACT


def test_times_beyond_the_ends_hold_the_ends() -> None:
    turn = turning()
    assert same(at_times(turn, TIMES_S, np.array([-1.0, 9.0])), turn[[0, -1]]) < EXACT


def test_single_frame_is_held() -> None:
    assert same(at_times(turning()[:1], TIMES_S[:1], np.array([0.0, 1.0])), turning()[[0, 0]]) < EXACT


def test_slerp_halfway_of_a_right_angle_is_an_eighth_turn() -> None:
    a, b = turning(axis=(1, 0, 0))[0], np.roll(Rotation.from_euler("x", 90, degrees=True).as_quat(), 1)[None]
    expected = np.roll(Rotation.from_euler("x", 45, degrees=True).as_quat(), 1)[None]
    assert same(slerp(a, b, np.array([0.5])), expected) < EXACT


def test_spike_of_one_frame_is_removed() -> None:
    turn = turning()
    spoiled = turn.copy()
    spoiled[20] = np.roll(Rotation.from_euler("y", 170, degrees=True).as_quat(), 1)
    assert same(without_spikes(spoiled), turn) < 1e-3


def test_fast_steady_turn_is_no_spike() -> None:
    turn = turning(speed=15)
    np.testing.assert_array_equal(without_spikes(turn), turn)


def test_smoothing_keeps_a_still_pose_whatever_the_signs() -> None:
    still = np.tile(turning()[10:11], (40, 1, 1)) * np.where(np.arange(40) % 3, 1, -1)[:, None, None]
    assert same(smooth_rotations(still, TIMES_S, 0.6), still) < EXACT


def test_continuous_has_no_sign_flips() -> None:
    flipped = turning(5) * np.where(np.arange(40) % 2, 1, -1)[:, None, None]
    out = continuous(flipped)
    assert ((out[1:] * out[:-1]).sum(-1) > 0).all()
