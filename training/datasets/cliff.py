"""CLIFF's pseudo-ground-truth for COCO 2014 and MPII (Li et al., ECCV 2022), an .npz beside the pictures.

Columns: imgname, center (2), scale (side / 200 px, factor 1.2), part (24, 3) 2D joints in superset order,
pose (72) in the camera's axes, shape (10), has_smpl, S (24, 4) where 3D joints are given; global_t and focal_l place
the body in the whole frame, which a weak-perspective network does not ask for.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from training.datasets.columns import read_npz
from training.datasets.same_person import image_id_of
from training.datasets.sample import NO_JOINTS_3D, FilePicture, Float, Reader, Sample, checked

SHAPES: dict[str, list[tuple[int, ...]]] = {
    "imgname": [()], "center": [(2,)], "scale": [(), (1,)], "part": [(24, 3)], "pose": [(72,)], "shape": [(10,)],
    "has_smpl": [(), (1,)], "S": [(24, 4)],
}  # fmt: skip


class Cliff(Reader):
    """People of a CLIFF .npz."""

    def __init__(self, path: Path, pictures: Path, name: str) -> None:
        """Reads the columns.

        Args:
            path: the .npz.
            pictures: folder that `imgname` starts from.
            name: of the set.

        Raises:
            DatasetError: missing, damaged or of other columns.
        """
        self.name, self.path, self.pictures = name, path, pictures
        self.columns = read_npz(path, name, SHAPES, ["has_smpl", "S"])

    def __len__(self) -> int:
        return len(self.columns["imgname"])

    def sample(self, index: int) -> Sample:
        """The person with a number."""
        row = {name: values[index] for name, values in self.columns.items()}
        has_smpl = bool(np.max(row.get("has_smpl", 1)))
        name = str(row["imgname"])
        sample = Sample(
            source=self.name,
            key=f"{name} ({index})",
            picture=FilePicture(self.pictures / name),
            center_px=np.asarray(row["center"], np.float64),
            scale=float(np.max(row["scale"])),
            joints_2d=known(np.asarray(row["part"], np.float64)),
            joints_3d=known(np.asarray(row["S"], np.float64)) if "S" in row else NO_JOINTS_3D,
            pose=np.asarray(row["pose"], np.float64) if has_smpl else None,
            betas=np.asarray(row["shape"], np.float64) if has_smpl else None,
            is_pseudo=True,
            image_id=image_id_of(name),
        )
        return checked(sample, f"{self.path} row {index}")


def known(joints: Float) -> Float:
    """Joints whose confidence is 0 as plain zeros, whatever stands there; (24, D)."""
    return np.where(joints[:, -1:] == 0, 0.0, joints)
