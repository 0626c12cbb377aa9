"""Trains the mesh stage with and without TALS and draws 2D accuracy against 3D accuracy.

    python -m training.studies.tals_paradox --output runs/paradox --store stores/train --test-store stores/test
    --processes 2 \
        --samples 120000 --init runs/classifier --difficulty-start 0.5 --difficulty-until 0.3 --lr 1e-3 --clip 10

TokenHMR's abstract (CVPR 2024) names a paradox: the nearer a network brings projected joints to the 2D labels, the
worse its 3D becomes, where photographs with 2D labels alone teach it. Rendered people all have 3D labels, so the mesh
loses them for `--flat-share` of every batch, as if these were photographs. Both arms see the same pictures in the same
order from the same weights and take the same loss, on Euclidean distance; only the weight below the thresholds differs
(1 without, `--tals-below` with). Both are scored at the same samples, before the first step too.

RUN/without and RUN/with are runs of `training.train`; RUN/paradox.json and RUN/paradox.png are made from their logs.
The same command with `--resume` goes on.
"""

from __future__ import annotations

import json
import logging
import sys
from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any, Literal, cast

import numpy as np
import torch
import tyro
from torch import Tensor
from torch.nn import functional

from core.errors import MocapError
from core.nets import project
from core.nets.network import NetOutput, PoseReading
from training.evaluate import metrics
from training.pictures import PictureBatch
from training.stages.mesh import MeshConfig, MeshModule, MeshStage
from training.studies.figures import new_figure
from training.trainer.loop import EVALUATE, Stage, Trainer
from training.trainer.parallel import World, launch
from training.trainer.run_log import read_events

ARMS = ("without", "with")
BOX_SIDE = 2 / 1.2  # longer side of the person's box in crop units
FINE = 0.05
SCORES = ("pck10", "pck05", "points_error", "below_threshold", "mpjpe", "pa_mpjpe")


@dataclass(frozen=True)
class ParadoxConfig(MeshConfig):
    """The mesh stage, twice."""

    tals: Literal["off", "hard", "ramp"] = "ramp"
    """Shape of the scaling in the arm that has it: "hard" or "ramp"."""
    flat_share: float = 0.75
    """Share of every batch of which the mesh sees 2D labels alone."""
    evaluations: int = 12
    """Scores over each arm, after the one before the first step."""


class ParadoxModule(MeshModule):
    """The whole network; the first rows of every batch teach no 3D."""

    config: ParadoxConfig

    def _flat(self, batch: PictureBatch) -> PictureBatch:
        """The batch with nobody in the rows that have 2D labels alone: all 3D losses skip them."""
        has_person = batch.has_person.clone()
        has_person[: round(self.config.flat_share * len(has_person))] = False
        return replace(batch, has_person=has_person)

    def dense_terms(self, reading: PoseReading, batch: PictureBatch) -> dict[str, Tensor]:
        """Without joints and facing of the flat rows; who is a person stays."""
        assert reading.person_logit is not None
        is_person = functional.binary_cross_entropy_with_logits(reading.person_logit, batch.has_person.float())
        return super().dense_terms(reading, self._flat(batch)) | {"person": 0.2 * is_person}

    def mesh_terms(self, out: NetOutput, batch: PictureBatch) -> dict[str, Tensor]:
        """Without vertices, joints and edges of the flat rows; the projection counts everybody."""
        return super().mesh_terms(out, self._flat(batch))


class ParadoxStage(MeshStage):
    """Scored by what the projection loss moves and by what it may harm."""

    module: ParadoxModule
    config: ParadoxConfig

    def make_module(self) -> ParadoxModule:
        """The whole network."""
        return ParadoxModule(self.config)

    def evaluate(self) -> Mapping[str, float]:
        """Scores of the mesh's joints on the clean and the hard test, `SCORES` each."""
        return {
            f"{name}_{key}": value
            for name, batches in self.tests.items()
            for key, value in self._scores(batches).items()
        }

    def _scores(self, batches: list[PictureBatch]) -> dict[str, float]:
        said = [self._mesh_joints(batch) for batch in batches]
        people = torch.cat([batch.has_person for batch in batches]).numpy()
        joints, points = (torch.cat(each).float().cpu().numpy()[people] for each in zip(*said, strict=True))
        flat = torch.cat([batch.lsp_2d for batch in batches]).numpy()[people]
        inside, side = flat[..., 2] > 0, np.full(len(flat), BOX_SIDE)
        apart = np.linalg.norm(points - flat[..., :2], axis=-1)
        true = torch.cat([batch.lsp_3d for batch in batches]).numpy()[people]
        return {
            "pck10": 100 * float(np.nanmean(metrics.pck(points, flat[..., :2], inside, side))),
            "pck05": 100 * float(np.nanmean(metrics.pck(points, flat[..., :2], inside, side, FINE))),
            "points_error": float(apart[inside].mean()),
            "below_threshold": 100 * float((apart < self.module.thresholds.cpu().numpy())[inside].mean()),
            "mpjpe": 1000 * float(metrics.mpjpe(joints, true).mean()),
            "pa_mpjpe": 1000 * float(metrics.pa_mpjpe(joints, true).mean()),
        }

    def _mesh_joints(self, batch: PictureBatch) -> tuple[Tensor, Tensor]:
        out = self.module.net.regress(self.module.reading(batch.image.to(self.world.device)))
        joints = self.module.regressed(out)
        return joints, project(joints, out.weak_camera)


