"""EFT's fits to COCO 2014, MPII and LSPET (Joo et al., 3DV 2021): one JSON file beside the pictures.

{"ver": .., "data": [record]}; a record: parm_pose (24, 3, 3) rotation matrices in the camera's axes, parm_shape (10),
bbox_center, bbox_scale (side / 200 px, factor 1.2), imageName (file name alone), annotId (COCO's), smpltype, and in
most versions gt_keypoint_2d (49, 3): 25 of OpenPose, then the 24 of the superset.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from scipy.spatial.transform import Rotation

from training.datasets.cliff import known
from training.datasets.columns import read_json
from training.datasets.same_person import image_id_of
from training.datasets.sample import (
    NO_JOINTS_2D,
    NO_JOINTS_3D,
    DatasetError,
    FilePicture,
    Float,
    Reader,
    Sample,
    checked,
)
from training.datasets.tsv import AGAIN

SPIN_JOINTS, OPENPOSE_JOINTS = 49, 25


class Eft(Reader):
    """People of an EFT .json."""

    def __init__(self, path: Path, pictures: Path, name: str) -> None:
        """Reads the file whole.

        Args:
            path: the .json.
            pictures: folder of the pictures.
            name: of the set.

        Raises:
            DatasetError: missing, damaged or without fits.
        """
        self.name, self.path, self.pictures = name, path, pictures
        content = read_json(path, name)
        records = content.get("data") if isinstance(content, dict) else None
        if not isinstance(records, list) or not records:
            raise DatasetError(f"{path} holds no list of fits under data; {AGAIN}")
        self.records: list[dict[str, Any]] = records

    def __len__(self) -> int:
        return len(self.records)

    def sample(self, index: int) -> Sample:
        """The person with a number."""
        where = f"{self.path} record {index}"
        try:
            return checked(self._sample(self.records[index], where), where)
        except (KeyError, TypeError, ValueError) as error:
            reason = f"lacks {error}" if isinstance(error, KeyError) else f"is no fit of EFT's ({error})"
            raise DatasetError(f"{where} {reason}; {AGAIN}") from error

    def _sample(self, record: dict[str, Any], where: str) -> Sample:
        if str(record.get("smpltype", "smpl")).lower() != "smpl":
            raise DatasetError(
                f"{where} is a fit of {record['smpltype']}, and this reader knows SMPL; get the file for SMPL"
            )
        name = str(record["imageName"])
        return Sample(
            source=self.name,
            key=f"{name} {record.get('annotId', '')}".strip(),
            picture=FilePicture(self.pictures / Path(name).name),
            center_px=np.asarray(record["bbox_center"], np.float64),
            scale=float(record["bbox_scale"]),
            joints_2d=_points(record.get("gt_keypoint_2d"), where),
            joints_3d=NO_JOINTS_3D,
            pose=_rotation_vectors(np.asarray(record["parm_pose"], np.float64), where),
            betas=np.asarray(record["parm_shape"], np.float64).reshape(-1),
            is_pseudo=True,
            image_id=image_id_of(name),
            annotation_id=_number(record.get("annotId", -1)),
        )


def _number(annotation: Any) -> int:
    """COCO's number, -1 where the record has none (EFT names people of other sets by words)."""
    return int(annotation) if str(annotation).isdigit() else -1


def _points(values: Any, where: str) -> Float:
    if values is None:
        return NO_JOINTS_2D
    points = np.asarray(values, np.float64)
    if points.shape != (SPIN_JOINTS, 3):
        raise DatasetError(f"{where}: gt_keypoint_2d is {points.shape}, expected ({SPIN_JOINTS}, 3); {AGAIN}")
    return known(points[OPENPOSE_JOINTS:])


def _rotation_vectors(matrices: Float, where: str) -> Float:
    """(72,) rotation vectors of (24, 3, 3) matrices."""
    if matrices.shape != (24, 3, 3) or not np.isfinite(matrices).all():
        raise DatasetError(f"{where}: parm_pose is {matrices.shape} or not finite, expected (24, 3, 3); {AGAIN}")
    return np.asarray(Rotation.from_matrix(matrices).as_rotvec().reshape(72))
