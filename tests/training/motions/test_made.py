"""Made poses: hands are at their targets, joints within their limits, bases are what they are called."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from core.body.model import load_body
from training.motions import PoseSampler
from training.motions.bases import BASES, floor_height, sample_base
from training.motions.deeds import DEEDS
from training.motions.figure import PLACES, Figure, legs_cross
from training.motions.made import MadePose, make, sample_made
from training.motions.reach import (
    FLEXION,
    TWIST,
    WRIST_BEND,
    WRIST_SIDE,
    HandTarget,
    hand_point,
    reach,
    shoulder_is_within,
)
from training.motions.rotation_vectors import Float, mirror_pose, to_matrix

AT_TARGET = 0.01  # metres on the figure, closed form in float32
ON_MESH = 0.05  # metres from the nearest skin of the hand on the posed mesh: correctives and blended weights
LIMIT_SLACK = 0.5  # degrees, float32 and two conversions
LEAST_NEARNESS = 0.76  # 1 is the touch of rough solids; arms that are deeper in than 0.78 are never taken
LEFT_HAND_X = 0.68  # metres in the rest pose, beyond the wrist


@lru_cache(maxsize=1)
def poses() -> tuple[MadePose, ...]:
    rng = np.random.default_rng(0)
    return tuple(make(rng, deed) for deed in DEEDS for _ in range(12))


def standing() -> Float:
    return np.zeros((24, 3), np.float32)


def _angles(pose: Float, is_left: bool) -> tuple[Float, float, Float]:
    """Shoulder (3, 3), flexion, and twist, side, bend of an arm, as those of a left arm; degrees."""
    pose = pose if is_left else mirror_pose(pose)
    elbow = Rotation.from_rotvec(pose[18]).as_euler("YXZ", degrees=True)
    wrist = Rotation.from_rotvec(pose[20]).as_euler("XYZ", degrees=True)
    return to_matrix(pose[16]), -float(elbow[0]), np.array([elbow[1] + wrist[0], wrist[1], wrist[2]])


@pytest.mark.parametrize("deed", DEEDS)
def test_hands_of_a_deed_are_at_their_targets(deed: str) -> None:
    for made in poses():
        if made.deed != deed:
            continue
        figure = Figure.of(made.pose)
        for target in made.targets:
            off = np.linalg.norm(hand_point(figure, target.is_left, target.by) - target.point)
            assert off < AT_TARGET or target.is_far


def test_nearly_all_hands_reach_their_targets() -> None:
    wanting = [m for m in poses() if m.deed in ("face", "folded", "club", "ball", "clasped") and not m.targets]
    assert len(wanting) <= 3  # of sixty


def test_hands_on_the_posed_mesh_are_at_their_targets() -> None:
    body = load_body()
    pelvis = np.asarray(body.joint_regressor)[0]
    for made in poses()[::5]:
        pose = made.pose.copy()
        pose[0] = 0
        vertices = body.pose(pose[None]).vertices[0]
        vertices = vertices - pelvis @ body.v_template
        for target in made.targets:
            if target.is_far:
                continue
            side = body.v_template[:, 0] * (1 if target.is_left else -1) > LEFT_HAND_X
            assert np.linalg.norm(vertices[side] - target.point, axis=1).min() < ON_MESH


def test_led_arms_stay_within_the_limits_of_their_joints() -> None:
    for made in poses():
        for target in made.targets:
            shoulder, flexion, (twist, side, bend) = _angles(made.pose, target.is_left)
            assert shoulder_is_within(shoulder)
            for angle, limits in ((flexion, FLEXION), (twist, TWIST), (side, WRIST_SIDE), (bend, WRIST_BEND)):
                assert limits[0] - LIMIT_SLACK <= angle <= limits[1] + LIMIT_SLACK


def test_knees_and_hips_of_bases_stay_within_their_limits() -> None:
    rng = np.random.default_rng(1)
    drawn = np.stack([sample_base(rng, name) for name in BASES for _ in range(8)])
    knees = np.degrees(drawn[:, [4, 5]])
    assert knees[..., 0].min() > -LIMIT_SLACK
    assert knees[..., 0].max() < 147
    assert np.abs(knees[..., 1:]).max() < LIMIT_SLACK
    hips = Rotation.from_rotvec(drawn[:, [1, 2]].reshape(-1, 3)).as_euler("XZY", degrees=True)
    assert hips[:, 0].min() > -125 - LIMIT_SLACK
    assert np.abs(hips[:, 2]).max() < 75 + LIMIT_SLACK


def test_right_hand_is_led_as_the_left_one_of_the_mirrored_body() -> None:
    point, facing = Figure.of(standing()).place("mouth")
    target = HandTarget(True, point, -facing, "fingers")
    left = reach(standing(), target, np.random.default_rng(2))
    right = reach(standing(), target.mirrored(), np.random.default_rng(2))
    assert left is not None
    assert right is not None
    assert np.abs(mirror_pose(right) - left).max() < 1e-5


def test_leading_one_arm_leaves_all_else_as_it_was() -> None:
    pose = sample_base(np.random.default_rng(3), "chair")
    point, _ = Figure.of(pose).place("knee")
    led = reach(pose, HandTarget(True, point + np.array([0, 0, 0.02], np.float32)), np.random.default_rng(3))
    assert led is not None
    others = [j for j in range(24) if j not in (13, 16, 18, 20)]
    assert np.array_equal(led[others], pose[others])


def test_hand_out_of_reach_is_told_or_stretched_towards() -> None:
    far = np.array([0.5, 1.2, 0.8], np.float32)
    assert reach(standing(), HandTarget(True, far), np.random.default_rng(4)) is None
    led = reach(standing(), HandTarget(True, far, is_far=True), np.random.default_rng(4))
    assert led is not None
    figure = Figure.of(led)
    way, hand = far - figure.joints[16], hand_point(figure, True, "palm") - figure.joints[16]
    assert way @ hand / np.linalg.norm(way) / np.linalg.norm(hand) > 0.995


def test_palm_faces_the_face_more_often_than_not() -> None:
    faced = []
    for made in poses():
        figure = Figure.of(made.pose)
        for target in made.targets if made.deed in ("face", "hips", "across") else ():
            assert target.palm is not None
            faced.append(float(-figure.turns[20 if target.is_left else 21][:, 1] @ target.palm))
    assert np.median(faced) > 0.6


def test_both_hands_hold_one_handle() -> None:
    for made in (m for m in poses() if m.deed == "club"):
        figure = Figure.of(made.pose)
        left, right = (hand_point(figure, is_left, "grip") for is_left in (True, False))
        assert 0.06 < np.linalg.norm(left - right) < 0.52
        axis = made.targets[0].handle
        assert axis is not None
        assert abs((left - right) @ axis) / np.linalg.norm(left - right) > 0.9


def test_led_forearms_stay_outside_trunk_and_head() -> None:
    for made in poses():
        figure = Figure.of(made.pose)
        for target in made.targets:
            elbow, wrist = figure.joints[[18, 20] if target.is_left else [19, 21]]
            along = elbow + np.linspace(0, 1, 5, dtype=np.float32)[:, None] * (wrist - elbow)
            # Hands that follow may push nothing but the arm that was led before them.
            assert figure.nearness(along).min() > LEAST_NEARNESS


@pytest.mark.parametrize(("turns", "is_possible"), [
    ([], True),  # the T-pose
    ([("z", -85)], True),  # hanging
    ([("z", -85), ("x", 70)], True),  # hanging, forearm across the belly
    ([("y", -90)], True),  # straight to the front
    ([("z", 70), ("y", -90)], True),  # raised before the body
    ([("z", 75)], True),  # raised at the side
    ([("y", 70)], False),  # level and straight to the back
    ([("y", -135)], False),  # level, across before the chest further than the trunk lets it
    ([("y", -150)], False),  # level, across the chest to the other side's back
    ([("y", 180)], False),  # through the neck
    ([("z", -60), ("x", 150)], False),  # hanging, elbow's crease to the back
])  # fmt: skip
def test_shoulder_admits_what_people_can_and_nothing_else(turns: list[tuple[str, float]], is_possible: bool) -> None:
    shoulder = Rotation.identity()
    for axis, angle in turns:
        shoulder = Rotation.from_euler(axis, angle, degrees=True) * shoulder
    if turns and turns[-1][0] == "x":  # about the arm itself, before it is lowered
        lowered, own = (Rotation.from_euler(axis, angle, degrees=True) for axis, angle in turns)
        shoulder = lowered * own
    assert bool(shoulder_is_within(shoulder.as_matrix().astype(np.float32))) == is_possible


@pytest.mark.parametrize("name", PLACES)
def test_place_of_the_right_half_mirrors_that_of_the_left(name: str) -> None:
    figure = Figure.of(standing())
    (left, facing), (right, faces) = figure.place(name), figure.place(name, is_left=False)
    flip = np.array([-1, 1, 1])
    assert np.abs(left * flip - right).max() < 1e-5
    assert np.abs(facing * flip - faces).max() < 1e-5


def test_places_lie_on_the_skin() -> None:
    body, figure = load_body(), Figure.of(standing())
    for name in PLACES:
        assert np.linalg.norm(body.v_template - figure.place(name)[0], axis=1).min() < 1e-4


def _world(name: str, count: int = 30) -> tuple[Float, Float]:
    """Poses and joints (N, 24, 3) about the pelvis in the y-up world."""
    rng = np.random.default_rng(5)
    drawn = np.stack([sample_base(rng, name) for _ in range(count)])
    return drawn, np.stack([Figure.of(pose).joints @ to_matrix(pose[0]).T for pose in drawn])


def test_seated_thighs_are_level_and_kneeling_ones_upright() -> None:
    for name, level in (("chair", True), ("at table", True), ("kneel", False)):
        _, joints = _world(name)
        thigh = joints[:, [4, 5]] - joints[:, [1, 2]]
        drop = -thigh[..., 1] / np.linalg.norm(thigh, axis=-1)
        assert (drop < 0.6).mean() > 0.9 if level else (drop > 0.8).mean() > 0.9


def test_lying_trunks_are_level_and_bent_ones_stand_on_their_feet() -> None:
    for name in ("on the back", "on the front", "on the side"):
        _, joints = _world(name)
        trunk = joints[:, 12] - joints[:, 0]
        assert (np.abs(trunk[:, 1]) / np.linalg.norm(trunk, axis=1) < 0.75).all()
    _, joints = _world("bend")
    assert (joints[:, [7, 8], 1].max(1) < -0.5).all()  # ankles under the pelvis
    assert (joints[:, 15, 1] < 0.45).mean() > 0.8  # the head has come down from 0.6


def test_strides_are_long_and_legs_do_not_cross() -> None:
    _, joints = _world("stride")
    assert np.median(np.abs(joints[:, 7, 2] - joints[:, 8, 2])) > 0.5
    drawn = [sample_base(np.random.default_rng(n), "ankle on knee") for n in range(30)]
    assert np.mean([legs_cross(Figure.of(pose)) for pose in drawn]) < 0.2


def test_floor_is_under_the_feet_of_who_stands() -> None:
    assert floor_height(standing()) == pytest.approx(float(load_body().v_template[:, 1].min()), abs=0.02)


def test_made_poses_follow_from_the_seed_and_differ_between_seeds() -> None:
    first, again, other = (sample_made(np.random.default_rng(seed)).pose for seed in (7, 7, 8))
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)


def test_sampler_takes_made_poses_by_their_share() -> None:
    rng = np.random.default_rng(9)
    assert np.array_equal(PoseSampler(None, made_share=0.0).sample(np.random.default_rng(3)),
                          PoseSampler(None).sample(np.random.default_rng(3)))  # fmt: skip
    drawn = np.stack([PoseSampler(None, made_share=1.0).sample(rng) for _ in range(20)])
    assert np.isfinite(drawn).all()
