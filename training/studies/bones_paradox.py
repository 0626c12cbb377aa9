"""Does a lower 2D error cost 3D where labels are pseudo-ground truth, and do TALS and tokens bend that curve?

    python -m training.studies.bones_paradox --output runs/bones-paradox --cache CACHE --vocabulary RUN --samples 16000

TokenHMR's question (CVPR 2024, abstract), asked of the rotation head: labels are poses bent until a weak-perspective
camera projects them onto the 2D joints (`training.stages.bones_pseudo_truth`), and the projected joints count ten
times what they
do otherwise. Four arms go on from the bundle's own head, on the same pictures in the same order: answers by tokens or
by plain rotations (whose last layer is new), with TALS and without. All are scored against the truth.
RUN/paradox.json and RUN/paradox.png come out.
"""

from __future__ import annotations

import json
import logging
import sys
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal, cast

import torch
import tyro

from core.errors import MocapError
from training.stages.bones import BonesConfig, BonesStage
from training.studies.figures import new_figure
from training.studies.tals_paradox import EvenTrainer, ParadoxConfig, curve
from training.trainer.loop import Stage
from training.trainer.parallel import World, launch

ANSWERS: tuple[Literal["tokens", "rotations"], ...] = ("tokens", "rotations")
TESTS = ("clear", "person-occluded")
COLUMNS = ("points_error", "geodesic_deg", "pa_mpjpe", "mpjpe")


@dataclass(frozen=True)
class BonesParadoxConfig(BonesConfig):
    """The stage `bones`, four times."""

    labels: Literal["true", "pseudo"] = "pseudo"
    """"pseudo" learns from `training.stages.bones_pseudo_truth`'s labels."""
    tals: Literal["off", "hard", "ramp"] = "ramp"
    """Shape of the scaling in the arms that have it."""
    own_head: bool = True
    """Go on from the head that the bundle has, in place of a new one."""
    projection_weight: float = 10.0
    """On the projected joints' L1, crop units."""
    evaluations: int = 5
    """Scores over each arm, after the one before the first step."""


def run_arm(config: BonesParadoxConfig, world: World) -> int:
    """Trains one arm in one process; returns 0 or 130."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s", stream=sys.stdout)
    trainer = EvenTrainer(cast(Stage, BonesStage(config, world)), cast(ParadoxConfig, config), world)
    if trainer.step == 0:
        trainer.evaluate()
    return trainer.run()


def arms_of(config: BonesParadoxConfig) -> dict[str, BonesParadoxConfig]:
    """Settings of every arm by its name."""
    arms = {}
    for answers in ANSWERS:
        for tals in ("off", config.tals):
            name = f"{answers}, {'without' if tals == 'off' else 'with'} TALS"
            folder = config.output / name.replace(", ", "-").replace(" ", "-")
            arms[name] = replace(config, answers=answers, tals=tals, output=folder)
    return arms


def draw(curves: Mapping[str, list[dict[str, float]]], path: Path) -> None:
    """2D error against 3D errors over training, better is down and to the left; a star at the end of each arm.

    Raises:
        MocapError: matplotlib is missing.
    """
    figure = new_figure(path, (11, 8))
    panels = figure.subplots(2, len(TESTS))
    for column, test in enumerate(TESTS):
        for row, (key, unit) in enumerate((("geodesic_deg", "rotations, degrees"), ("pa_mpjpe", "PA-MPJPE, mm"))):
            panel = panels[row, column]
            for number, (arm, points) in enumerate(curves.items()):
                flat, space = ([point[f"{test}_{each}"] for point in points] for each in ("points_error", key))
                line = "-" if "without" not in arm else "--"
                panel.plot(flat, space, line, color=f"C{number // 2}", marker="o", markersize=4, label=arm)
                panel.plot(flat[-1:], space[-1:], color=f"C{number // 2}", marker="*", markersize=15)
            panel.set(xlabel="2D error of projected joints, crop units", ylabel=unit, title=test)
            panel.grid(alpha=0.3)
            panel.legend(fontsize=8)
    figure.suptitle("Learned from pseudo-ground truth, scored against the truth")
    figure.savefig(path, dpi=100)


def compare(config: BonesParadoxConfig) -> int:
    """Trains the arms, then writes paradox.json and paradox.png; returns 0 or 130."""
    if config.samples <= 0 or config.minutes or config.tals == "off":
        raise ValueError("expected --samples, no --minutes, and --tals hard or ramp")
    torch.set_num_threads(1)
    arms = arms_of(config)
    for arm in arms.values():
        if code := launch(run_arm, arm, config.processes, config.device):
            return code
    curves = {name: curve(arm.output) for name, arm in arms.items()}
    (config.output / "paradox.json").write_text(json.dumps(curves, indent=1) + "\n")
    draw(curves, config.output / "paradox.png")
    print(f"{'':28}" + "".join(f"{key:>24}" for key in COLUMNS))
    for name, points in curves.items():
        for test in TESTS:
            numbers = "".join(f"{points[-1][f'{test}_{key}']:24.3f}" for key in COLUMNS)
            print(f"{name + ', ' + test:<44}{numbers}")
    return 0


def main(arguments: list[str] | None = None) -> int:
    """Runs the command line and returns its exit code."""
    config = tyro.cli(BonesParadoxConfig, args=arguments, description=__doc__)
    try:
        return compare(config)
    except (MocapError, ValueError, OSError) as error:
        print(f"training.studies.bones_paradox: {error}", file=sys.stderr)
        return 1


if __name__ == "__main__":
    raise SystemExit(main())
