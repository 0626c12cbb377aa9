"""Tokens of 3D pose: 21 joint rotations to a sequence of codes, and back (TokenHMR, Sec. 3.2; our own networks).

A pose is decoded from codes of a learned vocabulary, so what comes out looks like a pose, whatever was asked for. The
pelvis' orientation is not part of it, nor are the hands, which no body motion tells.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .config import ROTATION_PRESETS, RotationTokenizerConfig
from .mixer import TokenLinear
from .precision import full_precision
from .quantiser import EmaQuantiser, Quantised

__all__ = ["BODY_JOINTS", "ROTATION_PRESETS", "RotationTokenizer", "RotationTokenizerConfig", "RotationTokens"]
BODY_JOINTS = 21
"""Joints 1 to 21 of SMPL's 24: all but the pelvis and the two hands."""
SIX = 6


class RotationTokens(NamedTuple):
    """Rotations through the codebook and back.

    Attributes:
        rotations: (B, 21, 3, 3).
        indices: (B, M) int64.
        commitment: scalar.
        perplexity: scalar, codes in use.
    """

    rotations: Tensor
    indices: Tensor
    commitment: Tensor
    perplexity: Tensor


class ResidualConv(nn.Module):
    """x + conv(ReLU(norm(x))) twice, over the token axis."""

    def __init__(self, width: int, kernel: int) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(width)
        self.first = nn.Conv1d(width, width, kernel, padding=kernel // 2)
        self.second = nn.Conv1d(width, width, 1)

    def forward(self, x: Tensor) -> Tensor:
        """(B, tokens, width) in and out."""
        hidden = F.relu(self.norm(x)).transpose(1, 2)
        out: Tensor = x + self.second(F.relu(self.first(hidden))).transpose(1, 2)
        return out


class RotationTokenizer(nn.Module):
    """The VQ-VAE over joint rotations.

    Every token's numbers have mean 0 and the same spread over the poses, so that one codebook serves all tokens. A
    straight way leads past the convolutions, which `start_from` fills with principal components: they alone are near
    the goal, and the rest learns what they leave over (docs/results.md, Bones from tokens).
    """

    lift: Tensor
    scale: Tensor

    def __init__(self, config: RotationTokenizerConfig) -> None:
        super().__init__()
        self.config = config
        width, code_dim = config.width, config.quantiser.code_dim
        self.embed = nn.Linear(SIX, width)
        self.joint = nn.Parameter(torch.zeros(1, BODY_JOINTS, width))
        self.to_tokens = TokenLinear(BODY_JOINTS, config.tokens)
        self.encoder = nn.Sequential(*(ResidualConv(width, config.kernel) for _ in range(config.layers)))
        self.to_plane = nn.Linear(width, config.plane)
        self.straight_in = nn.Linear(BODY_JOINTS * SIX, config.tokens * config.plane)
        self.alike = nn.BatchNorm1d(config.tokens * config.plane, affine=False)
        self.register_buffer("scale", torch.ones(config.plane))
        self.register_buffer("lift", nn.init.orthogonal_(torch.empty(config.plane, code_dim)))
        self.quantiser = EmaQuantiser(config.quantiser)
        self.straight_out = nn.Linear(config.tokens * config.plane, BODY_JOINTS * SIX)
        self.from_codes = nn.Linear(code_dim, width)
        self.token = nn.Parameter(torch.zeros(1, config.tokens, width))
        self.decoder = nn.Sequential(*(ResidualConv(width, config.kernel) for _ in range(config.layers)))
        self.from_tokens = TokenLinear(config.tokens, BODY_JOINTS)
        to_six = nn.Linear(width, SIX)
        self.out = nn.Sequential(nn.LayerNorm(width), nn.Linear(width, width), nn.ReLU(), to_six)
        nn.init.trunc_normal_(self.joint, std=0.5)
        nn.init.trunc_normal_(self.token, std=0.5)
        for linear in (self.to_plane, to_six):  # what the straight ways leave over is learned from nothing
            nn.init.zeros_(linear.bias)
            nn.init.normal_(linear.weight, std=0.003)

    def forward(self, rotations: Tensor) -> RotationTokens:
        """Encode, quantise, decode; in training mode the codebook learns.

        Args:
            rotations: (B, 21, 3, 3) local rotations of joints 1 to 21.
        """
        quantised: Quantised = self.quantiser(self.encode(rotations, is_learning=self.training))
        return RotationTokens(
            self.decode(quantised.codes), quantised.indices, quantised.commitment, quantised.perplexity
        )

    def encode(self, rotations: Tensor, is_learning: bool = False) -> Tensor:
        """Latents before quantisation: (B, 21, 3, 3) to (B, M, D); the batch's own mean and spread where it learns."""
        six = six_of(rotations) - no_turn(rotations)
        hidden = self.embed(six) + self.joint
        flat = self.to_plane(self.encoder(self.to_tokens(hidden))).flatten(1) + self.straight_in(six.flatten(1))
        with full_precision(flat):
            mean, variance = self.alike.running_mean, self.alike.running_var
            alike = F.batch_norm(flat.float(), mean, variance, training=is_learning)
            return (torch.unflatten(alike, 1, (self.config.tokens, -1)) * self.scale) @ self.lift

    @torch.no_grad()
    def token_ids(self, rotations: Tensor) -> Tensor:
        """(B, M) int64 of rotations (B, 21, 3, 3); no code learns."""
        latents = self.encode(rotations)
        return self.quantiser.nearest(latents.float().flatten(0, 1)).reshape(latents.shape[:2])

    def decode(self, tokens: Tensor) -> Tensor:
        """Rotations (B, 21, 3, 3) of (soft) tokens (B, M, D)."""
        hidden = self.from_tokens(self.decoder(self.from_codes(tokens) + self.token))
        with full_precision(hidden):
            straight = self.straight_out((tokens.float() @ self.lift.T / self.scale).flatten(1))
            six = self.out(hidden.float()) + torch.unflatten(straight, 1, (BODY_JOINTS, SIX))
            return matrices_of_six(six + no_turn(hidden))

    @torch.no_grad()
    def start_from(self, rotations: Tensor, weight: Tensor) -> None:
        """Begin with the principal components of poses, a strong one and a weak one to each token.

        Args:
            rotations: (N, 21, 3, 3), hundreds at least.
            weight: (21,) what a turn of each joint costs, such as how far it moves the joints below it.
        """
        weights = weight.repeat_interleave(SIX)
        six = (six_of(rotations) - no_turn(rotations)).flatten(1) * weights
        mean = six.mean(0)
        _, spread, axes = torch.linalg.svd(six - mean, full_matrices=False)
        spread = (spread / len(six) ** 0.5).clamp_min(1e-4)
        rows = (torch.arange(self.straight_in.out_features) % len(axes)).view(self.config.plane, -1).T.flatten()
        inward = axes[rows] / spread[rows, None]
        self.straight_in.weight.copy_(inward * weights)
        self.straight_in.bias.copy_(-inward @ mean)
        often = torch.bincount(rows, minlength=len(axes))[rows]
        self.straight_out.weight.copy_((axes[rows] * (spread[rows] / often)[:, None] / weights).T)
        self.straight_out.bias.copy_(mean / weights)
        strengths = spread[rows].view(-1, self.config.plane)
        self.scale.copy_((strengths / strengths[:, :1]).mean(0))
        self.alike.reset_running_stats()

    def codes_of(self, indices: Tensor) -> Tensor:
        """Tokens (B, M, D) of token ids (B, M)."""
        return F.embedding(indices, self.quantiser.codebook)


def six_of(rotations: Tensor) -> Tensor:
    """The first two columns of rotations (..., 3, 3), one after the other: (..., 6), continuous (Zhou et al. 2019)."""
    return rotations[..., :2].transpose(-1, -2).flatten(-2)


def matrices_of_six(six: Tensor) -> Tensor:
    """Rotations (..., 3, 3) of six numbers (..., 6), by Gram and Schmidt (Zhou et al. 2019, Eq. 15)."""
    first, second = six[..., :3], six[..., 3:]
    x = F.normalize(first, dim=-1, eps=1e-6)
    y = F.normalize(second - (x * second).sum(-1, keepdim=True) * x, dim=-1, eps=1e-6)
    return torch.stack([x, y, torch.linalg.cross(x, y)], dim=-1)


def no_turn(like: Tensor) -> Tensor:
    """The identity as six numbers."""
    return torch.tensor([1.0, 0.0, 0.0, 0.0, 1.0, 0.0], device=like.device)


def geodesic(first: Tensor, second: Tensor) -> Tensor:
    """Angle in radians between rotations (..., 3, 3) and (..., 3, 3).

    By the chord 2 sqrt(2) sin(angle / 2), which is exact near zero, where the arc cosine of the trace is not.
    """
    chord = (first - second).flatten(-2).norm(dim=-1)
    return 2.0 * torch.asin((chord / (2.0 * 2.0**0.5)).clamp(max=1.0))
