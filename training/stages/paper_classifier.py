"""Stage 2 at paper scale: SwinV2-B and PCT's head learn the frozen codebook's tokens from pictures (network.md, A2)."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional

from core.nets import joint_loss, preset
from core.nets.pose_classifier import soft_tokens
from training.datasets.mixture import MixSettings
from training.datasets.mixture_file import open_mix
from training.stages.paper_stage import PaperBatch, PaperConfig, PaperStage
from training.stages.picture_stage import normalised
from training.stages.tokenizer import reconstruction_scores
from training.trainer.schedule import Schedule
from training.upstream import PctParts

TEST_BATCH = 32


@dataclass(frozen=True)
class PaperClassifierConfig(PaperConfig):
    """Stage 2: tokens from pictures, with SwinV2-B; PCT's numbers but for its layer decay and its augmentation."""

    epochs: float = 210.0
    """Rounds, each of as many samples as the sets hold people."""
    total_batch: int = 256
    """Samples a step of all processes together; PCT has 32 on each of 8 GPUs. 0 takes --batch."""
    lr: float = 8e-4
    """Peak learning rate."""
    weight_decay: float = 0.05
    """On matrices and kernels; norms and biases have none."""
    warmup_steps: int = 500
    """Steps of linear warm-up."""
    schedule: Schedule = "cosine"
    """"cosine" ends at 1 %; "constant" stays."""
    clip: float = 0.0
    """Largest norm of the gradient; 0 does not clip."""
    init: tuple[Path, ...] = ()
    """The tokenizer's run, and a Swin-B that knows people (training.import_checkpoint --from swin); later ones win."""


class PaperClassifierModule(nn.Module):
    """PCT's network; its tokenizer is frozen."""

    def __init__(self, config: PaperConfig) -> None:
        super().__init__()
        self.net = PctParts(preset(config.preset))
        self.net.tokenizer.requires_grad_(False)
        self.train()

    def train(self, mode: bool = True) -> PaperClassifierModule:
        """Training mode for all but the tokenizer."""
        super().train(mode)
        self.net.tokenizer.eval()
        return self

    def read(self, image: Tensor) -> tuple[Tensor, Tensor]:
        """Logits (B, 34, K) and decoded keypoints (B, 17, 2) of pictures (B, 3, S, S) uint8."""
        return self.read_features(self.net.pose_backbone(normalised(image)))

    def read_features(self, features: Tensor) -> tuple[Tensor, Tensor]:
        """The same from SwinV2's features (B, C, 8, 8)."""
        logits = self.net.classifier(features)
        tokens = soft_tokens(logits.float(), self.net.tokenizer.quantiser.codebook)
        return logits, self.net.tokenizer.decode(tokens)

    def labels(self, joints: Tensor) -> Tensor:
        """(B, 34) tokens of true joints (B, 17, 3)."""
        return self.net.tokenizer.token_ids(joints)

    def forward(self, batch: PaperBatch) -> dict[str, Tensor]:
        """Cross-entropy of the tokens, and the decoded joints' loss in pixels, both of weight 1."""
        return self.terms(*self.read(batch.pictures.image), batch.pictures.coco_2d)

    def terms(self, logits: Tensor, keypoints: Tensor, joints: Tensor) -> dict[str, Tensor]:
        """Loss terms of what was read, against true joints (B, 17, 3)."""
        labelled = (joints[..., 2] > 0).any(1).float()
        each = functional.cross_entropy(
            logits.flatten(0, 1).float(), self.labels(joints).flatten(), reduction="none"
        ).view(len(joints), -1)
        tokens = (each.mean(1) * labelled).sum() / labelled.sum().clamp_min(1)
        return {"tokens": tokens, "keypoints_px": joint_loss(keypoints, joints)}


class PaperClassifierStage(PaperStage):
    """Pictures in, tokens out."""

    module: PaperClassifierModule

    def size_of(self, config: PaperConfig) -> int:
        """PCT's head takes 256 pixels alone."""
        return preset(config.preset).input_size

    def make_module(self) -> PaperClassifierModule:
        """PCT's network."""
        return PaperClassifierModule(self.config)

    def validation(self) -> list[PaperBatch]:
        """Unturned crops of the first people."""
        config = self.config
        settings = MixSettings(self.size_of(config), 1, augment=False, most_broken=config.most_broken)
        mixed = open_mix(self.validation_mix(), settings)
        count = min(config.validation_people, mixed.people)
        sizes = [min(TEST_BATCH, count - start) for start in range(0, count, TEST_BATCH)]
        empty = torch.zeros(0)
        return [PaperBatch(mixed.batch(size, step), empty) for step, size in enumerate(sizes)]

    def scores(self) -> dict[str, float]:
        """Error of the decoded joints, and how many tokens are the encoder's."""
        said, true, right = [], [], []
        for batch in self.held_out:
            joints = batch.pictures.coco_2d.to(self.world.device)
            logits, keypoints = self.module.read(batch.pictures.image.to(self.world.device))
            said.append(keypoints.float())
            true.append(joints)
            right.append((logits.argmax(-1) == self.module.labels(joints)).float().mean())
        scores = reconstruction_scores(torch.cat(said), torch.cat(true))
        return scores | {"tokens_right_percent": 100 * float(torch.stack(right).mean())}
