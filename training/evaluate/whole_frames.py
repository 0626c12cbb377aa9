"""People in whole frames as the product finds them: a detector's boxes, confirmed and re-cut by the pose network.

Everything is decided by `core.tracking.confirm.confirmed_in`. A picture's boxes and readings are kept while
its thresholds are swept, so that a sweep costs one look at the lowest of them.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import onnx
import onnxruntime

from core.detection.detector import Detections, Detector
from core.geometry.boxes import xywh_to_xyxy
from core.inference.estimator import Estimator, join, whole_pixels
from core.settings import TrackSettings
from core.tracking.confirm import UNSURE, confirmed_in
from core.tracking.evidence import Estimate, boxes_of, quality
from core.types import Estimates, Float, Image, NetworkOutput
from core.weights.bundle import WeightsBundle

NOBODY = np.zeros((0, 4))
READ = ("joints_2d", "joint_confidence", "token_confidence", "pose_token_ids", "person_score")
"""Outputs that tell whether somebody is there and where."""


class JointsOnly:
    """A `Runtime` of a bundle's graph up to those outputs, one thread; the mesh, more than half the work, is zero."""

    name, device, notice = "onnxruntime, joints only", "cpu", ""

    def __init__(self, bundle: WeightsBundle) -> None:
        """Cut the graph of a bundle."""
        graph = onnx.utils.Extractor(onnx.load(bundle.onnx_file)).extract_model(["image"], list(READ))
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        self._session = onnxruntime.InferenceSession(graph.SerializeToString(), options)

    def run(self, images: Float) -> NetworkOutput:
        """The network's reading of crops (B, 3, S, S)."""
        points, confidence, tokens, ids, score = self._session.run(list(READ), {"image": images})
        count = len(images)
        return NetworkOutput(
            coarse_vertices=np.zeros((count, 431, 3), np.float32),
            joints=np.zeros((count, 14, 3), np.float32),
            weak_camera=np.zeros((count, 3), np.float32),
            keypoints=np.zeros((count, 17, 2), np.float32),
            joints_2d=points,
            joint_confidence=confidence,
            token_confidence=tokens,
            pose_token_ids=ids,
            person_score=score,
        )


def joints_only(bundle: WeightsBundle) -> Estimator:
    """The network of a bundle without its mesh and its rotation head."""
    return Estimator(JointsOnly(bundle), replace(bundle, rotation_tokens=None))


@dataclass(slots=True, eq=False)
class Said:
    """What a detector said of one picture, as a `Detector` with another threshold."""

    name: str
    digest: str
    threshold: float
    detections: Detections

    def __call__(self, frame: Image) -> Detections:
        """The boxes that the detector would have given at this threshold, those to look at included."""
        del frame
        is_given = self.detections.scores >= UNSURE * self.threshold
        return Detections(self.detections.boxes_xyxy[is_given], self.detections.scores[is_given])


@dataclass(frozen=True, slots=True, eq=False)
class Remembered:
    """The network's readings of one picture, an `Estimate` that reads each box once.

    Attributes:
        estimate: the network, as `Estimator.estimate`.
        known: readings by box.
    """

    estimate: Estimate
    known: dict[tuple[float, ...], Estimates] = field(default_factory=dict)

    def __call__(self, images: Sequence[Image] | Image, boxes_px: Float) -> Estimates:
        """Readings of boxes (B, 4) xywh of the picture."""
        boxes = whole_pixels(np.asarray(boxes_px, np.float64))
        names = [tuple(box.tolist()) for box in boxes]
        new = [name for name in dict.fromkeys(names) if name not in self.known]
        if new:
            seen = self.estimate(images, np.array(new))
            self.known.update({name: seen[[row]] for row, name in enumerate(new)})
        return join([self.known[name] for name in names])


def confirmed(
    pictures: Iterable[tuple[Image, Float]],
    detector: Detector,
    estimate: Estimate,
    thresholds: Sequence[float],
    is_around_joints: bool = True,
) -> tuple[dict[float, list[Detections]], list[Detections], list[Float]]:
    """Whom the product finds in pictures where it knows nobody yet.

    Args:
        pictures: BGR, with the true boxes (M, 4) xyxy.
        detector: answers from `UNSURE` times the lowest threshold on.
        estimate: the pose network, as `Estimator.estimate`.
        thresholds: of the detector, each tried in place of its own.
        is_around_joints: whether the boxes that come back go around the joints; else they are the detector's.

    Returns:
        by threshold the people of each picture, scored by the network; what the detector alone said; the true boxes.
    """
    found: dict[float, list[Detections]] = {threshold: [] for threshold in thresholds}
    alone, true = [], []
    for image, boxes in pictures:
        alone.append(detector(image))
        true.append(boxes)
        said, remembered = Said(detector.name, detector.digest, 0.0, alone[-1]), Remembered(estimate)
        for threshold in thresholds:
            found[threshold].append(people_of(image, replace(said, threshold=threshold), remembered, is_around_joints))
    return found, alone, true


def people_of(image: Image, detector: Detector, estimate: Estimate, is_around_joints: bool = True) -> Detections:
    """Whom the product is sure of in one picture, scored by the network, in boxes about their joints or as detected."""
    people = confirmed_in(image, detector, estimate, TrackSettings())
    if people is None:
        return Detections(NOBODY, np.zeros(0))
    boxes = boxes_of(people.seen) if is_around_joints else people.boxes_px
    return Detections(xywh_to_xyxy(boxes), quality(people.seen))
