"""Trains one stage: `python -m training.train STAGE ... --output RUN`; STAGE is backbone, tokenizer, mesh or another.

Ctrl-C or SIGTERM writes a checkpoint and exits 130; the same command with `--resume` continues exactly.
"""

from __future__ import annotations

import logging
import sys
from typing import Annotated

import tyro

from core.errors import MocapError
from training.stages.backbone import BackboneConfig, BackboneStage
from training.stages.bones import BonesConfig, BonesStage
from training.stages.classifier import ClassifierConfig, ClassifierStage
from training.stages.detector import DetectorStage, DetectorTraining
from training.stages.mesh import MeshConfig, MeshStage
from training.stages.paper_classifier import PaperClassifierConfig, PaperClassifierStage
from training.stages.paper_mesh import Finetune3dohConfig, Finetune3dpwConfig, PaperMeshConfig, PaperMeshStage
from training.stages.paper_tokenizer import PaperTokenizerConfig, PaperTokenizerStage
from training.stages.photograph_mesh import ResearchConfig, ResearchStage
from training.stages.published_mesh import MixedConfig, MixedStage
from training.stages.rotations import RotationsConfig, RotationsStage
from training.stages.tokenizer import TokenizerConfig, TokenizerStage
from training.trainer.loop import LoopConfig, Trainer
from training.trainer.parallel import FAILED, World, launch

StageConfig = (
    Annotated[BackboneConfig, tyro.conf.subcommand("backbone")]
    | Annotated[TokenizerConfig, tyro.conf.subcommand("tokenizer")]
    | Annotated[ClassifierConfig, tyro.conf.subcommand("classifier")]
    | Annotated[MeshConfig, tyro.conf.subcommand("mesh")]
    | Annotated[ResearchConfig, tyro.conf.subcommand("research")]
    | Annotated[RotationsConfig, tyro.conf.subcommand("rotations")]
    | Annotated[BonesConfig, tyro.conf.subcommand("bones")]
    | Annotated[MixedConfig, tyro.conf.subcommand("mixed")]
    | Annotated[PaperTokenizerConfig, tyro.conf.subcommand("paper-tokenizer")]
    | Annotated[PaperClassifierConfig, tyro.conf.subcommand("paper-classifier")]
    | Annotated[PaperMeshConfig, tyro.conf.subcommand("paper-mesh")]
    | Annotated[Finetune3dpwConfig, tyro.conf.subcommand("paper-3dpw")]
    | Annotated[Finetune3dohConfig, tyro.conf.subcommand("paper-3doh")]
    | Annotated[DetectorTraining, tyro.conf.subcommand("detector")]
)

STAGES = {
    BackboneConfig: BackboneStage,
    TokenizerConfig: TokenizerStage,
    ClassifierConfig: ClassifierStage,
    MeshConfig: MeshStage,
    ResearchConfig: ResearchStage,
    RotationsConfig: RotationsStage,
    BonesConfig: BonesStage,
    MixedConfig: MixedStage,
    PaperTokenizerConfig: PaperTokenizerStage,
    PaperClassifierConfig: PaperClassifierStage,
    PaperMeshConfig: PaperMeshStage,
    Finetune3dpwConfig: PaperMeshStage,
    Finetune3dohConfig: PaperMeshStage,
    DetectorTraining: DetectorStage,
}


def train(config: LoopConfig, world: World) -> int:
    """Trains the stage that the configuration belongs to; returns 0 or 130.

    Args:
        config: of one of the stages.
        world: this process among its peers.

    Raises:
        MocapError: the configuration, or a file that it names, is not usable.
    """
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s", stream=sys.stdout)
    return _trainer(config, world).run()


def _trainer(config: LoopConfig, world: World) -> Trainer:
    """Ready to run. What fails here is the person's to put right; a ValueError of a later step is a fault of ours."""
    try:
        stage = STAGES[type(config)](config, world)
        return Trainer(stage, stage.config, world)  # a stage may know more of its settings than the command line did
    except (ValueError, OSError) as error:
        raise MocapError(str(error)) from error


def _check(config: LoopConfig) -> None:
    """Raises a MocapError on a number that only a training step would stumble on."""
    if isinstance(config, MeshConfig) and not 0 <= config.tals_below <= 1:
        raise MocapError(f"expected --tals-below in [0, 1], got {config.tals_below:g}")
    if config.processes < 1 or config.batch < 1:
        raise MocapError(f"expected --processes and --batch from 1, got {config.processes} and {config.batch}")


def main(arguments: list[str] | None = None) -> int:
    """Runs the command line and returns its exit code."""
    config = tyro.cli(StageConfig, args=arguments, description=__doc__)
    try:
        _check(config)
        return launch(train, config, config.processes, config.device)
    except MocapError as error:
        print(f"training.train: {error}", file=sys.stderr)
        return FAILED


if __name__ == "__main__":
    raise SystemExit(main())
