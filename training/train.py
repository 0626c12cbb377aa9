"""Trains one stage: `python -m training.train backbone|tokenizer|classifier|mesh|research|detector ... --output RUN`.

Ctrl-C or SIGTERM writes a checkpoint and exits 130; the same command with `--resume` continues exactly.
"""

from __future__ import annotations

import logging
import sys
from typing import Annotated

import tyro

from training.loop import LoopConfig, Trainer
from training.parallel import World, launch
from training.stages.backbone import BackboneConfig, BackboneStage
from training.stages.classifier import ClassifierConfig, ClassifierStage
from training.stages.detector import DetectorStage, DetectorTraining
from training.stages.mesh import MeshConfig, MeshStage
from training.stages.research import ResearchConfig, ResearchStage
from training.stages.tokenizer import TokenizerConfig, TokenizerStage

StageConfig = (
    Annotated[BackboneConfig, tyro.conf.subcommand("backbone")]
    | Annotated[TokenizerConfig, tyro.conf.subcommand("tokenizer")]
    | Annotated[ClassifierConfig, tyro.conf.subcommand("classifier")]
    | Annotated[MeshConfig, tyro.conf.subcommand("mesh")]
    | Annotated[ResearchConfig, tyro.conf.subcommand("research")]
    | Annotated[DetectorTraining, tyro.conf.subcommand("detector")]
)

STAGES = {
    BackboneConfig: BackboneStage,
    TokenizerConfig: TokenizerStage,
    ClassifierConfig: ClassifierStage,
    MeshConfig: MeshStage,
    ResearchConfig: ResearchStage,
    DetectorTraining: DetectorStage,
}


def train(config: LoopConfig, world: World) -> int:
    """Trains the stage that the configuration belongs to; returns 0 or 130.

    Args:
        config: one of the six.
        world: this process among its peers.
    """
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s", stream=sys.stdout)
    return Trainer(STAGES[type(config)](config, world), config, world).run()


def main(arguments: list[str] | None = None) -> int:
    """Runs the command line and returns its exit code."""
    config = tyro.cli(StageConfig, args=arguments, description=__doc__)
    return launch(train, config, config.processes, config.device)


if __name__ == "__main__":
    raise SystemExit(main())
