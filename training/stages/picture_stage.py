"""What the three stages with pictures share: composers, normalisation, dense losses, scores on fixed tests."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from core.body.model import load_body
from core.nets import NetConfig, PretrainHeads, network_for_body, preset
from core.nets.config import LSP_FROM_HEATMAPS
from core.nets.heatmaps import global_soft_argmax
from core.nets.movenet import MoveNetBackbone
from core.nets.network import Network, PoseReading
from training.datasets.lspet import Photographs, load_validation
from training.evaluate import metrics
from training.losses import mesh_losses
from training.pictures import Composer, PictureBatch, PictureStore
from training.pictures.compose import Cover
from training.stages.frozen_trunk import FrozenTrunk, freeze
from training.trainer import checkpoint
from training.trainer.loop import LoopConfig
from training.trainer.optimizers import OptimizerName
from training.trainer.parallel import World
from training.trainer.schedule import ramp

NECK, HEAD = 12, 13  # of the 14 LSP joints; heatmaps 17 and 18
TEST_BATCH = 32
FACING_OK = np.pi / 4
logger = logging.getLogger("training")


@dataclass(frozen=True)
class PicturedConfig(LoopConfig):
    """What every stage with pictures asks for."""

    optimizer: OptimizerName = "muon"
    """"muon" updates inner matrices and kernels with Muon, the rest with AdamW."""
    preset: str = "tiny"
    """Sizes of the network."""
    body: Path | None = None
    """Body file in SMPL's format whose vertices the network predicts; the open body where none is given."""
    store: Path = Path("stores/train")
    """Store of rendered people to learn from (`python -m training.pictures render`)."""
    test_store: Path | None = None
    """Store of the fixed test; none is scored without it."""
    lspet: Path | None = None
    """Folder of the LSPET photographs, scored (never learned from) where it is given."""
    size: int = 128
    """Pixels a side of the crops."""
    difficulty_start: float = 0.0
    """0 clean to 1 hard, at the start."""
    difficulty_end: float = 1.0
    """The same from `difficulty_until` on."""
    difficulty_until: float = 0.6
    """Part of the run over which pictures get harder."""
    tumbled: float = 0.15
    """Share of people turned in the picture by any angle; the fixed tests have none."""
    cut: float = 0.2
    """Share of the people of all but the --covered batches whose crop holds only what a detector sees: close-ups,
    people behind a table, people half out of the picture; the fixed tests have none."""
    covered: float = 0.2
    """Share of the batches whose people are all hidden in part, half behind things and half behind other people."""
    frozen: bool = False
    """Leaves the trunk and its heatmaps as they are (preset base), so that nothing that they know is lost."""
    init: tuple[Path, ...] = ()
    """Runs or .safetensors to start from; later ones win."""
    test_people: int = 320
    """People in each of the two fixed tests (clean, hard)."""


OF_IMAGENET = NetConfig()


def normalised(image: Tensor, config: NetConfig = OF_IMAGENET) -> Tensor:
    """(B, 3, S, S) uint8 RGB to a network's input, channels last; ImageNet's mean and deviation without its config."""
    mean = torch.tensor(config.mean, device=image.device).view(1, 3, 1, 1)
    std = torch.tensor(config.std, device=image.device).view(1, 3, 1, 1)
    return ((image.float() / 255 - mean) / std).contiguous(memory_format=torch.channels_last)


def to_device(batch: PictureBatch, device: torch.device) -> PictureBatch:
    """The batch with every tensor on a device."""
    names = PictureBatch.__slots__
    return PictureBatch(**{name: getattr(batch, name).to(device, non_blocking=True) for name in names})


