"""Research only: the mesh stage on published datasets, mixed as a file says (`training.datasets.mixture_file`).

Losses leave out what a set lacks: no mesh, no vertex loss; no 3D joints, no 3D loss; dense heads learn from rendered
people alone, of which every `rendered_every`-th step may be made.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

from training.datasets.decoding import MOST_BROKEN
from training.datasets.mixture import MixSettings, StepDataset
from training.datasets.mixture_file import open_mix, read_mix
from training.datasets.read_ahead import ReadAhead
from training.pictures import PictureBatch
from training.stages.mesh import MeshConfig, MeshStage
from training.stages.picture_stage import to_device
from training.trainer.loop import in_samples
from training.trainer.parallel import World


@dataclass(frozen=True)
class MixedConfig(MeshConfig):
    """The mesh stage on published datasets; its weights are for research only."""

    mix: Path = Path("mix.yaml")
    """Which sets, where they lie, how much of each (training/README.md shows one)."""
    size: int = 256
    """Pixels a side of the crops."""
    loaders: int = 0
    """Processes a rank that read and decode ahead; 0 reads between the steps."""
    most_broken: int = MOST_BROKEN
    """Pictures that may be skipped because they are missing or do not decode, in each reading process."""
    rendered_every: int = 0
    """Every so-manyth step is of rendered people (--store) instead; 0 for none."""


class MixedStage(MeshStage):
    """People of published datasets in, people out."""

    config: MixedConfig

    def __init__(self, config: MixedConfig, world: World) -> None:
        mix = read_mix(config.mix)
        config = replace(config, body=mix.body_file)
        settings = MixSettings(
            config.size, config.seed, world.rank, world.size, quirks=mix.quirks, most_broken=config.most_broken
        )
        mixed = open_mix(mix, settings)
        config = in_samples(config, mixed.people)
        self.ahead = ReadAhead(StepDataset(mixed, config.batch), config.loaders, config.rendered_every)
        super().__init__(config, world)

    def open_pictures(self) -> None:
        """The store, where rendered people are asked for."""
        if self.config.rendered_every:
            super().open_pictures()

    def batch(self, step: int, progress: float) -> PictureBatch:
        """Pictures of one step."""
        every = self.config.rendered_every
        if every and step % every == 0:
            return self.pictures(step, progress)
        return to_device(self.ahead.batch(step), self.world.device)
