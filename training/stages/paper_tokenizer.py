"""Stage 1 at paper scale: PCT's codebook of 2D poses from COCO's and MPII's labels (network.md, A1)."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

from training.datasets.keypoint_bank import KeypointBank
from training.datasets.mixture_file import open_readers, read_mix
from training.stages.paper_stage import RECORD, without_tests
from training.stages.tokenizer import TokenizerConfig, TokenizerStage
from training.trainer.parallel import World
from training.trainer.throughput import PrecisionChoice


@dataclass(frozen=True)
class PaperTokenizerConfig(TokenizerConfig):
    """Stage 1: 34 tokens of a codebook of 2048 x 512 that learns by moving averages; PCT's numbers."""

    preset: str = "resnet50"
    """Whose tokenizer; that of "hrnet_w48" is the same, "resnet50-debug" has a small one."""
    keypoints: Path | None = Path("poses.yaml")
    """Mix file of the sets whose 2D labels are the poses: COCO's and MPII's training keypoints."""
    validation: Path | None = None
    """Mix file of held-out 2D labels; without one, poses from joint limits are scored."""
    epochs: float = 50.0
    """Rounds, each of as many samples as there are labelled people."""
    batch: int = 512
    """Samples a process and step; PCT has 64 on each of 8 GPUs."""
    lr: float = 1e-2
    """Peak learning rate."""
    weight_decay: float = 0.15
    """On matrices; norms and biases have none."""
    warmup_steps: int = 500
    """Steps of linear warm-up."""
    clip: float = 0.0
    """Largest norm of the gradient; 0 does not clip."""
    ema_decay: float = 0.0
    """Decay a step of averaged weights; 0 for none, as published. The codebook's own average is another matter."""
    precision: PrecisionChoice = "fp32"
    """Of the products; it is small, and pixels want digits."""


class PaperTokenizerStage(TokenizerStage):
    """Labelled poses in, tokens and back."""

    def __init__(self, config: PaperTokenizerConfig, world: World) -> None:
        if config.keypoints is None:
            raise ValueError("expected --keypoints, a mix file of 2D labels; training/README.md shows one")
        mix = without_tests(read_mix(config.keypoints), config.keypoints)
        super().__init__(config, world)
        if world.is_first:
            if config.validation is not None:
                held_out = without_tests(read_mix(config.validation), config.validation)
                self.test = KeypointBank.read([reader for reader, _ in open_readers(held_out)], 10_000)
            config.output.mkdir(parents=True, exist_ok=True)
            content = {"preset": config.preset, "learned_from": sorted(each.name for each in mix.sets)}
            (config.output / RECORD).write_text(json.dumps(content, indent=1) + "\n")
