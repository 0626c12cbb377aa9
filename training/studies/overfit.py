r"""Shows that a preset at full size learns: some rendered people by heart, on a CPU, until their joints are near.

    python -m training.studies.overfit --output RUN --preset resnet50 --people 512 --target-mm 20

All from fresh weights: the tokenizer learns the people's 2D poses, PCT's head their tokens from the features of a
SwinV2 that stays as it is, then backbone, modulator and transformers the meshes, with FastMETRO's losses, without
augmentation and dropout. Where time is short, `--backbone` lets the image backbone learn the people by itself first,
mostly from small pictures, `--frozen-backbone` leaves it as it is then, so that the transformers learn alone, and
`--few-samples` asks for a part of the vertices first. At the end the whole network is scored from the pictures, under
METRO's protocol, and the command fails where that misses the target. The same command goes on where it was stopped.
"""

from __future__ import annotations

import json
import logging
import sys
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
import tyro

from core.body.model import load_body
from core.errors import MocapError
from core.nets import preset
from training.datasets import writers
from training.datasets.mixture_file import read_mix
from training.evaluate.paper import read_truths, scored
from training.evaluate.protocols import ProtocolScores, regressor_of_body
from training.pictures import PictureStore
from training.pictures import __main__ as pictures
from training.stages.paper_classifier import PaperClassifierConfig
from training.stages.paper_mesh import PaperMeshConfig, PaperNetwork, network_of
from training.stages.paper_tokenizer import PaperTokenizerConfig, PaperTokenizerStage
from training.stages.picture_stage import start_from
from training.studies.overfit_backbone import BackboneConfig, BackboneStage
from training.studies.overfit_people import everybody
from training.studies.overfit_stages import CachedMeshStage, HeadStage, Thrift
from training.trainer import checkpoint
from training.trainer.loop import LoopConfig, Trainer
from training.trainer.parallel import CANCELLED, World, launch
from training.trainer.run_log import read_events
from training.trainer.schedule import Schedule
from training.trainer.throughput import PrecisionChoice

RENDERED_PX = 192
SCORES, FEATURES = "scores.json", "swin.safetensors"


@dataclass(frozen=True)
class OverfitConfig:
    """What is learned by heart, and for how long at the most."""

    output: Path
    """Folder of the run."""
    preset: str = "resnet50"
    """"resnet50", "hrnet_w48", or "resnet50-debug"."""
    people: int = 512
    """How many."""
    target_mm: float = 20.0
    """MPJPE at which to stop."""
    store: Path | None = None
    """Store of rendered people; one of just as many is rendered where none is given."""
    poses: int = 60_000
    """Samples of the tokenizer."""
    heads: int = 30_000
    """Samples of PCT's head."""
    backbone: int = 0
    """Samples of the image backbone by itself, before the mesh; 0 leaves it to the mesh."""
    samples: int = 200_000
    """Samples of the mesh at the most."""
    minutes: float = 0.0
    """Wall-clock minutes of the mesh at the most, over resumes; 0 leaves it to --samples."""
    batch: int = 8
    """People a step of the mesh. Small batches learn more a sample on a CPU."""
    lr: float = 3e-4
    """Learning rate of the mesh."""
    schedule: Schedule = "constant"
    """Of that rate: "cosine" falls to 1 % over --samples or --minutes, "constant" can be continued for ever."""
    frozen_backbone: bool = False
    """The image backbone stays as it is when the mesh begins, its BatchNorm with the people's statistics: its features
    are computed once, and a sample costs about half."""
    few_samples: int = 0
    """So many samples in the beginning are asked for a part of the vertices alone."""
    few_parts: int = 4
    """How many such parts there are: 4 halve the cost of a sample behind a frozen backbone, 16 take it to a third."""
    scored: int = 64
    """People who are scored regularly; all are at the end."""
    evaluate_minutes: float = 15.0
    """Minutes between scores."""
    checkpoint_minutes: float = 5.0
    """Minutes between checkpoints."""
    log_steps: int = 16
    """Steps between lines of the log."""
    precision: PrecisionChoice = "auto"
    """Of the products; "auto" asks the processor."""
    threads: int = 1
    """Cores to work on."""
    seed: int = 1
    """Of people, first weights and order."""


