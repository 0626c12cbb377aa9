"""Decoding a sample's picture, and keeping count of those that do not decode."""

from __future__ import annotations

import logging
from dataclasses import dataclass, field

import cv2
import numpy as np

from training.datasets.sample import Bytes, DatasetError, FilePicture, Picture

MOST_BROKEN = 20
logger = logging.getLogger("training")


def decode(picture: Picture) -> Bytes | None:
    """The picture (H, W, 3) BGR; None where its file is missing or no picture."""
    encoded = np.frombuffer(picture.encoded(), np.uint8)
    if not encoded.size:
        return None
    image = cv2.imdecode(encoded, cv2.IMREAD_COLOR)
    if image is None:
        return None
    if isinstance(picture, FilePicture) and picture.is_turned:
        image = cv2.rotate(image, cv2.ROTATE_90_CLOCKWISE)
    return np.asarray(image, np.uint8)


@dataclass(slots=True)
class BrokenPictures:
    """Pictures that did not decode: each named once in the log, too many an error.

    Attributes:
        limit: how many may be skipped.
        names: those that were.
    """

    limit: int = MOST_BROKEN
    names: list[str] = field(default_factory=list)

    def add(self, name: str) -> None:
        """Counts a picture.

        Raises:
            DatasetError: it is one too many.
        """
        if name in self.names:
            return
        self.names.append(name)
        if len(self.names) > self.limit:
            shown = ", ".join(self.names[:3])
            raise DatasetError(
                f"{len(self.names)} pictures are missing or do not decode, and {self.limit} may be skipped; the first "
                f"are {shown}; get them again"
            )
        logger.warning("skipped %s: missing, or no picture (%d so far)", name, len(self.names))
