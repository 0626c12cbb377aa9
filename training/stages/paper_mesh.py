"""Stage 3 at paper scale: PostoMETRO on mixed sets, then fine-tuned on one (network.md, B and C)."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from torch import Tensor, nn

from core.body.model import Body, load_body
from core.nets import NetConfig, network_for_body, preset
from core.nets.network import NetOutput, PoseReading
from core.nets.precision import full_precision
from training.evaluate.paper import Truths, read_truths, scored
from training.evaluate.protocols import H36M_TO_J14, load_regressor, regressor_of_body
from training.losses.paper_losses import WEIGHTS, LossName, MeshLosses
from training.stages.paper_stage import PaperBatch, PaperConfig, PaperStage
from training.stages.picture_stage import normalised
from training.trainer.parallel import World

TokensName = Literal["both", "image", "pose", "true", "coordinates"]
POSE_PARTS = ("pose_backbone", "classifier", "tokenizer")
HRNET_BATCH = 96


@dataclass(frozen=True)
class PaperMeshConfig(PaperConfig):
    """Stage 3: 30 epochs on the mixed sets from COCO-pretrained backbones; the pose tokens' network is frozen."""

    total_batch: int = -1
    """Samples a step of all processes together; -1 for the paper's, 128, and 96 with HRNet-W48; 0 takes --batch."""
    lr: float = 1e-4
    """Learning rate of AdamW."""
    weight_decay: float = 1e-4
    """On matrices and kernels; norms and biases have none."""
    warmup_steps: int = 0
    """Steps of linear warm-up."""
    clip: float = 0.3
    """Largest norm of the gradient, FastMETRO's."""
    losses: LossName = "fastmetro"
    """"fastmetro": 25 / 50 / 25 on the three meshes, 1000 on 3D, 100 on 2D, edges and normals. "paper": 1000 on the
    fine mesh, 1000 on 3D, 100 on 2D."""
    tokens: TokensName = "both"
    """What the transformers see: image and pose tokens; one of them (Table 5); image and true pose tokens (Table 6);
    image tokens and 2D coordinates (Table 11)."""
    modulator: Literal["mixer", "linear"] = "mixer"
    """Between pose tokens and transformers (Table 7)."""
    mixers: int = 0
    """Mixer blocks in the modulator (Table 8); 0 for the preset's, 4."""
    depth: Literal["S", "M", "L"] | None = None
    """1, 2 or 3 layers in each encoder and decoder; the preset's own, L, where none is given."""
    dropout: float = 0.1
    """In the transformers."""
    frozen_norms: bool = False
    """BatchNorm keeps the backbone's statistics: for few samples a process, and for processes that equal one."""
    regressor: Path | None = None
    """J_regressor_h36m.npy, by which joints are read off the mesh; without it, by the body's own 14."""
    untrained_pose: bool = False
    """Go on though the frozen network of the pose tokens has fresh weights, as a test may."""
    init: tuple[Path, ...] = ()
    """The classifier's run, and the backbone (import_checkpoint --from resnet50 | hrnet_w48); later ones win."""


@dataclass(frozen=True)
class Finetune3dpwConfig(PaperMeshConfig):
    """Fine-tuning on 3DPW's training split, from the run on the mixed sets."""

    lr: float = 2e-5
    """Learning rate of AdamW; the exponent is hard to read in the paper's text, FastMETRO has the same."""


@dataclass(frozen=True)
class Finetune3dohConfig(PaperMeshConfig):
    """Fine-tuning on 3DOH50K's training split, from the run on the mixed sets."""


def network_of(config: PaperMeshConfig) -> NetConfig:
    """Sizes and switches of the network."""
    base = preset(config.preset, config.depth)
    return replace(
        base,
        image_tokens=config.tokens != "pose",
        pose_tokens=config.tokens != "image",
        modulator=config.modulator,
        modulator_layers=config.mixers or base.modulator_layers,
        first=replace(base.first, dropout=config.dropout),
        second=replace(base.second, dropout=config.dropout),
    )


class JointEmbedding(nn.Module):
    """Coordinates as tokens: one Linear for all keypoints, and what says which keypoint it is."""

    def __init__(self, joints: int, width: int) -> None:
        super().__init__()
        self.place = nn.Linear(2, width)
        self.joint = nn.Parameter(torch.randn(joints, width))

    def forward(self, keypoints: Tensor) -> Tensor:
        """(B, 17, 2) crop units to (B, 17, d)."""
        out: Tensor = self.place(keypoints) + self.joint
        return out


