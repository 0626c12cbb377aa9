"""Trains and tabulates the paper's ablations (PostoMETRO, WACV 2025) on a frozen trunk, at our scale.

    python -m training.studies.ablation --output runs/ablations --store stores/train2 --test-store stores/test_filmed \
        --weights assets/weights/open-tiny --samples 30000 --processes 2

Backbone, heatmaps, classifier and tokenizer of `--weights` are frozen and shared. What they say of the training and
test pictures is computed once into RUN/cache; then every arm trains what comes after it (modulator, transformers,
camera) from nothing: same seed, same rows in the same order, same budget. RUN/arms/NAME are runs with a log each.
RUN/ablations.md, .json, .png and RUN/sensitivity.png are written at the end. The same command goes on where it was
stopped, and arms that have finished are not trained again.
"""

from __future__ import annotations

import json
import logging
import sys
from dataclasses import asdict
from typing import Any

import tyro

from core.errors import MocapError
from core.weights.find import find_weights
from training.studies import sensitivity
from training.studies.ablation import report
from training.studies.ablation.arms import train_arms
from training.studies.ablation.cache import fill, is_filled, prepare
from training.studies.ablation.settings import AblationConfig
from training.trainer.parallel import launch

FREE = ("output", "arms", "processes", "maps")
"""Settings that a second call may change."""


def _settle(config: AblationConfig) -> None:
    """Keeps what all arms share in RUN/settings.json.

    Raises:
        ValueError: the run was begun with other settings.
    """
    wanted: dict[str, Any] = json.loads(json.dumps(asdict(config), default=str))
    wanted = {name: value for name, value in wanted.items() if name not in FREE}
    path = config.output / "settings.json"
    if path.is_file():
        kept = json.loads(path.read_text())
        changed = [name for name in wanted if kept.get(name) != wanted[name]]
        if changed:
            name = changed[0]
            raise ValueError(
                f"{config.output} was begun with --{name.replace('_', '-')} {kept.get(name)}, not {wanted[name]}: "
                "choose another --output"
            )
    config.output.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(wanted, indent=1) + "\n")


def ablate(config: AblationConfig) -> int:
    """Fills the cache, trains the arms, writes the tables; returns 0 or 130."""
    folder = config.weights.parent if config.weights.is_file() else config.weights
    if config.maps:
        find_weights(folder)  # says now, not hours later, what is wrong with it
    prepare(config)
    _settle(config)
    for work in (fill, train_arms):
        if work is fill and is_filled(config):
            continue
        if code := launch(work, config, config.processes, "cpu"):
            return code
    _tell(config)
    if config.maps:
        wanted = sensitivity.Wanted(folder, config.test_store, config.maps, config.people)
        sensitivity.write(wanted, config.output / "sensitivity.png")
    return 0


def _tell(config: AblationConfig) -> None:
    errors = report.read_errors(config)
    about = (
        f"{config.samples} samples an arm in batches of {config.batch}, {config.crops} training pictures, seed "
        f"{config.seed}; the trunk is that of {config.weights.name}, frozen. Errors of the mesh's joints in mm."
    )
    told = {"settings": json.loads((config.output / "settings.json").read_text()), **report.results(errors)}
    (config.output / "ablations.json").write_text(json.dumps(told, indent=1) + "\n")
    text = report.markdown(errors, about)
    (config.output / "ablations.md").write_text(text)
    print(text)
    report.draw(errors, config.output / "ablations.png", f"{config.samples} samples an arm on a frozen trunk")


def main(arguments: list[str] | None = None) -> int:
    """Runs the command line and returns its exit code."""
    config = tyro.cli(AblationConfig, args=arguments, description=__doc__)
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    try:
        return ablate(config.checked())
    except (MocapError, ValueError, OSError) as error:
        print(f"training.studies.ablation: {error}", file=sys.stderr)
        return 1


if __name__ == "__main__":
    raise SystemExit(main())
