"""Sets with 2D joints alone: COCO and MPII keypoints (the tokenizer's), LSP and LSPET.

COCO    annotations/person_keypoints_SPLIT.json, SPLIT/*.jpg
MPII    annot/SPLIT.json, images/*.jpg: the JSON of SimpleBaselines and HRNet: image, center, scale, joints (16, 2),
        joints_vis. One-based; the box is widened as they do: 15 px * scale further down, 1.25 times the side.
LSP     joints.mat (3, 14, N), images/imNNNN.jpg: every joint is labelled, the third row says hidden
LSPET   joints.mat (14, 3, N), images/imNNNNN.jpg: the third column says labelled
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from scipy.io import loadmat
from scipy.io.matlab import MatReadError

from core.geometry.boxes import box_of_points
from training.datasets.columns import read_json
from training.datasets.same_person import image_id_of
from training.datasets.sample import (
    NO_JOINTS_3D,
    DatasetError,
    FilePicture,
    Float,
    Reader,
    Sample,
    checked,
    existing,
    scale_of_box,
    superset,
)  # fmt: skip
from training.datasets.tsv import AGAIN
from training.joint_orders import SUPERSET_FROM_COCO, SUPERSET_FROM_LSP, SUPERSET_FROM_MPII

MPII_DOWN_PX, MPII_WIDER = 15.0, 1.25  # SimpleBaselines (Xiao et al., ECCV 2018): no limb is cut off


def _joints(values: Any, count: int, columns: int, where: str) -> Float:
    joints = np.asarray(values, np.float64)
    if joints.size != count * columns:
        raise DatasetError(f"{where} has {joints.size} numbers, expected {count} joints of {columns}; {AGAIN}")
    return joints.reshape(count, columns)


class CocoKeypoints(Reader):
    """People with keypoints, crowds left out."""

    def __init__(self, path: Path, pictures: Path, name: str) -> None:
        """Reads the file whole.

        Args:
            path: person_keypoints_SPLIT.json.
            pictures: folder of the pictures.
            name: of the set.

        Raises:
            DatasetError: missing, damaged or without keypoints.
        """
        self.name, self.path, self.pictures = name, path, pictures
        content = read_json(path, name)
        try:
            self.files = {int(image["id"]): str(image["file_name"]) for image in content["images"]}
            self.people = [a for a in content["annotations"] if not a.get("iscrowd") and a["num_keypoints"] > 0]
        except (KeyError, TypeError) as error:
            raise DatasetError(f"{path} is no file of COCO's keypoints (it lacks {error}); {AGAIN}") from error

    def __len__(self) -> int:
        return len(self.people)

    def sample(self, index: int) -> Sample:
        """The person with a number."""
        person = self.people[index]
        where = f"{self.path} annotation {person.get('id')}"
        if person.get("image_id") not in self.files:
            raise DatasetError(f"{where} is of picture {person.get('image_id')}, which the file does not list; {AGAIN}")
        name = self.files[person["image_id"]]
        points = _joints(person.get("keypoints", []), 17, 3, f"{where}: keypoints")
        x, y, width, height = _joints(person.get("bbox", []), 1, 4, f"{where}: bbox")[0]
        sample = Sample(
            source=self.name,
            key=f"{name} {person['id']}",
            picture=FilePicture(self.pictures / name),
            center_px=np.array([x + width / 2, y + height / 2]),
            scale=scale_of_box(width, height),
            joints_2d=superset(points[:, :2], SUPERSET_FROM_COCO, (points[:, 2] > 0).astype(float)),
            joints_3d=NO_JOINTS_3D,
            image_id=image_id_of(name),
            annotation_id=int(person["id"]),
        )
        return checked(sample, where)


class MpiiKeypoints(Reader):
    """People of an MPII .json."""

    def __init__(self, path: Path, pictures: Path, name: str) -> None:
        """Reads the file whole.

        Args:
            path: annot/SPLIT.json.
            pictures: folder of the pictures.
            name: of the set.

        Raises:
            DatasetError: missing, damaged or empty.
        """
        self.name, self.path, self.pictures = name, path, pictures
        self.people = read_json(path, name)
        if not isinstance(self.people, list) or not self.people:
            raise DatasetError(f"{path} holds no list of people; {AGAIN}")

    def __len__(self) -> int:
        return len(self.people)

    def sample(self, index: int) -> Sample:
        """The person with a number."""
        person, where = self.people[index], f"{self.path} person {index}"
        try:
            name, scale = str(person["image"]), float(person["scale"])
            center = np.asarray(person["center"], np.float64)
            points = _joints(person["joints"], 16, 2, f"{where}: joints")
            seen = _joints(person["joints_vis"], 16, 1, f"{where}: joints_vis")[:, 0]
        except (KeyError, TypeError, ValueError) as error:
            raise DatasetError(f"{where} is no person of MPII's JSON (it lacks {error}); {AGAIN}") from error
        sample = Sample(
            source=self.name,
            key=f"{name} ({index})",
            picture=FilePicture(self.pictures / name),
            center_px=center + np.array([0, MPII_DOWN_PX * scale]) - 1,
            scale=scale * MPII_WIDER,
            joints_2d=superset(points - 1, SUPERSET_FROM_MPII, seen),
            joints_3d=NO_JOINTS_3D,
            image_id=image_id_of(name),
        )
        return checked(sample, where)


class LspMat(Reader):
    """People of LSP's or LSPET's joints.mat; which of the two, its shape says."""

    def __init__(self, path: Path, pictures: Path, name: str) -> None:
        """Reads the file whole.

        Args:
            path: joints.mat.
            pictures: folder of the pictures.
            name: of the set.

        Raises:
            DatasetError: missing, damaged or of another shape.
        """
        self.name, self.path, self.pictures = name, path, pictures
        try:
            joints = np.asarray(loadmat(str(existing(path, name)))["joints"], np.float64)
        except (KeyError, ValueError, OSError, NotImplementedError, MatReadError) as error:
            raise DatasetError(f"{path} is no joints.mat of LSP's ({error}); {AGAIN}") from error
        if joints.ndim != 3 or joints.shape[:2] not in ((3, 14), (14, 3)):
            raise DatasetError(f"{path} is {joints.shape}, expected (3, 14, N) or (14, 3, N); {AGAIN}")
        is_lsp = joints.shape[0] == 3
        self.digits = 4 if is_lsp else 5
        self.points = joints[:2].transpose(2, 1, 0) if is_lsp else joints[:, :2].transpose(2, 0, 1)
        self.labelled = np.ones(self.points.shape[:2], bool) if is_lsp else joints[:, 2].T > 0
        self.rows = np.flatnonzero(self.labelled.any(1))

    def __len__(self) -> int:
        return len(self.rows)

    def sample(self, index: int) -> Sample:
        """The person with a number among those with any label."""
        row = int(self.rows[index])
        points, labelled = self.points[row], self.labelled[row]
        name, where = f"im{row + 1:0{self.digits}d}.jpg", f"{self.path} person {row}"
        if not np.isfinite(points[labelled]).all():
            raise DatasetError(f"{where}: joints hold NaN; {AGAIN}")
        x, y, width, height = box_of_points(points, labelled)
        sample = Sample(
            source=self.name,
            key=name,
            picture=FilePicture(self.pictures / name),
            center_px=np.array([x + width / 2, y + height / 2]),
            scale=scale_of_box(width, height),
            joints_2d=superset(points, SUPERSET_FROM_LSP, labelled.astype(float)),
            joints_3d=NO_JOINTS_3D,
            image_id=f"{self.name}-{row + 1}",
        )
        return checked(sample, where)
