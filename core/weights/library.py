"""Weights from Hugging Face in a folder of this computer: listed, downloaded, checked, removed.

    FOLDER/ORG--NAME@COMMIT/         a whole bundle, every file checked against config.json, and source.json
    FOLDER/ORG--NAME@COMMIT.part/    a download that has not come to its end; the next try goes on from it

A bundle appears by one rename, after everything in it was checked: what has no `.part` can be trusted.
"""

from __future__ import annotations

import os
import shutil
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..errors import WeightsError
from ..files.untrusted import read_json
from ..files.written_whole import output_error
from . import hugging_face
from .bundle import CONFIG

FOLDER_VARIABLE = "MOCAP_WEIGHTS_FOLDER"
SOURCE, PART = "source.json", ".part"


@dataclass(frozen=True, slots=True)
class Downloaded:
    """Weights in the folder for downloads.

    Attributes:
        folder: where they lie.
        repository: ORG/NAME.
        revision: that was asked for: a branch, a tag, a commit.
        commit: what it was then.
        size: bytes.
        is_whole: False for a download that has not come to its end.
        config: config.json's content; {} where it is not there yet.
    """

    folder: Path
    repository: str
    revision: str
    commit: str
    size: int
    is_whole: bool
    config: dict[str, Any]

    @property
    def name(self) -> str:
        """ORG/NAME@COMMIT."""
        return f"{self.repository}@{self.commit}"


def downloads_folder() -> Path:
    """Where downloads go: $MOCAP_WEIGHTS_FOLDER, or the system's place for what programs keep."""
    if chosen := os.environ.get(FOLDER_VARIABLE):
        return Path(chosen)
    if sys.platform == "win32":
        base = Path(os.environ.get("LOCALAPPDATA", Path.home() / "AppData" / "Local"))
    elif sys.platform == "darwin":
        base = Path.home() / "Library" / "Application Support"
    else:
        base = Path(os.environ.get("XDG_DATA_HOME") or Path.home() / ".local" / "share")
    return base / "footage_mocap" / "weights"


def list_downloads(folder: Path | None = None) -> list[Downloaded]:
    """What is in the folder for downloads, by name; unfinished ones too."""
    folder = folder or downloads_folder()
    found = []
    for place in sorted(folder.glob("*--*@*")):
        source = json_in(place / SOURCE)
        names = ("repository", "revision", "commit")
        if place.is_dir() and all(isinstance(source.get(name), str) for name in names):
            size = sum(file.stat().st_size for file in place.iterdir() if file.is_file())
            is_whole = not place.name.endswith(PART)
            repository, revision, commit = (source[name] for name in names)
            config = json_in(place / CONFIG)
            found.append(Downloaded(place, repository, revision, commit, size, is_whole, config))
    return found


def named(name: str, folder: Path | None = None) -> list[Downloaded]:
    """Downloads of ORG/NAME or of ORG/NAME@REVISION; a commit may be given by its first 7 digits or more.

    Raises:
        WeightsError: the name has another form.
    """
    repository, revision = hugging_face.split_hub_name(name)
    return [
        each
        for each in list_downloads(folder)
        if each.repository == repository
        and ("@" not in name or revision == each.revision or (len(revision) >= 7 and each.commit.startswith(revision)))
    ]


def remove_downloads(name: str, folder: Path | None = None) -> list[Downloaded]:
    """Remove downloads by their name, unfinished ones too; returns what is gone.

    Raises:
        WeightsError: there are none.
        OutputError: they can't be removed.
    """
    found = named(name, folder)
    if not found:
        raise WeightsError(f"{name}: not among the downloads in {folder or downloads_folder()}; list them first")
    for each in found:
        try:
            shutil.rmtree(each.folder)
        except OSError as error:
            raise output_error(each.folder, error) from error
    return found


def json_in(file: Path) -> dict[str, Any]:
    """A JSON object; {} where there is none that can be read."""
    try:
        content = read_json(file)
    except (OSError, ValueError):
        return {}
    return content if isinstance(content, dict) else {}
