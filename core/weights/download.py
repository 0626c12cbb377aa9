"""One download of weights, from the name to a checked bundle in the folder for downloads.

config.json comes first: it names the files, their sizes and their sha256. What it names is held against what the
repository has before anything large is fetched, and against its sha256 before anything gets its final name.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from ..errors import Cancelled, TakeError, WeightsError
from ..files.folder_lock import TakeLock
from ..files.untrusted import is_plain_name
from ..files.written_whole import make_folder, output_error, written_whole
from ..types import Progress, ProgressFunction
from . import hugging_face
from .bundle import CONFIG, WeightsBundle, read_bundle, sha256
from .library import PART, SOURCE, downloads_folder, json_in

STAGE = "download"
LARGEST_CONFIG = 1_000_000
LARGEST_FILE = 4_000_000_000
"""Bytes. The paper's largest network has 1 GB as float32; what is far above that is no bundle of ours."""
SPARE_BYTES = 50_000_000
"""That stay free on the disk."""
SUFFIXES = {".onnx", ".safetensors", ".json", ".md", ".txt"}
"""Of files that only hold numbers or words: nothing that could run when it is opened."""


def get(
    name: str,
    folder: Path | None = None,
    progress: ProgressFunction | None = None,
    is_commercial_only: bool = False,
) -> WeightsBundle:
    """Download `ORG/NAME[@REVISION]`, or go on with it, and check it.

    Args:
        name: without a revision it is main.
        folder: for downloads.
        progress: told in bytes.
        is_commercial_only: refuse, before the models are fetched, what may not be used commercially.

    Raises:
        WeightsError: not to be had, too large, damaged, no bundle, or refused.
        OutputError: the disk is full or read-only.
        Cancelled: Ctrl-C; what came so far is kept.
    """
    folder = folder or downloads_folder()
    asked, revision = hugging_face.split_hub_name(name)
    make_folder(folder)
    with _one_at_a_time(folder):
        repository = hugging_face.look_up(asked, revision)
        place = folder / f"{asked.replace('/', '--')}@{repository.commit[:12]}"
        bundle = _whole(place)
        if bundle is None:
            part = place.with_name(place.name + PART)
            try:
                _fill(part, repository, revision, progress, is_commercial_only)
                bundle = _put_in_place(part, place)
            except KeyboardInterrupt as error:
                raise Cancelled("what was downloaded is kept; the same command goes on from there") from error
        elif is_commercial_only:
            _refuse_research(repository, json_in(place / CONFIG))
        return bundle


def _fill(
    part: Path, repository: hugging_face.Repository, revision: str, progress: ProgressFunction | None,
    is_commercial_only: bool
) -> None:
    """Fetch what is missing, and check all of it."""
    sizes = repository.sizes
    if CONFIG not in sizes:
        raise WeightsError(f"{repository}: no weights in it (no {CONFIG}); choose another repository")
    if sizes[CONFIG] > LARGEST_CONFIG:
        raise WeightsError(f"{repository}: its {CONFIG} has {sizes[CONFIG] / 1e6:.1f} MB; that is no bundle of weights")
    make_folder(part)
    source = {"repository": repository.name, "revision": revision, "commit": repository.commit}
    with written_whole(part / SOURCE) as file:
        file.write(json.dumps(source).encode())
    (part / CONFIG).unlink(missing_ok=True)
    hugging_face.fetch(repository, CONFIG, part / CONFIG, lambda _done: None)
    config = json_in(part / CONFIG)
    sums = _checked_files(repository, config)
    if is_commercial_only:
        _refuse_research(repository, config)
    kept = {name: min(hugging_face.bytes_of(part / name), sizes[name]) for name in sums}
    total = sum(sizes[name] for name in sums)
    _check_space(part, total - sum(kept.values()))
    for name, expected in sums.items():
        before = sum(kept.values()) - kept[name]

        def said(done: int, before: int = before, name: str = name) -> None:
            if progress is not None:
                progress(Progress(STAGE, before + done, total, name))

        said(kept[name])
        hugging_face.fetch(repository, name, part / name, said)
        kept[name] = sizes[name]
        if sha256(part / name) != expected:
            (part / name).unlink()
            raise WeightsError(
                f"{repository}: {name} came damaged (its sha256 differs from {CONFIG}) and was thrown away; try again, "
                "and tell its makers if it happens twice"
            )


def _checked_files(repository: hugging_face.Repository, config: dict[str, Any]) -> dict[str, str]:
    """sha256 of each file that config.json names.

    Raises:
        WeightsError: one may not be fetched: it would lie elsewhere, could run, is missing, too large or of another
            size than said.
    """
    try:
        files = {str(name): (str(known["sha256"]), known.get("bytes")) for name, known in config["files"].items()}
    except (KeyError, TypeError, AttributeError) as error:
        raise WeightsError(f"{repository}: its {CONFIG} is damaged ({error}); choose another revision") from error
    for name, (_, size) in files.items():
        announced = repository.sizes.get(name)
        if not is_plain_name(name) or name.startswith("."):
            problem = f"names a file outside its folder ({name}); don't use it"
        elif name in (CONFIG, SOURCE) or Path(name).suffix not in SUFFIXES:
            problem = f"names a file that weights don't have ({name}); don't use it"
        elif announced is None:
            problem = f"names {name}, which is not in the repository; choose another revision"
        elif announced > LARGEST_FILE:
            problem = f"names {name} of {announced / 1e9:.1f} GB, more than {LARGEST_FILE / 1e9:.0f}; don't use it"
        elif size not in (None, announced):
            problem = f"says {size} bytes of {name}, and the repository has {announced}; choose another revision"
        else:
            continue
        raise WeightsError(f"{repository}: {CONFIG} {problem}")
    return {name: digest for name, (digest, _) in files.items()}


def _refuse_research(repository: hugging_face.Repository, config: dict[str, Any]) -> None:
    if config.get("commercial_use") is not True:
        licence = config.get("licence", "licence not said")
        raise WeightsError(
            f"{repository}: not for commercial use ({licence}), and commercial use is on; choose other weights, or "
            "switch commercial use off"
        )


def _check_space(part: Path, needed: int) -> None:
    free = shutil.disk_usage(part).free
    if needed + SPARE_BYTES > free:
        raise WeightsError(
            f"{part.parent}: {needed / 1e6:.0f} MB are to come and {free / 1e6:.0f} MB are free; free some space, or "
            "choose another folder for weights"
        )


def _put_in_place(part: Path, place: Path) -> WeightsBundle:
    """Make a filled folder visible under its name."""
    bundle = read_bundle(part)
    wanted = {CONFIG, SOURCE, *json_in(part / CONFIG)["files"]}
    for file in part.iterdir():
        if file.name not in wanted:
            file.unlink()
    try:
        if place.exists():  # damaged: a whole one is not downloaded again
            shutil.rmtree(place)
        part.rename(place)
    except OSError as error:
        raise output_error(place, error) from error
    return replace(bundle, folder=place)


def _whole(place: Path) -> WeightsBundle | None:
    """The bundle of an earlier download, if it is there and undamaged."""
    try:
        return read_bundle(place)
    except WeightsError:
        return None


@contextmanager
def _one_at_a_time(folder: Path) -> Iterator[None]:
    try:
        lock = TakeLock(folder / ".lock")
    except TakeError as error:
        raise WeightsError(f"{folder}: another download is running; wait for it or cancel it first") from error
    try:
        yield
    finally:
        lock.release()
