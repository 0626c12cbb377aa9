"""PCT's pose tokenizer: 17 joints to 34 tokens of a codebook, and back (PCT, Sec. 3.1).

Callers speak crop units, [-1, 1] over the crop. A tokenizer with `units="pixels"` converts to the pixels
that PCT's public weights were trained on, so that those load unchanged.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .config import TokenizerConfig
from .mixer import Mixer, TokenLinear
from .precision import full_precision
from .quantiser import EmaQuantiser, Quantised


class TokenizerOutput(NamedTuple):
    """Joints through the codebook and back.

    Attributes:
        keypoints: (B, 17, 2) crop units.
        indices: (B, 34) int64.
        commitment: scalar; PCT weighs it 15.
        perplexity: scalar, codes in use.
    """

    keypoints: Tensor
    indices: Tensor
    commitment: Tensor
    perplexity: Tensor


class PoseTokenizer(nn.Module):
    """The VQ-VAE of PCT's stage 1."""

    def __init__(self, config: TokenizerConfig) -> None:
        super().__init__()
        self.config = config
        code_dim = config.quantiser.code_dim
        guide_width = int(config.width * config.guide_ratio)
        self.joint_embed = nn.Linear(2, config.width - guide_width)
        self.guide_embed = nn.Linear(config.guide_channels, guide_width) if guide_width else None
        self.hidden_joint = nn.Parameter(torch.zeros(1, 1, config.width))
        self.encoder = Mixer(
            config.encoder_layers, config.width, config.channel_hidden, config.joints, config.token_hidden
        )
        self.to_tokens = TokenLinear(config.joints, config.tokens)
        self.to_codes = nn.Linear(config.width, code_dim)
        self.quantiser = EmaQuantiser(config.quantiser)
        self.from_tokens = TokenLinear(config.tokens, config.joints)
        self.from_codes = nn.Linear(code_dim, config.decoder_width)
        self.decoder = Mixer(
            config.decoder_layers,
            config.decoder_width,
            config.decoder_channel_hidden,
            config.joints,
            config.token_hidden,
        )
        self.to_xy = nn.Linear(config.decoder_width, 2)
        nn.init.trunc_normal_(self.hidden_joint, std=0.02)

    def forward(self, joints: Tensor, joint_features: Tensor | None = None) -> TokenizerOutput:
        """Encode, quantise, decode; in training mode joints are dropped and the codebook learns.

        Args:
            joints: (B, 17, 3) x, y in crop units and visibility (> 0 is visible).
            joint_features: (B, 17, C) image feature at each joint, when there is an image guide.
        """
        visible = joints[..., 2] > 0
        if self.training and self.config.drop_joint:
            visible = visible & (torch.rand_like(joints[..., 2]) > self.config.drop_joint)
        quantised: Quantised = self.quantiser(self.encode(joints, visible, joint_features))
        keypoints = self.decode(quantised.codes)
        return TokenizerOutput(keypoints, quantised.indices, quantised.commitment, quantised.perplexity)

    @torch.no_grad()
    def token_ids(self, joints: Tensor, joint_features: Tensor | None = None) -> Tensor:
        """(B, 34) int64: the labels of the classifier. No joint is dropped, no code learns."""
        latents = self.encode(joints, joints[..., 2] > 0, joint_features)
        flat = self.quantiser.nearest(latents.float().flatten(0, 1))
        return flat.reshape(latents.shape[:2])

    def certainty_of(self, confidence: Tensor) -> Tensor:
        """How certain each token is: the mean confidence of the joints, by how much of each the token takes.

        Args:
            confidence: (B, 17) in [0, 1].

        Returns:
            (B, 34) in [0, 1].
        """
        share = self.to_tokens.linear.weight.abs()
        return confidence @ (share / share.sum(1, keepdim=True)).T

    def encode(self, joints: Tensor, visible: Tensor, joint_features: Tensor | None = None) -> Tensor:
        """Latents before quantisation.

        Args:
            joints: (B, 17, 2 or more) crop units.
            visible: (B, 17) bool.
            joint_features: (B, 17, C) or None.

        Returns:
            (B, 34, D).
        """
        with full_precision(joints):
            embedded: Tensor = self.joint_embed(self._to_native(joints[..., :2]))
        if self.guide_embed is not None:
            if joint_features is None:
                raise ValueError("this tokenizer has an image guide: expected joint_features, got None")
            embedded = torch.cat([embedded, self.guide_embed(joint_features)], dim=2)
        embedded = torch.where(visible[..., None], embedded, self.hidden_joint.to(embedded.dtype))
        latents: Tensor = self.to_codes(self.to_tokens(self.encoder(embedded)))
        return latents

    def decode(self, tokens: Tensor) -> Tensor:
        """Joints of (soft) tokens: (B, 34, D) to (B, 17, 2) crop units."""
        decoded: Tensor = self.decoder(self.from_codes(self.from_tokens(tokens)))
        with full_precision(decoded):
            return self._to_crop_units(self.to_xy(decoded.float()))

    def _to_native(self, xy: Tensor) -> Tensor:
        return xy if self.config.units == "crop" else (xy + 1.0) * (self.config.crop_px / 2.0)

    def _to_crop_units(self, xy: Tensor) -> Tensor:
        return xy if self.config.units == "crop" else xy / (self.config.crop_px / 2.0) - 1.0


def joint_loss(keypoints: Tensor, joints: Tensor, crop_px: int = 256, beta_px: float = 0.05) -> Tensor:
    """PCT's reconstruction loss: smooth L1 in pixels, times visibility, mean over all joints.

    Hidden joints count in the mean with a loss of zero.

    Args:
        keypoints: (B, 17, 2) crop units.
        joints: (B, 17, 3) crop units and visibility.
        crop_px: side of the crop that makes crop units pixels.
        beta_px: where L1 turns quadratic.
    """
    half = crop_px / 2.0
    error = F.smooth_l1_loss(keypoints * half, joints[..., :2] * half, beta=beta_px, reduction="none")
    return (error * joints[..., 2:].clamp(max=1.0)).mean()
