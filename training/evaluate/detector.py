"""What a detector finds: `python -m training.evaluate.detector --weights assets/weights/open-nanodet --everyday DIR`.

Sets, those asked for: with --everyday photographs whose people all have a box, and photographs without anybody
(recall is that of people whose box is 96 px long or more; boxes in regions of crowds are not counted); with --store
rendered crowds of a test store, and pictures without people, cut from the panoramas of the store's split (a training
store is for choosing thresholds); with --lspet the Leeds Sports validation photographs, whose one labelled person each
has a box around the joints (recall counts, precision does not: others are in the pictures too). IoU 0.5, the detector's
own threshold or --threshold; --sweep shows what others give. --confirmed adds what the product finds: the pose network
says whether somebody is in a box. Boxes go around the joints that it sees, but on everyday photographs, whose truth
goes around what is seen of a person, they stay the detector's.
"""

from __future__ import annotations

import argparse
import json
import logging
import sys
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import cv2
import numpy as np

from core.detection.detector import Detections, Detector
from core.detection.open_detector import open_detector
from core.errors import MocapError
from core.geometry.boxes import xywh_to_xyxy
from core.tracking.confirm import UNSURE
from core.tracking.evidence import Estimate
from core.weights.find import find_weights
from training.datasets.everyday_boxes import load_boxed
from training.datasets.lspet import load_validation
from training.evaluate.detection_scores import Float, Image, detection_scores, is_asked
from training.evaluate.metrics import bootstrap_interval
from training.evaluate.whole_frames import confirmed, joints_only
from training.pictures import PictureStore
from training.pictures.crowds import Crowds
from training.pictures.environments import load_environments, panorama_crop, to_srgb

SEED, SIDE, BATCH = 1, 256, 16
EMPTY_SIDE, EMPTY_ANGLES = 416, (25.0, 75.0)
CROWDS, NOBODY, LSPET, EVERYDAY = "rendered crowds", "nobody", "lspet", "everyday"
LEAST_PX = 96.0
"""Longer side of a person in an everyday photograph from which on the recall asks for them."""
SWEEP = (0.1, 0.15, 0.2, 0.25, 0.3, 0.35, 0.4, 0.45, 0.5, 0.55, 0.6)
CONFIRMED_SWEEP = SWEEP[3:]
"""Lower ones have the pose network read several times as many boxes."""


