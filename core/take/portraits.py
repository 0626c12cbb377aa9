"""Small pictures of the people of a take, to tell them apart by.

A person gets one for each tenth of the clip in which they
are seen, of the frame in which they are seen best there, so that a track that is cut in two has pictures of both.
"""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np

from ..errors import OutputError
from ..files.written_whole import make_folder, written_whole
from ..footage.film_time import told_fps
from ..footage.reader import open_footage
from ..geometry.boxes import BOX_MARGIN
from ..geometry.crops import cut
from ..types import CancelFunction, Float, Image, Int, PersonTake, Progress, ProgressFunction
from .portrait_files import portrait_file
from .take import Take

SIDE_PX = 128
PARTS = 10
UPPER_SHARE = 0.6
"""Of a standing person's box: in a small picture the whole body is too small to know somebody by."""
QUALITY = 85


def write_portraits(
    take: Take,
    folder: Path,
    progress: ProgressFunction | None = None,
    is_cancelled: CancelFunction | None = None,
) -> list[Path]:
    """Read the footage once more and write the pictures, each whole or not at all; returns them.

    Raises:
        FootageError: the footage is gone or can't be read.
        OutputError: the folder can't be written to.
    """
    wanted: dict[int, list[tuple[Path, Float]]] = {}
    for number, person in enumerate(take.persons()):
        for row in best_rows(person):
            index = int(person.frame_index[row])
            file = portrait_file(folder, number, index)
            wanted.setdefault(index, []).append((file, person.estimates.box_px[row]))
    if not wanted:
        return []
    make_folder(folder)
    first, last = min(wanted), max(wanted)
    steps = int(take.header.settings.get("step") or 1)
    written: list[Path] = []
    for frame in open_footage(take.header.footage.path, told_fps(take.header.footage)).frames(first, last, steps):
        if is_cancelled is not None and is_cancelled():
            break
        for file, box in wanted.get(frame.frame_index, []):
            _write(file, portrait(frame.image, box))
            written.append(file)
        if progress is not None:
            progress(Progress("portraits", frame.frame_index - first + 1, last - first + 1, ""))
    return written


def best_rows(person: PersonTake) -> list[int]:
    """The row in which a person is seen best, of each part of the frames from their first to their last."""
    sure, parts = sureness(person), _parts(person.frame_index)
    return [int(rows[sure[rows].argmax()]) for part in range(PARTS) if len(rows := np.flatnonzero(parts == part))]


def sureness(person: PersonTake) -> Float:
    """(T,) how well a person is seen, 0 to 1."""
    seen = person.estimates
    return np.asarray(seen.person_score * seen.joint_confidence.mean(axis=1))


def portrait(image: Image, box_px: Float) -> Image:
    """(SIDE_PX, SIDE_PX, 3) of a person, BGR: the upper part of who stands, the whole of who lies.

    Args:
        image: (H, W, 3) uint8.
        box_px: (4,) xywh.
    """
    x, y, width, height = np.asarray(box_px, np.float64)
    side = max(width, UPPER_SHARE * height) * BOX_MARGIN
    top = y - (BOX_MARGIN - 1) / 2 * side if height > width else y + height / 2 - side / 2
    scale = side / SIDE_PX
    return cut(image, np.array([[scale, 0, x + width / 2 - side / 2], [0, scale, top]]), SIDE_PX)


def _parts(frame_index: Int) -> Int:
    first, count = int(frame_index[0]), int(frame_index[-1] - frame_index[0]) + 1
    return np.asarray((frame_index - first) * PARTS // count)


def _write(file: Path, image: Image) -> None:
    is_encoded, encoded = cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, QUALITY])
    if not is_encoded:
        raise OutputError(f"{file}: OpenCV can't write JPEG here; install opencv-python-headless again")
    with written_whole(file) as opened:
        opened.write(encoded.tobytes())
