"""Networks with random weights on the synthetic mesh of the parity rule."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import torch

from core.nets import NetConfig, Network, TransformerConfig, build_network, preset
from training.parity_rule import synthetic_adjacency, synthetic_upsample

TEMPLATE = np.random.default_rng(0).normal(0.0, 0.4, (445, 3)).astype(np.float32)
THIN = TransformerConfig(32, 64, heads=2, encoder_layers=1, decoder_layers=1, dropout=0.0)


def thin_config(**changes: Any) -> NetConfig:
    """Preset tiny with thin transformers, so that a test takes milliseconds."""
    return replace(preset("tiny"), first=THIN, second=replace(THIN, width=16), modulator_width=16, **changes)


def build(config: NetConfig, seed: int = 0) -> Network:
    """The network in eval mode."""
    torch.manual_seed(seed)
    network = build_network(
        config,
        synthetic_adjacency(),
        synthetic_upsample(),
        up_431_to_1723=synthetic_upsample(1723, 431),
        template=TEMPLATE,
    )
    return network.eval()


def make_image(batch: int, size: int = 64, seed: int = 1) -> torch.Tensor:
    """(B, 3, S, S) noise."""
    return torch.randn(batch, 3, size, size, generator=torch.Generator().manual_seed(seed))
