"""A detector's run as a folder to ship: `python -m training.export.detector RUN -o DIR`.

The averaged weights become one ONNX file for pictures of any size; it is compared with torch on three sizes before
anything appears under the target's name.
"""

from __future__ import annotations

import argparse
import json
import logging
import shutil
from pathlib import Path

import numpy as np
import onnxruntime
import torch

from core.detection import own
from core.nets.detector import DeployedDetector, PersonDetector
from core.weights.bundle import sha256
from training.export import bundle
from training.export.model_card import source_name
from training.export.network import told, write_graph
from training.trainer import checkpoint
from training.trainer.run_log import first_line

ONNX = "detector.onnx"
LARGEST_MB = 8.0
LARGEST_MULTIPLE = 64  # of 32 pixels
TOLERANCE_PX, TOLERANCE_SCORE = 2e-2, 1e-4
logger = logging.getLogger("training.export")


def detector_of_run(run: Path) -> DeployedDetector:
    """The detector of a run's latest checkpoint, with averaged weights, ready to answer.

    Raises:
        ValueError: no checkpoint, or not a detector's.
    """
    detector = PersonDetector()
    tensors = checkpoint.averaged_weights(run)
    named = {name.removeprefix("net."): value for name, value in tensors.items()}
    if set(named) != set(detector.state_dict()):
        raise ValueError(f"{run} is not a run of `training.train detector`, or one of another version")
    detector.load_state_dict(named)
    return DeployedDetector(detector).eval()


def write_onnx(detector: DeployedDetector, path: Path) -> None:
    """One float32 graph for one picture of any size, sides multiples of 32."""
    height, width = (own.STRIDE * torch.export.Dim(name, min=1, max=LARGEST_MULTIPLE) for name in ("rows", "columns"))
    image = torch.zeros(1, 3, 7 * own.STRIDE, 13 * own.STRIDE)
    write_graph(detector, image, {2: height, 3: width}, ("boxes", "scores"), path)


def is_equal(detector: DeployedDetector, path: Path) -> bool:
    """Whether the graph answers as torch does, on a wide, a tall and a small picture."""
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    rng = np.random.default_rng(0)
    for rows, columns in ((8, 13), (13, 7), (1, 2)):
        coarse = torch.from_numpy(rng.random((1, 3, 9, 9), np.float32))
        image = torch.nn.functional.interpolate(coarse, (rows * own.STRIDE, columns * own.STRIDE), mode="bilinear")
        with torch.no_grad():
            boxes, scores = (value.numpy() for value in detector(image))
        found_boxes, found_scores = session.run(None, {"image": image.numpy()})
        # A cell that ties with its neighbour may be a peak on one side alone; ties are rare and near zero.
        other_peaks = float((np.abs(scores - found_scores) > TOLERANCE_SCORE).mean())
        if other_peaks > 1e-3 or np.abs(boxes - found_boxes).max() > TOLERANCE_PX:
            return False
    return True


def export(run: Path, target: Path, scores: list[Path], threshold: float = own.THRESHOLD) -> bool:
    """Writes the folder; False, and nothing written, when graph and torch disagree.

    Args:
        run: of `training.train detector`.
        target: folder.
        scores: files that `training.evaluate.detector --json` wrote, for config and card.
        threshold: score from which on a box is somebody.

    Raises:
        ValueError: the run, the target or the threshold is not what it should be, or the file is too large.
    """
    if not 0 < threshold < 1:
        raise ValueError(f"expected --threshold between 0 and 1, got {threshold:g}")
    detector = detector_of_run(run)
    target.parent.mkdir(parents=True, exist_ok=True)
    folder = target.with_name(target.name + ".unfinished")
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    try:
        write_onnx(detector, folder / ONNX)
        size_mb = (folder / ONNX).stat().st_size / 1e6
        if size_mb > LARGEST_MB:
            raise ValueError(f"expected a detector of at most {LARGEST_MB:.0f} MB, got {size_mb:.1f}")
        if not is_equal(detector, folder / ONNX):
            return False
        numbers = {name: value for path in scores for name, value in json.loads(path.read_text()).items()}
        config: dict[str, object] = {
            "format_version": bundle.FORMAT_VERSION, "kind": "detector", "adapter": "own", "name": target.name,
            "longer_side": own.LONGER_SIDE, "threshold": threshold, "licence": "CC0-1.0", "commercial_use": True,
            "training_data": bundle.TRAINING_DATA, "scores": numbers,
        }  # fmt: skip
        (folder / bundle.CARD).write_text(card(run, target.name, numbers, threshold), encoding="utf-8")
        path = folder / ONNX
        config["files"] = {ONNX: {"sha256": sha256(path), "bytes": path.stat().st_size}}
        (folder / bundle.CONFIG).write_text(json.dumps(config, indent=1) + "\n", encoding="utf-8")
        bundle.put_in_place(folder, target)
        logger.info("%s: %.1f MB", target, size_mb)
        return True
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def card(run: Path, name: str, scores: dict[str, dict[str, float]], threshold: float) -> str:
    """The folder's README: what it is, what it learned from, how it was trained, what it scores."""
    config = first_line(run)["config"]
    size, minutes = config["size"], config["minutes"]
    started = "".join(f" --init {source_name(Path(source))}" for source in config.get("init", []))
    columns = ("threshold", "pictures", "people", "recall", "precision", "false_where_nobody")
    rows = [[key, *(f"{one[c]:.4g}" if c in one else "-" for c in columns)] for key, one in scores.items()]
    lines = [["set", *columns], ["---"] * (len(columns) + 1), *rows]
    table = ["| " + " | ".join(line) + " |" for line in lines] if scores else ["Not scored."]
    data = [f"- {entry['name']} ({entry['licence']}; {entry['credit']})" for entry in bundle.TRAINING_DATA]
    return "\n".join(
        [
            f"# {name}: where people are",
            "",
            "A one-class detector for footage, CC0: any use, commercial use included.",
            f"Trained by `python -m training.train detector --size {size} --batch {config['batch']} --lr {config['lr']}"
            f" --minutes {minutes:g} --seed {config['seed']}{started}` on crowds of rendered people:",
            "",
            *data,
            "",
            f"Boxes go around the joints, each side x 1.1; somebody from score {threshold:g} on, where the pose",
            "network agrees. The detector alone: recall and precision at IoU 0.5, per cent; false boxes in a picture",
            "without people. By `python -m training.evaluate.detector`:",
            "",
            *table,
            "",
        ]
    )


def main(arguments: list[str] | None = None) -> int:
    """Runs the command line and returns its exit code."""
    parser = argparse.ArgumentParser(prog="python -m training.export.detector", description=__doc__)
    parser.add_argument("run", type=Path, help="folder of a run of `training.train detector`")
    parser.add_argument("-o", "--output", type=Path, required=True, help="folder to write")
    parser.add_argument("--scores", type=Path, nargs="*", default=[], help="JSON of training.evaluate.detector")
    parser.add_argument(
        "--threshold", type=float, default=own.THRESHOLD,
        help="score from which on a box is somebody; training.evaluate.detector --sweep shows what it costs",
    )  # fmt: skip
    given = parser.parse_args(arguments)
    return told("training.export.detector", lambda: export(given.run, given.output, given.scores, given.threshold))


if __name__ == "__main__":
    raise SystemExit(main())
