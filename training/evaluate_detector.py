"""What a detector finds: `python -m training.evaluate_detector --weights assets/weights/open-detector --store STORE`.

Sets: rendered crowds of a test store; pictures without people, cut from the test split's panoramas, which are
photographs; with --lspet the Leeds Sports validation photographs, whose one labelled person each has a box around
the joints (recall counts, precision does not: others are in the pictures too). IoU 0.5, the detector's own threshold.
"""

from __future__ import annotations

import argparse
import json
import logging
import sys
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np

from core.detect import Detector, open_detector
from core.errors import MocapError
from training.detection import Float, Found, Image, detection_scores
from training.lspet import load_validation
from training.metrics import bootstrap_interval
from training.pictures import PictureStore
from training.pictures.crowds import Crowds
from training.pictures.environments import load_environments, panorama_crop, to_srgb

SEED, SIDE, BATCH = 1, 256, 16
EMPTY_SIDE, EMPTY_ANGLES = 416, (25.0, 75.0)


def found_by(detector: Detector, image: Image) -> Found:
    """The detector's people in a picture (H, W, 3) BGR."""
    seen = detector(image)
    order = np.argsort(-seen.scores, kind="stable")
    return Found(seen.boxes_xyxy[order], seen.scores[order])


def crowds(store: PictureStore, count: int) -> Iterator[tuple[Image, Float]]:
    """Rendered pictures BGR and the boxes (M, 4) xyxy of the people in them who are not too hidden."""
    drawn = Crowds(store, SIDE, SEED)
    for step in range(-(-count // BATCH)):
        batch = drawn.batch(BATCH, step)
        for image, boxes, kind in zip(batch.image, batch.boxes, batch.kind, strict=True):
            planes = image.permute(1, 2, 0).numpy()[..., ::-1]
            yield np.ascontiguousarray(planes), boxes[kind == 1].numpy()


def empty_pictures(count: int) -> Iterator[tuple[Image, Float]]:
    """Views of the test split's panoramas BGR, photographs without people; none without bpy."""
    rng = np.random.default_rng(SEED)
    environments = load_environments("test")
    for _ in range(count if environments else 0):
        yaw, pitch = rng.uniform(-np.pi, np.pi), rng.normal(0.05, 0.25)
        turn, tip = cv2.Rodrigues(np.array([0, yaw, 0.0]))[0], cv2.Rodrigues(np.array([pitch, 0, 0.0]))[0]
        camera_to_world = (turn @ tip @ np.diag([-1.0, -1.0, 1.0])).astype(np.float32)
        tangent = float(np.tan(np.radians(rng.uniform(*EMPTY_ANGLES)) / 2))
        seen = panorama_crop(environments[int(rng.integers(len(environments)))], camera_to_world, tangent, EMPTY_SIDE)
        gain = 0.35 / max(float(np.median(seen)), 1e-3) * float(np.exp(rng.normal(0, 0.3)))
        yield (to_srgb(seen * gain)[..., ::-1] * 255).astype(np.uint8), np.zeros((0, 4), np.float32)


def photographs(folder: Path) -> Iterator[tuple[Image, Float]]:
    """The Leeds Sports validation photographs BGR and the box of the labelled person."""
    known = load_validation(folder)
    for image, box in zip(known.images(), known.boxes_px, strict=True):
        yield image, np.concatenate([box[:2], box[:2] + box[2:]])[None]


def evaluate(detector: Detector, store: Path, lspet: Path | None, count: int) -> dict[str, dict[str, float]]:
    """Scores by set; "people" is how many there are, the interval is of the recall, by resampling pictures."""
    sets = {"rendered crowds": crowds(PictureStore.open(store), count), "nobody": empty_pictures(count)}
    if lspet is not None:
        sets["lspet"] = photographs(lspet)
    scores = {}
    for name, pictures in sets.items():
        found, true = [], []
        for image, boxes in pictures:
            found.append(found_by(detector, image))
            true.append(boxes)
        each = detection_scores(found, true, threshold=0.0)
        people = sum(len(boxes) for boxes in true)
        share = [detection_scores([f], [t], 0.0)["recall"] for f, t in zip(found, true, strict=True) if len(t)]
        weights = [len(t) for t in true if len(t)]
        low, high = bootstrap_interval(np.array(share), np.array(weights)) if people else (float("nan"),) * 2
        known = {"precision"} if name == "lspet" else set() if people else {"recall", "precision"}
        each = {key: float("nan") if key in known else value for key, value in each.items()}
        scores[name] = {"pictures": float(len(true)), "people": float(people), **each, "low": low, "high": high}
    return scores


def table(scores: dict[str, dict[str, float]]) -> str:
    """The scores for a terminal."""
    lines = [
        f"{'set':<16} {'pictures':>8} {'people':>7} {'recall %':>20} {'precision %':>12} {'false where nobody':>19}"
    ]
    for name, one in scores.items():
        recall = f"{one['recall']:.1f} ({one['low']:.1f}-{one['high']:.1f})" if one["people"] else "-"
        precision = f"{one['precision']:.1f}" if np.isfinite(one["precision"]) else "-"
        false = f"{one['false_where_nobody']:.3f}" if np.isfinite(one["false_where_nobody"]) else "-"
        lines.append(
            f"{name:<16} {one['pictures']:>8.0f} {one['people']:>7.0f} {recall:>20} {precision:>12} {false:>19}"
        )
    return "\n".join(lines)


def main(arguments: list[str] | None = None) -> int:
    """Runs the command line and returns its exit code."""
    parser = argparse.ArgumentParser(
        prog="python -m training.evaluate_detector", description=__doc__,
        formatter_class=argparse.RawTextHelpFormatter,
    )  # fmt: skip
    parser.add_argument("--weights", default="own", help="folder of a detector, or an .onnx file")
    parser.add_argument("--store", type=Path, required=True, help="rendered people of the test split")
    parser.add_argument("--lspet", type=Path, help="folder of the LSPET photographs")
    parser.add_argument("--pictures", type=int, default=512, help="crowds, and pictures without people")
    parser.add_argument("--json", type=Path, help="write the scores there as well")
    given = parser.parse_args(arguments)
    logging.basicConfig(level=logging.INFO, format="%(message)s", stream=sys.stdout)
    try:
        scores = evaluate(open_detector(given.weights, 1), given.store, given.lspet, given.pictures)
    except (MocapError, ValueError, OSError) as error:
        print(f"training.evaluate_detector: {error}", file=sys.stderr)
        return 1
    print(table(scores))
    if given.json:
        plain = {name: {key: round(v, 3) for key, v in one.items() if np.isfinite(v)} for name, one in scores.items()}
        given.json.write_text(json.dumps(plain, indent=1) + "\n")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
