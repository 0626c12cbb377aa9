"""Mixer layers against PCT's formula."""

from __future__ import annotations

import torch

from core.nets.mixer import FullyConnected, MixerLayer, TokenLinear

FLOAT32_NOISE = 1e-5


def test_mixer_layer_follows_pct_residuals() -> None:
    torch.manual_seed(0)
    layer, x = MixerLayer(8, 16, 5, 7), torch.randn(2, 5, 8)
    y = layer.token_mlp(layer.token_norm(x).transpose(1, 2)).transpose(1, 2)
    z = layer.channel_mlp(layer.channel_norm(x + y))
    assert torch.allclose(layer(x), x + y + z, atol=FLOAT32_NOISE)


def test_mixer_layer_with_batch_equals_single() -> None:
    torch.manual_seed(0)
    layer, x = MixerLayer(8, 16, 5, 7), torch.randn(3, 5, 8)
    assert torch.allclose(layer(x)[1:2], layer(x[1:2]), atol=FLOAT32_NOISE)


def test_token_linear_mixes_tokens_and_not_channels() -> None:
    linear, x = TokenLinear(5, 9), torch.zeros(1, 5, 8)
    x[0, 2, 3] = 1.0
    changed = (linear(x) - linear(torch.zeros(1, 5, 8))).abs() > 0
    assert changed[0, :, 3].all() and not changed[0, :, :3].any() and not changed[0, :, 4:].any()


def test_fully_connected_ends_in_relu() -> None:
    assert (FullyConnected(4, 6)(torch.randn(10, 4)) >= 0).all()
