"""3DPW's occlusion subsets as lists of (sequence, person, frame), built from the dataset itself.

The lists name people, not rows of somebody's file, so that they can be read beside any preprocessing.

- 3DPW-TEST: the dataset's own test split.
- 3DPW-ALL: train, validation and test together.
- 3DPW-OCC: the sequences in which things hide people, of all splits. The selection is that of Zhang et al., CVPR 2020
  ("Object-Occluded Human Shape and Pose Estimation from a Single Color Image"), as ROMP's evaluation code lists it
  (Sun et al., ICCV 2021; there 3DPW-OC). It names sequences without their take's number.
- 3DPW-PC: frames in which people hide each other, of all splits: six sequences with a range of frames each, from the
  same code, defined in ROMP's paper.
- 3DPW-Non-OC: what is left of 3DPW-ALL without the sequences of 3DPW-OCC and those of 3DPW-PC (ROMP's 3DPW-NC).

Nothing of 3DPW may be trained on where OCC, PC, ALL or Non-OC is scored.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Literal

from training.datasets.columns import read_json
from training.datasets.sample import DatasetError
from training.datasets.threedpw import SPLITS, Row, ThreeDpw

SubsetName = Literal["3dpw-occ", "3dpw-pc", "3dpw-non-occ", "3dpw-all"]
SUBSETS: tuple[SubsetName, ...] = ("3dpw-occ", "3dpw-pc", "3dpw-non-occ", "3dpw-all")

OCC_SEQUENCES = frozenset({
    "courtyard_backpack", "courtyard_basketball", "courtyard_bodyScannerMotions", "courtyard_box", "courtyard_golf",
    "courtyard_jacket", "courtyard_laceShoe", "downtown_stairs", "flat_guitar", "flat_packBags", "outdoors_climbing",
    "outdoors_crosscountry", "outdoors_fencing", "outdoors_freestyle", "outdoors_golf", "outdoors_parcours",
    "outdoors_slalom",
})  # fmt: skip
"""Names without the take's number ("_00")."""
PC_FRAMES = {
    "courtyard_basketball_00": range(200, 280), "courtyard_captureSelfies_00": range(500, 600),
    "courtyard_dancing_00": range(60, 370), "courtyard_dancing_01": range(60, 270),
    "courtyard_hug_00": range(100, 500), "downtown_bus_00": range(1620, 1900),
}  # fmt: skip


def belongs(row: Row, subset: SubsetName) -> bool:
    """Whether a person in a frame is of a subset."""
    is_occluded = row.sequence.rpartition("_")[0] in OCC_SEQUENCES
    if subset == "3dpw-occ":
        return is_occluded
    if subset == "3dpw-pc":
        return row.frame in PC_FRAMES.get(row.sequence, ())
    if subset == "3dpw-non-occ":
        return not is_occluded and row.sequence not in PC_FRAMES
    return True


def rows_of(everybody: Iterable[Row], subset: SubsetName) -> list[Row]:
    """The people of a subset, in order."""
    return [row for row in everybody if belongs(row, subset)]


def open_subset(folder: Path, subset: SubsetName) -> ThreeDpw:
    """A subset's people, chosen from the dataset's folder.

    Raises:
        DatasetError: a file is missing or damaged, or the folder holds nobody of the subset.
    """
    reader = ThreeDpw(folder, subset, SPLITS)
    reader.rows = rows_of(reader.rows, subset)
    if not reader.rows:
        raise DatasetError(
            f"{folder} holds nobody of {subset}: the sequences that it is made of are missing; get all three splits "
            "of 3DPW's sequenceFiles"
        )
    return reader


def write_list(path: Path, rows: list[Row], subset: SubsetName) -> None:
    """A list as JSON: name, count, people."""
    people = [list(row) for row in rows]
    content = {"name": subset, "columns": list(Row._fields), "count": len(people), "people": people}
    path.write_text(json.dumps(content) + "\n", encoding="utf-8")


def read_list(path: Path) -> list[Row]:
    """The people of a list that `write_list` wrote.

    Raises:
        DatasetError: missing or no such list.
    """
    try:
        return [Row(str(name), int(person), int(frame)) for name, person, frame in read_json(path, "3dpw")["people"]]
    except (KeyError, TypeError, ValueError) as error:
        raise DatasetError(
            f"{path} is no list of 3DPW's people; build it by `python -m training.datasets lists`"
        ) from error
