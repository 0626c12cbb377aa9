"""Clean-up on numbers: a walk whose truth is known, seen by a network that trembles."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from core.body import load_body
from core.feet import LEGS, foot_points, reach
from core.rotations import matrices_of
from core.settings import SolveSettings
from core.skinning import forward_kinematics
from core.solve import solve
from core.take import Take
from core.types import Float, Motion
from tests.known_takes import BETAS, FPS, estimates, write_take

FRAMES, STEP_FRAMES, STRIDE_M = 75, 15, 0.6
"""Each foot stands for one half of a stride and a bit, then swings to its next place."""
LIFT_M, HIPS_DOWN_M = 0.1, 0.06
NOISE_RAD, NOISE_DEPTH, NOISE_SIDE_M = 0.06, 0.02, 0.01
SLIDE_CM_S, DRIFT_SHARE, CALMER, WORSE = 4.0, 0.03, 0.5, 1.05
"""The goals of the clean-up."""


@dataclass(frozen=True)
class Walk:
    take: Take
    joints: Float  # (T, 14, 3) in the frame's camera
    stands: Float  # (T, 2)


def feet_of(walked: Float) -> tuple[Float, Float]:
    """(T, 2, 3) shifts of the feet along x and y from below the hips, and whether they stand."""
    phase = walked[:, None] / STRIDE_M + [0.0, 0.5]
    along = phase % 1.0
    stands = along < 0.6
    swing = np.clip((along - 0.6) / 0.4, 0, 1)
    shift = np.zeros((len(walked), 2, 3))
    # standing: back under the hips as they pass; swinging: forward again, on an arc
    shift[..., 0] = STRIDE_M * np.where(stands, 0.3 - along, -0.3 + 0.6 * (3 * swing**2 - 2 * swing**3))
    shift[..., 1] = HIPS_DOWN_M * -1 - LIFT_M * np.where(stands, 0, np.sin(np.pi * swing))
    return shift, stands


def walk(folder: Path) -> Walk:
    body, rng = load_body(), np.random.default_rng(4)
    rest = body.shape(BETAS[None])[1][0].astype(np.float64)
    walked = np.arange(FRAMES) * STRIDE_M / (2 * STEP_FRAMES)
    shift, stands = feet_of(walked)
    matrices = np.tile(np.eye(3), (FRAMES, 24, 1, 1))
    matrices[:, 0] = (
        Rotation.from_euler("x", 180, degrees=True) * Rotation.from_euler("y", 90, degrees=True)
    ).as_matrix()
    _, upright = forward_kinematics(matrices, rest[None], body.parents)
    matrices = reach(matrices, rest, shift, body.parents)
    _, bones = forward_kinematics(matrices, rest[None], body.parents)
    assert np.abs(bones[:, [7, 8]] - upright[:, [7, 8]] - shift).max() < 1e-6, "the feet are where they should be"
    rotvec = Rotation.from_matrix(matrices.reshape(-1, 3, 3)).as_rotvec().reshape(FRAMES, 24, 3)
    vertices = body.pose(rotvec, BETAS[None]).vertices
    joints = np.einsum("jv,tvc->tjc", body.lsp_regressor, vertices)
    hips = joints[:, [2, 3]].mean(1)
    path = np.stack([walked - walked.mean(), np.full(FRAMES, 0.1), np.full(FRAMES, 5.0)], axis=1)
    path += (hips - hips.mean(0)) - (bones[:, 0] - bones[:, 0].mean(0))
    noisy = rotvec + rng.normal(0, NOISE_RAD, rotvec.shape)
    off = rng.normal(0, [NOISE_SIDE_M, NOISE_SIDE_M, 0], (FRAMES, 3))
    seen = estimates(noisy, (path + off) * (1 + rng.normal(0, NOISE_DEPTH, (FRAMES, 1))))
    take = write_take(folder, seen, list(range(FRAMES)))
    return Walk(take, joints - hips[:, None] + path[:, None], stands)


@pytest.fixture(scope="module")
def walked(tmp_path_factory: pytest.TempPathFactory) -> Walk:
    return walk(tmp_path_factory.mktemp("walk"))


@pytest.fixture(scope="module")
def solved(walked: Walk) -> dict[str, Motion]:
    settings = {"raw": SolveSettings(0, "off"), "smooth": SolveSettings(feet="off"), "lock": SolveSettings(feet="lock")}
    return {name: solve(walked.take, chosen) for name, chosen in settings.items()}


def acceleration(joints: Float) -> Float:
    return np.diff(joints, 2, axis=0)


def errors(motion: Motion, truth: Float) -> tuple[float, float]:
    """MPJPE and acceleration error, relative to the root."""
    joints, relative = motion.persons[0].joints, truth - truth[:, [2, 3]].mean(1, keepdims=True)
    off, jerk = joints - relative, acceleration(joints) - acceleration(relative)
    return float(np.linalg.norm(off, axis=2).mean()), float(np.linalg.norm(jerk, axis=2).mean())


def test_contacts_are_those_of_the_walk(walked: Walk, solved: dict[str, Motion]) -> None:
    assert (solved["lock"].persons[0].contacts == walked.stands).mean() > 0.8


def test_locked_feet_do_not_slide(solved: dict[str, Motion]) -> None:
    person = solved["lock"].persons[0]
    bones = load_body().pose(matrices_of(person.bone_rotations), person.betas[None], person.bone_transl).joints
    way = np.linalg.norm(np.diff(foot_points(bones + person.transl[:, None]), axis=0), axis=2)
    stands = person.contacts[1:] & person.contacts[:-1]
    assert stands.mean() > 0.3
    assert 100 * FPS * way[stands].mean() <= SLIDE_CM_S


def test_root_drifts_little(walked: Walk, solved: dict[str, Motion]) -> None:
    hips = walked.joints[:, [2, 3]].mean(1)
    path_m = np.linalg.norm(np.diff(hips, axis=0), axis=1).sum()
    off = solved["lock"].persons[0].transl - hips
    assert np.linalg.norm(off - off.mean(0), axis=1).mean() <= DRIFT_SHARE * path_m


@pytest.mark.parametrize("name", ["smooth", "lock"])
def test_smoothing_halves_the_acceleration_error_at_the_same_mpjpe(
    walked: Walk, solved: dict[str, Motion], name: str
) -> None:
    raw_error, raw_jerk = errors(solved["raw"], walked.joints)
    error, jerk = errors(solved[name], walked.joints)
    assert jerk <= CALMER * raw_jerk
    assert error <= WORSE * raw_error


def test_legs_keep_their_lengths(solved: dict[str, Motion]) -> None:
    person = solved["lock"].persons[0]
    bones = load_body().pose(matrices_of(person.bone_rotations), person.betas[None], person.bone_transl).joints
    for hip, knee, ankle, _ in LEGS:
        for a, b in ((hip, knee), (knee, ankle)):
            assert np.ptp(np.linalg.norm(bones[:, a] - bones[:, b], axis=1)) < 1e-4


def test_self_check_tells_raw_from_clean(solved: dict[str, Motion]) -> None:
    raw, clean = ({check.name: check for check in solved[name].self_check[0].checks} for name in ("raw", "lock"))
    assert {raw[name].grade for name in ("jitter", "foot slide")} == {"red"}
    assert {clean[name].grade for name in ("foot slide", "limb length", "floor")} == {"green"}
    assert "red" not in {check.grade for check in clean.values()}