class _Until(Trainer):
    """A run that ends where its stage says so."""

    def evaluate(self) -> None:
        """Scores; a stage that has arrived stops the run."""
        super().evaluate()
        if isinstance(self.stage, CachedMeshStage) and self.stage.is_reached:
            self.stop.is_set = True


def write_people(config: OverfitConfig) -> Path:
    """The people in METRO's TSV; returns their mix file.

    Raises:
        MocapError: they can't be rendered, or the store holds too few.
    """
    mix = config.output / "people.yaml"
    if mix.is_file():
        return mix
    store = config.store or config.output / "store"
    if config.store is None:
        given = ["render", "--count", str(config.people), "--seed", str(config.seed), "--size", str(RENDERED_PX)]
        if pictures.main([*given, "--workers", "1", "-o", str(store)]):
            raise MocapError("the people were not rendered; the line above says why")
    opened = PictureStore.open(store)
    if len(opened) < config.people:
        raise MocapError(f"{store} holds {len(opened)} people, and --people asks for {config.people}: give less")
    size = preset(config.preset).input_size
    found = list(writers.rendered_people(opened, config.people, size, config.seed))
    writers.write_metro(config.output / "metro/coco_smpl", "train", found)
    mix.write_text("sets:\n  - {name: metro-coco, folder: metro}\n")
    return mix


def _shared(config: OverfitConfig, run: str) -> dict[str, Any]:
    """Settings of a stage."""
    return {
        "output": config.output / run, "preset": config.preset, "resume": True, "seed": config.seed, "epochs": 0.0,
        "precision": config.precision, "checkpoint_minutes": config.checkpoint_minutes,
    }  # fmt: skip


def tokenizer_config(config: OverfitConfig, mix: Path) -> PaperTokenizerConfig:
    """The codebook learns the people's poses, seen by many cameras."""
    return PaperTokenizerConfig(
        **_shared(config, "codes"), keypoints=mix, samples=config.poses, batch=min(32, config.people), lr=1e-2,
        warmup_steps=30, test_bank=200, log_steps=100,
    )  # fmt: skip


def head_config(config: OverfitConfig, mix: Path) -> PaperClassifierConfig:
    """PCT's head learns their tokens."""
    return PaperClassifierConfig(
        **_shared(config, "head"), mix=mix, samples=config.heads, batch=min(32, config.people), total_batch=0,
        lr=1e-3, weight_decay=0.0, warmup_steps=50, clip=2.0, log_steps=50, init=(config.output / "codes",),
    )  # fmt: skip


def backbone_config(config: OverfitConfig) -> BackboneConfig:
    """The image backbone learns to tell them apart; its rate stays, since the large crops come last."""
    return BackboneConfig(
        **_shared(config, "backbone"), samples=config.backbone, batch=min(16, config.people), lr=5e-4,
        schedule="constant", weight_decay=0.0, warmup_steps=50, ema_decay=0.98, log_steps=32,
    )  # fmt: skip


def mesh_config(config: OverfitConfig, mix: Path) -> PaperMeshConfig:
    """Everything else learns their meshes."""
    starts = ("head", "backbone") if config.backbone else ("head",)
    return PaperMeshConfig(
        **_shared(config, "mesh"), mix=mix, samples=config.samples, minutes=config.minutes,
        batch=min(config.batch, config.people), total_batch=0, lr=config.lr, schedule=config.schedule,
        weight_decay=0.0, warmup_steps=100, clip=2.0, dropout=0.0, ema_decay=0.98, log_steps=config.log_steps,
        evaluate_minutes=config.evaluate_minutes,
        init=tuple(config.output / run for run in starts),
    )  # fmt: skip


def is_done(stage: LoopConfig) -> bool:
    """Whether a stage has all its samples."""
    folder = checkpoint.latest(stage.output)
    if folder is None:
        return False
    return bool(json.loads((folder / "state.json").read_text())["samples"] >= stage.samples)


