"""What a detector is: a frame in, `Detections` out, whatever network reads the frame.

The ground that the adapters (`own`, `detr`, `yolox`) and `open_detector` stand on.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np

from ..geometry.boxes import xyxy_to_xywh
from ..types import Float, Image

OWN, FRAME, SEARCH = "own", "frame", "search"
LEAST = "least"
"""The option of all adapters that `open_detector` sets."""


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
