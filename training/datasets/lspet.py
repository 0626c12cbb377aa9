"""The Leeds Sports photographs, read from the tar: for measuring, and for weights that say research only."""

from __future__ import annotations

import json
import tarfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from core.geometry import crops as crop
from core.geometry.boxes import box_of_points

Float = npt.NDArray[np.floating[Any]]
Bool = npt.NDArray[np.bool_]
Image = npt.NDArray[np.uint8]

LEAST_JOINTS = 8
"""Labelled joints below which a photograph teaches nothing."""


@dataclass(frozen=True, slots=True, eq=False)
class Photographs:
    """People in photographs with 2D labels.

    Attributes:
        ids: (N,) numbers of the photographs.
        joints_px: (N, 14, 2) LSP order, frame pixels.
        visible: (N, 14).
        boxes_px: (N, 4) xywh: smallest box around the labelled joints, each side times 1.1.
        archive: the tar with the pictures.
    """

    ids: npt.NDArray[np.int64]
    joints_px: Float
    visible: Bool
    boxes_px: Float
    archive: Path

    @property
    def side_px(self) -> Float:
        """(N,) longer side of each box."""
        return np.asarray(self.boxes_px[:, 2:].max(1))

    def encoded(self) -> Iterator[npt.NDArray[np.uint8]]:
        """JPEG files (K,) bytes, in the order of the rows."""
        with tarfile.open(self.archive) as archive:
            names = {Path(member.name).name: member for member in archive.getmembers() if member.isfile()}
            for number in self.ids:
                file = archive.extractfile(names[f"im{number:05d}.jpg"])
                assert file is not None
                yield np.frombuffer(file.read(), np.uint8)

    def images(self) -> Iterator[Image]:
        """Pictures (H, W, 3) BGR, in the order of the rows."""
        for encoded in self.encoded():
            yield np.asarray(cv2.imdecode(encoded, cv2.IMREAD_COLOR), np.uint8)

    def crops(self, size: int) -> tuple[Image, Float]:
        """Crops of all people.

        Returns:
            (N, size, size, 3) uint8 RGB, and (N, 2, 3) crop to frame.
        """
        crop_to_frame = crop.crop_matrix(self.boxes_px, size)
        pairs = zip(self.images(), crop_to_frame, strict=True)
        cut = [crop.cut(image, matrix, size)[..., ::-1] for image, matrix in pairs]
        return np.stack(cut), crop_to_frame


def load_validation(folder: Path, count: int | None = None) -> Photographs:
    """The photographs that nothing may be trained on.

    Args:
        folder: images.tar, joints.npz, split.json.
        count: only that many, evenly spread; all where None.

    Raises:
        ValueError: a file is missing.
    """
    held_out = _held_out(folder)
    if count is not None and count < len(held_out):
        held_out = held_out[np.linspace(0, len(held_out) - 1, count).astype(int)]
    return _load(folder, held_out)


def load_training(folder: Path) -> Photographs:
    """All other photographs, for weights that say "research only".

    Raises:
        ValueError: a file is missing.
    """
    held_out = _held_out(folder)
    with np.load(folder / "joints.npz", allow_pickle=False) as file:
        is_free = ~np.isin(file["image_id"], held_out) & ((file["joints"][..., 2] > 0).sum(1) >= LEAST_JOINTS)
        return _load(folder, file["image_id"][is_free])


def _held_out(folder: Path) -> npt.NDArray[np.int64]:
    for name in ("images.tar", "joints.npz", "split.json"):
        if not (folder / name).is_file():
            raise ValueError(f"{folder} is not the LSPET folder: it lacks {name}")
    return np.asarray(json.loads((folder / "split.json").read_text())["val"], np.int64)


def _load(folder: Path, wanted: npt.NDArray[np.int64]) -> Photographs:
    with np.load(folder / "joints.npz", allow_pickle=False) as file:
        row_of = {int(number): row for row, number in enumerate(file["image_id"])}
        joints = file["joints"][[row_of[int(number)] for number in wanted]].astype(np.float64)
    visible = joints[..., 2] > 0
    boxes = box_of_points(joints[..., :2], visible)
    return Photographs(wanted, joints[..., :2], visible, boxes, folder / "images.tar")
