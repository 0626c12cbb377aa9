"""A bundle on Hugging Face: `python -m training.export.publish DIR --repo ORG/NAME [--dry-run] [--private]`.

Nothing goes up that a stranger could not judge: files as config.json says, a licence, what was learned from, scores,
the commands and the commit of the code; torch and ONNX are compared on sixteen crops first. All files make one commit,
so that a failure half-way leaves the repository as it was. Others then find it by the name that is printed.
"""

from __future__ import annotations

import argparse
import importlib
import json
import logging
import re
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from core.body.model import load_body
from core.errors import MocapError, WeightsError, first_line
from core.nets import NetConfig, network_for_body
from core.weights import hugging_face
from core.weights.bundle import check_body, read_bundle
from training.export import bundle
from training.export.network import deviations, log_plainly

COMMIT = re.compile(r"[0-9a-f]{40}")
COMMAND = "python -m training."
logger = logging.getLogger("training.export.publish")


@dataclass(frozen=True, slots=True)
class Target:
    """Where a bundle goes.

    Attributes:
        repository: ORG/NAME.
        revision: a branch; it is made where it is not there.
        is_private: whether a repository that has to be made is private.
    """

    repository: str
    revision: str = "main"
    is_private: bool = False


def checked_files(folder: Path) -> dict[str, int]:
    """What goes up: bytes of each file, by name.

    Args:
        folder: of the bundle.

    Raises:
        WeightsError: damaged, or without something that whoever finds it must know.
    """
    found = read_bundle(folder)
    config = json.loads((folder / bundle.CONFIG).read_text(encoding="utf-8"))
    named = set(config["files"])
    lacking = {bundle.ONNX, bundle.SAFETENSORS, bundle.CARD} - named
    if lacking:
        raise WeightsError(f"{folder}: {bundle.CONFIG} names no {sorted(lacking)[0]}; export it again")
    card = (folder / bundle.CARD).read_text(encoding="utf-8")
    sources = config.get("training_data") or []
    problems = (
        (not found.licence.strip() or found.licence not in card,
         "its card tells no licence, or another than config.json"),
        (not sources or not all(each.get("name") and each.get("licence") for each in sources),
         "it doesn't say what it learned from, with the licence of each"),
        (not found.scores and not config.get("protocol_scores"),
         "it has no scores; measure it (training.evaluate --json) and export it with --scores"),
        (COMMAND not in card, "its card doesn't tell the commands that made it"),
        (not COMMIT.fullmatch(str(config.get("commit", ""))), "it doesn't say the commit of the code that made it; "
         "export it again from a checkout, or give --commit HASH"),
    )  # fmt: skip
    for is_wrong, problem in problems:
        if is_wrong:
            raise WeightsError(f"{folder}: not to be published: {problem}")
    return {name: (folder / name).stat().st_size for name in sorted({bundle.CONFIG, *named})}


def compare(folder: Path) -> None:
    """Hold torch against ONNX.

    Raises:
        WeightsError: they disagree.
    """
    found, body = read_bundle(folder), load_body()
    check_body(found, body)
    apart = deviations(folder, network_for_body(NetConfig.from_dict(found.network), body))
    name, worst = max(apart.items(), key=lambda pair: pair[1])
    logger.info("torch and ONNX on 16 crops: at most %.3f of the tolerated deviation (%s)", worst, name)
    if not worst <= 1:
        raise WeightsError(f"{folder}: not to be published: torch and ONNX disagree ({name}); export it again")


def upload(folder: Path, names: list[str], target: Target) -> str:
    """One commit with all the files; returns its hash.

    Raises:
        WeightsError: no token, no permission, no connection.
    """
    client = hugging_face.library()
    token = client.get_token()
    if not token:
        raise WeightsError("publishing needs a token with write access: log in with `hf auth login`, or set HF_TOKEN")
    api = client.HfApi(token=token)
    errors = importlib.import_module("huggingface_hub.errors")
    if not sys.stderr.isatty():
        importlib.import_module("huggingface_hub.utils").disable_progress_bars()
    try:
        api.create_repo(target.repository, private=target.is_private, exist_ok=True)
        if target.revision != "main":
            api.create_branch(target.repository, branch=target.revision, exist_ok=True)
        added = [client.CommitOperationAdd(path_in_repo=name, path_or_fileobj=folder / name) for name in names]
        message = f"Publish {folder.name}"
        made = api.create_commit(target.repository, added, commit_message=message, revision=target.revision)
    except (OSError, RuntimeError, ValueError, errors.HTTPError) as error:
        raise WeightsError(
            f"{target.repository}: not published ({first_line(error.__cause__ or error)}); files go up as one commit "
            "or not at all: check the token's permissions and the connection, then run the same command again"
        ) from error
    return str(made.oid)


def publish(folder: Path, target: Target, is_dry_run: bool = False) -> str:
    """Check, compare, list and, unless it is a dry run, upload; returns ORG/NAME@COMMIT, empty for a dry run.

    Raises:
        WeightsError: as `checked_files`, `compare` and `upload`.
    """
    repository, _ = hugging_face.split_hub_name(target.repository)
    sizes = checked_files(folder)
    compare(folder)
    for name, size in sizes.items():
        logger.info("%-20s %10.3f MB", name, size / 1e6)
    logger.info("%d files, %.1f MB, to %s at %s", len(sizes), sum(sizes.values()) / 1e6, repository, target.revision)
    return "" if is_dry_run else f"{repository}@{upload(folder, list(sizes), target)}"


def main(arguments: list[str] | None = None) -> int:
    """Runs the command line and returns its exit code."""
    parser: Any = argparse.ArgumentParser(prog="python -m training.export.publish", description=__doc__)
    parser.add_argument("folder", type=Path, help="of the bundle, as training.export wrote it")
    parser.add_argument("--repo", required=True, metavar="ORG/NAME", help="made where it is not there")
    parser.add_argument("--revision", default="main", metavar="BRANCH", help="made where it is not there")
    parser.add_argument("--private", action="store_true", help="a new repository is private")
    parser.add_argument("--dry-run", action="store_true", help="check and list, upload nothing")
    parser.add_argument("--commit", metavar="HASH", help="of the code, written into a bundle that doesn't say it")
    given = parser.parse_args(arguments)
    log_plainly()
    try:
        if given.commit:
            bundle.say_commit(given.folder, given.commit)
        name = publish(given.folder, Target(given.repo, given.revision, given.private), given.dry_run)
    except (MocapError, ValueError, OSError) as error:
        print(f"training.export.publish: {error}", file=sys.stderr)
        return 1
    print(f"{name}: get it with `python -m core weights get {name}`" if name else "dry run: nothing was uploaded")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
