"""Frame -> boxes of people, by a detector: a small network of its own, ours or one that the user has.

`open_detector(None)` is the detector that ships. A folder holds a detector and its `config.json`, which names
the adapter; a bare .onnx file tells by its inputs and outputs which adapter reads it. Each adapter is a file
of `core/detectors/`. Boxes are where to look: `find_detected` has the pose network say whether somebody is
there, and where exactly.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from ..errors import WeightsError
from ..files.untrusted import MALFORMED, is_plain_name, read_json, shortened
from ..geometry.boxes import box_overlap, overlap, xyxy_to_xywh
from ..settings import TrackSettings
from ..tracking.evidence import (
    HOPELESS,
    IS_CENTRED,
    Estimate,
    Found,
    are_one_person,
    boxes_of,
    is_seen,
    is_somebody,
    looked_again,
    quality,
)
from ..types import Bool, Estimates, Float, Image, Int
from ..weights.bundle import FORMAT_VERSION, WEIGHTS_FOLDER, sha256
from ..weights.library import CONFIG

if TYPE_CHECKING:
    from .onnx_graph import Graph

OWN, FRAME, SEARCH = "own", "frame", "search"
LEAST = "least"
"""The option of all adapters that `open_detector` sets."""
OWN_FOLDER = WEIGHTS_FOLDER / "open-detector"
MOST_PEOPLE = 32
"""Of one frame that are looked at, the surest first."""
UNSURE = 0.6
"""Share of a detector's threshold from which on a box is looked at where nobody is known or somebody is missed: people
who are half hidden score less, and so do things that are nobody."""
BESIDE_OTHERS = 1.4
"""A detector's threshold, times this, counts while others are followed or missed: somebody new who is nobody, or is one
of them, then costs more than somebody found later. Without it the main person of a clip broke in two."""
BOX_WEIGHT = 2.0
"""Log odds of a detector's score against those of the pose network, which spread more widely."""
NEARLY = 1e-5
"""A score as near to 0 or 1 counts as this far from it."""
IS_MISSED = 0.3
"""Overlap (IoU of the squares) with the place where somebody is missed, from which on an unsure box can be them."""
IS_KNOWN = 0.5
"""IoU of a detection with the box of somebody who is followed, from which on it is them."""


@dataclass(frozen=True, slots=True, eq=False)
class Detections:
    """The people of one frame, the surest first.

    Attributes:
        boxes_xyxy: (N, 4) left, top, right, bottom; frame pixels.
        scores: (N,) 0 to 1.
    """

    boxes_xyxy: Float
    scores: Float

    @property
    def boxes_xywh(self) -> Float:
        """(N, 4) as the crops want them."""
        return xyxy_to_xywh(self.boxes_xyxy)


class Detector(Protocol):
    """Finds people.

    Attributes:
        name: for people and for the take.
        digest: sha256 of its file; "" where there is none.
        threshold: score from which on it is sure.
    """

    name: str
    digest: str
    threshold: float

    def __call__(self, frame: Image) -> Detections:
        """The people of a frame (H, W, 3) uint8 BGR, nobody twice; nothing else."""


class FullFrame:
    """One person who fills the frame: for footage that is cut to a person already."""

    name, digest, threshold = FRAME, "", 0.5

    def __call__(self, frame: Image) -> Detections:
        """The frame's own box."""
        return Detections(np.array([[0.0, 0.0, frame.shape[1], frame.shape[0]]]), np.ones(1))


def find_detected(
    image: Image,
    known_px: Float,
    missed_px: Float,
    detector: Detector,
    estimate: Estimate,
    settings: TrackSettings,
) -> Found | None:
    """The people whom the detector sees and the pose network believes in; None where there are none.

    Args:
        image: (H, W, 3) uint8 BGR.
        known_px: (N, 4) xywh of people who are followed already: they are left out.
        missed_px: (N, 4) xywh where people should be who are not seen: there unsure boxes count too.
        detector: where to look.
        estimate: the network, as `Estimator.estimate`.
        settings: the thresholds.
    """
    detections, is_first = detector(image), not len(known_px) and not len(missed_px)
    boxes, scores = detections.boxes_xywh, detections.scores
    threshold = detector.threshold
    if not is_first:
        threshold = min(BESIDE_OTHERS * threshold, (1 + threshold) / 2)  # one that asks for much is still to be met
    is_known = (box_overlap(boxes[:, None], known_px) > IS_KNOWN).any(1)
    is_missed = (overlap(boxes[:, None], missed_px) > IS_MISSED).any(1)
    is_worth_it = (scores >= threshold) | (is_first | is_missed) & (scores >= UNSURE * threshold)
    rows = np.flatnonzero(~is_known & is_worth_it)[:MOST_PEOPLE]
    if not len(rows):
        return None
    seen, scores = _centred(image, boxes[rows], estimate), scores[rows]
    if is_first:
        is_sure = is_confirmed(scores, seen, threshold, settings)
        chosen = _nobody_twice(seen, is_sure)
    else:
        is_sure = (scores >= threshold) & is_somebody(seen, settings)
        chosen = _nobody_twice(seen, is_seen(seen, settings))
    return Found(seen[chosen], is_sure[chosen]) if len(chosen) else None


