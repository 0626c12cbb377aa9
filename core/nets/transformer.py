"""The encoder-decoder of FastMETRO and PostoMETRO: pre-norm layers, positions on image tokens alone.

Attention runs through `scaled_dot_product_attention`; positions enter after the projection (they are the
same for every picture), and the first decoder self-attention, which sees learned tokens only, is computed
once per batch, or once for all after `fold_queries`. Layout is batch first: (B, tokens, width).
"""

from __future__ import annotations

import math
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .config import TransformerConfig
from .mesh_attention import MeshAttentionPattern, attend
from .precision import working_type


class Attention(nn.Module):
    """Multi-head attention with packed projections, as torch's own module keeps them."""

    shift: Tensor | None

    def __init__(self, width: int, heads: int, dropout: float) -> None:
        super().__init__()
        self.heads, self.dropout = heads, dropout
        self.in_proj_weight = nn.Parameter(torch.empty(3 * width, width))
        self.in_proj_bias = nn.Parameter(torch.zeros(3 * width))
        self.out_proj = nn.Linear(width, width)
        self.register_buffer("shift", None, persistent=False)
        nn.init.xavier_uniform_(self.in_proj_weight)
        nn.init.zeros_(self.out_proj.bias)

    @torch.no_grad()
    def fold(self, position: Tensor | None, is_self: bool) -> None:
        """Keep what a position adds, for a network whose weights no longer change.

        Args:
            position: (1, N, d) of all later calls, or None.
            is_self: for `to_self`; otherwise for `to_memory`.
        """
        self.shift = None if position is None else self._shift(position, is_self)

    def _shift(self, position: Tensor, is_self: bool) -> Tensor:
        """(1, N, 2 d) for queries and keys, or (1, N, d) for keys alone."""
        if self.shift is not None:
            return self.shift
        width = position.shape[-1]
        return F.linear(position, self.in_proj_weight[0 if is_self else width : 2 * width])

    def to_self(self, x: Tensor, position: Tensor | None = None, pattern: MeshAttentionPattern | None = None) -> Tensor:
        """Self-attention: (B, N, d); position (1, N, d) joins queries and keys; no pattern sees all."""
        q, k, v = F.linear(x, self.in_proj_weight, self.in_proj_bias).chunk(3, dim=-1)
        if position is not None:
            shift_q, shift_k = self._shift(position, is_self=True).chunk(2, dim=-1)
            q, k = q + shift_q, k + shift_k
        return self._mix(q, k, v, pattern)

    def to_memory(self, x: Tensor, memory: Tensor, position: Tensor | None) -> Tensor:
        """Cross-attention: (1 or B, N, d) looks at memory (B, M, d); position (1, M, d) joins its keys."""
        width = x.shape[-1]
        q = F.linear(x, self.in_proj_weight[:width], self.in_proj_bias[:width]).expand(memory.shape[0], -1, -1)
        k, v = F.linear(memory, self.in_proj_weight[width:], self.in_proj_bias[width:]).chunk(2, dim=-1)
        if position is not None:
            k = k + self._shift(position, is_self=False)
        return self._mix(q, k, v, None)

    def _mix(self, q: Tensor, k: Tensor, v: Tensor, pattern: MeshAttentionPattern | None) -> Tensor:
        dropout = self.dropout if self.training else 0.0
        if pattern is None:
            mixed = attend(q, k, v, heads=self.heads, dropout=dropout)
        else:
            mixed = pattern.attend(q, k, v, heads=self.heads, dropout=dropout)
        out: Tensor = self.out_proj(mixed)
        return out


class FeedForward(nn.Module):
    """Linear, ReLU, Linear."""

    def __init__(self, width: int, hidden: int, dropout: float) -> None:
        super().__init__()
        self.linear1 = nn.Linear(width, hidden)
        self.linear2 = nn.Linear(hidden, width)
        self.dropout = nn.Dropout(dropout)
        for linear in (self.linear1, self.linear2):
            nn.init.xavier_uniform_(linear.weight)

    def forward(self, x: Tensor) -> Tensor:
        """(B, N, d) in and out."""
        out: Tensor = self.linear2(self.dropout(F.relu(self.linear1(x))))
        return out


class EncoderLayer(nn.Module):
    """Pre-norm self-attention and feed-forward."""

    def __init__(self, config: TransformerConfig) -> None:
        super().__init__()
        self.norm1 = nn.LayerNorm(config.width)
        self.attention = Attention(config.width, config.heads, config.dropout)
        self.norm2 = nn.LayerNorm(config.width)
        self.feedforward = FeedForward(config.width, config.feedforward, config.dropout)
        self.dropout = nn.Dropout(config.dropout)

    def forward(self, x: Tensor, position: Tensor | None) -> Tensor:
        """(B, N, d) in and out; position (1, N, d) or None."""
        x = x + self.dropout(self.attention.to_self(self.norm1(x), position))
        out: Tensor = x + self.dropout(self.feedforward(self.norm2(x)))
        return out


