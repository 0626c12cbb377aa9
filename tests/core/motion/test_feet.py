"""Contacts, the root's correction and two-bone legs."""

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from core.body.model import load_body
from core.geometry.skinning import forward_kinematics
from core.motion import feet
from core.motion.contacts import runs
from core.motion.feet import LEGS, anchors, faded, find_contacts, reach

TIMES_S = np.arange(60) / 30
ON_TARGET_M = 1e-4


def rest_joints() -> np.ndarray:
    body = load_body()
    return np.asarray(body.shape(np.zeros((1, 10)))[1][0], np.float64)


def standing(left_x: np.ndarray, right_x: np.ndarray, right_up: float = 0.0) -> np.ndarray:
    """(60, 24, 3) joints, y down: hips 5 m in front of the camera, feet 0.9 m below, moving along x."""
    posed = np.tile(np.array([0.0, 0.0, 5.0]), (60, 24, 1))
    for foot, xs in enumerate((left_x, right_x)):
        for joint in LEGS[foot][2:]:
            posed[:, joint, 0] = xs
            posed[:, joint, 1] = 0.9 - (right_up if foot else 0)
    return posed


def test_still_foot_stands_and_the_swinging_one_does_not() -> None:
    contacts = find_contacts(standing(np.zeros(60), 1.2 * TIMES_S), TIMES_S)
    assert contacts.all(0).tolist() == [True, False]
    assert contacts.any(0).tolist() == [True, False]


def test_still_foot_high_above_the_other_does_not_stand() -> None:
    contacts = find_contacts(standing(np.zeros(60), np.zeros(60), right_up=0.3), TIMES_S)
    assert contacts.all(0).tolist() == [True, False]


def test_feet_beside_the_hips_carry_nobody() -> None:
    posed = standing(np.zeros(60), np.zeros(60))
    posed[:, :, 1] = 0
    assert not find_contacts(posed, TIMES_S).any()


def test_slower_foot_carries_though_it_drifts() -> None:
    drift = 0.42 * TIMES_S
    assert find_contacts(standing(drift, 1.5 * TIMES_S), TIMES_S).all(0).tolist() == [True, False]
    assert not find_contacts(standing(drift, drift), TIMES_S).any()


