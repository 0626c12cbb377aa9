"""Whether a reconstruction could start, and if not, why: looked up once, shown in every redraw."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from pathlib import Path

from .licences import config_in, detector_refusal, refusal, weights_folder
from .process import missing_modules

DEFAULT_WEIGHTS = "open-base"


@dataclass(frozen=True, slots=True)
class Readiness:
    """The status strip: `problem` is empty when everything is there.

    Attributes:
        weights: their name.
        licence: of the weights.
        problem: what is missing or refused, and what to do.
        is_commercial: whether the weights say that they may be used commercially.
        folder: where the weights lie.
        weights_bytes: size of that folder.
        reads_bones: whether the weights read bones of their own.
    """

    weights: str
    licence: str
    problem: str
    is_commercial: bool = False
    folder: Path = Path()
    weights_bytes: int = 0
    reads_bones: bool = False


@cache
def check(python: str, weights: str, detector: str = "", is_commercial_only: bool = False) -> Readiness:
    """What is there and what is missing; nothing is loaded or hashed, the engine does that.

    Args:
        python: the engine's own Python, or empty for Blender's.
        weights: folder of a weights bundle, or empty for the one that ships.
        detector: as `--detector`, or empty for the one that ships.
        is_commercial_only: refuse what may not be used commercially.
    """
    folder = Path(weights) if weights else weights_folder() / DEFAULT_WEIGHTS
    config = config_in(folder)
    problem = ""
    if "name" not in config or "licence" not in config:
        problem = f"No weights in {folder}: choose a folder in the preferences, or install the zip again"
    elif is_commercial_only:
        problem = refusal(folder) or detector_refusal(detector)
    missing = [] if python else missing_modules()
    if missing:
        problem = f"Missing: {', '.join(missing)}. Install the extension's zip for this system again"
    if python and not Path(python).is_file():
        problem = f"No Python at {python}: choose another in the preferences"
    return Readiness(
        weights=str(config.get("name", folder.name)),
        licence=str(config.get("licence", "")),
        problem=problem,
        is_commercial=config.get("commercial_use") is True,
        folder=folder,
        weights_bytes=bytes_in(folder),
        reads_bones=bool(config.get("rotation_tokens")),
    )


def bytes_in(folder: Path) -> int:
    """Size of a folder's files, those in its folders included; 0 where it is not there."""
    return sum(file.stat().st_size for file in folder.rglob("*") if file.is_file())