class DecoderLayer(nn.Module):
    """Pre-norm masked self-attention, cross-attention to the memory, feed-forward."""

    def __init__(self, config: TransformerConfig) -> None:
        super().__init__()
        self.norm1 = nn.LayerNorm(config.width)
        self.self_attention = Attention(config.width, config.heads, config.dropout)
        self.norm2 = nn.LayerNorm(config.width)
        self.cross_attention = Attention(config.width, config.heads, config.dropout)
        self.norm3 = nn.LayerNorm(config.width)
        self.feedforward = FeedForward(config.width, config.feedforward, config.dropout)
        self.dropout = nn.Dropout(config.dropout)

    def forward(
        self, x: Tensor, memory: Tensor, position: Tensor | None, pattern: MeshAttentionPattern | None
    ) -> Tensor:
        """Queries (1 or B, N, d): with one row for the whole batch, self-attention runs once."""
        return self.see_memory(self.see_each_other(x, pattern), memory, position)

    def see_each_other(self, x: Tensor, pattern: MeshAttentionPattern | None) -> Tensor:
        """The first third: masked self-attention of (1 or B, N, d)."""
        out: Tensor = x + self.dropout(self.self_attention.to_self(self.norm1(x), None, pattern))
        return out

    def see_memory(self, x: Tensor, memory: Tensor, position: Tensor | None) -> Tensor:
        """The rest: (1 or B, N, d) to (B, N, d)."""
        x = x + self.dropout(self.cross_attention.to_memory(self.norm2(x), memory, position))
        out: Tensor = x + self.dropout(self.feedforward(self.norm3(x)))
        return out


class Encoded(NamedTuple):
    """What one encoder-decoder answers.

    Attributes:
        camera: (B, 1, d) camera token.
        memory: (B, M, d) the encoder's image and pose tokens.
        queries: (B, N, d) the decoder's joint and vertex tokens.
    """

    camera: Tensor
    memory: Tensor
    queries: Tensor


class EncoderDecoder(nn.Module):
    """One of the two transformers."""

    first_queries: Tensor | None

    @torch.no_grad()
    def fold(self, position: Tensor | None, before: int, length: int) -> None:
        """Keep what positions add, for a network whose weights no longer change.

        Args:
            position: (1, h * w, d) of the image tokens.
            before: tokens in front of the memory in the encoder, 1.
            length: of the memory.
        """
        for layer in self.encoder:
            layer.attention.fold(padded_position(position, before, before + length), is_self=True)  # type: ignore[union-attr,operator]
        for layer in self.decoder:
            layer.cross_attention.fold(padded_position(position, 0, length), is_self=False)  # type: ignore[union-attr,operator]

    @torch.no_grad()
    def fold_queries(self, queries: Tensor, pattern: MeshAttentionPattern | None) -> None:
        """Keep the first self-attention of queries (1, N, d) that are the same for every picture."""
        first = self.decoder[0]
        assert isinstance(first, DecoderLayer)
        self.first_queries = first.see_each_other(queries, pattern)

    def __init__(self, config: TransformerConfig) -> None:
        super().__init__()
        self.config = config
        self.register_buffer("first_queries", None, persistent=False)
        self.encoder = nn.ModuleList(EncoderLayer(config) for _ in range(config.encoder_layers))
        self.encoder_norm = nn.LayerNorm(config.width)
        self.decoder = nn.ModuleList(DecoderLayer(config) for _ in range(config.decoder_layers))
        self.decoder_norm = nn.LayerNorm(config.width)

    def forward(
        self,
        camera: Tensor,
        memory: Tensor,
        queries: Tensor,
        position: Tensor | None,
        pattern: MeshAttentionPattern | None,
    ) -> Encoded:
        """Encode camera and memory together, then let the queries read the memory without the camera.

        Args:
            camera: (B, 1, d).
            memory: (B, M, d) image tokens first, then pose tokens.
            queries: (1 or B, N, d); one row serves the whole batch.
            position: (1, h * w, d) of the image tokens, or None without image tokens.
            pattern: which query sees which, in the decoder's self-attention.
        """
        if self.training and self.config.dropout:
            queries = queries.expand(memory.shape[0], -1, -1)  # dropout differs between pictures
        queries = working_type(queries)
        tokens = torch.cat([working_type(camera), working_type(memory)], dim=1)
        with_camera = padded_position(position, 1, tokens.shape[1])
        for layer in self.encoder:
            tokens = layer(tokens, with_camera)
        tokens = self.encoder_norm(tokens)
        camera, memory = tokens[:, :1], tokens[:, 1:]
        keys = padded_position(position, 0, memory.shape[1])
        for number, layer in enumerate(self.decoder):
            if number == 0 and self.first_queries is not None:
                queries = layer.see_memory(self.first_queries, memory, keys)  # type: ignore[operator]
            else:
                queries = layer(queries, memory, keys, pattern)
        return Encoded(camera, memory, self.decoder_norm(queries))


def padded_position(position: Tensor | None, before: int, length: int) -> Tensor | None:
    """(1, h * w, d) with zero rows before (camera) and after (pose tokens), `length` rows in all."""
    if position is None:
        return None
    return F.pad(position, (0, 0, before, length - before - position.shape[1]))


def sine_position(height: int, width: int, channels: int, like: Tensor) -> Tensor:
    """DETR's 2D sine position, normalised to 2 pi: (1, h * w, channels) row-major, y's half first."""
    half = channels // 2
    pair = torch.arange(half, device=like.device, dtype=torch.float32).div(2, rounding_mode="floor")
    period = 10000.0 ** (2.0 * pair / half)
    y = torch.arange(1, height + 1, device=like.device, dtype=torch.float32) / (height + 1e-6) * 2.0 * math.pi
    x = torch.arange(1, width + 1, device=like.device, dtype=torch.float32) / (width + 1e-6) * 2.0 * math.pi
    y_waves = _waves(y[:, None] / period)[:, None].expand(height, width, half)
    x_waves = _waves(x[:, None] / period)[None].expand(height, width, half)
    return torch.cat([y_waves, x_waves], dim=-1).reshape(1, height * width, channels)


def _waves(angle: Tensor) -> Tensor:
    """Sine on even channels, cosine on odd ones: (N, C)."""
    return torch.stack([angle[:, 0::2].sin(), angle[:, 1::2].cos()], dim=2).flatten(1)
