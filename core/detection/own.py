"""The detectors that this project writes: one class, any size of frame, boxes decoded in the graph.

Graph: `image` (1, 3, H, W) float32 RGB in 0..1, H and W multiples of 32 -> `boxes` (N, 4) xyxy in pixels of the input,
`scores` (N,) 0 to 1, one row a cell. That of `training.pretrained.nanodet_bundle` ships: its boxes go around what is
seen of a person. That of `training.export.detector` is trained on renders: its boxes are what `boxes.box_of_points`
lays around a person's joints, and cells that are no local peak score 0.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from ..errors import WeightsError
from ..types import Image
from .detector import Detections
from .onnx_graph import Graph, GraphDetector, as_input, people, resized

STRIDE = 32
LONGER_SIDE = 320
"""Of the pictures that ours is measured on."""
THRESHOLD = 0.25
"""Where the pose network has to be sure; chosen with `TrackSettings.found_score`."""
MOST_OVERLAP = 0.6


class OwnDetector(GraphDetector):
    """A `Detector`; options `longer_side` of the network's input, `threshold`."""

    def __init__(self, graph: Graph, options: Mapping[str, Any], name: str, digest: str) -> None:
        """Check the graph.

        Raises:
            WeightsError: it has other inputs or outputs.
        """
        graph.require("image", "boxes", "scores")
        super().__init__(graph, {"threshold": THRESHOLD, **options}, name, digest)
        self._longer_side = graph.checked_side(int(options.get("longer_side", LONGER_SIDE)))

    def __call__(self, frame: Image) -> Detections:
        """The people of a frame (H, W, 3) uint8 BGR."""
        height, width = frame.shape[:2]
        padded, small_height, small_width = letterboxed(frame, self._longer_side)
        boxes, scores = self._graph.run("image", as_input(padded, True, 1 / 255), "boxes", "scores")
        if boxes.ndim != 2 or boxes.shape[1:] != (4,) or scores.shape != boxes.shape[:1]:
            raise WeightsError(
                f"{self._graph.file}: expected boxes (N, 4) and scores (N,), got {boxes.shape} and {scores.shape}; "
                "get the detector again"
            )
        sure = np.flatnonzero(scores >= self._least)
        to_frame = np.tile([width / small_width, height / small_height], 2)
        return people(boxes[sure] * to_frame, scores[sure], width, height, MOST_OVERLAP)


def letterboxed(frame: Image, longer_side: int) -> tuple[Image, int, int]:
    """A frame at the network's size, upper left, black to the right and below; rows and columns that it fills."""
    scale = longer_side / max(frame.shape[:2])
    height, width = (max(1, round(side * scale)) for side in frame.shape[:2])
    padded = np.zeros((-(-height // STRIDE) * STRIDE, -(-width // STRIDE) * STRIDE, 3), np.uint8)
    padded[:height, :width] = resized(frame, width, height)
    return padded, height, width
