"""The person detector, from rendered crowds: centres as peaks, distances to the sides (CenterNet, FCOS)."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional

from core.detection import own
from core.detection.detector import Detections
from core.detection.onnx_graph import people
from core.geometry.boxes import xywh_to_xyxy
from core.nets.detector import DeployedDetector, PersonDetector, boxes_of_sides, cell_middles
from training.datasets.lspet import load_validation
from training.evaluate.detection_scores import detection_scores, letterboxed
from training.pictures import PictureStore
from training.pictures.crowds import CrowdBatch, Crowds
from training.stages.picture_stage import normalised
from training.trainer import checkpoint
from training.trainer.loop import LoopConfig
from training.trainer.optimizers import OptimizerName
from training.trainer.parallel import World

SPREAD = 0.1
"""Deviation of the target's peak against the box's sides."""
IN_THE_MIDDLE = 0.4
"""Peak's value from which on a cell learns the box."""
BOX_WEIGHT = 2.0
TEST_BATCH = 32
logger = logging.getLogger("training")


@dataclass(frozen=True)
class DetectorTraining(LoopConfig):
    """The person detector."""

    optimizer: OptimizerName = "muon"
    """"muon" updates inner matrices and kernels with Muon, the rest with AdamW."""
    store: Path = Path("stores/train")
    """Store of rendered people to make crowds of (`python -m training.pictures render`)."""
    test_store: Path | None = None
    """Store of the fixed test; none is scored without it."""
    lspet: Path | None = None
    """Folder of the LSPET photographs, scored (never learned from) where it is given."""
    size: int = 224
    """Pixels a side of the pictures."""
    empty_share: float = 0.25
    """Share of the pictures without people; the fixed test has 0.15."""
    init: tuple[Path, ...] = ()
    """Runs to start from: a detector's, or one of the pose network, whose backbone knows people already."""
    test_pictures: int = 320
    """Pictures of the fixed test."""


def targets(batch: CrowdBatch, height: int, width: int) -> tuple[Tensor, Tensor, Tensor]:
    """What each cell should say.

    Args:
        batch: pictures with boxes.
        height: cells.
        width: cells.

    Returns:
        peaks (B, h, w) in [0, 1], 1 in the cell of each centre; which person's box a cell learns (B, h, w), -1 none;
        cells that count (B, h, w) bool: those about people too hidden to ask for do not.
    """
    x, y = cell_middles(height, width, batch.boxes)
    low, high = batch.boxes[..., :2, None, None], batch.boxes[..., 2:, None, None]
    middle, size = (low + high) / 2, (high - low).clamp_min(1)
    away = ((x - middle[:, :, 0]) / size[:, :, 0]) ** 2 + ((y - middle[:, :, 1]) / size[:, :, 1]) ** 2
    peak = torch.exp(-away / (2 * SPREAD**2)) * (batch.kind == 1)[..., None, None]  # (B, K, h, w)
    is_centre = ((x - middle[:, :, 0]).abs() <= 4) & ((y - middle[:, :, 1]).abs() <= 4)
    is_centre &= (batch.kind == 1)[..., None, None]
    peak = torch.where(is_centre, 1.0, peak)
    highest, whose = peak.max(1)
    inside = (x > low[:, :, 0]) & (x < high[:, :, 0]) & (y > low[:, :, 1]) & (y < high[:, :, 1])
    is_unasked = (inside & (batch.kind == -1)[..., None, None]).any(1) & (highest < IN_THE_MIDDLE)
    return highest, torch.where(highest > IN_THE_MIDDLE, whose, -1), ~is_unasked


def peak_loss(logits: Tensor, peaks: Tensor, counts: Tensor) -> Tensor:
    """CenterNet's focal loss, a mean over people: logits, peaks (B, h, w) and the cells that count."""
    is_centre = (peaks >= 1).float()
    probability = logits.sigmoid()
    found = is_centre * (1 - probability) ** 2 * functional.logsigmoid(logits)
    empty = (1 - is_centre) * (1 - peaks) ** 4 * probability**2 * functional.logsigmoid(-logits)
    return -((found + empty) * counts).sum() / is_centre.sum().clamp_min(1)