def test_feet_alternate_though_both_seem_to_move() -> None:
    swings = (np.arange(60) // 15 % 2 == 0)[:, None] == [True, False]
    read = np.cumsum(np.where(swings, 1.6, 0.7) / 30, axis=0)
    contacts = find_contacts(standing(read[:, 0], read[:, 1]), TIMES_S)
    assert (contacts == ~swings).mean() > 0.8


def test_slower_foot_stands_where_strides_are_drawn_short() -> None:
    """Away from the camera at 1.3 m/s, each leg swung by a quarter of that: both feet slide along the line of sight."""
    swings = (np.arange(60) // 15 % 2 == 0)[:, None] == [True, False]
    posed = standing(np.zeros(60), np.zeros(60))
    posed[:, :, 2] += 1.3 * TIMES_S[:, None]
    for foot, (_, _, *part) in enumerate(LEGS):
        swung = np.cumsum(np.where(swings[:, foot], 0.33, -0.33) / 30)
        posed[:, part, 2] += swung[:, None]
    contacts = find_contacts(posed, TIMES_S)
    assert (contacts == ~swings).mean() > 0.85


def test_contact_begins_a_little_before_it_is_read() -> None:
    moves = np.where(TIMES_S < 1, 2.0, 0.0)
    contacts = find_contacts(standing(np.cumsum(moves) / 30, 2 * TIMES_S), TIMES_S)
    first = int(np.flatnonzero(contacts[:, 0])[0])
    assert TIMES_S[first] < 1.0 + 1 / 30
    assert contacts[first:, 0].all()


def walking_along_the_sight(hips_m_s: float, dragged: float, away: bool) -> np.ndarray:
    """(60, 24, 3) joints: feet swing in turn, half a second each; the other moves with a share of the hips' speed."""
    swings = (np.arange(60) // 15 % 2 == 0)[:, None] == [True, False]
    steps = hips_m_s * np.where(swings, 2 - dragged, dragged)
    posed = standing(np.zeros(60), np.zeros(60))
    sign = 1 if away else -1
    posed[..., 2] = 5 + sign * (hips_m_s * TIMES_S)[:, None]
    for foot in range(2):
        for joint in LEGS[foot][2:]:
            posed[:, joint, 2] = 5 + sign * np.cumsum(steps[:, foot]) / 30
    return posed


def edges(contacts: np.ndarray) -> list[list[tuple[int, int]]]:
    """Of both feet, the runs that lie whole inside."""
    return [[run for run in runs(contacts[:, foot]) if run[0] > 0 and run[1] < 59] for foot in range(2)]


def found_and_unmoved(posed: np.ndarray, monkeypatch: pytest.MonkeyPatch) -> tuple[np.ndarray, np.ndarray]:
    found = find_contacts(posed, TIMES_S)
    monkeypatch.setattr(feet, "EARLY_S", (0.0, 0.0))
    return found, find_contacts(posed, TIMES_S)


def test_contacts_are_moved_later_for_somebody_who_walks_away_with_dragged_feet(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    found, unmoved = found_and_unmoved(walking_along_the_sight(1.1, 0.5, away=True), monkeypatch)
    assert edges(found) == [[(first + 2, last + 3) for first, last in foot] for foot in edges(unmoved)]
    assert sum(map(len, edges(found))) >= 2


@pytest.mark.parametrize(
    ("hips_m_s", "dragged", "away"),
    [(1.1, 0.5, False), (1.1, 0.05, True), (2.2, 0.5, True)],
    ids=["towards the camera", "feet that stand", "a run"],
)
def test_contacts_of_others_stay_where_they_are_found(
    hips_m_s: float, dragged: float, away: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    found, unmoved = found_and_unmoved(walking_along_the_sight(hips_m_s, dragged, away), monkeypatch)
    assert found.any()
    np.testing.assert_array_equal(found, unmoved)


def test_run_has_a_flight() -> None:
    across = 3.0 * (TIMES_S - TIMES_S.mean())
    assert not find_contacts(standing(across, across), TIMES_S).any()


def test_contact_lasts_through_a_tremor_between_the_two_speeds() -> None:
    tremor = np.cumsum(np.where(np.arange(60) % 20 == 10, 0.35 / 30, 0.0))
    assert find_contacts(standing(tremor, 2 * TIMES_S), TIMES_S)[5:, 0].all()


def test_nobody_stands_in_mid_jump() -> None:
    posed = standing(np.zeros(60), np.zeros(60))
    flight = np.maximum(0, 0.4 - ((TIMES_S - 1) / 0.3) ** 2 * 0.4)
    posed[:, :, 1] -= flight[:, None]
    contacts = find_contacts(posed, TIMES_S)
    assert not contacts[flight > 0.25].any()
    assert contacts[:15].all() and contacts[-15:].all()


def test_anchor_is_the_middle_place_of_each_contact() -> None:
    contacts = np.zeros((60, 2), bool)
    contacts[5:14, 0] = contacts[30:33, 0] = True
    feet = np.zeros((60, 2, 3))
    feet[:, 0, 0] = np.arange(60)
    wanted = anchors(feet, contacts)
    assert (wanted[5:14, 0, 0] == 9).all() and (wanted[30:33, 0, 0] == 31).all()
    assert np.isnan(wanted[:, 1]).all() and np.isnan(wanted[~contacts[:, 0], 0]).all()


def test_correction_fades_after_a_contact() -> None:
    contacts = np.zeros((60, 2), bool)
    contacts[10:20, 0] = True
    out = faded(np.where(contacts[..., None], 0.1, np.nan) * np.ones(3), contacts, TIMES_S)
    assert out[15, 0, 0] == pytest.approx(0.1)
    assert 0 < out[22, 0, 0] < 0.1
    assert out[40, 0, 0] == pytest.approx(0, abs=1e-6)
    assert (out[:, 1] == 0).all()


@pytest.mark.parametrize("shift", [(0, 0.1, 0), (0.05, 0.05, 0.08), (-0.1, 0.2, -0.05), (0, 0, 0)])
def test_reach_puts_both_ankles_on_target_and_keeps_the_feet_s_turn(shift: tuple[float, ...]) -> None:
    rng = np.random.default_rng(3)
    body, rest = load_body(), rest_joints()
    rotvec = np.zeros((5, 24, 3))
    rotvec[:, 0] = rng.normal(0, 0.5, (5, 3))
    rotvec[:, [4, 5], 0] = rng.uniform(0.4, 1.2, (5, 2))  # knees bent: the target stays within reach
    rotvec[:, [1, 2]] = rng.normal(0, 0.3, (5, 2, 3))
    matrices = Rotation.from_rotvec(rotvec.reshape(-1, 3)).as_matrix().reshape(5, 24, 3, 3)
    before_world, before = forward_kinematics(matrices, rest[None], body.parents)
    wanted = np.tile(np.array(shift), (5, 2, 1))
    bent = reach(matrices, rest, wanted, body.parents)
    world, after = forward_kinematics(bent, rest[None], body.parents)
    hips_to_target = np.linalg.norm(before[:, [7, 8]] + wanted - before[:, [1, 2]], axis=-1)
    legs = np.linalg.norm(rest[4] - rest[1]) + np.linalg.norm(rest[7] - rest[4])
    within = hips_to_target < legs - 0.01
    assert within.any()
    assert np.abs(after[:, [7, 8]] - before[:, [7, 8]] - wanted)[within].max() < ON_TARGET_M
    np.testing.assert_allclose(world[:, [7, 8]], before_world[:, [7, 8]], atol=1e-9)


def test_reach_beyond_the_leg_s_length_stretches_it_towards_the_target() -> None:
    body, rest = load_body(), rest_joints()
    matrices = np.tile(np.eye(3), (1, 24, 1, 1))
    bent = reach(matrices, rest, np.array([[[0, -1.0, 0], [0, 0, 0]]]), body.parents)
    _, after = forward_kinematics(bent, rest[None], body.parents)
    assert np.isfinite(bent).all()
    assert np.linalg.norm(after[0, 7] - after[0, 1]) <= np.linalg.norm(rest[4] - rest[1]) + np.linalg.norm(
        rest[7] - rest[4]
    )
