"""An ONNX graph that takes one picture, on the CPU, and what all detectors do with its boxes."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from ..errors import MocapError, WeightsError, first_line
from ..inference.onnx_check import check_onnx
from ..types import Float, Image, Int
from .detector import LEAST, Detections

ERRORS_ONLY = 3
SIDES = (32, 4096)
"""Smallest and largest side of a detector's picture, pixels."""
THRESHOLD = 0.4
"""Score from which on a detector is sure, where its config.json does not say."""
MAX_OUTSIDE = 0.25
"""Share of a box's side that may lie outside the frame: people may be cut by its edge."""


class Graph:
    """A loaded graph.

    Attributes:
        file: where it came from.
        inputs: shapes by name; None or a word where a size is free.
        outputs: the same.
    """

    def __init__(self, file: Path, threads: int | None = None) -> None:
        """Load it.

        Raises:
            MocapError: onnxruntime is missing.
            WeightsError: no graph in the file.
        """
        try:
            import onnxruntime
        except ImportError as error:
            raise MocapError("onnxruntime is not installed; install onnxruntime, or use --detector search") from error
        check_onnx(file)
        options = onnxruntime.SessionOptions()
        options.log_severity_level = ERRORS_ONLY
        options.intra_op_num_threads = threads or 0
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")  # as in `inference.onnx_runtime`
        try:
            self._session = onnxruntime.InferenceSession(str(file), options, providers=["CPUExecutionProvider"])
        except Exception as error:  # its errors share no base class of their own
            raise WeightsError(f"{file}: can't be loaded ({first_line(error)}); get the detector again") from error
        self.file = file
        self.inputs: dict[str, list[Any]] = {one.name: one.shape for one in self._session.get_inputs()}
        self.outputs: dict[str, list[Any]] = {one.name: one.shape for one in self._session.get_outputs()}

    def require(self, image: str | None, *outputs: str) -> str:
        """The input's name, after a look whether the graph has that input and those outputs.

        Args:
            image: the only input's name; None where any will do.
            outputs: that must be there.

        Raises:
            WeightsError: it has others.
        """
        names = list(self.inputs)
        if len(names) != 1 or names[0] != (image or names[0]) or not set(outputs) <= set(self.outputs):
            raise WeightsError(
                f"{self.file}: expected the input {image or 'of one picture'} and the outputs "
                f"{', '.join(outputs) or 'of one array'}, got {', '.join(names)} and {', '.join(self.outputs)}; "
                "choose another detector"
            )
        return names[0]

    def side(self, name: str, otherwise: int) -> int:
        """The square input's side, pixels; `otherwise` where the graph leaves it free.

        Raises:
            WeightsError: no detector has such a side.
        """
        height = self.inputs[name][2] if len(self.inputs[name]) == 4 else None
        return self.checked_side(height if isinstance(height, int) else otherwise)

    def checked_side(self, side: int) -> int:
        """The side, where a detector can have it; raises a WeightsError otherwise."""
        if not SIDES[0] <= side <= SIDES[1]:
            raise WeightsError(f"{self.file}: a side of {side} pixels, not {SIDES[0]} to {SIDES[1]}; get it again")
        return side

    def run(self, name: str, picture: Float, *outputs: str) -> list[Float]:
        """Outputs for a picture (1, 3, H, W), batch axes as the graph has them."""
        try:
            found: list[Float] = self._session.run(list(outputs) or None, {name: picture})
        except Exception as error:  # as above
            raise WeightsError(f"{self.file}: fails on a picture ({first_line(error)}); get it again") from error
        if any(getattr(array, "dtype", np.dtype(object)).kind not in "fiu" for array in found):
            raise WeightsError(f"{self.file}: answers with something else than numbers; choose another detector")
        return found


class GraphDetector:
    """What the three forms of a `Detector` share; `__call__` is each one's own.

    Attributes:
        name: for people and for the take.
        digest: sha256 of its file; "" where there is none.
        threshold: score from which on it is sure.
    """

    def __init__(self, graph: Graph, options: Mapping[str, Any], name: str, digest: str) -> None:
        """Options are `threshold`, and `least`, the share of it from which on boxes come back."""
        self.name, self.digest = name, digest
        self.threshold = float(options.get("threshold", THRESHOLD))
        self._graph = graph
        self._least = self.threshold * float(options.get(LEAST, 1.0))
        if not 0 < self.threshold <= 1:
            raise ValueError(f"threshold {self.threshold}")


def resized(frame: Image, width: int, height: int) -> Image:
    """A frame in another size, averaged where it shrinks."""
    is_smaller = width * height < frame.shape[0] * frame.shape[1]
    method = cv2.INTER_AREA if is_smaller else cv2.INTER_LINEAR
    return np.asarray(cv2.resize(frame, (width, height), interpolation=method), np.uint8)


def as_input(picture: Image | Float, is_rgb: bool, scale: float) -> Float:
    """(H, W, 3) BGR, 0 to 255 -> (1, 3, H, W) float32."""
    channels = picture[..., ::-1] if is_rgb else picture
    return np.ascontiguousarray(channels.transpose(2, 0, 1)[None], np.float32) * np.float32(scale)


def people(boxes_xyxy: Float, scores: Float, width: int, height: int, most_overlap: float = 1.0) -> Detections:
    """The people of a frame of that size, out of boxes that may be doubled, broken or outside it.

    A box is cut off where more than a quarter of a side would lie outside the frame.

    Args:
        boxes_xyxy: (N, 4) frame pixels.
        scores: (N,).
        width: of the frame.
        height: of the frame.
        most_overlap: IoU from which on two boxes are one person, and the surer one stays.
    """
    boxes = np.asarray(boxes_xyxy, np.float64)
    beyond = np.tile(boxes[:, 2:] - boxes[:, :2], 2) * MAX_OUTSIDE
    boxes = np.clip(boxes, -beyond, beyond + np.array([width, height, width, height]))
    is_box = np.isfinite(boxes).all(1) & (boxes[:, 2:] - boxes[:, :2] >= 1).all(1)
    boxes, scores = boxes[is_box], np.asarray(scores, np.float64)[is_box]
    rows = apart(boxes, scores, most_overlap)
    return Detections(boxes[rows], scores[rows])


def apart(boxes_xyxy: Float, scores: Float, most_overlap: float) -> Int:
    """Rows of the best boxes, the surest first, of which no two overlap (IoU) by more than that."""
    areas = (boxes_xyxy[:, 2:] - boxes_xyxy[:, :2]).clip(0).prod(1)
    left = np.argsort(-scores, kind="stable")
    chosen: list[int] = []
    while len(left):
        best, left = left[0], left[1:]
        chosen.append(int(best))
        low = np.maximum(boxes_xyxy[best, :2], boxes_xyxy[left, :2])
        high = np.minimum(boxes_xyxy[best, 2:], boxes_xyxy[left, 2:])
        inner = (high - low).clip(0).prod(1)
        left = left[inner <= most_overlap * (areas[best] + areas[left] - inner)]
    return np.array(chosen, np.int64)