def box_loss(boxes: Tensor, true: Tensor, weights: Tensor) -> Tensor:
    """1 - generalised IoU (Rezatofighi et al. 2019), a weighted mean: boxes (N, 4), truth (N, 4), weights (N,)."""
    low, high = torch.maximum(boxes[:, :2], true[:, :2]), torch.minimum(boxes[:, 2:], true[:, 2:])
    both = (high - low).clamp_min(0).prod(1)
    areas = (boxes[:, 2:] - boxes[:, :2]).prod(1) + (true[:, 2:] - true[:, :2]).prod(1)
    union = (areas - both).clamp_min(1e-6)
    hull = (torch.maximum(boxes[:, 2:], true[:, 2:]) - torch.minimum(boxes[:, :2], true[:, :2])).prod(1).clamp_min(1e-6)
    loss = 1 - both / union + (hull - union) / hull
    return (loss * weights).sum() / weights.sum().clamp_min(1)


class DetectorModule(nn.Module):
    """The detector and its losses."""

    def __init__(self) -> None:
        super().__init__()
        self.net = PersonDetector()
        self.net.to(memory_format=torch.channels_last)  # type: ignore[call-overload]

    def forward(self, batch: CrowdBatch) -> dict[str, Tensor]:
        """Loss terms of a batch."""
        out = self.net(normalised(batch.image))
        peaks, whose, counts = targets(batch, *out.centre.shape[2:])
        picture, row, column = torch.nonzero(whose >= 0, as_tuple=True)
        boxes = boxes_of_sides(out.sides)[picture, :, row, column]
        true = batch.boxes[picture, whose[picture, row, column]]
        return {
            "peaks": peak_loss(out.centre[:, 0], peaks, counts.float()),
            "boxes": BOX_WEIGHT * box_loss(boxes, true, peaks[picture, row, column]),
        }


def start_from(module: DetectorModule, source: Path) -> None:
    """Copies what fits of a detector's run, or of the backbone of the pose network's."""
    tensors = checkpoint.averaged_weights(source)
    backbones = ("net.backbone.", "backbone.")
    named = {
        next((f"net.trunk.{name.removeprefix(b)}" for b in backbones if name.startswith(b)), name): value
        for name, value in tensors.items()
    }
    missing = checkpoint.initialise(module, named)
    total = len(module.state_dict())
    logger.info("%s: %d of %d tensors start from it", source, total - len(missing), total)


class DetectorStage:
    """Crowds in, boxes out."""

    def __init__(self, config: DetectorTraining, world: World) -> None:
        torch.manual_seed(config.seed)
        self.config, self.world = config, world
        self.module = DetectorModule().to(world.device)
        for source in config.init:
            start_from(self.module, source)
        self.crowds = Crowds(PictureStore.open(config.store), config.size, config.seed, world.rank, config.empty_share)
        is_scored = world.is_first and config.test_store is not None
        self.tests = self._tests(config.test_store) if is_scored and config.test_store else []

    def _tests(self, folder: Path) -> list[CrowdBatch]:
        crowds = Crowds(PictureStore.open(folder), self.config.size, 1)
        return [crowds.batch(TEST_BATCH, step) for step in range(self.config.test_pictures // TEST_BATCH)]

    def batch(self, step: int, progress: float) -> CrowdBatch:
        """Pictures of one step."""
        del progress
        batch = self.crowds.batch(self.config.batch, step)
        return CrowdBatch(*(getattr(batch, name).to(self.world.device) for name in CrowdBatch.__slots__))

    def evaluate(self) -> Mapping[str, float]:
        """Recall and false boxes on the fixed crowds, recall on photographs."""
        deployed = DeployedDetector(self.module.net).eval()
        scores: dict[str, float] = {}
        if self.tests:
            found, true = [], []
            for batch in self.tests:
                for n, image in enumerate(batch.image):
                    found.append(self._found(deployed, image))
                    true.append(batch.boxes[n][batch.kind[n] == 1].numpy())
            scores |= {f"crowds_{name}": value for name, value in detection_scores(found, true).items()}
        if self.world.is_first and self.config.lspet is not None:
            photographs = load_validation(self.config.lspet, 200)
            found, true = [], []
            for image, box in zip(photographs.images(), photographs.boxes_px, strict=True):
                picture, scale = letterboxed(image, own.LONGER_SIDE)
                found.append(self._found(deployed, torch.from_numpy(picture), scale))
                true.append(xywh_to_xyxy(box)[None])
            scores |= {f"lspet_{name}": value for name, value in detection_scores(found, true).items()}
        return scores

    def _found(self, deployed: DeployedDetector, image: Tensor, scale: float = 1.0) -> Detections:
        """People of planes (3, H, W) whose pixels were scaled, in pixels from before."""
        boxes, scores = (said.cpu().numpy() for said in deployed(image[None].to(self.world.device).float() / 255))
        height, width = (round(side / scale) for side in image.shape[1:])
        is_sure = scores >= own.THRESHOLD
        return people(boxes[is_sure] / scale, scores[is_sure], width, height, own.MOST_OVERLAP)
