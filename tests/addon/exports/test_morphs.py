import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from blender_addon.exports.morphs import few_morphs


def noise(seed: int, frame_count: int = 12, vertex_count: int = 30) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=(frame_count, vertex_count, 3))


@settings(deadline=None, max_examples=20)
@given(st.integers(0, 99), st.integers(1, 11))
def test_told_error_is_that_of_basis_and_weighted_offsets(seed: int, count: int) -> None:
    vertices = noise(seed)
    morphs = few_morphs(vertices, count)
    rebuilt = morphs.basis + np.einsum("tk,kvc->tvc", morphs.weights, morphs.offsets)
    error_mm = 1000 * np.linalg.norm(rebuilt - vertices, axis=-1)
    assert (error_mm.mean(), error_mm.max()) == pytest.approx((morphs.mean_error_mm, morphs.largest_error_mm))
    assert morphs.weights.min() >= -1e-12 and morphs.weights.max() <= 1 + 1e-12


def test_as_many_morphs_as_the_motion_has_directions_are_exact() -> None:
    directions = noise(1, 3)
    vertices = noise(2, 1) + np.einsum("tk,kvc->tvc", np.random.default_rng(3).normal(size=(50, 3)), directions)
    morphs = few_morphs(vertices, 20)
    assert morphs.offsets.shape == (3, 30, 3) and morphs.largest_error_mm < 1e-3


def test_more_morphs_come_nearer() -> None:
    errors = [few_morphs(noise(4), count).mean_error_mm for count in (1, 4, 8, 11)]
    assert errors == sorted(errors, reverse=True) and errors[-1] < 1e-6 < errors[0]


def test_no_morph_is_a_callers_mistake() -> None:
    with pytest.raises(ValueError, match="at least one"):
        few_morphs(noise(0), 0)


def test_body_that_stands_still_has_no_morphs() -> None:
    morphs = few_morphs(np.repeat(noise(0, 1), 5, axis=0), 4)
    assert len(morphs.offsets) == 0 and morphs.largest_error_mm < 1e-9
