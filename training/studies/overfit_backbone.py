"""An image backbone from fresh weights learns who is who, before transformers read it.

Published networks start from backbones pretrained on photographs. Random ones say nearly the same of everybody: nine
tenths of what differs between people lie in one direction. Where no pretrained one is at hand, the backbone and the
1 x 1 convolution behind it learn the people here by themselves: the mean of the image tokens answers joints and coarse
vertices, and who it is, through one matrix each. Residual branches start at zero (Goyal et al. 2017, Sec. 5.1). Most of
it happens on small pictures, which cost a sixteenth of the crop's; the last part on crops of full size (progressive
resizing). The matrices are thrown away.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional

from core.body.model import load_body
from core.nets import network_for_body, preset
from core.nets.blocks import Bottleneck
from core.nets.config import COARSE_VERTICES, LSP_JOINTS
from training.evaluate.metrics import mpjpe
from training.losses import mesh_losses
from training.stages.paper_stage import PaperBatch
from training.stages.picture_stage import normalised
from training.studies.overfit_people import Rounds, in_parts, rows_of
from training.trainer.loop import LoopConfig

SIZES = ((0.7, 4), (0.94, 2), (1.0, 1))
"""Until these parts of the run, crops are so many times smaller."""
POINTS = COARSE_VERTICES + LSP_JOINTS
WHO_WEIGHT = 0.02
"""Of the cross-entropy over people, beside metres."""


@dataclass(frozen=True)
class BackboneConfig(LoopConfig):
    """The image backbone by itself."""

    preset: str = "resnet50"
    """Whose backbone."""


class Sized(NamedTuple):
    """A batch of people, their numbers (B,), and how many times smaller their crops are made."""

    people: PaperBatch
    rows: Tensor
    smaller: int


def smaller_at(progress: float) -> int:
    """How many times smaller crops are when a part `progress` of the run, in [0, 1], is done."""
    return next((smaller for until, smaller in SIZES if progress < until), 1)


class BackboneModule(nn.Module):
    """Backbone and `to_tokens` under their names in the network, and the matrices that read their mean."""

    def __init__(self, name: str, people: int) -> None:
        """Fresh weights of a preset, for so many people."""
        super().__init__()
        network = network_for_body(preset(name), load_body())
        assert network.mesh.to_tokens is not None
        self.net = nn.ModuleDict({
            "backbone": network.backbone,
            "mesh": nn.ModuleDict({"to_tokens": network.mesh.to_tokens}),
        })  # fmt: skip
        self.net.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        for block in network.backbone.modules():
            if isinstance(block, Bottleneck):
                nn.init.zeros_(block.bn3.weight)
        width = network.mesh.to_tokens.out_channels
        self.to_points, self.to_who = nn.Linear(width, 3 * POINTS + 2 * LSP_JOINTS), nn.Linear(width, people)

    def mean_token(self, image: Tensor, smaller: int) -> Tensor:
        """(B, d) of all places.

        Args:
            image: (B, 3, S, S) uint8.
            smaller: divides S.
        """
        seen = normalised(image)
        if smaller > 1:
            seen = functional.avg_pool2d(seen, smaller)
        tokens: Tensor = self.net["mesh"]["to_tokens"](self.net["backbone"](seen))  # type: ignore[index]
        return tokens.mean((2, 3))

    def points(self, token: Tensor) -> tuple[Tensor, Tensor]:
        """Joints then coarse vertices (B, 445, 3), metres about the mid-hip, and joints (B, 14, 2) in crop units.

        Args:
            token: (B, d) mean tokens.
        """
        said = self.to_points(token)
        return said[:, : 3 * POINTS].unflatten(1, (POINTS, 3)), said[:, 3 * POINTS :].unflatten(1, (LSP_JOINTS, 2))

    def forward(self, batch: Sized) -> dict[str, Tensor]:
        """Loss terms."""
        true = batch.people.pictures
        token = self.mean_token(true.image, batch.smaller)
        points, flat = self.points(token)
        confidence = true.lsp_3d_weight
        return {
            "coarse": mesh_losses.vertex_loss(points[:, LSP_JOINTS:], true.coarse_vertices, true.has_mesh),
            "joints": mesh_losses.joint_loss_3d(
                points[:, :LSP_JOINTS], true.lsp_3d, confidence, (confidence > 0).any(1)
            ),
            "flat": 0.2 * mesh_losses.joint_loss_2d(flat, true.lsp_2d[..., :2], true.lsp_2d[..., 2].clamp(max=1)),
            "who": WHO_WEIGHT * functional.cross_entropy(self.to_who(token), batch.rows),
        }


class BackboneStage:
    """The backbone learns everybody; no augmentation."""

    def __init__(self, config: BackboneConfig, people: PaperBatch) -> None:
        """Start from fresh weights."""
        torch.manual_seed(config.seed)
        self.people = people
        self.module = BackboneModule(config.preset, len(people.vertices))
        self.rounds = Rounds(len(people.vertices), config.batch, config.seed)
        self.smaller = 1

    def batch(self, step: int, progress: float) -> Sized:
        """People of a step."""
        self.smaller = smaller_at(progress)
        rows = self.rounds.rows(step)
        return Sized(rows_of(self.people, rows), rows, self.smaller)

    def evaluate(self) -> Mapping[str, float]:
        """MPJPE of everybody in crops of the last step's size, mm, and for how many it is known who they are."""
        image, true = self.people.pictures.image, self.people.pictures.lsp_3d
        tokens = in_parts(lambda part: self.module.mean_token(part, self.smaller), image)
        known = self.module.to_who(tokens).argmax(1) == torch.arange(len(tokens))
        error = mpjpe(self.module.points(tokens)[0][:, :LSP_JOINTS].numpy(), true.numpy())
        return {"mpjpe": 1000 * float(error.mean()), "known_percent": 100 * float(known.float().mean())}
