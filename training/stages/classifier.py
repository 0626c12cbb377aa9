"""Stage 2 of PCT: picture to tokens of the frozen codebook; the shared backbone keeps learning."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeVar

import torch
from torch import Tensor, nn
from torch.nn import functional

from core.nets.network import PoseReading
from training.joint_orders import LSP_FROM_COCO
from training.losses import mesh_losses
from training.pictures import PictureBatch
from training.stages.picture_stage import PicturedConfig, PicturedModule, PicturedStage

M = TypeVar("M", bound=PicturedModule)
TOKEN_WEIGHT, KEYPOINT_WEIGHT = 0.3, 4.0


@dataclass(frozen=True)
class ClassifierConfig(PicturedConfig):
    """Stage 2: token logits, from a trained backbone and tokenizer (both through --init)."""


class ClassifierModule(PicturedModule):
    """Backbone, heads and classifier; the tokenizer is frozen, the mesh regressor waits."""

    def __init__(self, config: PicturedConfig) -> None:
        super().__init__(config)
        for part in (self.net.mesh, self.net.modulator):
            if part is not None:
                part.requires_grad_(False)
        freeze_tokenizer(self)

    def train(self, mode: bool = True) -> ClassifierModule:
        """Training mode for all but the frozen tokenizer."""
        super().train(mode)
        return freeze_tokenizer(self)

    def forward(self, batch: PictureBatch) -> dict[str, Tensor]:
        """Loss terms of a batch."""
        reading = self.reading(batch.image)
        assert reading.token_logits is not None and self.net.tokenizer is not None
        keypoints = self.net.tokenizer.decode(self.net.tokens(reading.token_logits)[0])
        return self.dense_terms(reading, batch) | token_terms(self, reading, keypoints, batch)


def freeze_tokenizer(module: M) -> M:
    """The tokenizer of stage 1 neither learns nor changes its codebook."""
    tokenizer = getattr(module.net, "tokenizer", None)
    if isinstance(tokenizer, nn.Module):
        tokenizer.requires_grad_(False)
        tokenizer.eval()
    return module


def token_terms(
    module: PicturedModule, reading: PoseReading, keypoints: Tensor, batch: PictureBatch
) -> dict[str, Tensor]:
    """Cross-entropy of the tokens against the encoder's labels, and the decoded joints (PCT, Sec. 3.2)."""
    assert reading.token_logits is not None and module.net.tokenizer is not None
    person = (batch.has_person & (batch.coco_2d[..., 2] > 0).any(1)).float()
    with torch.no_grad():
        labels = module.net.tokenizer.token_ids(batch.coco_2d)
    each = functional.cross_entropy(reading.token_logits.flatten(0, 1).float(), labels.flatten(), reduction="none")
    cross_entropy = (each.view(len(person), -1).mean(1) * person).sum() / person.sum().clamp_min(1)
    return {
        "tokens": TOKEN_WEIGHT * cross_entropy,
        "keypoints": KEYPOINT_WEIGHT
        * mesh_losses.smooth_l1_2d(keypoints, batch.coco_2d[..., :2], (batch.coco_2d[..., 2] > 0).float()),
    }


class ClassifierStage(PicturedStage):
    """Pictures in, tokens out."""

    def make_module(self) -> PicturedModule:
        """Backbone, heads and classifier."""
        return ClassifierModule(self.config)

    def read(self, image: Tensor) -> dict[str, Tensor]:
        """Also the joints decoded from the tokens."""
        net = self.module.net
        reading = self.module.reading(image)
        assert reading.token_logits is not None and net.tokenizer is not None
        keypoints = net.tokenizer.decode(net.tokens(reading.token_logits)[0])
        return super().read(image) | {"points_tokens": lsp_of_coco(keypoints)}


def lsp_of_coco(keypoints: Tensor) -> Tensor:
    """(B, 17, 2) COCO to (B, 14, 2) LSP; Neck is mid-shoulders and Head the nose, which no limb score reads."""
    limbs = keypoints[:, LSP_FROM_COCO]
    neck = keypoints[:, [5, 6]].mean(1, keepdim=True)
    return torch.cat([limbs, neck, keypoints[:, :1]], 1)
