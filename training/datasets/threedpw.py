"""3DPW (von Marcard et al., ECCV 2018): sequenceFiles/SPLIT/NAME.pkl, imageFiles/NAME/image_NNNNN.jpg.

A sequence's pickle, per person: poses (N, 72) and betas in the world, poses2d (N, 3, 18) detected joints in OpenPose's
order, jointPositions (N, 72) SMPL's 24 in the world, campose_valid (N,), genders; per frame: cam_poses (N, 4, 4) world
to camera, cam_intrinsics (3, 3). It is read by an unpickler that admits arrays alone.

Counted are the frames that SPIN, VIBE and ROMP count: the camera is aligned and at least one joint was detected. The
box is SPIN's: the detected joints' box times 1.2 (METRO's TSV has boxes of its own).
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import cv2
import numpy as np

from core.body.smpl_file import ArraysOnlyUnpickler
from core.errors import BodyError
from training.datasets.sample import (
    DatasetError,
    FilePicture,
    Float,
    Gender,
    Reader,
    Sample,
    checked,
    gender_of,
    scale_of_box,
    superset,
)
from training.datasets.tsv import AGAIN
from training.joint_orders import SUPERSET_FROM_OPENPOSE18, SUPERSET_FROM_SMPL

SPLITS = ("train", "validation", "test")
KEYS = ("poses", "betas", "genders", "poses2d", "jointPositions", "campose_valid", "cam_poses", "cam_intrinsics")


class Row(NamedTuple):
    """One person in one frame."""

    sequence: str
    person: int
    frame: int


@dataclass(frozen=True, slots=True, eq=False)
class Person:
    """One person of a sequence, all frames."""

    poses: Float
    betas: Float
    gender: Gender
    detected: Float
    joints: Float
    is_valid: Float


@dataclass(frozen=True, slots=True, eq=False)
class Sequence3d:
    """One film: its people, and the camera in every frame."""

    people: list[Person]
    cam_poses: Float
    cam_intrinsics: Float

    def counted(self) -> Iterator[tuple[int, int]]:
        """(person, frame) of the frames that count."""
        for number, person in enumerate(self.people):
            for frame in np.flatnonzero(person.is_valid):
                yield number, int(frame)


def read_sequence(path: Path) -> Sequence3d:
    """A sequence's pickle, without running anything that it asks for.

    Raises:
        DatasetError: damaged, refused, or not of 3DPW's form.
    """
    try:
        with path.open("rb") as file:
            content: Any = ArraysOnlyUnpickler(file, str(path), AGAIN).load()
    except BodyError as error:
        raise DatasetError(str(error)) from error
    except Exception as error:  # a damaged pickle can raise nearly anything; nothing of it was run
        raise DatasetError(f"{path} is a damaged pickle ({error}); {AGAIN}") from error
    missing = [key for key in KEYS if not isinstance(content, dict) or key not in content]
    if missing:
        raise DatasetError(f"{path} is no sequence of 3DPW's, it lacks {', '.join(missing)}; {AGAIN}")
    try:
        return _sequence(content, path)
    except (IndexError, TypeError, ValueError) as error:
        raise DatasetError(f"{path} is no sequence of 3DPW's ({error}); {AGAIN}") from error


def _sequence(content: dict[str, Any], path: Path) -> Sequence3d:
    cam_poses = np.asarray(content["cam_poses"], np.float64)
    people = []
    for number in range(len(content["poses"])):
        poses = np.asarray(content["poses"][number], np.float32)
        detected = np.asarray(content["poses2d"][number], np.float32)
        joints = np.asarray(content["jointPositions"][number], np.float32)
        count = len(poses)
        shapes: dict[str, tuple[Float, tuple[int, ...]]] = {
            "poses": (poses, (count, 72)),
            "poses2d": (detected, (count, 3, 18)),
            "jointPositions": (joints, (count, 72)),
            "cam_poses": (cam_poses, (count, 4, 4)),
        }
        for name, (values, wanted) in shapes.items():
            if values.shape != wanted:
                raise DatasetError(f"{path}: {name} is {values.shape}, expected {wanted}; {AGAIN}")
        is_valid = np.asarray(content["campose_valid"][number]).astype(bool) & (detected[:, 2] > 0).any(1)
        betas = np.asarray(content["betas"][number], np.float64).reshape(-1)[:10]
        gender = gender_of(content["genders"][number], str(path))
        people.append(Person(poses, betas, gender, detected, joints.reshape(count, 24, 3), is_valid))
    return Sequence3d(people, cam_poses, np.asarray(content["cam_intrinsics"], np.float64).reshape(3, 3))


class ThreeDpw(Reader):
    """People of 3DPW, frame by frame."""

    def __init__(
        self, folder: Path, name: str, splits: Collection[str] = SPLITS, rows: list[Row] | None = None
    ) -> None:
        """Reads the sequences' labels.

        Args:
            folder: with sequenceFiles and imageFiles.
            name: of the set.
            splits: to read.
            rows: who, such as one of `threedpw_lists`; everybody who counts where None.

        Raises:
            DatasetError: a folder or a file is missing or damaged, or `rows` names somebody who is not there.
        """
        self.name, self.folder = name, folder
        paths = [path for split in splits for path in sorted((folder / "sequenceFiles" / split).glob("*.pkl"))]
        if not paths:
            raise DatasetError(
                f"{folder} has no sequenceFiles/{' or '.join(splits)}/*.pkl; "
                f"`python -m training.datasets check {name} FOLDER` says where to get it"
            )
        self.sequences = {path.stem: read_sequence(path) for path in paths}
        self.rows = self._everybody() if rows is None else rows
        for row in [] if rows is None else rows:
            people = self.sequences[row.sequence].people if row.sequence in self.sequences else []
            if row.person >= len(people) or row.frame >= len(people[row.person].poses):
                raise DatasetError(
                    f"{folder} has no frame {row.frame} of person {row.person} in {row.sequence}, which the list of "
                    f"{name} names; {AGAIN}, or build the list from this folder"
                )

    def _everybody(self) -> list[Row]:
        return [Row(name, *who) for name, sequence in self.sequences.items() for who in sequence.counted()]

    def __len__(self) -> int:
        return len(self.rows)

    def sample(self, index: int) -> Sample:
        """The person with a number."""
        name, number, frame = self.rows[index]
        sequence = self.sequences[name]
        person, camera = sequence.people[number], sequence.cam_poses[frame]
        turn = camera[:3, :3]
        pose = person.poses[frame].astype(np.float64)
        pose[:3] = cv2.Rodrigues(turn @ cv2.Rodrigues(pose[:3])[0])[0][:, 0]
        joints = person.joints[frame] @ turn.T + camera[:3, 3]
        where = f"{self.folder / 'sequenceFiles'}: {name} person {number} frame {frame}"
        center, scale, detected = _detected(person.detected[frame], where)
        sample = Sample(
            source=self.name,
            key=f"{name} person {number} frame {frame}",
            picture=FilePicture(self.folder / "imageFiles" / name / f"image_{frame:05d}.jpg"),
            center_px=center,
            scale=scale,
            joints_2d=_with_projected(detected, joints, sequence.cam_intrinsics),
            joints_3d=superset(joints, SUPERSET_FROM_SMPL),
            pose=pose,
            betas=person.betas,
            gender=person.gender,
            image_id=f"{name}/{frame}",
            annotation_id=number,
            frame=frame,
        )
        return checked(sample, where)


def _detected(joints: Float, where: str) -> tuple[Float, float, Float]:
    """Centre (2,), scale, and detected joints (24, 3) in superset order."""
    points, confidence = joints[:2].T.astype(np.float64), joints[2].astype(np.float64)
    seen = points[confidence > 0]
    if not len(seen) or not np.isfinite(seen).all():
        raise DatasetError(f"{where} has no detected joint, or NaN for one; {AGAIN}, or leave the row out")
    low, high = seen.min(0), seen.max(0)
    return (low + high) / 2, scale_of_box(*(high - low)), superset(points, SUPERSET_FROM_OPENPOSE18, confidence)


def _with_projected(detected: Float, joints: Float, intrinsics: Float) -> Float:
    """Detected joints (24, 3), those that SMPL has in their places taken from it."""
    found = detected.copy()
    to, of = list(SUPERSET_FROM_SMPL), list(SUPERSET_FROM_SMPL.values())
    projected = joints[of] @ intrinsics.T
    in_front = projected[:, 2] > 0
    found[np.array(to)[in_front], :2] = (projected[:, :2] / projected[:, 2:])[in_front]
    found[np.array(to)[in_front], 2] = 1
    return found
