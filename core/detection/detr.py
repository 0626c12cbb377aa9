"""RT-DETR and D-FINE as exported for transformers.js.

Graph: `pixel_values` (1, 3, S, S) float32 RGB in 0..1, the frame squeezed to a square without padding ->
`logits` (1, N, classes), `pred_boxes` (1, N, 4) cxcywh in 0..1. One query a person: no NMS.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import cv2
import numpy as np

from ..errors import WeightsError
from ..types import Image
from .detector import Detections
from .onnx_graph import Graph, GraphDetector, as_input, people

SIDE = 640
PERSON = 0
"""COCO's class."""


class DetrDetector(GraphDetector):
    """A `Detector`; options `input_size`, `person` (its class) and `threshold`."""

    def __init__(self, graph: Graph, options: Mapping[str, Any], name: str, digest: str) -> None:
        """Check the graph.

        Raises:
            WeightsError: it has other inputs or outputs.
        """
        graph.require("pixel_values", "logits", "pred_boxes")
        super().__init__(graph, options, name, digest)
        self._side = graph.side("pixel_values", int(options.get("input_size", SIDE)))
        self._person = int(options.get("person", PERSON))

    def __call__(self, frame: Image) -> Detections:
        """The people of a frame (H, W, 3) uint8 BGR."""
        height, width = frame.shape[:2]
        squeezed = cv2.resize(frame, (self._side, self._side), interpolation=cv2.INTER_LINEAR)
        picture = as_input(np.asarray(squeezed, np.uint8), True, 1 / 255)
        logits, found = self._graph.run("pixel_values", picture, "logits", "pred_boxes")
        if logits.ndim != 3 or found.shape != (*logits.shape[:2], 4) or logits.shape[2] <= self._person:
            raise WeightsError(
                f"{self._graph.file}: expected logits (1, N, classes) and pred_boxes (1, N, 4), got "
                f"{logits.shape} and {found.shape}; choose another detector"
            )
        scores = 1 / (1 + np.exp(-logits[0, :, self._person].astype(np.float64).clip(-50, 50)))
        sure = np.flatnonzero((logits[0].argmax(1) == self._person) & (scores >= self._least))
        centre, size = np.split(found[0, sure] * [width, height, width, height], 2, axis=1)
        boxes = np.concatenate([centre - size / 2, centre + size / 2], axis=1)
        return people(boxes, scores[sure], width, height)
