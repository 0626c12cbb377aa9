"""Whether a reconstruction could start, and if not, why: looked up once, shown in every redraw."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from . import bridge
from .engine import missing_modules

DEFAULT_WEIGHTS = "open-tiny"


@dataclass(frozen=True, slots=True)
class Readiness:
    """The status strip: `problem` is empty when everything is there."""

    weights: str
    licence: str
    problem: str


@cache
def check(python: str, weights: str) -> Readiness:
    """What is there and what is missing; nothing is loaded or hashed, the engine does that.

    Args:
        python: the engine's own Python, or empty for Blender's.
        weights: folder of a weights bundle, or empty for the one that ships.
    """
    folder = Path(weights) if weights else bridge.core_root() / "assets" / "weights" / DEFAULT_WEIGHTS
    name, licence, problem = folder.name, "", ""
    try:
        config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
        name, licence = str(config["name"]), str(config["licence"])
    except (OSError, ValueError, KeyError, TypeError):
        problem = f"No weights in {folder}: choose a folder in the preferences, or install the zip again"
    missing = [] if python else missing_modules()
    if missing:
        problem = f"Missing: {', '.join(missing)}. Install the extension's zip for this system again"
    if python and not Path(python).is_file():
        problem = f"No Python at {python}: choose another in the preferences"
    return Readiness(name, licence, problem)