class PaperNetwork(nn.Module):
    """The network under "net", and what an ablation puts in the place of its pose tokens."""

    def __init__(self, config: NetConfig, tokens: TokensName, body: Body) -> None:
        super().__init__()
        self.tokens = tokens
        self.net = network_for_body(config, body)
        self.coordinates: JointEmbedding | None = None
        if tokens == "coordinates":
            self.coordinates = JointEmbedding(config.tokenizer.joints, config.first.width)

    def answer(self, image: Tensor, true_2d: Tensor) -> tuple[NetOutput, Tensor]:
        """The network's answer and its 6890 vertices.

        Args:
            image: (B, 3, S, S) uint8.
            true_2d: (B, 17, 3) COCO's joints, crop units and visibility; only true tokens read them.
        """
        net = self.net
        reading = net.read_pose(normalised(image))
        if self.tokens == "true":
            assert net.tokenizer is not None
            true = net.tokenizer.quantiser.codebook[net.tokenizer.token_ids(true_2d)]
            out = net.regress(reading, true, torch.ones_like(true[..., :1]))
        else:
            out = net.regress(reading) if self.coordinates is None else self._by_coordinates(reading)
        return out, net.fine_vertices(out.intermediate_vertices)

    def _by_coordinates(self, reading: PoseReading) -> NetOutput:
        net = self.net
        assert self.coordinates is not None and net.tokenizer is not None and reading.token_logits is not None
        with torch.no_grad():
            keypoints = net.tokenizer.decode(net.tokens(reading.token_logits)[0])
        mesh = net.mesh(reading.features, self.coordinates(keypoints))
        unread = (None,) * 4
        return NetOutput(
            mesh.coarse_vertices, net.to_intermediate(mesh.coarse_vertices), mesh.joints, mesh.weak_camera,
            reading.token_logits, keypoints, *unread,
        )  # fmt: skip


class PaperMeshModule(PaperNetwork):
    """The network and its losses."""

    regressor: Tensor

    def __init__(self, config: PaperMeshConfig, body: Body) -> None:
        super().__init__(network_of(config), config.tokens, body)
        self.config = config
        rows = body.lsp_regressor
        if config.regressor is not None:
            rows = load_regressor(config.regressor)[list(H36M_TO_J14)]
        self.register_buffer("regressor", torch.from_numpy(np.asarray(rows, np.float32)), persistent=False)
        self.losses = MeshLosses(body, WEIGHTS[config.losses])
        idle = [getattr(self.net, name) for name in POSE_PARTS]
        idle += [self.net.backbone] if config.tokens == "pose" else []
        idle += [self.net.modulator] if config.tokens == "coordinates" else []
        self.idle = [part for part in idle if part is not None]
        for part in self.idle:
            part.requires_grad_(False)
        self.train()

    def train(self, mode: bool = True) -> PaperMeshModule:
        """Training mode for all that learns."""
        super().train(mode)
        for part in self.idle:
            part.eval()
        if self.config.frozen_norms:
            for part in self.net.modules():
                if isinstance(part, nn.BatchNorm2d):
                    part.eval()
        return self

    def forward(self, batch: PaperBatch) -> dict[str, Tensor]:
        """Loss terms of a batch."""
        return self.terms(*self.answer(batch.pictures.image, batch.pictures.coco_2d), batch)

    def terms(self, out: NetOutput, fine: Tensor, batch: PaperBatch) -> dict[str, Tensor]:
        """Loss terms of an answer and its 6890 vertices."""
        with full_precision(fine):
            regressed = torch.einsum("jv,bvc->bjc", self.regressor, fine)
            terms: dict[str, Tensor] = self.losses(out, fine, regressed, batch.pictures, batch.vertices)
        return terms


class PaperMeshStage(PaperStage):
    """Pictures in, meshes out."""

    module: PaperMeshModule
    config: PaperMeshConfig

    def __init__(self, config: PaperMeshConfig, world: World) -> None:
        if config.total_batch < 0:
            config = replace(config, total_batch=HRNET_BATCH if config.preset == "hrnet_w48" else 128)
        super().__init__(config, world)
        names = {name for name in self.module.state_dict() if name.split(".")[1] in POSE_PARTS}
        if names - self.started and not config.untrained_pose:
            raise ValueError(
                f"the frozen network of the pose tokens would have fresh weights ({len(names - self.started)} of "
                f"{len(names)} tensors); give --init RUN of paper-classifier"
            )

    def size_of(self, config: PaperConfig) -> int:
        """Pixels a side of the crops."""
        return preset(config.preset).input_size

    def make_module(self) -> PaperMeshModule:
        """The whole network."""
        return PaperMeshModule(self.config, load_body(self.mix.body_file))

    def record(self) -> dict[str, Any]:
        """The network, how its tokens are made, and its body's file."""
        body = self.mix.body_file
        return {
            "network": network_of(self.config).to_dict(),
            "tokens": self.config.tokens,
            "body": None if body is None else str(body.resolve()),
        }

    def validation(self) -> Truths:
        """The first people of the validation split."""
        return read_truths(self.validation_mix(), self.config.validation_people, self.size_of(self.config))

    def scores(self) -> dict[str, float]:
        """PA-MPJPE first, under METRO's protocol."""
        body = load_body(self.mix.body_file)
        rows = regressor_of_body(body) if self.config.regressor is None else load_regressor(self.config.regressor)
        found = scored(self.module, self.held_out, ("METRO",), rows, self.world.device)["METRO"]
        values = {"pa_mpjpe": found.pa_mpjpe, "mpjpe": found.mpjpe, "mpvpe": found.mpvpe}
        return {f"validation_{name}": value for name, value in values.items() if value is not None}
