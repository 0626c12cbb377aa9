"""One labelled person of a published set, and what every reader of a set has in common.

Readers (`training.datasets`) turn each format into `Sample`s, one at a time; pictures stay in their files until they
are asked for. What a set lacks is missing in its samples too, never made up.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, Protocol

import numpy as np
import numpy.typing as npt

from core.errors import MocapError
from core.geometry.crops import BOX_FACTOR
from training.datasets.metro_operations import PERSON_PX

Float = npt.NDArray[np.floating[Any]]
Bytes = npt.NDArray[np.uint8]
Gender = Literal["neutral", "male", "female"]

JOINTS = 24  # METRO's superset
GENDERS: Mapping[str, Gender] = {
    "m": "male", "male": "male", "f": "female", "female": "female",
    "n": "neutral", "neutral": "neutral", "none": "neutral", "": "neutral",
}  # fmt: skip


class DatasetError(MocapError):
    """A set's file is missing, damaged or of another form; one sentence with what to do now."""


class Picture(Protocol):
    """Where a sample's picture lies."""

    @property
    def name(self) -> str:
        """What a person calls it: its file, and its row where one file holds many."""

    def encoded(self) -> bytes:
        """The JPEG or PNG file; empty where there is none. Raises a DatasetError on a broken container."""


@dataclass(frozen=True, slots=True)
class FilePicture:
    """A picture in a file of its own.

    Attributes:
        path: the file.
        is_turned: stored lying on its side; standing after a quarter turn clockwise.
    """

    path: Path
    is_turned: bool = False

    @property
    def name(self) -> str:
        """The file's path."""
        return str(self.path)

    def encoded(self) -> bytes:
        """The file's content; empty where it is missing."""
        return self.path.read_bytes() if self.path.is_file() else b""


@dataclass(frozen=True, slots=True, eq=False)
class Sample:
    """One person in one picture.

    Frame pixels are the set's own numbers, zero-based. METRO's crop reads them as they are; `core.geometry.crops`
    measures from
    the picture's edge, so that labels which mean a pixel's centre lie half a pixel off (0.1 px of a crop of 256).

    Attributes:
        source: name of the set.
        key: names the person within the set, for messages.
        picture: where the picture lies.
        center_px: (2,) middle of the crop.
        scale: side of the crop / 200 px, the box factor in it (METRO's `scale`).
        joints_2d: (24, 3) superset order; frame pixels, and confidence, 0 where the set has no label.
        joints_3d: (24, 4) metres in the camera's axes (x right, y down, z forward) about any origin, and confidence.
        pose: (72,) rotation vectors of SMPL's 24 joints, the root's in the camera's axes; None where the set has none.
        betas: (10,) SMPL's shape; None where `pose` is.
        vertices: (6890, 3) metres, camera axes, where a set has a mesh of its own; else it comes from `pose`.
        gender: of the SMPL model that `pose` and `betas` belong to.
        is_pseudo: whether 3D was fitted to 2D by somebody's method, not measured.
        image_id: the picture, in the set's own terms, the same in every set that takes it from there.
        annotation_id: the person in that picture where the set knows it; -1 elsewhere.
        frame: number in a film; -1 for photographs.
    """

    source: str
    key: str
    picture: Picture
    center_px: Float
    scale: float
    joints_2d: Float
    joints_3d: Float
    pose: Float | None = None
    betas: Float | None = None
    vertices: Float | None = None
    gender: Gender = "neutral"
    is_pseudo: bool = False
    image_id: str = ""
    annotation_id: int = -1
    frame: int = -1

    @property
    def has_2d(self) -> bool:
        """Whether any joint has a 2D label."""
        return bool((self.joints_2d[:, 2] > 0).any())

    @property
    def has_3d(self) -> bool:
        """Whether any joint has a 3D label."""
        return bool((self.joints_3d[:, 3] > 0).any())

    @property
    def has_smpl(self) -> bool:
        """Whether there are SMPL parameters."""
        return self.pose is not None

    @property
    def has_mesh(self) -> bool:
        """Whether there is a mesh, or the parameters of one."""
        return self.pose is not None or self.vertices is not None

    @property
    def box_px(self) -> Float:
        """(4,) xywh: the square that, times `core.geometry.crops.BOX_FACTOR`, is the crop."""
        side = PERSON_PX * self.scale / BOX_FACTOR
        return np.array([*(self.center_px - side / 2), side, side])


