"""Who is the same person in two sets that took pictures from the same place, and the second of them left out.

METRO's COCO, CLIFF's and EFT's fits overlap: each took people of COCO 2014's training pictures. Two people are one when
their picture is, and their annotation number is; where one of the sets forgot the number, when their crops overlap.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Sequence
from pathlib import PurePath
from typing import NamedTuple, Protocol

import numpy as np

from training.datasets.metro_operations import PERSON_PX
from training.datasets.sample import Float, Reader, Subset

SAME_CROP = 0.7
"""Overlap (IoU) of two crops from which on they show the same person."""
_COCO = re.compile(r"^(?:COCO_(?:train|val)20\d\d_)?0*(\d+)$")


def image_id_of(name: str) -> str:
    """A picture by its file's name, without folder and suffix; COCO's number alone, whatever the year's prefix."""
    stem = PurePath(name.replace("\\", "/")).stem
    found = _COCO.match(stem)
    return found.group(1) if found else stem


class Place(Protocol):
    """What tells people of one picture apart; a `Sample` is one."""

    @property
    def center_px(self) -> Float:
        """(2,) middle of the crop."""

    @property
    def scale(self) -> float:
        """Its side / 200 px."""

    @property
    def annotation_id(self) -> int:
        """The person's number, -1 where the set forgot it."""


class _Kept(NamedTuple):
    center_px: Float
    scale: float
    annotation_id: int


def crop_overlap(first: Place, second: Place) -> float:
    """IoU of two crops, 0 to 1."""
    half = np.array([first.scale, second.scale]) * PERSON_PX / 2
    low = np.maximum(first.center_px - half[0], second.center_px - half[1])
    high = np.minimum(first.center_px + half[0], second.center_px + half[1])
    common = float(np.prod(np.maximum(high - low, 0)))
    return common / (4 * float((half**2).sum()) - common)


def sameness(first: Place, second: Place) -> float:
    """1 for equal annotation numbers, 0 for different ones or too little overlap; else the overlap of the crops."""
    if first.annotation_id >= 0 and second.annotation_id >= 0:
        return float(first.annotation_id == second.annotation_id)
    overlap = crop_overlap(first, second)
    return overlap if overlap >= SAME_CROP else 0.0


def without_duplicates(readers: Sequence[Reader]) -> tuple[list[Reader], list[int]]:
    """Readers in which nobody stands who stands in an earlier one.

    Args:
        readers: of sets that share pictures. Two people of one reader are two people, however near they stand.

    Returns:
        As many readers, and how many people each lost.
    """
    known: dict[str, list[_Kept]] = defaultdict(list)
    kept_readers: list[Reader] = []
    lost = []
    for reader in readers:
        rows, new = _rows_unlike(reader, known)
        for image_id, kept in new:
            known[image_id].append(kept)
        kept_readers.append(Subset(reader, np.array(rows, np.int64)))
        lost.append(len(reader) - len(rows))
    return kept_readers, lost


def _rows_unlike(reader: Reader, known: dict[str, list[_Kept]]) -> tuple[list[int], list[tuple[str, _Kept]]]:
    """Rows of people who are not known, and these people; each known person answers for one row at the most."""
    rows, new = [], []
    claimed: set[tuple[str, int]] = set()
    for row, sample in enumerate(reader):
        likeness = [
            0.0 if (sample.image_id, number) in claimed else sameness(sample, other)
            for number, other in enumerate(known.get(sample.image_id, []))
        ]
        if likeness and max(likeness) > 0:
            claimed.add((sample.image_id, int(np.argmax(likeness))))
            continue
        rows.append(row)
        new.append((sample.image_id, _Kept(sample.center_px, sample.scale, sample.annotation_id)))
    return rows, new
