"""Stage 1 of PCT: the codebook of 2D poses. No pictures, minutes on one core."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor, nn

from core.body.model import load_body
from core.geometry.boxes import BOX_MARGIN
from core.nets.config import preset
from core.nets.pose_tokenizer import PoseTokenizer, joint_loss
from training.datasets.keypoint_bank import KeypointBank
from training.datasets.mixture_file import open_readers, read_mix
from training.datasets.pose_bank import PoseBank, sample_poses
from training.motions import MADE_SHARE, MotionLibrary, PoseSampler
from training.trainer.loop import LoopConfig, in_samples
from training.trainer.parallel import World

COMMITMENT_WEIGHT = 15.0  # PCT; it asks for a joint loss in pixels (network.md, C3)
TEST_STEP = -1


@dataclass(frozen=True)
class TokenizerConfig(LoopConfig):
    """Stage 1: the codebook of 2D poses."""

    preset: str = "tiny"
    """Sizes of the tokenizer."""
    motions: Path | None = None
    """Motion file; without one all poses come from joint limits."""
    keypoints: Path | None = None
    """Mix file of published sets whose 2D labels are the poses, each person alike, in place of posed bodies; what
    learned from it is for research only. The test stays one of posed bodies."""
    body: Path | None = None
    """Body file; the open body where none is given."""
    bank: int = 60_000
    """Poses that are posed at the start; cameras, crops and flips are new at every step."""
    test_bank: int = 2_000
    """Poses of the test, from held-out subjects."""


class TokenizerModule(nn.Module):
    """The tokenizer and its losses."""

    def __init__(self, tokenizer: PoseTokenizer) -> None:
        super().__init__()
        self.tokenizer = tokenizer

    def forward(self, joints: Tensor) -> dict[str, Tensor]:
        """Loss terms on (B, 17, 3) crop units and visibility; the codebook learns on the way."""
        output = self.tokenizer(joints)
        return {
            "joints_px": joint_loss(output.keypoints, joints),
            "commitment": COMMITMENT_WEIGHT * output.commitment,
        }


def _labelled(config: TokenizerConfig) -> KeypointBank:
    assert config.keypoints is not None
    return KeypointBank.read([reader for reader, _ in open_readers(read_mix(config.keypoints))], config.seed)


class TokenizerStage:
    """Poses from the bank, reconstruction of held-out ones."""

    def __init__(self, config: TokenizerConfig, world: World) -> None:
        torch.manual_seed(config.seed)
        self.config, self.world = config, world
        self.module = TokenizerModule(PoseTokenizer(preset(config.preset).tokenizer)).to(world.device)
        body = load_body(config.body)

        def bank(split: str, count: int, seed: int) -> PoseBank:
            library = MotionLibrary.load(config.motions, split) if config.motions else None
            sampler = PoseSampler(library, made_share=MADE_SHARE if split == "train" else 0.0)
            return PoseBank(sample_poses(body, sampler, count, seed), seed)

        self.bank: PoseBank | KeypointBank
        self.bank = _labelled(config) if config.keypoints else bank("train", config.bank, config.seed)
        if isinstance(self.bank, KeypointBank):
            self.config = in_samples(config, len(self.bank.points))
        self.test: PoseBank | KeypointBank | None
        self.test = bank("test", config.test_bank, 10_000) if world.is_first else None

    def batch(self, step: int, progress: float) -> Tensor:
        """This process's part of the step's poses: two processes draw what one with twice the batch draws."""
        del progress
        size = self.config.batch
        joints = self.bank.draw(size * self.world.size, step)
        return joints[self.world.rank * size :][:size].to(self.world.device)

    def evaluate(self) -> Mapping[str, float]:
        """Perplexity, and the error of visible joints in per cent of the box's longer side."""
        assert self.test is not None
        joints = self.test.draw(len(self.test.points), 0).to(self.world.device)
        output = self.module.tokenizer(joints)
        return reconstruction_scores(output.keypoints, joints) | {
            "perplexity": float(output.perplexity),
            "codes_used": float(output.indices.unique().numel()),
        }


def reconstruction_scores(keypoints: Tensor, joints: Tensor) -> dict[str, float]:
    """Errors of decoded poses.

    Args:
        keypoints: (B, 17, 2) crop units.
        joints: (B, 17, 3) the truth and visibility.

    Returns:
        Mean over visible joints, per cent of the box's longer side; of all joints of whole people; the worst 10 %.
    """
    xy, visible = joints[..., :2], joints[..., 2] > 0
    side = BOX_MARGIN * (xy.amax(1) - xy.amin(1)).amax(1)
    error = 100 * (keypoints - xy).norm(dim=-1) / side[:, None]
    whole = visible.all(1)
    return {
        "error_percent_of_box": float(error[visible].mean()),
        "error_percent_whole_people": float(error[whole].mean()),
        "error_percent_p90": float(error[visible].quantile(0.9)),
    }
