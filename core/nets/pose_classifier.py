"""Logits over the codebook for each of the 34 pose tokens (PCT, Sec. 3.2).

`FlattenClassifier` is PCT's own head, which works at 256 px alone. `PooledClassifier` is ours, for the small
backbone: it looks at the features under each joint's heatmap, so it is light and takes any input size.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from .blocks import BasicBlock
from .config import HEATMAP_JOINTS, ClassifierConfig, TokenizerConfig
from .mixer import FullyConnected, Mixer, MixerLayer, TokenLinear
from .precision import full_precision


class FlattenClassifier(nn.Module):
    """PCT's head: convolutions, one Linear over the flattened map, mixers, logits."""

    def __init__(self, channels: int, config: ClassifierConfig, tokenizer: TokenizerConfig) -> None:
        super().__init__()
        self.tokens, self.width, self.side = tokenizer.tokens, config.width, config.feature_size
        conv = config.conv_width
        self.reduce = nn.Sequential(nn.Conv2d(channels, conv, 1, bias=False), nn.BatchNorm2d(conv), nn.ReLU())
        self.blocks = nn.Sequential(BasicBlock(conv, conv), BasicBlock(conv, conv))
        self.to_tokens = FullyConnected(conv * self.side**2, self.tokens * config.width)
        self.mixers = nn.Sequential(
            *(
                MixerLayer(config.width, config.channel_hidden, self.tokens, config.token_hidden)
                for _ in range(config.layers)
            )
        )
        self.embed = FullyConnected(config.width, config.width)
        self.logits = nn.Linear(config.width, tokenizer.quantiser.codes)

    def forward(self, features: Tensor) -> Tensor:
        """(B, C, side, side) to (B, 34, K) logits.

        Raises:
            ValueError: the feature map has another size.
        """
        if features.shape[-2:] != (self.side, self.side):
            raise ValueError(
                f"PCT's head takes a {self.side} x {self.side} map (256 px), got {tuple(features.shape[-2:])}"
            )
        x = self.blocks(self.reduce(features))
        x = self.to_tokens(x.flatten(2).transpose(1, 2).flatten(1))  # position-major
        x = self.embed(self.mixers(x.reshape(-1, self.tokens, self.width)))
        with full_precision(x):
            logits: Tensor = self.logits(x.float())
        return logits


class PooledClassifier(nn.Module):
    """Pooled joint features through mixers over the 19 joints, then 34 tokens, then logits."""

    def __init__(self, channels: int, config: ClassifierConfig, tokenizer: TokenizerConfig) -> None:
        super().__init__()
        self.embed = nn.Linear(channels + 3, config.width)
        self.mixers = Mixer(config.layers, config.width, config.channel_hidden, HEATMAP_JOINTS, config.token_hidden)
        self.to_tokens = TokenLinear(HEATMAP_JOINTS, tokenizer.tokens)
        self.expand = FullyConnected(config.width, config.width)
        self.logits = nn.Linear(config.width, tokenizer.quantiser.codes)

    def forward(self, joint_features: Tensor) -> Tensor:
        """Logits of the tokens.

        Args:
            joint_features: (B, 19, C + 3) pooled features, x, y in crop units, confidence.

        Returns:
            (B, 34, K).
        """
        x = self.expand(self.to_tokens(self.mixers(self.embed(joint_features))))
        with full_precision(x):
            logits: Tensor = self.logits(x.float())
        return logits


def soft_tokens(logits: Tensor, codebook: Tensor, mixing: str = "softmax") -> Tensor:
    """Tokens as a mix of codes: (B, 34, K) logits and (K, D) codes to (B, 34, D)."""
    weights = logits.softmax(-1) if mixing == "softmax" else logits
    return weights @ codebook


def token_confidence(logits: Tensor, value: str = "raw") -> Tensor:
    """(B, 34, 1): the largest logit ("raw", unbounded, as PostoMETRO's code) or the largest probability."""
    return (torch.softmax(logits, -1) if value == "softmax" else logits).amax(-1, keepdim=True)
