"""Stage 0: where are the joints, which way does the person face. No tokens, no mesh (reference recipe, 1 to 5)."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

from training.pictures import PictureBatch
from training.stages.picture_stage import PicturedConfig, PicturedModule, PicturedStage


@dataclass(frozen=True)
class BackboneConfig(PicturedConfig):
    """Stage 0: the shared backbone, on heatmaps and dense labels."""


class BackboneModule(PicturedModule):
    """Backbone, heatmaps and dense heads; the rest of the network waits."""

    def __init__(self, config: PicturedConfig) -> None:
        super().__init__(config)
        for part in (self.net.mesh, self.net.classifier, self.net.tokenizer, self.net.modulator):
            if part is not None:
                part.requires_grad_(False)

    def forward(self, batch: PictureBatch) -> dict[str, Tensor]:
        """Loss terms of a batch."""
        return self.dense_terms(self.reading(batch.image), batch)


class BackboneStage(PicturedStage):
    """Pictures in, dense labels out."""

    def make_module(self) -> BackboneModule:
        """Backbone and heads."""
        return BackboneModule(self.config)
