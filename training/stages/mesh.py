"""Stage 3: everything together, up to the vertices (PostoMETRO, Sec. 3.4; FastMETRO's losses, network.md C1)."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, TypeVar

import numpy as np
import torch
from torch import Tensor

from core.body.model import load_body
from core.nets import project
from core.nets.heatmaps import HeatmapReading
from core.nets.network import NetOutput, PoseReading
from training.losses import mesh_losses, tals
from training.motions import MADE_SHARE, MotionLibrary, PoseSampler
from training.pictures import Composer, PictureBatch, PictureStore
from training.stages.classifier import freeze_tokenizer, lsp_of_coco, token_terms
from training.stages.picture_stage import PicturedConfig, PicturedModule, PicturedStage, to_device
from training.stages.posed_points import BodyBank, ErrorPatterns, PosedBatch, PosedPoints
from training.trainer.parallel import World


@dataclass(frozen=True)
class MeshConfig(PicturedConfig):
    """Stage 3: joints, vertices and camera, the token and heatmap losses kept."""

    vertex_weight: float = 20.0
    """On the mean of the coarse and the intermediate vertices' L1, metres."""
    joint_weight: float = 10.0
    """On each of the token joints' and the regressed joints' L1, metres."""
    projection_weight: float = 2.0
    """On each of the two projected joints' L1, crop units; see --tals."""
    edge_weight: float = 20.0
    """On the coarse mesh's edge lengths, metres."""
    mesh_share: float = 1.0
    """Share of each batch that goes on through the transformers; all of it trains the backbone. They cost more than the
    backbone does, so a half gives 1.4 times the pictures a second."""
    posed: int = 0
    """Posed bodies without pictures beside each batch, told by points with the network's own errors. They teach the
    transformers poses and cost no trunk; they need pose tokens that come from points (preset base)."""
    posed_weight: float = 1.0
    """On all losses of the posed bodies."""
    bank: int = 40_000
    """Poses that are posed at the start for --posed; cameras, crops and errors are new at every step."""
    motions: Path | None = None
    """Motion file for --posed; without one all poses come from joint limits."""
    tals: Literal["off", "hard", "ramp"] = "off"
    """Scales the projection loss down where a joint is nearer than a weak-perspective camera can bring it: "hard" at
    a threshold a joint, "ramp" rising towards it. It measures Euclidean distance, so --tals-below 1 is no scaling."""
    tals_power: Literal[1, 2] = 1
    """1 for the distance, 2 for the squared distance (which asks for a larger --projection-weight)."""
    tals_below: float = 0.1
    """Weight below the threshold."""
    tals_thresholds: Path | None = None
    """File of `python -m training.studies.tals_thresholds`; the one that comes with the code where none is named."""


PATTERN_BATCHES, PATTERN_PICTURES = 40, 16
PATTERN_DIFFICULTY = 0.7


@dataclass(frozen=True, slots=True, eq=False)
class PicturesAndPoses:
    """A step's pictures, and its bodies without pictures."""

    pictures: PictureBatch
    posed: PosedBatch


Rows = TypeVar("Rows", PoseReading, HeatmapReading, PictureBatch)


def first_of(rows: Rows, count: int) -> Rows:
    """The first rows of every tensor of a batch or a reading; what is None stays so."""
    names = PictureBatch.__slots__ if isinstance(rows, PictureBatch) else rows._fields
    parts = {name: getattr(rows, name) for name in names}
    cut: dict[str, Any] = {
        name: first_of(part, count) if isinstance(part, HeatmapReading) else None if part is None else part[:count]
        for name, part in parts.items()
    }
    return type(rows)(**cut)


