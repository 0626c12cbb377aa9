"""boxes.json -> the boxes that the person gave, by frame.

    {"file.jpg": [{"id": "a", "box_xywh": [x, y, width, height]}]}      frame pixels, from the picture's edge

A box may have `"frames": [first, last]`: the person is followed from it in these frames only, from 0, both included;
null is no end. So a track that jumps from one person to another is cut in two. And it may have `"height_m": 1.82`, how
tall the person is, where that is known.

For a folder of pictures the key is the picture's name; for a video it is the frame's number from 0, or the
video's own name for its first frame. A number also works for pictures.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from ..errors import BoxesError
from ..files.untrusted import MALFORMED, read_json, shortened, told
from ..footage.pictures import PictureSequence
from ..footage.reader import Footage
from ..settings import HEIGHT_M
from ..types import PersonBox

LARGEST_PX = 1e6
"""Of a box's numbers: far beyond any picture."""


def read_boxes(path: Path) -> dict[str, list[PersonBox]]:
    """All boxes of a file, by its keys.

    Raises:
        BoxesError: missing, not JSON, or not of the form above.
    """
    try:
        document = read_json(path)
    except OSError as error:
        raise BoxesError(f"{path}: can't be read ({error.strerror}); check the path") from error
    except ValueError as error:
        raise BoxesError(
            f"{path}: not JSON ({shortened(str(error))}); write it as in `python -m core stills --help`"
        ) from error
    if not isinstance(document, dict) or not document:
        raise BoxesError(f'{path}: expected {{"file.jpg": [{{"id": "a", "box_xywh": [x, y, w, h]}}]}}')
    return {
        key: [_person_box(path, key, entry) for entry in _entries(path, key, value)] for key, value in document.items()
    }


def boxes_by_frame(path: Path, footage: Footage) -> dict[int, list[PersonBox]]:
    """The boxes of a file by frame number of the footage, all of them at least partly in the picture.

    Raises:
        BoxesError: as `read_boxes`; or a frame that is not there, or a box outside the frame.
    """
    clip = footage.info
    names = {clip.path.name: 0}
    if isinstance(footage, PictureSequence):
        names = {file.name: index for index, file in footage.files.items()}
    found: dict[int, list[PersonBox]] = {}
    for key, boxes in read_boxes(path).items():
        index = names.get(key, int(key) if key.isdecimal() and len(key) < 10 else -1)
        if index < 0 or (clip.announced_frames is not None and index >= clip.announced_frames):
            raise BoxesError(
                f"{path}: {clip.path.name} has no frame {told(key)}; use a picture's name or a number from 0"
            )
        for box in boxes:
            check_inside(path, key, box, clip.width, clip.height)
        found.setdefault(index, []).extend(boxes)
    return found


def heights_in(given: dict[int, list[PersonBox]]) -> dict[str, float]:
    """Metres by person, of the boxes that tell how tall somebody is; the last one counts."""
    boxes = [box for index in sorted(given) for box in given[index]]
    return {box.person_id: box.height_m for box in boxes if box.height_m is not None}


def over_by(given: dict[int, list[PersonBox]], frame_index: int) -> set[str]:
    """Who is not to be followed in a frame, since the frames of their latest box until then are over."""
    latest = {box.person_id: box.frames[1] for index in sorted(given) if index <= frame_index for box in given[index]}
    return {name for name, last in latest.items() if last is not None and last < frame_index}


def check_inside(path: Path, key: str, box: PersonBox, width: int, height: int) -> None:
    """Raises BoxesError where no part of the box is in the picture."""
    x, y, w, h = box.box_px
    if x >= width or y >= height or x + w <= 0 or y + h <= 0:
        raise BoxesError(
            f"{path}: the box of {told(box.person_id)} in {told(key)} lies outside the frame "
            f"({width} x {height}); boxes are x, y, width, height in pixels"
        )


def _entries(path: Path, key: str, value: Any) -> list[Any]:
    if not isinstance(value, list):
        raise BoxesError(f"{path}: expected a list of boxes for {told(key)}, got {told(value)}")
    return value


def _person_box(path: Path, key: str, entry: Any) -> PersonBox:
    try:
        box = np.asarray(entry["box_xywh"], np.float64)
        person_id = str(entry["id"])
    except MALFORMED as error:
        raise BoxesError(
            f'{path}: expected {{"id": "a", "box_xywh": [x, y, w, h]}} for {told(key)}, got {told(entry)}'
        ) from error
    is_right = box.shape == (4,) and bool((np.abs(box) <= LARGEST_PX).all())  # NaN is not
    if not is_right or not (box[2:] > 0).all():
        raise BoxesError(f"{path}: the box of {told(person_id)} in {told(key)} has no size; give x, y, width, height")
    height_m = _height(path, key, entry.get("height_m"))
    return PersonBox(person_id, box, _frames(path, key, entry.get("frames", [None, None])), height_m)


def _height(path: Path, key: str, value: Any) -> float | None:
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    if value is not None and not (is_number and HEIGHT_M[0] <= value <= HEIGHT_M[1]):
        raise BoxesError(
            f'{path}: expected "height_m" in {told(key)} to be metres from {HEIGHT_M[0]:g} to {HEIGHT_M[1]:g}, '
            f"got {told(value)}"
        )
    return None if value is None else float(value)


def _frames(path: Path, key: str, value: Any) -> tuple[int | None, int | None]:
    is_pair = isinstance(value, list) and len(value) == 2
    if not is_pair or any(end is not None and (type(end) is not int or end < 0) for end in value):
        raise BoxesError(
            f'{path}: expected "frames": [first, last] in {told(key)}, numbers from 0 or null, got {told(value)}'
        )
    return value[0], value[1]
