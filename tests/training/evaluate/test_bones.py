"""Scores of bones: nothing at the truth, the angle beside it, and a set that is cut by the border."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest

from core.body.model import load_body
from core.types import Float, NetworkOutput
from tests.fixtures.picture_store import small_store
from training.evaluate.bones import bone_rows, geodesic_deg, nearest_rotations, posed, scores
from training.evaluate.rendered import composer_of
from training.motions.rotation_vectors import to_matrix

PEOPLE = 3
FITTED_DEG = 2.0  # of a true mesh; joints that little surface speaks for keep a pull towards rest


@dataclass(frozen=True)
class Truth:
    joints: Float
    vertices: Float


@pytest.fixture(scope="module")
def people() -> tuple[Float, Float, Truth]:
    rng = np.random.default_rng(0)
    rotations = to_matrix(rng.normal(0, 0.3, (PEOPLE, 24, 3)).astype(np.float32))
    rotations[:, 22:] = np.eye(3)
    betas = rng.normal(0, 1, (PEOPLE, 10)).astype(np.float32)
    return rotations, betas, Truth(*posed(rotations, betas, load_body()))


def _output(people: tuple[Float, Float, Truth], **bones: Float) -> NetworkOutput:
    _, _, truth = people
    empty, unsure = np.zeros((PEOPLE, 1), np.float32), np.zeros((PEOPLE, 14), np.float32)
    coarse = truth.vertices[:, load_body().index_431]
    seen = (empty, empty, empty, unsure, empty, empty.astype(int), empty)
    return NetworkOutput(coarse, truth.joints, *seen, **bones)


def test_true_bones_score_nothing(people: tuple[Float, Float, Truth]) -> None:
    rotations, betas, truth = people
    found = scores(rotations, betas, rotations, truth, load_body())
    assert all(each.value == pytest.approx(0, abs=0.05) for each in found.values())


def test_one_turned_joint_of_22_counts_by_its_share(people: tuple[Float, Float, Truth]) -> None:
    rotations, betas, truth = people
    turned = rotations.copy()
    turned[:, 18] = turned[:, 18] @ to_matrix(np.array([0, 0, np.deg2rad(44)], np.float32))
    found = scores(turned, betas, rotations, truth, load_body())
    assert found["geodesic"].value == pytest.approx(2.0, abs=0.01)
    assert found["MPJPE"].value > 1


def test_rows_tell_fit_and_head_and_mean_beside_each_other(people: tuple[Float, Float, Truth]) -> None:
    rotations, betas, truth = people
    without = bone_rows(_output(people), rotations, truth, load_body())
    assert set(without) == {"bones: fit", "bones: mean of the set"}
    assert without["bones: fit"]["geodesic"].value < FITTED_DEG
    found = bone_rows(_output(people, bone_rotations=rotations, bone_betas=betas), rotations, truth, load_body())
    assert found["bones: tokens"]["geodesic"].value == pytest.approx(0, abs=0.05)
    assert found["bones: both"]["geodesic"].value <= found["bones: fit"]["geodesic"].value
    assert found["bones: mean of the set"]["geodesic"].value > 5
    assert found["bones: fit"]["surface"].value < 0.5 < 5 < found["bones: mean of the set"]["surface"].value


def test_geodesic_is_the_angle() -> None:
    turn = to_matrix(np.array([[0, 0.6, 0.8]], np.float32) * np.float32(np.deg2rad(70)))
    assert geodesic_deg(turn, np.eye(3)[None])[0] == pytest.approx(70, abs=0.01)


def test_nearest_rotation_of_a_mirror_is_a_rotation() -> None:
    found = nearest_rotations(np.diag([1.0, 1.0, -1.0])[None])
    assert np.linalg.det(found)[0] == pytest.approx(1)


def test_truncated_set_cuts_people_and_hides_nobody_else() -> None:
    cut, whole = (
        composer_of(small_store(), 64, name).batch(48, 0) for name in ("rendered-truncated", "rendered-clear")
    )
    outside = [float((batch.lsp_2d[..., 2] == 0)[batch.has_person].float().mean()) for batch in (cut, whole)]
    assert outside[1] == 0 and outside[0] > 0.15
