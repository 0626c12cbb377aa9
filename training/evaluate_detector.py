"""What a detector finds: `python -m training.evaluate_detector --weights assets/weights/open-detector --store STORE`.

Sets: rendered crowds of a test store; pictures without people, cut from the test split's panoramas, which are
photographs; with --lspet the Leeds Sports validation photographs, whose one labelled person each has a box around
the joints (recall counts, precision does not: others are in the pictures too). IoU 0.5, the detector's own threshold
or --threshold; --sweep shows what others give.
"""

from __future__ import annotations

import argparse
import json
import logging
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from core.crop import xywh_to_xyxy
from core.detect import Detections, Detector, open_detector
from core.errors import MocapError
from training.detection import Float, Image, detection_scores
from training.lspet import load_validation
from training.metrics import bootstrap_interval
from training.pictures import PictureStore
from training.pictures.crowds import Crowds
from training.pictures.environments import load_environments, panorama_crop, to_srgb

SEED, SIDE, BATCH = 1, 256, 16
EMPTY_SIDE, EMPTY_ANGLES = 416, (25.0, 75.0)
CROWDS, NOBODY, LSPET = "rendered crowds", "nobody", "lspet"
SWEEP = (0.1, 0.15, 0.2, 0.25, 0.3, 0.35, 0.4, 0.45, 0.5, 0.55, 0.6)


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
        yield image, xywh_to_xyxy(box)[None]


@dataclass(frozen=True, slots=True, eq=False)
class Looked:
    """What a detector said of a set, and the truth.

    Attributes:
        found: of each picture.
        true: the people of each picture, (M, 4) xyxy.
        is_precise: whether all people of the pictures are known, so that the other boxes are false.
    """

    found: list[Detections]
    true: list[Float]
    is_precise: bool = True

    @property
    def people(self) -> int:
        """How many there are."""
        return sum(len(boxes) for boxes in self.true)

    def scores(self, threshold: float) -> dict[str, float]:
        """As `detection_scores`, nan where the set cannot tell."""
        each = detection_scores(self.found, self.true, threshold)
        unknown = ("recall", "precision") if not self.people else () if self.is_precise else ("precision",)
        return each | dict.fromkeys(unknown, float("nan"))

    def interval(self, threshold: float) -> tuple[float, float]:
        """95 % interval of the recall, by resampling pictures."""
        pairs = [(f, t) for f, t in zip(self.found, self.true, strict=True) if len(t)]
        if not pairs:
            return float("nan"), float("nan")
        share = [detection_scores([f], [t], threshold)["recall"] for f, t in pairs]
        return bootstrap_interval(np.array(share), np.array([len(t) for _, t in pairs]))


def look(detector: Detector, store: Path, lspet: Path | None, count: int) -> dict[str, Looked]:
    """The detector over all pictures, by set."""
    sets = {CROWDS: crowds(PictureStore.open(store), count), NOBODY: empty_pictures(count)}
    if lspet is not None:
        sets[LSPET] = photographs(lspet)
    looked = {}
    for name, pictures in sets.items():
        pairs = [(detector(image), boxes) for image, boxes in pictures]
        looked[name] = Looked([found for found, _ in pairs], [boxes for _, boxes in pairs], name != LSPET)
    return looked


def scores_of(looked: dict[str, Looked], threshold: float) -> dict[str, dict[str, float]]:
    """Scores by set at a threshold; "people" is how many there are, "low" and "high" the interval of the recall."""
    scores = {}
    for name, one in looked.items():
        low, high = one.interval(threshold)
        counts = {"threshold": threshold, "pictures": float(len(one.true)), "people": float(one.people)}
        scores[name] = {**counts, **one.scores(threshold), "low": low, "high": high}
    return scores


def table(scores: dict[str, dict[str, float]]) -> str:
    """The scores for a terminal."""
    lines = [
        f"{'set':<16} {'pictures':>8} {'people':>7} {'recall %':>20} {'precision %':>12} {'false where nobody':>19}"
    ]
    for name, one in scores.items():
        recall = f"{one['recall']:.1f} ({one['low']:.1f}-{one['high']:.1f})" if one["people"] else "-"
        precision, false = _cell(one["precision"], 1), _cell(one["false_where_nobody"], 3)
        lines.append(
            f"{name:<16} {one['pictures']:>8.0f} {one['people']:>7.0f} {recall:>20} {precision:>12} {false:>19}"
        )
    return "\n".join(lines)


def sweep_table(looked: dict[str, Looked]) -> str:
    """Recall, precision and false boxes a picture without people at each threshold of SWEEP."""
    with_people = [name for name in looked if looked[name].people]
    lines = [["threshold", *(f"{name}: recall %" for name in with_people), "precision %", "false where nobody"]]
    for threshold in SWEEP:
        by_set = {name: one.scores(threshold) for name, one in looked.items()}
        shares = [*(by_set[name]["recall"] for name in with_people), by_set[CROWDS]["precision"]]
        false = _cell(by_set[NOBODY]["false_where_nobody"], 3)
        lines.append([f"{threshold:.2f}", *(_cell(share, 1) for share in shares), false])
    widths = [max(len(cell) for cell in column) for column in zip(*lines, strict=True)]
    return "\n".join("  ".join(c.rjust(w) for c, w in zip(line, widths, strict=True)) for line in lines)


def _cell(value: float, digits: int) -> str:
    return f"{value:.{digits}f}" if np.isfinite(value) else "-"


def _opened(weights: str, threshold: float | None, is_swept: bool) -> tuple[Detector, float]:
    """A detector that answers from the lowest threshold that is asked for on, and the one to score at."""
    if threshold is not None and not 0 < threshold < 1:
        raise ValueError(f"expected --threshold between 0 and 1, got {threshold:g}")
    own = open_detector(weights, 1).threshold
    threshold = own if threshold is None else threshold
    return open_detector(weights, 1, min(threshold, *SWEEP if is_swept else (threshold,)) / own), threshold


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
    parser.add_argument("--threshold", type=float, help="score from which on a box counts; the detector's own without")
    parser.add_argument("--sweep", action="store_true", help="also recall and false boxes at thresholds from .1 to .6")
    given = parser.parse_args(arguments)
    logging.basicConfig(level=logging.INFO, format="%(message)s", stream=sys.stdout)
    try:
        detector, threshold = _opened(given.weights, given.threshold, given.sweep)
        looked = look(detector, given.store, given.lspet, given.pictures)
    except (MocapError, ValueError, OSError) as error:
        print(f"training.evaluate_detector: {error}", file=sys.stderr)
        return 1
    scores = scores_of(looked, threshold)
    print(f"at a threshold of {threshold:g}", table(scores), sep="\n")
    if given.sweep:
        print("", sweep_table(looked), sep="\n")
    if given.json:
        plain = {name: {key: round(v, 3) for key, v in one.items() if np.isfinite(v)} for name, one in scores.items()}
        given.json.write_text(json.dumps(plain, indent=1) + "\n")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
