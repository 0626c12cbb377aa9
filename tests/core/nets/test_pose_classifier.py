"""Heads over the codebook, and what becomes of their logits."""

from __future__ import annotations

import pytest
import torch

from core.nets import ClassifierConfig, TokenizerConfig, preset
from core.nets.pose_classifier import FlattenClassifier, PooledClassifier, soft_tokens, token_confidence

SMALL = ClassifierConfig(width=8, layers=1, channel_hidden=8, conv_width=4, feature_size=2)


def test_flatten_head_on_another_size_says_what_it_takes() -> None:
    with pytest.raises(ValueError, match=r"takes a 2 x 2 map .* got \(3, 3\)"):
        FlattenClassifier(6, SMALL, TokenizerConfig())(torch.zeros(1, 6, 3, 3))


def test_flatten_head_gives_logits_for_each_token_and_code() -> None:
    assert FlattenClassifier(6, SMALL, TokenizerConfig()).eval()(torch.zeros(2, 6, 2, 2)).shape == (
        2,
        34,
        2048,
    )


def test_pooled_head_batch_equals_single() -> None:
    torch.manual_seed(0)
    config = preset("tiny")
    head, features = (
        PooledClassifier(320, config.classifier, config.tokenizer).eval(),
        torch.randn(3, 19, 323),
    )
    assert torch.allclose(head(features)[2:], head(features[2:]), atol=1e-5)


def test_peaky_logits_give_the_code_itself() -> None:
    logits, codebook = torch.zeros(1, 2, 4), torch.randn(4, 3)
    logits[0, 0, 1] = logits[0, 1, 3] = 100.0
    assert torch.allclose(soft_tokens(logits, codebook)[0], codebook[[1, 3]])


def test_logit_mixing_is_a_plain_product() -> None:
    logits, codebook = torch.randn(1, 2, 4), torch.randn(4, 3)
    assert torch.allclose(soft_tokens(logits, codebook, "logits"), logits @ codebook)


def test_confidence_is_the_largest_logit_or_its_probability() -> None:
    logits = torch.log(torch.tensor([[[1.0, 3.0]]]))
    assert token_confidence(logits).item() == pytest.approx(1.0986, abs=1e-4)
    assert token_confidence(logits, "softmax").item() == pytest.approx(0.75)
