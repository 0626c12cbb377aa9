"""Research only: the mesh stage on rendered people and on photographs with 2D labels (LSPET) at once.

The photographs teach where joints are through the heatmaps, the tokens' decoded joints and the projected mesh. Their
left and right are often exchanged by the annotators: each person takes the assignment that the heatmaps like better.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import torch
from torch import Tensor

from core.nets import project
from core.nets.config import LSP_FROM_HEATMAPS
from training.datasets.lspet import load_training
from training.joint_orders import LSP_FROM_COCO, LSP_MIRROR
from training.losses import mesh_losses
from training.pictures import PictureBatch, photometry
from training.pictures.crops import opencv_matrix, place_crop
from training.stages.mesh import MeshConfig, MeshModule, MeshStage
from training.trainer.parallel import World

LIMBS = 12
KEYPOINT_WEIGHT = 4.0


@dataclass(frozen=True)
class ResearchConfig(MeshConfig):
    """The mesh stage with photographs; its weights are for research only."""

    photographs: Path = Path("lspet")
    """Folder of the Leeds Sports photographs; the validation ids are never learned from."""
    photograph_batch: int = 8
    """Photographs a process and step, beside `batch` rendered people."""
    photograph_weight: float = 1.0
    """On all losses of photographs."""


@dataclass(frozen=True, slots=True, eq=False)
class ResearchBatch:
    """A batch of both.

    Attributes:
        rendered: rendered people.
        image: (P, 3, S, S) uint8 RGB photographs.
        limbs: (P, 12, 3) LSP limb joints, x, y in crop units, 1 where labelled and inside.
    """

    rendered: PictureBatch
    image: Tensor
    limbs: Tensor


class PhotographCrops:
    """Crops of labelled photographs; a function of (seed, rank, step)."""

    def __init__(self, folder: Path, size: int, seed: int, rank: int) -> None:
        """Keeps the JPEG files in memory: 170 MB for all of LSPET."""
        self.size, self.seed, self.rank = size, seed, rank
        self.known = load_training(folder)
        self.files = list(self.known.encoded())

    def batch(self, count: int, step: int, hard: float) -> tuple[Tensor, Tensor]:
        """Photographs (P, 3, S, S) uint8 RGB and their limbs (P, 12, 3)."""
        rng = np.random.default_rng([self.seed, 31, self.rank, step])
        images = np.zeros((count, 3, self.size, self.size), np.uint8)
        limbs = np.zeros((count, LIMBS, 3), np.float32)
        for n in range(count):
            row = int(rng.integers(len(self.files)))
            joints, visible = self.known.joints_px[row], self.known.visible[row]
            placed = place_crop(joints[visible].astype(np.float32), self.size, rng, hard)
            picture = np.asarray(cv2.imdecode(self.files[row], cv2.IMREAD_COLOR)[..., ::-1], np.uint8)
            cut = cv2.warpAffine(picture, opencv_matrix(placed.matrix()), (self.size, self.size))
            curved = np.take_along_axis(
                photometry.curves(rng, hard), np.asarray(cut, np.uint8).transpose(2, 0, 1).reshape(3, -1), axis=1
            )
            images[n] = curved.reshape(3, self.size, self.size)
            points = placed.points(joints.astype(np.float32)) / self.size * 2 - 1
            inside = visible & (np.abs(points) < 1).all(1)
            found = np.concatenate([points, inside[:, None]], 1)
            limbs[n] = found[LSP_MIRROR if placed.is_flipped else slice(None)][:LIMBS]
        return torch.from_numpy(images), torch.from_numpy(limbs)


def better_side(divergence: Tensor, exchanged: Tensor, limbs: Tensor) -> Tensor:
    """Limbs (P, 12, 3) with left and right of each person as the network likes them better.

    Args:
        divergence: (P, 12) how far the heatmaps are from the labels as they are.
        exchanged: (P, 12) and from the labels with left and right exchanged, in the exchanged order.
        limbs: (P, 12, 3) labels.
    """
    mirrored = limbs[:, LSP_MIRROR[:LIMBS]]
    as_is = (divergence * limbs[..., 2]).sum(1)
    other = (exchanged * mirrored[..., 2]).sum(1)
    return torch.where((other < as_is)[:, None, None], mirrored, limbs)


class ResearchModule(MeshModule):
    """The mesh stage's losses on rendered people, 2D losses on photographs."""

    def __init__(self, config: ResearchConfig) -> None:
        super().__init__(config)
        self.photograph_weight = config.photograph_weight

    def forward(self, batch: ResearchBatch) -> dict[str, Tensor]:  # type: ignore[override]
        """Loss terms of a batch."""
        return super().forward(batch.rendered) | self.photograph_terms(batch.image, batch.limbs)

    def photograph_terms(self, image: Tensor, limbs: Tensor) -> dict[str, Tensor]:
        """Losses of photographs."""
        reading = self.reading(image)
        assert reading.heatmaps is not None
        out = self.net.regress(reading)
        maps = reading.heatmaps[:, list(LSP_FROM_HEATMAPS)[:LIMBS]]
        with torch.no_grad():
            mirrored = limbs[:, LSP_MIRROR[:LIMBS]]
            found = [mesh_losses.heatmap_divergence(maps, one[..., :2]) for one in (limbs, mirrored)]
            true = better_side(found[0], found[1], limbs)
        points, seen = true[..., :2], true[..., 2]
        flat = [project(j, out.weak_camera)[:, :LIMBS] for j in (out.joints, self.regressed(out))]
        terms = {
            "photograph_heatmap": mesh_losses.heatmap_cross_entropy(maps, points, seen),
            "photograph_projection": self.config.projection_weight
            * sum((self.projection_loss(one, points, seen) for one in flat), torch.zeros(())),
        }
        if out.keypoints is not None:
            said = out.keypoints[:, LSP_FROM_COCO]
            terms["photograph_keypoints"] = KEYPOINT_WEIGHT * mesh_losses.smooth_l1_2d(said, points, seen)
        return {name: self.photograph_weight * term for name, term in terms.items()}


class ResearchStage(MeshStage):
    """Rendered people and photographs in, people out."""

    config: ResearchConfig

    def __init__(self, config: ResearchConfig, world: World) -> None:
        super().__init__(config, world)
        self.crops = PhotographCrops(config.photographs, config.size, config.seed, world.rank)

    def make_module(self) -> ResearchModule:
        """The whole network."""
        return ResearchModule(self.config)

    def batch(self, step: int, progress: float) -> ResearchBatch:  # type: ignore[override]
        """Pictures of one step."""
        rendered = self.pictures(step, progress)
        image, limbs = self.crops.batch(self.config.photograph_batch, step, self.is_hard)
        return ResearchBatch(rendered, image.to(self.world.device), limbs.to(self.world.device))
