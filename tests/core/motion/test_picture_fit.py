"""Bones turned to the picture: what agrees stays, what the picture shows is reached, what it can't know is kept."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from core.body.model import load_body
from core.geometry.skinning import forward_kinematics
from core.motion.picture_fit import CARRIERS, PAIRS, Seen, refine

FOCAL_PX, CENTRE = 1000.0, np.array([640.0, 360.0])
DEPTH_M = 5.0
SIZE_PX = 1.8 * FOCAL_PX / DEPTH_M
STAYS_RAD, STAYS_M = 1e-6, 1e-6
ARM, KNEE = 17, 4

body = load_body()
_, _rest = body.shape(np.zeros((1, 10)))
BONES = _rest[0].astype(np.float64)
JOINTS = body.lsp_regressor @ body.v_template.astype(np.float64)


def standing(frames: int) -> tuple[np.ndarray, np.ndarray]:
    """Rotations (T, 24, 3, 3) and pelvis (T, 3) of the body at rest, upright before the camera."""
    rotations = np.broadcast_to(np.eye(3), (frames, 24, 3, 3)).copy()
    rotations[:, 0] = np.diag([1.0, -1, -1])  # y up -> y down
    return rotations, np.tile([0.1, 0.2, DEPTH_M], (frames, 1))


def posed(rotations: np.ndarray, pelvis: np.ndarray) -> np.ndarray:
    """(T, 14, 3) LSP joints, by plain forward kinematics."""
    world, bones = forward_kinematics(rotations, BONES[None], body.parents)
    bones = bones - bones[:, :1] + pelvis[:, None]
    return bones[:, CARRIERS] + np.einsum("tjab,jb->tja", world[:, CARRIERS], JOINTS - BONES[CARRIERS])


def picture_of(rotations: np.ndarray, pelvis: np.ndarray) -> Seen:
    joints = posed(rotations, pelvis)
    pixels = FOCAL_PX * joints[..., :2] / joints[..., 2:] + CENTRE
    frames = len(pixels)
    return Seen(pixels, np.ones((frames, 14)), np.full(frames, SIZE_PX), FOCAL_PX, CENTRE)


def turned(rotations: np.ndarray, bone: int, rotvec: list[float]) -> np.ndarray:
    out = rotations.copy()
    out[:, bone] = out[:, bone] @ Rotation.from_rotvec(rotvec).as_matrix()
    return out


def off_px(rotations: np.ndarray, pelvis: np.ndarray, seen: Seen) -> np.ndarray:
    """(T, 14) distances in the picture."""
    return np.linalg.norm(picture_of(rotations, pelvis).joints_px - seen.joints_px, axis=2)


def run(rotations: np.ndarray, pelvis: np.ndarray, seen: Seen) -> tuple[np.ndarray, np.ndarray]:
    return refine(rotations, pelvis, BONES, JOINTS, body.parents, seen)


def test_a_pose_that_the_picture_agrees_with_stays() -> None:
    rotations, pelvis = standing(3)
    rotations = turned(rotations, ARM, [0.2, 0.3, -0.4])
    found, place = run(rotations, pelvis, picture_of(rotations, pelvis))
    assert np.abs(found - rotations).max() < STAYS_RAD
    assert np.abs(place - pelvis).max() < STAYS_M


@pytest.mark.parametrize(("bone", "turn"), [(ARM, 0.5), (ARM, -0.5), (KNEE, 0.4), (1, -0.4)])
def test_a_limb_that_the_picture_shows_elsewhere_goes_there(bone: int, turn: float) -> None:
    rotations, pelvis = standing(2)
    seen = picture_of(turned(rotations, bone, [0, 0, turn]), pelvis)
    before = off_px(rotations, pelvis, seen).max()
    after = off_px(*run(rotations, pelvis, seen), seen).max()
    assert before > 0.05 * SIZE_PX
    assert after < 0.3 * before


@pytest.mark.parametrize("shift_m", [[0.3, 0, 0], [0, -0.3, 0], [-0.2, 0.2, 0]])
def test_a_body_beside_the_person_moves_onto_them(shift_m: list[float]) -> None:
    rotations, pelvis = standing(2)
    _, place = run(rotations, pelvis + shift_m, picture_of(rotations, pelvis))
    assert place == pytest.approx(pelvis, abs=0.05)


def test_one_joint_on_the_wall_moves_little() -> None:
    rotations, pelvis = standing(2)
    seen = picture_of(rotations, pelvis)
    wall = seen.joints_px.copy()
    wall[:, 6] += [-0.5 * SIZE_PX, 0.3 * SIZE_PX]
    weights = seen.weights.copy()
    weights[:, 6] = 0.1
    found, place = run(rotations, pelvis, replace(seen, joints_px=wall, weights=weights))
    others = [joint for joint in range(14) if joint not in (6, 7)]
    assert off_px(found, place, seen)[:, others].max() < 0.02 * SIZE_PX


def test_a_joint_without_weight_does_nothing() -> None:
    rotations, pelvis = standing(2)
    seen = picture_of(rotations, pelvis)
    far, weights = seen.joints_px.copy(), seen.weights.copy()
    far[:, 11] += 300
    weights[:, 11] = 0
    found, _ = run(rotations, pelvis, replace(seen, joints_px=far, weights=weights))
    assert np.abs(found - rotations).max() < STAYS_RAD


def test_left_and_right_that_changed_places_are_put_back() -> None:
    rotations, pelvis = standing(2)
    seen = picture_of(rotations, pelvis)
    swapped = seen.joints_px.copy()
    for a, b in PAIRS:
        swapped[:, [a, b]] = swapped[:, [b, a]]
    found, place = run(rotations, pelvis, replace(seen, joints_px=swapped))
    assert np.abs(found - rotations).max() < STAYS_RAD
    assert np.abs(place - pelvis).max() < STAYS_M


def test_a_jump_of_one_frame_counts_less_than_one_that_stays() -> None:
    rotations, pelvis = standing(9)
    seen = picture_of(rotations, pelvis)
    once, always = seen.joints_px.copy(), seen.joints_px.copy()
    once[4, 6, 0] -= 0.25 * SIZE_PX
    always[:, 6, 0] -= 0.25 * SIZE_PX
    moved = [off_px(*run(rotations, pelvis, replace(seen, joints_px=joints)), seen)[4, 6] for joints in (once, always)]
    assert moved[0] < 0.5 * moved[1]


def test_frames_together_equal_frames_alone() -> None:
    rotations, pelvis = standing(4)  # fewer than the median's window
    rotations[:, ARM] = Rotation.from_rotvec(np.linspace(0, 0.6, 4)[:, None] * [0, 0, 1]).as_matrix()
    seen = picture_of(turned(rotations, KNEE, [0.1, 0, 0.3]), pelvis)
    together, _ = run(rotations, pelvis, seen)
    for row in range(4):
        one = slice(row, row + 1)
        alone = replace(seen, joints_px=seen.joints_px[one], weights=seen.weights[one], size_px=seen.size_px[one])
        assert run(rotations[one], pelvis[one], alone)[0] == pytest.approx(together[one], abs=1e-9)
