"""Scores: their invariances, and a case by hand each."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation

from training.evaluate import metrics

RNG = np.random.default_rng(0)
PEOPLE = RNG.normal(0, 0.4, (5, 14, 3))
NOISY = PEOPLE + RNG.normal(0, 0.05, PEOPLE.shape)
EXACT = 1e-9  # float64


def standing(facing_deg: float) -> metrics.Float:
    """A standing person (1, 14, 3), camera axes, turned about the vertical; 0 faces the camera."""
    left = np.array([0, 0, 0, 1, 1, 1, 0, 0, 0, 1, 1, 1, 0.5, 0.5]) * 0.4 - 0.2  # x of someone facing us
    down = np.array([0.9, 0.45, 0, 0, 0.45, 0.9, 0, -0.2, -0.5, -0.5, -0.2, 0, -0.55, -0.8])
    joints = np.stack([left, down, np.zeros(14)], 1)
    return Rotation.from_euler("y", facing_deg, degrees=True).apply(joints)[None]


@settings(deadline=None, max_examples=30)
@given(seed=st.integers(0, 2**31), scale=st.floats(0.2, 5))
def test_pa_mpjpe_is_blind_to_any_similarity_of_the_prediction(seed: int, scale: float) -> None:
    turn = Rotation.random(random_state=seed).as_matrix()
    moved = scale * NOISY @ turn.T + np.random.default_rng(seed).normal(size=3)
    assert metrics.pa_mpjpe(moved, PEOPLE) == pytest.approx(metrics.pa_mpjpe(NOISY, PEOPLE), abs=1e-8)


def test_pa_mpjpe_does_not_forgive_a_mirror() -> None:
    mirrored = PEOPLE * np.array([-1, 1, 1])
    assert (metrics.pa_mpjpe(mirrored, PEOPLE) > 0.05).all()


def test_mpjpe_is_blind_to_a_shift_and_not_to_a_scale() -> None:
    assert metrics.mpjpe(PEOPLE + 3, PEOPLE) == pytest.approx(np.zeros(5), abs=EXACT)
    assert (metrics.mpjpe(PEOPLE * 1.1, PEOPLE) > 0.01).all()


def test_mpjpe_of_one_joint_off_is_its_share() -> None:
    off = PEOPLE.copy()
    off[:, 13, 1] += 0.14
    assert metrics.mpjpe(off, PEOPLE) == pytest.approx(np.full(5, 0.01))


def test_mpvpe_is_the_mean_distance() -> None:
    assert metrics.mpvpe(PEOPLE + np.array([0.03, 0.04, 0]), PEOPLE) == pytest.approx(np.full(5, 0.05))


def test_batch_equals_single() -> None:
    singly = [metrics.pa_mpjpe(NOISY[i : i + 1], PEOPLE[i : i + 1])[0] for i in range(5)]
    assert metrics.pa_mpjpe(NOISY, PEOPLE) == pytest.approx(np.array(singly), abs=EXACT)


def test_left_and_right_exchanged_are_noticed_in_3d_and_2d() -> None:
    person = standing(20)
    exchanged = person[:, metrics.LSP_MIRROR]
    for axes in (slice(0, 3), slice(0, 2)):
        assert metrics.is_left_right_correct(person[..., axes], person[..., axes]).all()
        assert not metrics.is_left_right_correct(exchanged[..., axes], person[..., axes]).any()


@pytest.mark.parametrize("facing_deg", [0, 60, -60, 135, -170])
def test_yaw_reads_the_turn_about_the_vertical(facing_deg: float) -> None:
    turned = metrics.yaw(standing(facing_deg)) - metrics.yaw(standing(0))
    assert abs(np.degrees(metrics.angle_between(turned, np.array([0.0])))[0]) == pytest.approx(abs(facing_deg))


def test_someone_whose_left_is_on_our_right_faces_us() -> None:
    assert metrics.yaw(standing(0))[0] == pytest.approx(0)


def test_facing_groups_part_everybody() -> None:
    facing = np.radians([0, 44, -44, 46, -134, 136, 180])
    groups = metrics.facing_groups(facing)
    assert [groups["front"].tolist(), groups["back"].tolist()] == [[1, 1, 1, 0, 0, 0, 0], [0, 0, 0, 0, 0, 1, 1]]
    assert (sum(rows.astype(int) for rows in groups.values()) == 1).all()


def test_pck_counts_visible_limbs_within_a_tenth_of_the_side() -> None:
    true, predicted = np.zeros((1, 14, 2)), np.zeros((1, 14, 2))
    predicted[0, :3, 0] = [9.9, 10.1, 50]
    predicted[0, 12:] = 99  # Neck and Head are no limbs
    visible = np.ones((1, 14), bool)
    visible[0, 2] = False
    assert metrics.pck(predicted, true, visible, np.array([100.0]))[0] == pytest.approx(10 / 11)


def test_pck_of_nobody_visible_is_nan() -> None:
    flat = np.zeros((1, 14, 2))
    assert np.isnan(metrics.pck(flat, flat, np.zeros((1, 14), bool), np.ones(1))).all()


def test_oks_is_one_for_the_truth_and_as_coco_defines_it_elsewhere() -> None:
    true = np.zeros((1, 14, 2))
    visible = np.zeros((1, 14), bool)
    visible[0, [0, 6]] = True  # an ankle and a wrist
    assert metrics.oks(true, true, visible, np.array([400.0]))[0] == 1
    off = true.copy()
    off[0, 0, 0] = 20 * 2 * 0.089  # two deviations of an ankle at this size: exp(-1/2)
    assert metrics.oks(off, true, visible, np.array([400.0]))[0] == pytest.approx((np.exp(-0.5) + 1) / 2)
    assert np.isnan(metrics.oks(off, true, np.zeros((1, 14), bool), np.array([400.0])))[0]


def test_pck_of_the_better_side_forgives_an_exchange() -> None:
    true = standing(0)[..., :2]
    exchanged, visible, side = true[:, metrics.LSP_MIRROR], np.ones((1, 14), bool), np.ones(1)
    assert metrics.pck(exchanged, true, visible, side)[0] < 0.1
    assert metrics.pck_better_side(exchanged, true, visible, side)[0] == 1


def test_interval_holds_the_mean_and_narrows_with_people() -> None:
    few, many = RNG.normal(10, 2, 50), RNG.normal(10, 2, 5000)
    low, high = metrics.bootstrap_interval(few)
    assert low < few.mean() < high
    narrow = metrics.bootstrap_interval(many)
    assert narrow[1] - narrow[0] < (high - low) / 4


def test_interval_is_weighed() -> None:
    low, high = metrics.bootstrap_interval(np.array([0.0, 1.0] * 50), np.array([1.0, 0.0] * 50))
    assert (low, high) == (0, 0)