class PicturedModule(nn.Module):
    """The network, its training-only heads, and the losses of stage 0; later stages add theirs."""

    def __init__(self, config: PicturedConfig) -> None:
        super().__init__()
        body = load_body(config.body)
        self.net: Network = network_for_body(preset(config.preset), body)
        self.heads = PretrainHeads(self.net.config)
        self.net.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.size = config.size
        self.frozen_trunk: FrozenTrunk | None = None
        if config.frozen:
            freeze(self.net)

    def open_frozen(self) -> None:
        """Take the trunk as it is from now on out of what learns; once the weights to start from are in place."""
        backbone = self.net.backbone
        assert isinstance(backbone, MoveNetBackbone)
        self.frozen_trunk = FrozenTrunk(backbone, self.size)

    def reading(self, image: Tensor) -> PoseReading:
        """What the network knows of pictures (B, 3, S, S), uint8 RGB, before the transformers."""
        seen = normalised(image, self.net.config)
        if self.frozen_trunk is None:
            return self.net.read_pose(seen)
        backbone = self.net.backbone
        assert isinstance(backbone, MoveNetBackbone)
        return self.net.read_features(backbone.adapted(self.frozen_trunk(seen)))

    def dense_terms(self, reading: PoseReading, batch: PictureBatch) -> dict[str, Tensor]:
        """Heatmaps, points, parts, rest coordinates, facing, joints and presence against a batch's labels."""
        assert reading.heatmaps is not None and reading.person_logit is not None
        said = self.heads(reading)
        person, dense = batch.has_person.float(), batch.has_dense.float()
        points = torch.cat([batch.coco_2d, batch.lsp_2d[:, NECK:]], 1)
        seen = points[..., 2]
        terms = {
            "heatmap": mesh_losses.heatmap_cross_entropy(reading.heatmaps, points[..., :2], seen),
            "joints": 10 * mesh_losses.masked_l1(said.joints, batch.lsp_3d, batch.lsp_3d_weight * person[:, None]),
            "facing": 0.25 * _facing_loss(said.facing, batch.facing, person * dense),
            "person": 0.2 * _presence_loss(reading.person_logit, person, dense),
        }
        if self.frozen_trunk is not None:
            return terms  # the others would teach the map under the heatmaps, which stays as it is
        return terms | {
            "soft_argmax": 2 * mesh_losses.masked_l1(global_soft_argmax(reading.heatmaps), points[..., :2], seen),
            "parts": 0.5 * _part_loss(said.parts, batch.parts, dense),
            "rest": mesh_losses.masked_l1(
                said.rest_coordinates.permute(0, 2, 3, 1),
                batch.rest_coordinates.permute(0, 2, 3, 1),
                (batch.parts > 0) * dense[:, None, None],
            ),
        }


def _presence_loss(logits: Tensor, person: Tensor, dense: Tensor) -> Tensor:
    """Mean cross-entropy of "is there a person" (B,) over the pictures among which some show nobody, (B,)."""
    each = functional.binary_cross_entropy_with_logits(logits, person, reduction="none")
    return (dense * each).sum() / dense.sum().clamp_min(1)


def _part_loss(logits: Tensor, parts: Tensor, dense: Tensor) -> Tensor:
    """Mean cross-entropy of the parts (B, H, W) over the pictures whose parts are known, (B,)."""
    each = functional.cross_entropy(logits, parts, reduction="none").mean((1, 2))
    return (dense * each).sum() / dense.sum().clamp_min(1)


def _facing_loss(logits: Tensor, facing: Tensor, person: Tensor) -> Tensor:
    bins = mesh_losses.facing_bins(facing, logits.shape[-1])
    each = functional.cross_entropy(logits, bins, reduction="none")
    return (person * each).sum() / person.sum().clamp_min(1)


def start_from(module: nn.Module, source: Path) -> set[str]:
    """Copies what fits of a run or a bundle, in which the tokenizer or the network stands alone; returns its names."""
    own = set(module.state_dict())
    tensors = checkpoint.averaged_weights(source)
    named = {name if name in own else f"net.{name}": value for name, value in tensors.items()}
    missing = checkpoint.initialise(module, named)
    logger.info("%s: %d of %d tensors start from it", source, len(own) - len(missing), len(own))
    return own - set(missing)


