"""3DOH50K (Zhang et al., CVPR 2020): people behind things, SPLITset/annots.json and SPLITset/images/*.jpg.

annots.json maps a picture's number to: img_path (with backslashes), bbox ((x, y), (x, y)), pose (1, 72) in the world,
betas (1, 10), extri (4, 4) world to camera, intri (3, 3), lsp_joints_2d (14, 2), and joints in 3D in units of their
own (about a seventh of a metre), which are left out: as in PARE's converter, 3D comes from pose and betas.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import cv2
import numpy as np

from training.datasets.columns import read_json
from training.datasets.sample import (
    NO_JOINTS_3D,
    DatasetError,
    FilePicture,
    Reader,
    Sample,
    checked,
    scale_of_box,
    superset,
)
from training.datasets.tsv import AGAIN
from training.joint_orders import SUPERSET_FROM_LSP


class ThreeDoh(Reader):
    """People of one split."""

    def __init__(self, folder: Path, name: str) -> None:
        """Reads the labels whole.

        Args:
            folder: of one split, with annots.json and images.
            name: of the set.

        Raises:
            DatasetError: missing, damaged or empty.
        """
        self.name, self.folder = name, folder
        self.path = folder / "annots.json"
        content = read_json(self.path, name)
        if not isinstance(content, dict) or not content:
            raise DatasetError(f"{self.path} holds no people by number; {AGAIN}")
        self.people: list[tuple[str, dict[str, Any]]] = sorted(content.items())

    def __len__(self) -> int:
        return len(self.people)

    def sample(self, index: int) -> Sample:
        """The person with a number."""
        number, record = self.people[index]
        where = f"{self.path} person {number}"
        try:
            return checked(self._sample(number, record), where)
        except (KeyError, TypeError, ValueError, IndexError, cv2.error) as error:
            reason = f"lacks {error}" if isinstance(error, KeyError) else f"is not of 3DOH50K's form ({error})"
            raise DatasetError(f"{where} {reason}; {AGAIN}") from error

    def _sample(self, number: str, record: dict[str, Any]) -> Sample:
        pose = np.asarray(record["pose"], np.float64).reshape(-1)
        turn = np.asarray(record["extri"], np.float64)[:3, :3]
        pose[:3] = cv2.Rodrigues(turn @ cv2.Rodrigues(pose[:3])[0])[0][:, 0]
        low, high = np.asarray(record["bbox"], np.float64).reshape(2, 2)
        points = np.asarray(record["lsp_joints_2d"], np.float64).reshape(14, 2)
        return Sample(
            source=self.name,
            key=number,
            picture=FilePicture(self.folder / str(record["img_path"]).replace("\\", "/")),
            center_px=(low + high) / 2,
            scale=scale_of_box(*(high - low)),
            joints_2d=superset(points, SUPERSET_FROM_LSP),
            joints_3d=NO_JOINTS_3D,
            pose=pose,
            betas=np.asarray(record["betas"], np.float64).reshape(-1),
            image_id=f"{self.name}-{number}",
        )
