"""YOLOX as its makers export it, the decoding left to us.

Graph: one picture (1, 3, S, S) float32 BGR in 0..255, the frame in its upper left, 114 around it -> one
array (1, N, 85): cx, cy, log w, log h against a grid of strides 8, 16, 32, then objectness and 80 classes, all
between 0 and 1. Source: the YOLOX repository, `preproc` and `demo_postprocess`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from ..errors import WeightsError
from ..types import Float, Image, Int
from .detector import Detections
from .onnx_graph import Graph, GraphDetector, as_input, people, resized

SIDE = 640
STRIDES = (8, 16, 32)
GREY = 114
PERSON = 0
"""COCO's class."""
MOST_OVERLAP = 0.6
LARGEST_LOG = 10.0
"""Of a size against its stride: larger than any picture, and still a number."""


class YoloxDetector(GraphDetector):
    """A `Detector`; options `input_size`, `person` (its class), `threshold`, `is_rgb`, `is_divided_by_255`."""

    def __init__(self, graph: Graph, options: Mapping[str, Any], name: str, digest: str) -> None:
        """Check the graph.

        Raises:
            WeightsError: it has other inputs or outputs.
        """
        self._input = graph.require(None)
        super().__init__(graph, options, name, digest)
        self._side = graph.side(self._input, int(options.get("input_size", SIDE)))
        self._person = int(options.get("person", PERSON))
        self._is_rgb = bool(options.get("is_rgb", False))
        self._scale = 1 / 255 if options.get("is_divided_by_255", False) else 1.0
        self._cells, self._strides = grid(self._side)

    def __call__(self, frame: Image) -> Detections:
        """The people of a frame (H, W, 3) uint8 BGR."""
        height, width = frame.shape[:2]
        scale = self._side / max(width, height)
        small = resized(frame, max(1, int(width * scale)), max(1, int(height * scale)))
        padded = np.full((self._side, self._side, 3), GREY, np.uint8)
        padded[: small.shape[0], : small.shape[1]] = small
        found = self._graph.run(self._input, as_input(padded, self._is_rgb, self._scale))[0]
        if found.ndim != 3 or found.shape[1] != len(self._cells) or found.shape[2] <= 5 + self._person:
            raise WeightsError(
                f"{self._graph.file}: expected an array (1, {len(self._cells)}, 85), got {found.shape}; "
                "choose another detector"
            )
        rows = found[0].astype(np.float64)
        scores = rows[:, 4] * rows[:, 5 + self._person]
        sure = np.flatnonzero((rows[:, 5:].argmax(1) == self._person) & (scores >= self._least))
        to_frame = np.tile([width / small.shape[1], height / small.shape[0]], 2)
        return people(self._decoded(rows, sure) * to_frame, scores[sure], width, height, MOST_OVERLAP)

    def _decoded(self, rows: Float, sure: Int) -> Float:
        """(N, 4) xyxy, pixels of the input."""
        strides = self._strides[sure, None]
        centre = (rows[sure, :2] + self._cells[sure]) * strides
        size = np.exp(rows[sure, 2:4].clip(max=LARGEST_LOG)) * strides
        return np.concatenate([centre - size / 2, centre + size / 2], axis=1)


def grid(side: int) -> tuple[Float, Float]:
    """Cells (N, 2) x, y, row by row, finest stride first, and their strides (N,)."""
    cells, strides = [], []
    for stride in STRIDES:
        count = side // stride
        y, x = np.indices((count, count))
        cells.append(np.stack([x.ravel(), y.ravel()], axis=1))
        strides.append(np.full(count * count, stride))
    return np.concatenate(cells).astype(np.float64), np.concatenate(strides).astype(np.float64)
