"""What may be used commercially: weights and detectors say so in their config.json; silence counts as no."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from .. import bridge

CONFIG = "config.json"
WITHOUT_LICENCE = ("search", "frame")
"""Ways of finding people that need no file."""
OWN_DETECTOR = "open-nanodet"
ADVICE = "choose another, or switch commercial use off (leave out --commercial)"


def weights_folder() -> Path:
    """Where the weights lie that come with the extension."""
    return bridge.core_root() / "assets" / "weights"


def config_in(folder: Path) -> dict[str, Any]:
    """The config.json of a folder; {} where there is none that can be read."""
    try:
        config = json.loads((folder / CONFIG).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return config if isinstance(config, dict) else {}


def refusal(folder: Path) -> str:
    """Why weights or a detector in a folder may not be used commercially; empty where they may."""
    config = config_in(folder)
    if config.get("commercial_use") is True:
        return ""
    name = config.get("name", folder.name)
    if config.get("commercial_use") is False:
        licence = config.get("licence", "licence not said")
        return f"{name} is for non-commercial use only ({licence}), and commercial use is on: {ADVICE}"
    return f"{folder / CONFIG} doesn't say that {name} may be used commercially: {ADVICE}"


def detector_refusal(chosen: str | None) -> str:
    """Why a detector may not be used commercially; empty where it may, or where nothing is loaded.

    Args:
        chosen: as `--detector`: a folder, a name in assets/weights, an .onnx file, search or frame; empty for
            the one that ships.
    """
    if chosen in WITHOUT_LICENCE:
        return ""
    if not chosen or chosen == "own":
        own = weights_folder() / OWN_DETECTOR
        return refusal(own) if own.is_dir() else ""
    path = Path(chosen)
    if not path.exists():
        path = weights_folder() / chosen
    if not path.is_file():
        return refusal(path)
    if path.name in config_in(path.parent).get("files", {}):
        return refusal(path.parent)
    return f"{path.name} says nothing of its licence, and commercial use is on: {ADVICE}"