class EvenTrainer(Trainer):
    """Evaluates after equal numbers of samples, whatever the clock says."""

    config: ParadoxConfig

    def _exchange(self) -> list[float]:
        agreed = super()._exchange()
        step = self.config.batch * self.world.size
        every, after = self.config.samples / self.config.evaluations, self.samples + step
        is_last = after >= self.config.samples  # the end of the run is scored anyway
        agreed[EVALUATE] = float(after // every > self.samples // every and not is_last)
        return agreed


def run_arm(config: ParadoxConfig, world: World) -> int:
    """Trains one arm in one process; returns 0 or 130."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s", stream=sys.stdout)
    trainer = EvenTrainer(cast(Stage, ParadoxStage(config, world)), config, world)
    if trainer.step == 0:
        trainer.evaluate()
    return trainer.run()


def curve(run: Path) -> list[dict[str, float]]:
    """Scores of an arm in the order of samples; of two at the same samples the later counts."""
    found: dict[int, dict[str, float]] = {}
    for event in read_events(run):
        if event["event"] == "evaluate":
            found[event["samples"]] = {key: value for key, value in event.items() if key != "event"}
    return [found[samples] for samples in sorted(found)]


def draw(curves: Mapping[str, list[dict[str, float]]], path: Path, title: str) -> None:
    """A picture: above, 2D against 3D accuracy over training, better is up and to the right; below, 3D over samples.

    Args:
        curves: by arm, as `curve` gives them.
        path: picture file.
        title: of the picture.

    Raises:
        MocapError: matplotlib is missing.
    """
    figure = new_figure(path, (11, 8))
    panels = figure.subplots(2, 2)
    for column, test in enumerate(("clean", "hard")):
        for number, (arm, points) in enumerate(curves.items()):
            flat, space = ([point[f"{test}_{key}"] for point in points] for key in ("pck05", "pa_mpjpe"))
            samples = [point["samples"] / 1000 for point in points]
            style: dict[str, Any] = {"color": f"C{number}", "marker": "o", "markersize": 4, "label": f"{arm} TALS"}
            panels[0, column].plot(flat, space, **style)
            panels[0, column].plot(flat[-1:], space[-1:], color=f"C{number}", marker="*", markersize=16)
            panels[1, column].plot(samples, space, **style)
        panels[0, column].set(
            xlabel="2D: PCK@0.05 of the box, projected joints, %", title=f"{test} test; star: the end"
        )
        panels[1, column].set(xlabel="samples, thousands")
        for panel in panels[:, column]:
            panel.set_ylabel("3D: PA-MPJPE of the mesh's joints, mm")
            panel.invert_yaxis()
            panel.grid(alpha=0.3)
            panel.legend()
    figure.suptitle(title)
    figure.savefig(path, dpi=100)


def _checked(config: ParadoxConfig) -> ParadoxConfig:
    if config.samples <= 0 or config.minutes:
        raise ValueError("expected --samples and no --minutes: both arms must see as many pictures")
    if config.test_store is None:
        raise ValueError("expected --test-store: there is nothing to draw without a test")
    if config.tals == "off" or not 0 <= config.tals_below < 1:
        raise ValueError("expected --tals hard or ramp and --tals-below in [0, 1): the arm without comes of itself")
    if not 0 <= config.flat_share <= 1 or config.evaluations < 1:
        given = f"{config.flat_share} and {config.evaluations}"
        raise ValueError(f"expected --flat-share in [0, 1] and --evaluations from 1, got {given}")
    return config


def compare(config: ParadoxConfig) -> int:
    """Trains both arms, then writes paradox.json and paradox.png; returns 0 or 130."""
    for arm, below in zip(ARMS, (1.0, config.tals_below), strict=True):
        own = replace(config, output=config.output / arm, tals_below=below)
        if code := launch(run_arm, own, config.processes, config.device):
            return code
    curves = {arm: curve(config.output / arm) for arm in ARMS}
    told = {name: getattr(config, name) for name in _TOLD}
    (config.output / "paradox.json").write_text(json.dumps({"config": told, "curves": curves}, indent=1) + "\n")
    title = f"TALS {config.tals}, power {config.tals_power}, {100 * config.flat_share:.0f} % with 2D labels alone"
    draw(curves, config.output / "paradox.png", title)
    _print(curves)
    return 0


_TOLD = [f.name for f in fields(ParadoxConfig) if f.name.startswith(("tals", "flat", "evaluations"))] + [
    "samples", "batch", "processes", "seed", "lr", "optimizer", "projection_weight", "size",
]  # fmt: skip


def _print(curves: Mapping[str, list[dict[str, float]]]) -> None:
    print(f"{'':24}" + "".join(f"{key:>17}" for key in SCORES))
    for arm, points in curves.items():
        for test in ("clean", "hard"):
            numbers = "".join(f"{points[-1][f'{test}_{key}']:17.3f}" for key in SCORES)
            print(f"{arm + ' TALS, ' + test:<24}{numbers}")


def main(arguments: list[str] | None = None) -> int:
    """Runs the command line and returns its exit code."""
    config = tyro.cli(ParadoxConfig, args=arguments, description=__doc__)
    try:
        return compare(_checked(config))
    except (MocapError, ValueError, OSError) as error:
        print(f"training.studies.tals_paradox: {error}", file=sys.stderr)
        return 1


if __name__ == "__main__":
    raise SystemExit(main())
