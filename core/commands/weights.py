"""The command `weights`: list, get, check, remove."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from ..errors import WeightsError
from ..types import ProgressFunction
from ..weights.bundle import CONFIG, WEIGHTS_FOLDER, WeightsBundle, read_bundle
from ..weights.library import SOURCE, downloads_folder, json_in, list_downloads, named, remove_downloads
from .console import Bar, StopRequest

NAME = "ORG/NAME[@REVISION]"
MEGABYTE = 1e6


def add_weights_command(commands: Any) -> list[argparse.ArgumentParser]:
    """Adds the command to the others'; returns the parsers that take `--progress`."""
    weights = commands.add_parser("weights", help="larger weights from Hugging Face: list, get, check, remove")
    weights.set_defaults(is_stopped_between_frames=False)
    kinds = weights.add_subparsers(required=True, metavar="list|get|check|remove")
    lister = kinds.add_parser("list", help="what ships and what was downloaded, with licence and size")
    getter = kinds.add_parser("get", help="download, or go on with it; every file is checked before it can be used")
    getter.add_argument("name", metavar=NAME, help="a branch, a tag or a commit; without one it is main")
    getter.add_argument("--commercial", action="store_true", help="refuse what may not be used commercially")
    checker = kinds.add_parser("check", help="read every downloaded file and compare its sha256")
    checker.add_argument("name", metavar=NAME, nargs="?", help="without one: all")
    remover = kinds.add_parser("remove", help="remove a download, unfinished ones too")
    remover.add_argument("name", metavar=NAME)
    for kind, command in ((lister, _list), (getter, _get), (checker, _check), (remover, _remove)):
        kind.add_argument("--folder", type=Path, metavar="DIR", help="of the downloads; $MOCAP_WEIGHTS_FOLDER")
        kind.set_defaults(command=command)
    return [getter]


def _list(options: argparse.Namespace, _printer: ProgressFunction | None, _stop: StopRequest) -> None:
    for file in sorted(WEIGHTS_FOLDER.glob(f"*/{CONFIG}")):
        try:
            bundle = read_bundle(file.parent)
        except WeightsError:
            continue  # the detector's folder is no bundle
        print(f"{bundle.name}: {_use(bundle.licence, bundle.is_commercial)}, came with the program")
    found = list_downloads(options.folder)
    for each in found:
        use = _use(str(each.config.get("licence", "licence not known yet")), each.config.get("commercial_use") is True)
        state = "" if each.is_whole else ", unfinished: `weights get` goes on"
        print(f"{each.name}: {use}, {each.size / MEGABYTE:.1f} MB{state}, {each.folder}")
    total = sum(each.size for each in found) / MEGABYTE
    print(f"{options.folder or downloads_folder()}: {len(found)} downloaded, {total:.1f} MB")


def _get(options: argparse.Namespace, printer: ProgressFunction | None, _stop: StopRequest) -> None:
    from ..weights.download import get

    bundle = get(options.name, options.folder, printer, options.commercial)
    if isinstance(printer, Bar):
        printer.end()
    source = json_in(bundle.folder / SOURCE)
    print(f"{source['repository']}@{source['commit']}: {_told(bundle)}, {bundle.folder}")


def _check(options: argparse.Namespace, _printer: ProgressFunction | None, _stop: StopRequest) -> None:
    found = named(options.name, options.folder) if options.name else list_downloads(options.folder)
    if options.name and not found:
        raise WeightsError(f"{options.name}: not among the downloads in {options.folder or downloads_folder()}")
    damaged = []
    for each in found:
        try:
            said = _told(read_bundle(each.folder)) if each.is_whole else "unfinished"
        except WeightsError as error:
            said = f"DAMAGED: {error}"
            damaged.append(each.name)
        print(f"{each.name}: {said}")
    print(f"{len(found)} downloaded, {len(damaged)} damaged")
    if damaged:
        raise WeightsError(f"{', '.join(damaged)}: damaged; `weights get` downloads them again")


def _remove(options: argparse.Namespace, _printer: ProgressFunction | None, _stop: StopRequest) -> None:
    for each in remove_downloads(options.name, options.folder):
        print(f"{each.name}: removed, {each.size / MEGABYTE:.1f} MB")


def _told(bundle: WeightsBundle) -> str:
    return f"{bundle.name} ({bundle.preset}), {_use(bundle.licence, bundle.is_commercial)}"


def _use(licence: str, is_commercial: bool) -> str:
    return f"{licence}, {'commercial use allowed' if is_commercial else 'NO commercial use'}"