class PicturedStage:
    """Composers for learning and for the fixed tests."""

    module: PicturedModule

    def __init__(self, config: PicturedConfig, world: World) -> None:
        torch.manual_seed(config.seed)
        self.config, self.world = config, world
        self.module = self.make_module().to(world.device)
        for source in config.init:
            start_from(self.module, source)
        if config.frozen:
            self.module.open_frozen()
        self.is_hard = 0.0
        self.open_pictures()
        is_scored = world.is_first and config.test_store is not None
        self.tests = {name: self._test(hard) for name, hard in (("clean", 0.0), ("hard", 1.0))} if is_scored else {}
        is_scored = world.is_first and config.lspet is not None
        self.photographs = load_validation(config.lspet, 200) if is_scored and config.lspet else None

    def open_pictures(self) -> None:
        """Composers of the pictures to learn from."""
        config, world = self.config, self.world
        store = PictureStore.open(config.store)
        kinds: tuple[Cover | None, ...] = (None, "thing", "person")
        place = store, config.size, config.seed, world.rank, world.size, lambda _step: self.is_hard, config.tumbled
        cuts = (config.cut, 0.0, 0.0)
        self.composer, *self.covering = (Composer(*place, kind, cut=cut) for kind, cut in zip(kinds, cuts, strict=True))

    def make_module(self) -> PicturedModule:
        """What this stage trains."""
        raise TypeError("a stage makes its own module")

    def _test(self, hard: float) -> list[PictureBatch]:
        assert self.config.test_store is not None
        store = PictureStore.open(self.config.test_store)
        composer = Composer(store, self.config.size, 1, difficulty=hard)
        return [composer.batch(TEST_BATCH, step) for step in range(self.config.test_people // TEST_BATCH)]

    def batch(self, step: int, progress: float) -> PictureBatch:
        """What one step learns from."""
        return self.pictures(step, progress)

    def pictures(self, step: int, progress: float) -> PictureBatch:
        """Pictures of one step, harder as the run goes on."""
        config = self.config
        self.is_hard = ramp(progress, config.difficulty_start, config.difficulty_end, config.difficulty_until)
        share = np.random.default_rng([config.seed, 41, self.world.rank, step]).random()
        is_thing = share < config.covered / 2
        composer = self.composer if share >= config.covered else self.covering[0 if is_thing else 1]
        return to_device(composer.batch(config.batch, step), self.world.device)

    def read(self, image: Tensor) -> dict[str, Tensor]:
        """What is scored: "joints" (B, 14, 3) metres, "points" (B, 14, 2) crop units, and others by name."""
        reading = self.module.reading(image)
        assert reading.points is not None
        points = reading.points.points[:, list(LSP_FROM_HEATMAPS)]
        return {"joints": self.module.heads(reading).joints, "points": points}

    def evaluate(self) -> Mapping[str, float]:
        """Scores on the clean and the hard test and on photographs."""
        scores: dict[str, float] = {}
        for name, batches in self.tests.items():
            said = [self.read(batch.image.to(self.world.device)) for batch in batches]
            scores |= {f"{name}_{key}": value for key, value in _scores(said, batches).items()}
        if self.photographs is not None:
            scores |= self._photograph_scores(self.photographs)
        return scores

    def _photograph_scores(self, photographs: Photographs) -> dict[str, float]:
        crops, crop_to_frame = photographs.crops(self.config.size)
        image = torch.from_numpy(np.ascontiguousarray(crops.transpose(0, 3, 1, 2)))
        said = [self.read(part.to(self.world.device)) for part in torch.split(image, TEST_BATCH)]
        scores = {}
        for key in said[0]:
            if key.startswith("points"):
                units = torch.cat([one[key] for one in said]).float().cpu().numpy()
                crop_px = (units + 1) * (self.config.size / 2)
                frame = np.einsum("nab,njb->nja", crop_to_frame[:, :, :2], crop_px) + crop_to_frame[:, None, :, 2]
                hits = metrics.pck(frame, photographs.joints_px, photographs.visible, photographs.side_px)
                scores[f"lspet_pck_{key}"] = 100 * float(np.nanmean(hits))
        return scores


def _scores(said: list[dict[str, Tensor]], batches: list[PictureBatch]) -> dict[str, float]:
    people = torch.cat([batch.has_person for batch in batches]).numpy()

    def all_of(key: str) -> metrics.Float:
        return np.asarray(torch.cat([one[key] for one in said]).float().cpu().numpy()[people])

    true = torch.cat([batch.lsp_3d for batch in batches]).numpy()[people]
    flat = torch.cat([batch.lsp_2d for batch in batches]).numpy()[people]
    facing = torch.cat([batch.facing for batch in batches]).numpy()[people]
    scores: dict[str, float] = {}
    for key in (key for key in said[0] if key.startswith("joints")):
        joints = all_of(key)
        error, aligned = 1000 * metrics.mpjpe(joints, true), 1000 * metrics.pa_mpjpe(joints, true)
        is_facing = metrics.angle_between(metrics.yaw(joints), metrics.yaw(true)) < FACING_OK
        scores |= {
            f"mpjpe_{key}": float(error.mean()),
            f"pa_{key}": float(aligned.mean()),
            f"left_right_{key}": float(metrics.is_left_right_correct(joints, true).mean()),
            f"facing_{key}": float(is_facing.mean()),
        }
        groups = metrics.facing_groups(facing)
        scores |= {f"pa_{key}_{name}": float(aligned[rows].mean()) for name, rows in groups.items() if rows.any()}
    for key in (key for key in said[0] if key.startswith("points")):
        hits = metrics.pck(all_of(key), flat[..., :2], flat[..., 2] > 0, np.full(len(flat), 2 / 1.2))
        scores[f"pck_{key}"] = 100 * float(np.nanmean(hits))
    return scores
