"""The rule that makes the fixtures' weights and inputs."""

from __future__ import annotations

import numpy as np
import pytest

from training.parity import filling_rule as rule

SALT = "a salt"


def test_uniforms_have_mean_zero_and_variance_one() -> None:
    values = rule.uniforms("name", (200, 500), SALT)
    assert abs(values.mean()) < 0.02 and abs(values.std() - 1.0) < 0.01 and np.abs(values).max() <= 3**0.5


def test_uniforms_are_frozen() -> None:
    expected = [0.5676385394, 1.3603309532, -1.5896368529]  # from the rule that made the fixtures
    assert rule.uniforms("w", (3,), SALT).tolist() == pytest.approx(expected, abs=1e-7)


def test_uniforms_differ_between_names_and_salts() -> None:
    first = rule.uniforms("a", (5,), SALT)
    assert not np.allclose(first, rule.uniforms("b", (5,), SALT)) and not np.allclose(
        first, rule.uniforms("a", (5,), "other")
    )


@pytest.mark.parametrize(
    ("key", "shape", "low", "high"),
    [
        ("bn.running_mean", (99,), -0.18, 0.18),
        ("bn.running_var", (99,), 0.56, 1.44),
        ("attn.logit_scale", (9, 1, 1), 2.12, 2.48),
        ("tokenizer.codebook", (9, 9), -1.74, 1.74),
        ("fc.bias", (99,), -0.18, 0.18),
        ("norm.weight", (99,), 0.82, 1.18),
        ("fc.weight", (9, 100), -0.18, 0.18),
    ],
)
def test_weight_lies_in_the_range_of_its_kind(key: str, shape: tuple[int, ...], low: float, high: float) -> None:
    value = rule.fill(key, shape, SALT)
    assert value is not None and value.min() >= low and value.max() <= high


def test_convolution_has_no_mean() -> None:
    value = rule.fill("conv.weight", (4, 8, 3, 3), SALT)
    assert value is not None and np.abs(value.mean((1, 2, 3))).max() < 1e-7


def test_class_layer_is_six_times_louder() -> None:
    loud, plain = (
        rule.fill("x.cls_pred_layer.weight", (9, 9), SALT),
        rule.uniforms("x.cls_pred_layer.weight", (9, 9), SALT),
    )
    assert loud is not None and np.allclose(loud, 6.0 * plain / 3.0, atol=1e-6)


def test_computed_buffers_stay_as_they_are() -> None:
    assert rule.fill("attn.relative_position_index", (4, 4), SALT) is None


def test_counter_is_zero() -> None:
    value = rule.fill("bn.num_batches_tracked", (), SALT)
    assert value is not None and value.dtype == np.int64 and value == 0


def test_synthetic_sampler_has_unit_rows() -> None:
    rows, _, values = rule.synthetic_upsample()
    assert np.allclose(np.bincount(rows, values), 1.0, atol=1e-6)


def test_synthetic_adjacency_is_symmetric_with_self() -> None:
    adjacency = rule.synthetic_adjacency()
    assert (adjacency == adjacency.T).all() and adjacency.diagonal().all() and (adjacency.sum(1) == 7).all()
