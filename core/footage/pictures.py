"""A sequence of pictures, or a single one -> FootageInfo, Frames, and a report of what was lost."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np

from ..errors import FootageError
from ..types import FootageInfo, FootageReport, Frame, Image
from .film_time import PICTURES_FPS, check_range, check_start
from .picture_names import picture_names

LARGEST_PICTURE_BYTES = 2**30


class PictureSequence:
    """Pictures by the numbers in their names, or a single one; see `picture_names`."""

    def __init__(self, path: Path, fps: float | None = None) -> None:
        """List the pictures and decode the first that can be decoded; `fps` is 24 where nobody tells it."""
        names = picture_names(path)
        self.files, self._warnings = names.files, names.warnings
        first = next((image for image in map(read_picture, self.files.values()) if image is not None), None)
        if first is None:
            raise FootageError(f"{path}: none of its {len(self.files)} pictures can be decoded; export again")
        self._decoded = 0
        self._lost: list[int] = []
        self.info = FootageInfo(
            path, "images", first.shape[1], first.shape[0], fps or PICTURES_FPS, announced_frames=names.last + 1
        )

    @property
    def report(self) -> FootageReport:
        """What decoding has met so far; a number without a picture is lost."""
        return FootageReport(self._decoded, tuple(self._lost), 0, self._warnings)

    def stop(self) -> None:
        """Nothing to do: skipped pictures are not read, so `frames` is never far from its next one."""

    def frames(self, start: int = 0, end: int | None = None, step: int = 1) -> Iterator[Frame]:
        """Pictures by number; skipped ones are not read."""
        check_range(start, end, step)
        self._decoded, self._lost = 0, []
        last = max(self.files)
        check_start(self.info.path, start, last + 1)
        for index in range(start, (last if end is None else min(end, last)) + 1, step):
            image = read_picture(self.files[index]) if index in self.files else None
            if image is None:
                self._lost.append(index)
                continue
            if image.shape != (self.info.height, self.info.width, 3):
                raise FootageError(
                    f"{self.files[index]}: {image.shape[1]} x {image.shape[0]} pixels, the first picture "
                    f"{self.info.width} x {self.info.height}; keep pictures of one size only"
                )
            self._decoded += 1
            yield Frame(index, index / self.info.fps, image)


def read_picture(file: Path) -> Image | None:
    """(H, W, 3) uint8 BGR, upright by its EXIF orientation; None where it can't be decoded.

    The bytes go through Python, since OpenCV's own reading of names with other letters fails on Windows.
    """
    try:
        if not file.is_file() or file.stat().st_size > LARGEST_PICTURE_BYTES:
            return None
        encoded = np.fromfile(file, np.uint8)
        image = cv2.imdecode(encoded, cv2.IMREAD_COLOR) if len(encoded) else None
    except (OSError, cv2.error):  # the second where a header claims more pixels than are allowed
        return None
    return None if image is None or not image.size else np.asarray(image, np.uint8)