def has_arrived(config: OverfitConfig) -> bool:
    """Whether the people who are scored regularly were near enough the last time."""
    if checkpoint.latest(config.output / "mesh") is None:
        return False
    said = [event["mpjpe"] for event in read_events(config.output / "mesh") if event["event"] == "evaluate"]
    return bool(said) and bool(said[-1] < config.target_mm)


def learn(config: OverfitConfig, world: World) -> int:
    """The stages, as far as they are not done; 0, or 130 where Ctrl-C came."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s", stream=sys.stdout)
    torch.set_num_threads(config.threads)
    mix = write_people(config)
    people = everybody(mix, preset(config.preset).input_size)
    tokenizer, head, mesh = tokenizer_config(config, mix), head_config(config, mix), mesh_config(config, mix)
    starts: list[tuple[LoopConfig, Callable[[], Any]]] = [
        (tokenizer, lambda: PaperTokenizerStage(tokenizer, world)),
        (head, lambda: HeadStage(head, people, config.output / FEATURES)),
    ]
    if config.backbone:
        backbone = backbone_config(config)
        starts.append((backbone, lambda: BackboneStage(backbone, people)))
    for stage_config, make_stage in starts:
        if not is_done(stage_config) and Trainer(make_stage(), stage_config, world).run():
            return CANCELLED
    if has_arrived(config):
        return 0
    thrift = Thrift(config.frozen_backbone, config.few_samples, config.few_parts, config.output / FEATURES)
    stage = CachedMeshStage(mesh, people, config.target_mm, config.scored, thrift)
    code = _Until(stage, mesh, world).run()
    return 0 if stage.is_reached else code


def score(config: OverfitConfig) -> ProtocolScores:
    """Of the whole network, from the pictures of everybody."""
    body, mix = load_body(), write_people(config)
    network = PaperNetwork(network_of(mesh_config(config, mix)), "both", body)
    for run in ("head", "mesh"):
        start_from(network, config.output / run)
    truths = read_truths(read_mix(mix), config.people, preset(config.preset).input_size)
    return scored(network.eval(), truths, ("METRO",), regressor_of_body(body), torch.device("cpu"))["METRO"]


def overfit(config: OverfitConfig) -> int:
    """Everything; 0 where the target is met.

    Raises:
        MocapError: people, weights or settings don't fit; or the target is missed.
    """
    code = launch(learn, config, 1, "cpu")
    if code:
        return code
    print(f"{config.people} people are scored from their pictures", flush=True)
    scores = score(config)
    (config.output / SCORES).write_text(json.dumps(asdict(scores), indent=1) + "\n")
    numbers = " / ".join("-" if n is None else f"{n:.1f}" for n in (scores.mpvpe, scores.mpjpe, scores.pa_mpjpe))
    print(f"{config.preset}, {scores.people} people learned by heart: MPVPE / MPJPE / PA-MPJPE {numbers} mm")
    if scores.mpjpe is None or scores.mpjpe >= config.target_mm:
        raise MocapError(f"MPJPE is not below {config.target_mm:g} mm: go on with more --samples or --minutes")
    return 0


def main(arguments: list[str] | None = None) -> int:
    """Runs the command line and returns its exit code."""
    config = tyro.cli(OverfitConfig, args=arguments, prog="python -m training.studies.overfit", description=__doc__)
    try:
        least = 1 if config.frozen_backbone else 2  # BatchNorm needs two
        if min(config.threads, config.few_parts) < 1:
            raise MocapError(f"expected --threads and --few-parts from 1, got {config.threads} and {config.few_parts}")
        if config.people < 2 or config.batch < least:
            raise MocapError(
                f"expected --people from 2 and --batch from {least}, got {config.people} and {config.batch}"
            )
        preset(config.preset)
        return overfit(config)
    except (MocapError, ValueError, OSError) as error:
        print(f"training.studies.overfit: {error}", file=sys.stderr)
        return 1


if __name__ == "__main__":
    raise SystemExit(main())
