"""Bones from the fit, from the rotation head, and from the fit that the head leads."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from core.body.model import Body, load_body
from core.errors import TakeError
from core.geometry.rotations import matrices_of
from core.geometry.skinning import rotation_matrices
from core.motion.bone_source import SEEN_BY, SPREAD_RAD, SURE, UNSURE, spread_rad
from core.motion.mesh_fit import PosePrior, fit_coarse
from core.motion.solver import solve
from core.settings import Bones, SolveSettings
from core.take.take import Take
from core.types import PersonMotion
from tests.fixtures.bone_graphs import SIZES
from tests.fixtures.known_takes import BETAS, estimates, with_bones, write_take

FRAMES = 16
ELBOW, WRONG_RAD = 18, 0.8
SAME_DEGREES = 0.6
"""Of what three Gauss-Newton steps leave."""
ON_SURFACE_MM = 0.5
RAW = SolveSettings(smooth=0.0, feet="off")


def truth() -> tuple[np.ndarray, np.ndarray]:
    """Rotations (T, 24, 3) of somebody upright in the camera who bends an elbow, and the path (T, 3) of the root."""
    rotvec = np.zeros((FRAMES, 24, 3))
    rotvec[:, 0] = Rotation.from_euler("x", 180, degrees=True).as_rotvec()
    rotvec[:, 16, 2] = np.linspace(-0.5, 0.4, FRAMES)
    rotvec[:, ELBOW, 1] = np.linspace(-1.0, -0.4, FRAMES)
    return rotvec, np.tile([0.1, 0.1, 5.0], (FRAMES, 1))


def elbow_turned(rotvec: np.ndarray) -> np.ndarray:
    turned = rotvec.copy()
    turned[:, ELBOW, 1] -= WRONG_RAD
    return turned


def angles(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """(T, J) degrees between rotations (T, J, 3, 3)."""
    between = np.swapaxes(a, -1, -2) @ b
    return np.rad2deg(Rotation.from_matrix(between.reshape(-1, 3, 3)).magnitude()).reshape(a.shape[:2])


@pytest.fixture(scope="module")
def body() -> Body:
    return load_body()


@pytest.fixture(scope="module")
def surface(body: Body) -> np.ndarray:
    return body.pose(truth()[0], BETAS[None]).vertices[:, body.index_431]


def test_weak_prior_leads_only_what_little_surface_speaks_for(body: Body, surface: np.ndarray) -> None:
    believed = rotation_matrices(truth()[0] + np.random.default_rng(3).normal(0, 0.15, (FRAMES, 24, 3)))
    led = fit_coarse(surface, body, BETAS, PosePrior(believed, np.full((FRAMES, 24), 0.5)))
    posed = body.pose(matrices_of(led.rotations), BETAS[None], led.transl).vertices[:, body.index_431]
    assert 1e3 * np.linalg.norm(posed - surface, axis=2).mean() < ON_SURFACE_MM
    moved = angles(matrices_of(led.rotations), rotation_matrices(truth()[0]))
    assert moved[:, [1, 2, 4, 5, 7, 8]].max() < 1 < moved[:, [13, 14, 16, 17]].max(), "a collar and its shoulder"


def test_prior_pulls_the_more_the_narrower_it_is_and_never_beyond(body: Body, surface: np.ndarray) -> None:
    believed = rotation_matrices(elbow_turned(truth()[0]))
    moved = []
    for narrow in (0.5, 0.05, 0.02, 0.01):
        spread = np.full((FRAMES, 24), 0.3)
        spread[:, ELBOW] = narrow
        fit = fit_coarse(surface, body, BETAS, PosePrior(believed, spread))
        moved.append(angles(matrices_of(fit.rotations), rotation_matrices(truth()[0]))[:, ELBOW].mean())
    assert moved[0] < 2 and moved == sorted(moved)
    assert 5 < moved[-1] < np.rad2deg(WRONG_RAD)


def test_prior_of_other_frames_is_the_callers_mistake(body: Body, surface: np.ndarray) -> None:
    with pytest.raises(ValueError, match="prior of 16 frames, got 3"):
        fit_coarse(surface, body, BETAS, PosePrior(np.tile(np.eye(3), (3, 24, 1, 1)), np.ones((3, 24))))


def test_head_counts_the_more_the_less_the_picture_shows() -> None:
    spread = spread_rad(np.array([1.0, SURE, (SURE + UNSURE) / 2, UNSURE, 0.0]))
    assert spread[0] == spread[1] == pytest.approx(SPREAD_RAD[1])
    assert spread[3] == spread[4] == SPREAD_RAD[0] < spread[2] < SPREAD_RAD[1]
    assert sorted(SEEN_BY) == list(range(1, 22))


def solved(take: Take, bones: Bones) -> PersonMotion:
    return solve(take, SolveSettings(smooth=0.0, feet="off", bones=bones)).persons[0]


@pytest.fixture(scope="module")
def unsure_elbow(tmp_path_factory: pytest.TempPathFactory) -> Take:
    """The mesh has the elbow right, the head has it wrong, and the picture shows neither elbow nor wrist."""
    rotvec, path = truth()
    seen = with_bones(estimates(rotvec, path), elbow_turned(rotvec))
    seen.joint_confidence[:, [10, 11]] = 0.0
    folder = tmp_path_factory.mktemp("unsure")
    return write_take(folder, seen, list(range(FRAMES)), rotation_tokens=SIZES)


def test_bones_of_the_head_reach_the_motion_with_its_shape(unsure_elbow: Take) -> None:
    person = solved(unsure_elbow, "tokens")
    np.testing.assert_allclose(person.betas, BETAS, atol=1e-6)
    told = angles(matrices_of(person.bone_rotations), rotation_matrices(elbow_turned(truth()[0])))
    assert told[:, [ELBOW, 20, 22]].max() < 0.1, "nothing in the picture turns these"
    assert told.max() < 3, "the picture turns the others a little"


def test_led_fit_lies_between_where_the_picture_shows_little_and_on_the_mesh_elsewhere(unsure_elbow: Take) -> None:
    wrong = np.rad2deg(WRONG_RAD)
    by = {bones: matrices_of(solved(unsure_elbow, bones).bone_rotations) for bones in ("fit", "tokens", "both")}
    off = {bones: angles(turns, rotation_matrices(truth()[0]))[:, ELBOW] for bones, turns in by.items()}
    assert off["fit"].max() < 3 and np.abs(off["tokens"] - wrong).max() < 0.1
    assert (off["fit"] + 1 < off["both"]).all() and (off["both"] < 0.9 * wrong).all()
    assert angles(by["both"], by["fit"])[:, [1, 2, 4, 5, 19]].max() < 3


def test_bones_are_from_both_unless_others_are_asked_for(unsure_elbow: Take) -> None:
    usual, both = (solve(unsure_elbow, replace(RAW, bones=bones)).persons[0] for bones in (None, "both"))
    np.testing.assert_array_equal(usual.bone_rotations, both.bone_rotations)


@pytest.mark.parametrize("bones", ["tokens", "both"])
def test_take_without_a_head_has_no_bones_but_the_fits(tmp_path: Path, bones: Bones) -> None:
    take = write_take(tmp_path, estimates(*truth())[:3], [0, 1, 2])
    with pytest.raises(TakeError, match=f"weights 'w' read no bones, so --bones {bones} .* use --bones fit"):
        solved(take, bones)
    assert len(solved(take, "fit").bone_rotations) == 3