def checked(sample: Sample, where: str) -> Sample:
    """The sample, when its numbers can be learned from.

    Args:
        sample: as read.
        where: file and row, for the message.

    Raises:
        DatasetError: a label is not finite, of the wrong count, or the crop has no size.
    """
    expected = {"joints_2d": (JOINTS, 3), "joints_3d": (JOINTS, 4), "center_px": (2,)}
    expected |= {"pose": (72,), "betas": (10,), "vertices": (6890, 3)}
    for name, shape in expected.items():
        values = getattr(sample, name)
        if values is None:
            continue
        if values.shape != shape:
            raise DatasetError(
                f"{where}: {name} of {sample.key} are {values.shape}, expected {shape}; get the file again"
            )
        if not np.isfinite(values).all():
            raise DatasetError(
                f"{where}: {name} of {sample.key} hold NaN or infinity; get the file again, or leave the row out"
            )
    if not (np.isfinite(sample.scale) and sample.scale > 0):
        raise DatasetError(
            f"{where}: the box of {sample.key} has scale {sample.scale:g}, expected more than 0; leave it out"
        )
    if (sample.pose is None) != (sample.betas is None):
        raise DatasetError(f"{where}: {sample.key} has pose without betas or betas without pose; get the file again")
    return sample


def superset(points: Float, order: Mapping[int, int], confidence: Float | None = None) -> Float:
    """Joints of any set in superset order; those that the set lacks are 0 with confidence 0.

    Args:
        points: (J, D) in the set's order.
        order: superset joint -> the set's joint.
        confidence: (J,); 1 for all where None.

    Returns:
        (24, D + 1).
    """
    joints = np.zeros((JOINTS, points.shape[1] + 1))
    to, of = list(order), list(order.values())
    joints[to, :-1] = points[of]
    joints[to, -1] = 1 if confidence is None else confidence[of]
    joints[joints[:, -1] <= 0] = 0
    return joints


def scale_of_box(width: float, height: float) -> float:
    """METRO's scale of a tight box: `core.geometry.crops.BOX_FACTOR` times the longer side / 200 px."""
    return BOX_FACTOR * max(float(width), float(height)) / PERSON_PX


def gender_of(word: object, where: str) -> Gender:
    """A set's word for a gender.

    Raises:
        DatasetError: no known word.
    """
    plain = (word.decode() if isinstance(word, bytes) else str(word)).lower()
    if plain not in GENDERS:
        raise DatasetError(
            f"{where}: the gender is {plain!r}, expected one of male, female, neutral; get the file again"
        )
    return GENDERS[plain]


NO_JOINTS_2D = np.zeros((JOINTS, 3))
NO_JOINTS_3D = np.zeros((JOINTS, 4))


class Reader(ABC):
    """People of one set, by number. Labels are read when a person is asked for, pictures later still."""

    name: str

    @abstractmethod
    def __len__(self) -> int:
        """How many people there are."""

    @abstractmethod
    def sample(self, index: int) -> Sample:
        """The person with a number in [0, len). Raises a DatasetError when its labels are damaged."""

    def __getitem__(self, index: int) -> Sample:
        """As `sample`, with a bound: an IndexError beyond it ends a for loop."""
        if not 0 <= index < len(self):
            raise IndexError(f"{self.name} has {len(self)} people, numbers 0 to {len(self) - 1}; got {index}")
        return self.sample(index)

    def __iter__(self) -> Iterator[Sample]:
        """People in order, one at a time."""
        return (self.sample(index) for index in range(len(self)))


class Subset(Reader):
    """Some people of a reader, in an order of their own."""

    def __init__(self, reader: Reader, rows: npt.NDArray[np.integer[Any]], name: str | None = None) -> None:
        self.reader, self.rows, self.name = reader, rows, name or reader.name

    def __len__(self) -> int:
        return len(self.rows)

    def sample(self, index: int) -> Sample:
        """The person with a number."""
        return self.reader.sample(int(self.rows[index]))


def existing(path: Path, source: str) -> Path:
    """The path when it is a file.

    Raises:
        DatasetError: it is missing.
    """
    if not path.is_file():
        raise DatasetError(
            f"{source} lacks {path}; `python -m training.datasets check {source} FOLDER` says where to get it"
        )
    return path
