"""BEDLAM's rendered people (Black et al., CVPR 2023): an .npz of SMPL labels a scene, .png pictures.

Columns: imgname (sequence/file), center, scale (factor 1.2), pose_cam (72), shape (10 or 11), gtkps (J, 2 or 3) the
45 joints of smplx's SMPL projected into the frame, gender, cam_int. Scenes named "closeup" are stored lying on their
side. The SMPL-X labels (pose_cam of 165) are of another body and are refused.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from training.datasets.columns import read_npz
from training.datasets.sample import (
    NO_JOINTS_3D,
    DatasetError,
    FilePicture,
    Reader,
    Sample,
    checked,
    gender_of,
    superset,
)
from training.joint_orders import SUPERSET_FROM_SMPL45

POSES: list[tuple[int, ...]] = [(72,), (156,), (165,)]
SHAPES: dict[str, list[tuple[int, ...]]] = {
    "imgname": [()], "center": [(2,)], "scale": [(), (1,)], "pose_cam": POSES, "shape": [(10,), (11,)], "gender": [()],
    "gtkps": [(joints, columns) for joints in (24, 29, 45, 127, 137) for columns in (2, 3)],
}  # fmt: skip
FULL_JOINTS = 29  # SMPL's 24 and the face


class Bedlam(Reader):
    """People of one scene's .npz, as SMPL."""

    def __init__(self, path: Path, pictures: Path, name: str) -> None:
        """Reads the columns.

        Args:
            path: the scene's .npz, SCENE.npz.
            pictures: folder with SCENE/png/SEQUENCE/*.png.
            name: of the set.

        Raises:
            DatasetError: missing, damaged, of other columns, or labels of SMPL-X.
        """
        self.name, self.path = name, path
        self.columns = read_npz(path, name, SHAPES, ["gender"])
        if self.columns["pose_cam"].shape[1] != 72:
            raise DatasetError(
                f"{path} holds labels of SMPL-X or SMPL-H, which are another body; get BEDLAM's SMPL labels "
                "(all_npz_12_smpl_training)"
            )
        self.folder = pictures / path.stem / "png"
        self.is_turned = "closeup" in path.stem

    def __len__(self) -> int:
        return len(self.columns["imgname"])

    def sample(self, index: int) -> Sample:
        """The person with a number."""
        row = {name: values[index] for name, values in self.columns.items()}
        where = f"{self.path} row {index}"
        name, points = str(row["imgname"]), np.asarray(row["gtkps"], np.float64)[:, :2]
        if len(points) < FULL_JOINTS:
            points = np.concatenate([points, np.zeros((FULL_JOINTS - len(points), 2))])
        confidence = (np.arange(len(points)) < len(row["gtkps"])).astype(np.float64)
        sample = Sample(
            source=self.name,
            key=f"{self.path.stem}/{name} ({index})",
            picture=FilePicture(self.folder / name, self.is_turned),
            center_px=np.asarray(row["center"], np.float64),
            scale=float(np.max(row["scale"])),
            joints_2d=superset(points, SUPERSET_FROM_SMPL45, confidence),
            joints_3d=NO_JOINTS_3D,
            pose=np.asarray(row["pose_cam"], np.float64),
            betas=np.asarray(row["shape"], np.float64)[:10],
            gender=gender_of(row.get("gender", "neutral"), where),
        )
        return checked(sample, where)
