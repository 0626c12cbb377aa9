import numpy as np
import pytest

from core.body.model import Body, load_body
from core.body.upsample import LearnedSampler, upsample

CLEAN_LIMIT_MM = 3.5  # what 431 vertices cannot say; measured 3.0 here (every joint turned and twisted), 2.3 on mocap
NOISY_LIMIT_MM = 5.5  # with 4 mm of noise on each coordinate of the 431, 6.4 mm in length; 4.4 on mocap


@pytest.fixture(scope="module")
def body() -> Body:
    return load_body()


@pytest.fixture(scope="module")
def posed(body: Body) -> np.ndarray:
    random = np.random.default_rng(0)
    return body.pose(random.normal(0, 0.25, (8, 24, 3)), random.normal(size=(8, 10))).vertices


def mean_error_mm(a: np.ndarray, b: np.ndarray) -> float:
    return float(1e3 * np.linalg.norm(a - b, axis=2).mean())


def test_upsample_when_clean_then_surface_is_followed(body: Body, posed: np.ndarray) -> None:
    assert mean_error_mm(upsample(posed[:, body.index_431], body), posed) < CLEAN_LIMIT_MM


def test_upsample_when_noisy_then_noise_does_not_grow(body: Body, posed: np.ndarray) -> None:
    noise = np.random.default_rng(1).normal(0, 0.004, (8, 431, 3))
    assert mean_error_mm(upsample(posed[:, body.index_431] + noise, body), posed) < NOISY_LIMIT_MM


def test_upsample_when_done_then_coarse_vertices_are_copied(body: Body, posed: np.ndarray) -> None:
    coarse = posed[:, body.index_431]
    np.testing.assert_allclose(upsample(coarse, body)[:, body.index_431], coarse, atol=1e-6)


def test_upsample_when_moved_then_result_moves_along(body: Body, posed: np.ndarray) -> None:
    coarse = posed[:2, body.index_431]
    moved = upsample(coarse + np.array([1.0, -2.0, 0.5]), body) - upsample(coarse, body)
    np.testing.assert_allclose(moved, np.broadcast_to([1.0, -2.0, 0.5], moved.shape), atol=5e-6)


def test_upsample_when_many_frames_then_equal_to_single(body: Body, posed: np.ndarray) -> None:
    many = np.concatenate([posed[:, body.index_431]] * 9)
    alone = upsample(posed[3:4, body.index_431], body)
    np.testing.assert_allclose(upsample(many, body)[67:68], alone, atol=1e-6)


def test_upsample_when_learned_sampler_is_the_bodys_then_same(body: Body, posed: np.ndarray) -> None:
    learned = LearnedSampler(body.up_431.toarray(), np.zeros(1723, np.float32))
    coarse = posed[:2, body.index_431]
    np.testing.assert_allclose(upsample(coarse, body, learned), upsample(coarse, body), atol=1e-6)


def test_upsample_when_learned_bias_then_added(body: Body, posed: np.ndarray) -> None:
    coarse = posed[:1, body.index_431]
    learned = LearnedSampler(body.up_431.toarray(), np.full(1723, 0.25, np.float32))
    np.testing.assert_allclose(upsample(coarse, body, learned), upsample(coarse, body) + 0.25, atol=2e-6)


def test_upsample_when_vertex_count_is_wrong_then_value_error(body: Body) -> None:
    with pytest.raises(ValueError, match=r"expected coarse vertices \(T, 431, 3\), got \(2, 430, 3\)"):
        upsample(np.zeros((2, 430, 3)), body)


def test_upsample_when_learned_sampler_has_other_size_then_value_error(body: Body) -> None:
    with pytest.raises(ValueError, match="expected a learned sampler"):
        upsample(np.zeros((1, 431, 3)), body, LearnedSampler(np.zeros((431, 431)), np.zeros(431)))
