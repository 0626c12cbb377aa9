import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from core.body.model import Body, load_body
from core.body.upsample import upsample
from core.geometry.skinning import forward_kinematics, rotation_matrices
from core.motion.mesh_fit import BoneFit, continuous_quaternions, fit_bones, surface_error_mm

CLEAN_LIMIT_MM = 1.0  # what the pull to rest costs without noise; measured 0.4 here, 0.2 on captured motion
NOISE = 0.004  # metres on each coordinate of the 431
NOISY_LIMIT_MM = 3.0  # to the true surface; the upsampled input itself is 4 mm off it
FRAMES = 30


@pytest.fixture(scope="module")
def body() -> Body:
    return load_body()


@pytest.fixture(scope="module")
def truth() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Rotations (T, 24, 3, 3) of a moving person in a camera's axes (upside down), betas, transl."""
    random = np.random.default_rng(4)
    keys = random.normal(0, 0.35, (4, 24, 3))
    blend = np.linspace(0, 3, FRAMES)[:, None, None]
    poses = sum(keys[i] * np.maximum(0, 1 - np.abs(blend - i)) for i in range(4))
    matrices = rotation_matrices(poses)
    turn = np.zeros((FRAMES, 3))
    turn[:, 1] = np.linspace(0, 2 * np.pi, FRAMES)
    matrices[:, 0] = np.diag([1.0, -1.0, -1.0]) @ rotation_matrices(turn) @ matrices[:, 0]
    return matrices, random.normal(size=10), random.normal((0, 0, 5), 2, (FRAMES, 3))


@pytest.fixture(scope="module")
def vertices(body: Body, truth: tuple[np.ndarray, np.ndarray, np.ndarray]) -> np.ndarray:
    matrices, betas, transl = truth
    return body.pose(matrices, betas[None], transl).vertices


@pytest.fixture(scope="module")
def clean(body: Body, vertices: np.ndarray) -> BoneFit:
    return fit_bones(vertices, body)


def as_matrices(fit: BoneFit) -> np.ndarray:
    flat = np.roll(fit.rotations, -1, axis=-1).reshape(-1, 4)
    return Rotation.from_quat(flat).as_matrix().reshape(-1, 24, 3, 3)


def test_fit_when_clean_then_surface_is_met(clean: BoneFit) -> None:
    assert clean.error_mm.max() < CLEAN_LIMIT_MM


def test_fit_when_clean_then_error_is_what_posing_the_fit_gives(
    body: Body, vertices: np.ndarray, clean: BoneFit
) -> None:
    posed = body.pose(as_matrices(clean), clean.betas[None], clean.transl).vertices
    assert 1e3 * np.linalg.norm(posed - vertices, axis=2).mean() == pytest.approx(clean.error_mm.mean(), abs=0.02)


def test_surface_error_is_the_mean_distance_after_the_middles_are_laid_together(
    body: Body, truth: tuple[np.ndarray, ...], vertices: np.ndarray
) -> None:
    matrices, betas, _ = truth
    rotations, surface = continuous_quaternions(matrices), vertices[:, body.index_431].copy()
    assert surface_error_mm(surface, body, betas, rotations).max() < 0.05, "float32 numbers some metres from the origin"
    surface[:, 7, 0] += 0.431
    each = np.full(431, 1.0)
    each[7] = 430.0  # one vertex 431 mm away moves the middle by 1 mm
    assert surface_error_mm(surface, body, betas, rotations) == pytest.approx(each.mean(), abs=0.05)


def test_fit_when_clean_then_shape_is_found(clean: BoneFit, truth: tuple[np.ndarray, ...]) -> None:
    assert np.abs(clean.betas - truth[1]).max() < 0.15


def test_fit_when_clean_then_limbs_are_found(clean: BoneFit, truth: tuple[np.ndarray, ...]) -> None:
    limbs = [0, 1, 2, 4, 5, 7, 8, 16, 17, 18, 19]
    parents, rest = load_body().parents, np.zeros((1, 24, 3))
    found, _ = forward_kinematics(as_matrices(clean), rest, parents)
    expected, _ = forward_kinematics(truth[0], rest, parents)
    difference = (np.swapaxes(found, -1, -2) @ expected)[:, limbs]
    assert np.rad2deg(Rotation.from_matrix(difference.reshape(-1, 3, 3)).magnitude()).max() < 2


def test_fit_when_noisy_then_closer_to_the_truth_than_its_input(body: Body, vertices: np.ndarray) -> None:
    noise = np.random.default_rng(0).normal(0, NOISE, (FRAMES, 431, 3))
    noisy = upsample(vertices[:, body.index_431] + noise, body)
    fit = fit_bones(noisy, body)
    posed = body.pose(as_matrices(fit), fit.betas[None], fit.transl).vertices
    error_mm = 1e3 * np.linalg.norm(posed - vertices, axis=2).mean()
    assert error_mm < NOISY_LIMIT_MM < 1e3 * np.linalg.norm(noisy - vertices, axis=2).mean()


def test_fit_when_turning_once_around_then_signs_are_continuous(clean: BoneFit) -> None:
    assert ((clean.rotations[1:] * clean.rotations[:-1]).sum(-1) > 0).all()


def test_fit_when_one_frame_then_fitted(body: Body, vertices: np.ndarray) -> None:
    assert fit_bones(vertices[:1], body).error_mm[0] < 1.0


def test_fit_when_shape_is_known_then_kept(body: Body, vertices: np.ndarray, truth: tuple[np.ndarray, ...]) -> None:
    np.testing.assert_allclose(fit_bones(vertices[:2], body, truth[1]).betas, truth[1], atol=1e-6)


def test_fit_when_far_from_the_origin_then_same_rotations(body: Body, vertices: np.ndarray, clean: BoneFit) -> None:
    far = fit_bones(vertices + np.float32(30.0), body)
    np.testing.assert_allclose(np.abs((far.rotations * clean.rotations).sum(-1)), 1, atol=1e-4)


def test_fit_when_vertex_count_is_wrong_then_value_error(body: Body) -> None:
    with pytest.raises(ValueError, match=r"expected vertices \(T >= 1, 6890, 3\)"):
        fit_bones(np.zeros((2, 431, 3)), body)


def test_fit_when_no_frame_then_value_error(body: Body) -> None:
    with pytest.raises(ValueError, match="expected vertices"):
        fit_bones(np.zeros((0, 6890, 3)), body)


def test_fit_when_not_finite_then_value_error(body: Body) -> None:
    with pytest.raises(ValueError, match="not finite"):
        fit_bones(np.full((1, 6890, 3), np.nan), body)


def test_quaternions_when_identity_then_w_is_one() -> None:
    quaternions = continuous_quaternions(np.broadcast_to(np.eye(3), (2, 3, 3, 3)).copy())
    np.testing.assert_allclose(quaternions, np.broadcast_to([1.0, 0, 0, 0], (2, 3, 4)), atol=1e-7)