def is_confirmed(scores: Float, seen: Estimates, threshold: float, settings: TrackSettings) -> Bool:
    """(B,) whether detector and pose network together are sure of somebody in a frame where nobody is known yet.

    A sure box makes up for an unsure reading, and the other way round: the log odds of both, each against its own
    threshold, are weighed and added.

    Args:
        scores: (B,) of the detector.
        seen: B readings.
        threshold: of the detector.
        settings: the network's thresholds.
    """
    of_box = BOX_WEIGHT * (_log_odds(scores) - _log_odds(threshold))
    of_reading = _log_odds(seen.person_score) - _log_odds(settings.found_person_score)
    return np.asarray(is_seen(seen, settings) & (of_box + of_reading >= 0))


def _log_odds(score: Float | float) -> Float:
    probability = np.clip(score, NEARLY, 1 - NEARLY)
    return np.asarray(np.log(probability / (1 - probability)))


def _centred(image: Image, boxes: Float, estimate: Estimate) -> Estimates:
    """Readings of people in boxes, cut once more about the joints where the first crop was not."""
    seen = estimate(image, boxes)
    again = np.flatnonzero((overlap(boxes_of(seen), seen.box_px) <= IS_CENTRED) & (quality(seen) > HOPELESS))
    return looked_again(image, seen, again, estimate)


def _nobody_twice(seen: Estimates, is_wanted: Bool) -> Int:
    """Rows of the wanted readings, the surest first, of which no two are of one person."""
    chosen: list[int] = []
    for row in np.argsort(-quality(seen), kind="stable"):
        if is_wanted[row] and not any(are_one_person(seen[[int(row)]], seen[[other]]) for other in chosen):
            chosen.append(int(row))
    return np.array(chosen, np.int64)


def is_own_there() -> bool:
    """Whether the detector that ships is there."""
    return (OWN_FOLDER / CONFIG).is_file()


def open_detector(name_or_path: str | Path | None = None, threads: int | None = None, least: float = 1.0) -> Detector:
    """Load a detector.

    Args:
        name_or_path: None or "own" is the one that ships, "frame" the whole frame; a folder with a
            config.json, its name in assets/weights, or an .onnx file.
        threads: of the CPU; None leaves it to the library.
        least: share of its threshold from which on boxes come back.

    Raises:
        MocapError: not there, damaged, not a detector of a known form, or onnxruntime is missing.
    """
    if name_or_path == FRAME:
        return FullFrame()
    path = OWN_FOLDER if name_or_path in (None, OWN) else Path(str(name_or_path))
    if not path.exists() and (WEIGHTS_FOLDER / path).is_dir():
        path = WEIGHTS_FOLDER / path
    if path.is_dir():
        return _from_folder(path, threads, least)
    if path.is_file():
        from .onnx_graph import Graph

        graph = Graph(path, threads)
        return _adapted(_adapter_of(graph), graph, {LEAST: least}, path.stem, _sha256(path))
    raise WeightsError(f"{path}: no such detector; give own, frame, search, a folder or an .onnx file")


def _from_folder(folder: Path, threads: int | None, least: float) -> Detector:
    file = folder / CONFIG
    try:
        config = read_json(file)
        version, adapter = int(config["format_version"]), str(config["adapter"])
        ((name, known),) = config["files"].items()
        expected = str(known["sha256"])
    except OSError as error:
        raise WeightsError(f"{folder}: no detector in it (no config.json); choose another folder") from error
    except MALFORMED as error:
        raise WeightsError(f"{file}: damaged, or of no detector ({shortened(str(error))}); get it again") from error
    if version > FORMAT_VERSION:
        raise WeightsError(f"{folder}: a detector of a newer version (format {version}); update this program")
    if not is_plain_name(name):
        raise WeightsError(f"{file}: names a file outside its folder ({shortened(name)}); don't use it")
    found = _sha256(folder / name)
    if found != expected:
        raise WeightsError(
            f"{folder / name}: damaged or changed (its sha256 differs from config.json); get the detector again"
        )
    from .onnx_graph import Graph

    try:
        options = {**config, LEAST: least}
        return _adapted(adapter, Graph(folder / name, threads), options, str(config.get("name", folder.name)), found)
    except MALFORMED as error:
        raise WeightsError(f"{file}: damaged ({shortened(str(error))} missing or wrong); get it again") from error


def _sha256(file: Path) -> str:
    try:
        return sha256(file)
    except OSError as error:
        raise WeightsError(f"{file}: can't be read ({error.strerror}); get the detector again") from error


def _adapter_of(graph: Graph) -> str:
    """The adapter for a graph without a config.json."""
    inputs, outputs = set(graph.inputs), graph.outputs
    if "pixel_values" in inputs and {"logits", "pred_boxes"} <= set(outputs):
        return "detr"
    if inputs == {"image"} and {"boxes", "scores"} <= set(outputs):
        return OWN
    shapes = list(outputs.values())
    if len(inputs) == len(shapes) == 1 and len(shapes[0]) == 3 and shapes[0][2] == 85:
        return "yolox"
    raise WeightsError(
        f"{graph.file}: not a detector of a known form (inputs {', '.join(inputs)}; outputs {', '.join(outputs)}); "
        "use a D-FINE, RT-DETR or YOLOX file"
    )


def _adapted(adapter: str, graph: Graph, options: Mapping[str, Any], name: str, digest: str) -> Detector:
    if adapter == OWN:
        from .own import OwnDetector

        return OwnDetector(graph, options, name, digest)
    if adapter == "detr":
        from .detr import DetrDetector

        return DetrDetector(graph, options, name, digest)
    if adapter == "yolox":
        from .yolox import YoloxDetector

        return YoloxDetector(graph, options, name, digest)
    raise WeightsError(f"{graph.file.parent / CONFIG}: unknown adapter {adapter!r}; update this program")
