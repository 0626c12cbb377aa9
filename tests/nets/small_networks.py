"""Networks with random weights on the synthetic mesh of the parity rule."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, TypeVar

import numpy as np
import torch
from torch import nn

from core.nets import (
    NetConfig,
    Network,
    QuantiserConfig,
    RotationHeadConfig,
    TransformerConfig,
    build_network,
    preset,
)
from core.nets.body_parts import BodyParts
from core.nets.config import RotationTokenizerConfig
from training.parity.filling_rule import synthetic_adjacency, synthetic_upsample

TEMPLATE = np.random.default_rng(0).normal(0.0, 0.4, (445, 3)).astype(np.float32)
PARENTS = (-1, 0, 0, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 9, 9, 12, 13, 14, 16, 17, 18, 19, 20, 21)
PARTS = BodyParts(TEMPLATE[14:], np.random.default_rng(1).dirichlet(np.full(24, 0.1), 431).astype(np.float32), PARENTS)
"""Every vertex follows a few joints at random."""
SMALL_HEAD = RotationHeadConfig(
    width=16,
    heads=2,
    channel_hidden=16,
    token_hidden=8,
    tokenizer=RotationTokenizerConfig(
        tokens=6, width=8, layers=1, quantiser=QuantiserConfig(codes=12, code_dim=5, decay=0.99)
    ),
)
Module = TypeVar("Module", bound=nn.Module)
THIN = TransformerConfig(32, 64, heads=2, encoder_layers=1, decoder_layers=1, dropout=0.0)


def thin_config(**changes: Any) -> NetConfig:
    """Preset tiny with thin transformers, so that a test takes milliseconds."""
    return replace(preset("tiny"), first=THIN, second=replace(THIN, width=16), modulator_width=16, **changes)


def thin_resnet50(**changes: Any) -> Network:
    """Preset resnet50, random in every weight, but for its ResNet all narrow: a forward takes a tenth of a second."""
    whole, narrow = preset("resnet50"), replace(THIN, encoder_layers=2, decoder_layers=2)
    config = replace(
        whole,
        first=narrow,
        second=replace(narrow, width=16),
        modulator_width=32,
        swin_width=32,
        swin_depths=(2, 2, 2, 2),
        classifier=replace(whole.classifier, width=8, conv_width=16),
        tokenizer=replace(
            whole.tokenizer, width=32, quantiser=replace(whole.tokenizer.quantiser, codes=64, code_dim=32)
        ),
    )
    return randomise(build(replace(config, **changes)))


def build(config: NetConfig, seed: int = 0) -> Network:
    """The network in eval mode."""
    torch.manual_seed(seed)
    network = build_network(
        config,
        synthetic_adjacency(),
        synthetic_upsample(),
        up_431_to_1723=synthetic_upsample(1723, 431),
        template=TEMPLATE,
        body_parts=PARTS,
    )
    return network.eval()


def make_image(batch: int, size: int = 64, seed: int = 1) -> torch.Tensor:
    """(B, 3, S, S) noise."""
    return torch.randn(batch, 3, size, size, generator=torch.Generator().manual_seed(seed))


def randomise(network: Module, seed: int = 3) -> Module:
    """Random statistics, scales and biases as well, so that all of them show in the answer."""
    generator = torch.Generator().manual_seed(seed)
    for name, value in network.state_dict().items():
        if value.is_floating_point() and (value.ndim == 1 or name.endswith("to_intermediate.bias")):
            base = 0.0 if name.endswith(("bias", "running_mean", "_bias")) else 1.0
            value.copy_(base + 0.2 * torch.rand(value.shape, generator=generator))
    return network
