"""A bundle to download, and ways to spoil it."""

import hashlib
import json
import os
import shutil
from pathlib import Path
from typing import Any

NAME = "owner/name"
LARGE = os.urandom(400_000)
"""Content of its second file, which takes a while."""


def large_bundle(blob_weights: Path, folder: Path) -> Path:
    """The blob's bundle with a second file."""
    shutil.copytree(blob_weights, folder)
    (folder / "model.safetensors").write_bytes(LARGE)
    edit(folder, lambda config: config["files"].update({"model.safetensors": sum_of(LARGE)}))
    return folder


def sum_of(content: bytes) -> dict[str, Any]:
    """As config.json has it."""
    return {"sha256": hashlib.sha256(content).hexdigest(), "bytes": len(content)}


def edit(folder: Path, change: Any) -> None:
    """Change config.json."""
    config = json.loads((folder / "config.json").read_text())
    change(config)
    (folder / "config.json").write_text(json.dumps(config))


def whole(downloads: Path) -> list[Path]:
    """Folders under their final names."""
    return [folder for folder in downloads.glob("*--*") if not folder.name.endswith(".part")]


def assert_downloaded(downloads: Path, bundle: Path) -> None:
    """One whole bundle, byte for byte, and where it came from."""
    (folder,) = whole(downloads)
    assert {f.name for f in folder.iterdir()} == {*(f.name for f in bundle.iterdir()), "source.json"}
    assert [f.name for f in bundle.iterdir() if f.read_bytes() != (folder / f.name).read_bytes()] == []