class MeshModule(PicturedModule):
    """The whole network and its heads; the tokenizer is frozen."""

    regressor: Tensor
    edges: Tensor
    thresholds: Tensor

    def __init__(self, config: MeshConfig) -> None:
        super().__init__(config)
        self.config = config
        body = load_body(config.body)
        regressor = np.asarray(body.up_1723.T @ body.lsp_regressor.T).T  # joints straight from the 1723 mesh
        self.register_buffer("regressor", torch.from_numpy(regressor.astype(np.float32)), persistent=False)
        first, second = np.nonzero(np.triu(body.adjacency_431, 1))
        edges = torch.from_numpy(np.stack([first, second], 1).astype(np.int64))
        self.register_buffer("edges", edges, persistent=False)
        points = tals.load_thresholds(config.tals_thresholds).points
        self.register_buffer("thresholds", points, persistent=False)
        freeze_tokenizer(self)

    def train(self, mode: bool = True) -> MeshModule:
        """Training mode for all but the frozen tokenizer."""
        super().train(mode)
        return freeze_tokenizer(self)

    def forward(self, batch: PictureBatch | PicturesAndPoses) -> dict[str, Tensor]:
        """Loss terms of a batch."""
        if isinstance(batch, PicturesAndPoses):
            return self.picture_terms(batch.pictures) | self.posed_terms(batch.posed)
        return self.picture_terms(batch)

    def posed_terms(self, batch: PosedBatch) -> dict[str, Tensor]:
        """Losses of bodies without pictures."""
        terms = self.mesh_terms(self.net.lift(batch.reading), batch.truth)
        return {f"posed_{name}": self.config.posed_weight * value for name, value in terms.items()}

    def picture_terms(self, batch: PictureBatch) -> dict[str, Tensor]:
        """Losses of pictures."""
        reading = self.reading(batch.image)
        terms = self.dense_terms(reading, batch)
        count = math.ceil(self.config.mesh_share * len(batch.image))
        if count < len(batch.image):
            reading, batch = first_of(reading, count), first_of(batch, count)
        out = self.net.regress(reading)
        terms |= self.mesh_terms(out, batch)
        if out.keypoints is None or reading.token_logits is None:
            return terms
        return terms | token_terms(self, reading, out.keypoints, batch)

    def mesh_terms(self, out: NetOutput, batch: PictureBatch) -> dict[str, Tensor]:
        """Losses on vertices, joints, projections and edges."""
        config, person = self.config, batch.has_person & batch.has_mesh
        known = batch.lsp_3d_weight * batch.has_person.float()[:, None]
        inside = (batch.lsp_2d[..., 2] > 0).float()
        regressed = self.regressed(out)
        coarse = mesh_losses.vertex_loss(out.coarse_vertices, batch.coarse_vertices, person)
        intermediate = mesh_losses.vertex_loss(out.intermediate_vertices, batch.intermediate_vertices, person)
        flat = [
            self.projection_loss(project(joints, out.weak_camera), batch.lsp_2d[..., :2], inside)
            for joints in (out.joints, regressed)
        ]
        edges = self.edge_loss(out.coarse_vertices[person], batch.coarse_vertices[person])
        return {
            "vertices": config.vertex_weight * (coarse + intermediate) / 2,
            "token_joints": config.joint_weight * mesh_losses.masked_l1(out.joints, batch.lsp_3d, known),
            "regressed_joints": config.joint_weight
            * mesh_losses.joint_loss_3d(regressed, batch.lsp_3d, known, (known > 0).any(1)),
            "projection": config.projection_weight * (flat[0] + flat[1]),
            "edges": config.edge_weight * edges,
        }

    def edge_loss(self, predicted: Tensor, true: Tensor) -> Tensor:
        """L1 between edge lengths of coarse meshes (B, 431, 3); 0 without rows."""
        return mesh_losses.edge_length_loss(predicted, true, self.edges) if len(predicted) else predicted.sum() * 0.0

    def projection_loss(self, predicted: Tensor, true: Tensor, inside: Tensor) -> Tensor:
        """L1 of projected joints, or their distance scaled by joint.

        Args:
            predicted: (B, J, 2) crop units, the first J of the 14 LSP joints.
            true: (B, J, 2) crop units.
            inside: (B, J), 1 for joints in the crop; others do not count.
        """
        config = self.config
        if config.tals == "off":
            return mesh_losses.masked_l1(predicted, true, inside)
        own = self.thresholds[: predicted.shape[1]]
        return tals.tals_loss(predicted, true, inside, own, config.tals, config.tals_power, config.tals_below)

    def regressed(self, out: NetOutput) -> Tensor:
        """(B, 14, 3) LSP joints of the predicted mesh."""
        joints: Tensor = torch.einsum("jv,bvc->bjc", self.regressor, out.intermediate_vertices.float())
        return joints


class MeshStage(PicturedStage):
    """Pictures in, people out."""

    module: MeshModule
    config: MeshConfig

    def __init__(self, config: MeshConfig, world: World) -> None:
        super().__init__(config, world)
        self.posed = self._open_posed() if config.posed else None

    def make_module(self) -> MeshModule:
        """The whole network."""
        return MeshModule(self.config)

    def _open_posed(self) -> PosedPoints:
        """The bodies of `--posed`, and the errors that the network makes on pictures as it is now."""
        config, module = self.config, self.module
        body = load_body(config.body)
        library = MotionLibrary.load(config.motions, "train") if config.motions else None
        bank = BodyBank.sampled(body, PoseSampler(library, made_share=MADE_SHARE), config.bank, config.seed)
        composer = Composer(
            PictureStore.open(config.store), config.size, config.seed + 1, difficulty=PATTERN_DIFFICULTY,
            tumbled=config.tumbled,
        )  # fmt: skip

        @torch.no_grad()
        def read(batch: PictureBatch) -> HeatmapReading:
            points = module.reading(batch.image.to(self.world.device)).points
            if points is None:
                raise ValueError(f"--posed needs heatmaps, which preset {config.preset} does not have")
            return HeatmapReading(points.points.cpu(), points.confidence.cpu(), points.weights[:, :0].cpu())

        module.eval()
        batches = (composer.batch(PATTERN_PICTURES, step) for step in range(PATTERN_BATCHES))
        patterns = ErrorPatterns.measured(batches, read)
        module.train()
        return PosedPoints(body, bank, patterns, config.seed)

    def batch(self, step: int, progress: float) -> PictureBatch | PicturesAndPoses:  # type: ignore[override]
        """Pictures of one step, and bodies without pictures beside them where there are some."""
        pictures = self.pictures(step, progress)
        if self.posed is None:
            return pictures
        posed, device = self.posed.batch(self.config.posed, self.world.rank, step), self.world.device
        reading = HeatmapReading(*(part.to(device) for part in posed.reading))
        return PicturesAndPoses(pictures, PosedBatch(reading, to_device(posed.truth, device)))

    def read(self, image: Tensor) -> dict[str, Tensor]:
        """Joints of the mesh and of the joint tokens; points of heatmaps, tokens and projected joints."""
        out = self.module.net.regress(self.module.reading(image))
        regressed = self.module.regressed(out)
        said = super().read(image) | {
            "joints_mesh": regressed,
            "joints_tokens": out.joints,
            "points_projected": project(regressed, out.weak_camera),
        }
        return said if out.keypoints is None else said | {"points_tokens": lsp_of_coco(out.keypoints)}