def crowds(store: PictureStore, count: int) -> Iterator[tuple[Image, Float]]:
    """Rendered pictures BGR and the boxes (M, 4) xyxy of the people in them who are not too hidden."""
    drawn = Crowds(store, SIDE, SEED)
    for step in range(-(-count // BATCH)):
        batch = drawn.batch(BATCH, step)
        for image, boxes, kind in zip(batch.image, batch.boxes, batch.kind, strict=True):
            planes = image.permute(1, 2, 0).numpy()[..., ::-1]
            yield np.ascontiguousarray(planes), boxes[kind == 1].numpy()


def empty_pictures(count: int, split: str = "test") -> Iterator[tuple[Image, Float]]:
    """Views of a split's panoramas BGR, photographs without people; none without bpy."""
    rng = np.random.default_rng(SEED)
    environments = load_environments(split)
    for _ in range(count if environments else 0):
        yaw, pitch = rng.uniform(-np.pi, np.pi), rng.normal(0.05, 0.25)
        turn, tip = cv2.Rodrigues(np.array([0, yaw, 0.0]))[0], cv2.Rodrigues(np.array([pitch, 0, 0.0]))[0]
        camera_to_world = (turn @ tip @ np.diag([-1.0, -1.0, 1.0])).astype(np.float32)
        tangent = float(np.tan(np.radians(rng.uniform(*EMPTY_ANGLES)) / 2))
        seen = panorama_crop(environments[int(rng.integers(len(environments)))], camera_to_world, tangent, EMPTY_SIDE)
        gain = 0.35 / max(float(np.median(seen)), 1e-3) * float(np.exp(rng.normal(0, 0.3)))
        yield (to_srgb(seen * gain)[..., ::-1] * 255).astype(np.uint8), np.zeros((0, 4), np.float32)


def photographs(folder: Path, count: int | None = None) -> Iterator[tuple[Image, Float]]:
    """The Leeds Sports validation photographs BGR, or so many of them, and the box of the labelled person."""
    known = load_validation(folder, count)
    for image, box in zip(known.images(), known.boxes_px, strict=True):
        yield image, xywh_to_xyxy(box)[None]


@dataclass(frozen=True, slots=True, eq=False)
class PictureSet:
    """Pictures and what is known of them.

    Attributes:
        pictures: BGR, with the people (M, 4) xyxy.
        is_precise: whether all people of the pictures are known, so that the other boxes are false.
        is_around_joints: whether the people's boxes go around their joints, not around what is seen of them.
        crowds: of each picture the regions (K, 4) xyxy in which people are not known; None where there are none.
        least_px: longer side of a person from which on the recall asks for them.
    """

    pictures: Iterable[tuple[Image, Float]]
    is_precise: bool = True
    is_around_joints: bool = True
    crowds: list[Float] | None = None
    least_px: float = 0.0

    def looked(self, found: list[Detections], true: list[Float]) -> Looked:
        """What was found in the pictures, to be scored."""
        return Looked(found, true, self.is_precise, self.crowds, self.least_px)


@dataclass(frozen=True, slots=True, eq=False)
class Looked:
    """What a detector said of a set, and the truth.

    Attributes:
        found: of each picture.
        true: the people of each picture, (M, 4) xyxy.
        is_precise: whether all people of the pictures are known, so that the other boxes are false.
        crowds: of each picture the regions (K, 4) xyxy in which they are not; None where there are none.
        least_px: longer side of a person from which on the recall asks for them.
    """

    found: list[Detections]
    true: list[Float]
    is_precise: bool = True
    crowds: list[Float] | None = None
    least_px: float = 0.0

    @property
    def people(self) -> int:
        """How many the recall asks for."""
        return sum(int(is_asked(boxes, self.least_px).sum()) for boxes in self.true)

    def scores(self, threshold: float) -> dict[str, float]:
        """As `detection_scores`, nan where the set cannot tell."""
        each = detection_scores(self.found, self.true, threshold, self.crowds, self.least_px)
        unknown = ("recall", "precision") if not self.people else () if self.is_precise else ("precision",)
        return each | dict.fromkeys(unknown, float("nan"))

    def interval(self, threshold: float) -> tuple[float, float]:
        """95 % interval of the recall, by resampling pictures."""
        pairs = [
            (f, t, int(is_asked(t, self.least_px).sum())) for f, t in zip(self.found, self.true, strict=True) if len(t)
        ]
        pairs = [(f, t, count) for f, t, count in pairs if count]
        if not pairs:
            return float("nan"), float("nan")
        share = [detection_scores([f], [t], threshold, None, self.least_px)["recall"] for f, t, _ in pairs]
        return bootstrap_interval(np.array(share), np.array([count for _, _, count in pairs]))


def pictures_of(given: argparse.Namespace) -> dict[str, PictureSet]:
    """All pictures asked for with the people in them, by set."""
    sets: dict[str, PictureSet] = {}
    if given.store is not None:
        store = PictureStore.open(given.store)
        sets[CROWDS] = PictureSet(crowds(store, given.pictures))
        sets[NOBODY] = PictureSet(empty_pictures(given.pictures, store.meta["split"]))
    if given.lspet is not None:
        sets[LSPET] = PictureSet(photographs(given.lspet, given.photographs), is_precise=False)
    if given.everyday is not None:
        known = load_boxed(given.everyday)
        sets[EVERYDAY] = PictureSet(known.pictures(), True, False, known.crowds, LEAST_PX)
    if not sets:
        raise ValueError("expected pictures: --store, --lspet or --everyday")
    return sets


@dataclass(slots=True)
class Timed:
    """A `Detector` that counts the CPU's time of each look, in this thread."""

    detector: Detector
    name: str = field(init=False)
    digest: str = field(init=False)
    threshold: float = field(init=False)
    looks_ms: list[float] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.name, self.digest, self.threshold = self.detector.name, self.detector.digest, self.detector.threshold

    def __call__(self, frame: Image) -> Detections:
        """The detector's answer."""
        start = time.thread_time()
        found = self.detector(frame)
        self.looks_ms.append(1e3 * (time.thread_time() - start))
        return found


def look(detector: Detector, sets: dict[str, PictureSet]) -> dict[str, Looked]:
    """The detector over all pictures, by set."""
    looked = {}
    for name, one in sets.items():
        pairs = [(detector(image), boxes) for image, boxes in one.pictures]
        looked[name] = one.looked([found for found, _ in pairs], [boxes for _, boxes in pairs])
    return looked


def look_confirmed(
    detector: Detector, estimate: Estimate, sets: dict[str, PictureSet], thresholds: Sequence[float]
) -> tuple[dict[str, Looked], dict[float, dict[str, Looked]]]:
    """The detector alone, and what the product finds with its threshold at each of some, by set."""
    alone: dict[str, Looked] = {}
    both: dict[float, dict[str, Looked]] = {threshold: {} for threshold in thresholds}
    for name, one in sets.items():
        found, said, true = confirmed(one.pictures, detector, estimate, thresholds, one.is_around_joints)
        alone[name] = one.looked(said, true)
        for threshold in thresholds:
            both[threshold][name] = one.looked(found[threshold], true)
    return alone, both


def scores_of(looked: dict[str, Looked], threshold: float, least: float | None = None) -> dict[str, dict[str, float]]:
    """Scores by set; "people" is how many there are, "low" and "high" the interval of the recall.

    Args:
        looked: by set.
        threshold: of the detector.
        least: score from which on a box counts; the threshold where None.
    """
    least, scores = threshold if least is None else least, {}
    for name, one in looked.items():
        low, high = one.interval(least)
        counts = {"threshold": threshold, "pictures": float(len(one.true)), "people": float(one.people)}
        scores[name] = {**counts, **one.scores(least), "low": low, "high": high}
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
    return swept({t: {name: one.scores(t) for name, one in looked.items()} for t in SWEEP})


def swept(scores: dict[float, dict[str, dict[str, float]]]) -> str:
    """Scores by threshold and set as a table, of each set what it can tell."""
    kinds = (("recall", "", 1), ("precision", " precision", 1), ("false_where_nobody", " false", 3))
    first = next(iter(scores.values()))
    columns = [
        (name, key, f"{name}{word}", digits)
        for key, word, digits in kinds
        for name, one in first.items()
        if np.isfinite(one[key])
    ]
    lines = [["threshold", *(title for _, _, title, _ in columns)]]
    for threshold, by_set in scores.items():
        lines.append([f"{threshold:.2f}", *(_cell(by_set[name][key], digits) for name, key, _, digits in columns)])
    widths = [max(len(cell) for cell in column) for column in zip(*lines, strict=True)]
    return "\n".join("  ".join(c.rjust(w) for c, w in zip(line, widths, strict=True)) for line in lines)


def _cell(value: float, digits: int) -> str:
    return f"{value:.{digits}f}" if np.isfinite(value) else "-"


def _threshold(weights: str, asked: float | None) -> float:
    """The score to count boxes from: the one asked for, or the detector's own."""
    if asked is not None and not 0 < asked < 1:
        raise ValueError(f"expected --threshold between 0 and 1, got {asked:g}")
    return open_detector(weights, 1).threshold if asked is None else asked


def _looked(
    given: argparse.Namespace, threshold: float
) -> tuple[dict[str, Looked], dict[float, dict[str, Looked]], float]:
    """The detector alone, by threshold what the product finds where that is asked for, and a look's CPU in ms."""
    own = open_detector(given.weights, 1).threshold
    pictures = pictures_of(given)
    least = min(threshold, *SWEEP if given.sweep else (threshold,))
    if given.confirmed is None:
        timed = Timed(open_detector(given.weights, 1, least / own))
        return look(timed, pictures), {}, float(np.median(timed.looks_ms))
    thresholds = sorted({threshold, *(CONFIRMED_SWEEP if given.sweep else ())})
    timed = Timed(open_detector(given.weights, 1, min(least, UNSURE * thresholds[0]) / own))
    estimator = joints_only(find_weights(given.confirmed or None))
    alone, both = look_confirmed(timed, estimator.estimate, pictures, thresholds)
    return alone, both, float(np.median(timed.looks_ms))


def main(arguments: list[str] | None = None) -> int:
    """Runs the command line and returns its exit code."""
    parser = argparse.ArgumentParser(
        prog="python -m training.evaluate.detector", description=__doc__,
        formatter_class=argparse.RawTextHelpFormatter,
    )  # fmt: skip
    parser.add_argument("--weights", default="own", help="folder of a detector, or an .onnx file")
    parser.add_argument("--store", type=Path, help="rendered people of the test split")
    parser.add_argument("--everyday", type=Path, metavar="DIR", help="folder of everyday photographs with all boxes")
    parser.add_argument("--lspet", type=Path, help="folder of the LSPET photographs")
    parser.add_argument("--pictures", type=int, default=512, help="crowds, and pictures without people")
    parser.add_argument("--photographs", type=int, help="so many of LSPET, evenly spread; all 500 without")
    parser.add_argument("--json", type=Path, help="write the scores there as well")
    parser.add_argument("--threshold", type=float, help="score from which on a box counts; the detector's own without")
    parser.add_argument("--sweep", action="store_true", help="also recall and false boxes at thresholds from .1 to .6")
    parser.add_argument(
        "--confirmed", nargs="?", const="", metavar="BUNDLE",
        help="also what the product finds, with this pose network or the one that ships",
    )  # fmt: skip
    given = parser.parse_args(arguments)
    logging.basicConfig(level=logging.INFO, format="%(message)s", stream=sys.stdout)
    try:
        threshold = _threshold(given.weights, given.threshold)
        alone, both, look_ms = _looked(given, threshold)
    except (MocapError, ValueError, OSError) as error:
        print(f"training.evaluate.detector: {error}", file=sys.stderr)
        return 1
    scores = scores_of(alone, threshold)
    print(f"at a threshold of {threshold:g}, the detector alone, {look_ms:.1f} ms of CPU a look, one thread")
    print(table(scores))
    if given.sweep:
        print("", sweep_table(alone), sep="\n")
    if both:
        by_threshold = {each: scores_of(looked, each, 0.0) for each, looked in both.items()}
        print("", "confirmed by the pose network", table(by_threshold[threshold]), sep="\n")
        print(*(["", swept(by_threshold)] if given.sweep else []), sep="\n")
        scores |= {f"{name}, confirmed": one for name, one in by_threshold[threshold].items()}
    if given.json:
        plain = {name: {key: round(v, 3) for key, v in one.items() if np.isfinite(v)} for name, one in scores.items()}
        given.json.write_text(json.dumps(plain, indent=1) + "\n")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
