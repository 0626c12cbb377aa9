"""Clean-up on numbers: a walk whose truth is known, seen by a network that trembles."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from core.body.model import load_body
from core.geometry.rotations import matrices_of
from core.motion.feet import LEGS, foot_points
from core.motion.solver import solve
from core.settings import SolveSettings
from core.take.take import Take
from core.types import Float, Motion
from tests.fixtures.known_takes import FPS, estimates, write_take
from tests.fixtures.known_walk import FRAMES, known_walk

NOISE_RAD, NOISE_DEPTH, NOISE_SIDE_M = 0.06, 0.02, 0.01
SLIDE_CM_S, DRIFT_SHARE, CALMER, WORSE = 4.0, 0.03, 0.5, 1.05
"""The goals of the clean-up."""


@dataclass(frozen=True)
class Walk:
    take: Take
    joints: Float  # (T, 14, 3) in the frame's camera
    stands: Float  # (T, 2)


def walk(folder: Path) -> Walk:
    true, rng = known_walk(), np.random.default_rng(4)
    noisy = true.rotvec + rng.normal(0, NOISE_RAD, true.rotvec.shape)
    off = rng.normal(0, [NOISE_SIDE_M, NOISE_SIDE_M, 0], (FRAMES, 3))
    seen = estimates(noisy, (true.path + off) * (1 + rng.normal(0, NOISE_DEPTH, (FRAMES, 1))))
    return Walk(write_take(folder, seen, list(range(FRAMES))), true.joints, true.stands)


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
    assert clean["floor"].grade == "green"
    assert clean["foot slide"].grade in ("none", "green"), "held feet are no merit, and none of the others slides"
    assert "red" not in {check.grade for check in clean.values()}
