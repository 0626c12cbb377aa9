"""Everyday photographs of people with COCO's keypoints, read from the tar: for measuring, never for learning.

FOLDER/images.tar      photographs
FOLDER/people.json     {"images": [{"file", "people": [{"box_xywh", "keypoints", "iscrowd"}]}]}; a keypoint is
                       x, y and 0 not labelled, 1 hidden, 2 seen
"""

from __future__ import annotations

import json
import tarfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from core.geometry import crops
from training.joint_orders import LSP_FROM_COCO

Float = npt.NDArray[np.floating[Any]]
Bool = npt.NDArray[np.bool_]
Image = npt.NDArray[np.uint8]

CROP_FACTOR = 1.1
"""The crop's side against the longer side of COCO's box, which goes around the whole person, not around the joints."""
LEAST_JOINTS = 6
"""Labelled joints of the 17 below which a person is left out: most of them are a few pixels of a crowd."""
MOST_SEEN_OF_HIDDEN = 8
"""Of the 12 limb joints; whoever shows more is not counted among the half hidden."""
LABELLED, SEEN = 1, 2
LSP_JOINTS = 14


@dataclass(frozen=True, slots=True, eq=False)
class EverydayPeople:
    """People in photographs with 2D labels.

    Attributes:
        files: (N,) names of the photographs.
        joints_px: (N, 14, 2) LSP order, frame pixels; Neck and Head are unknown.
        visible: (N, 14) labelled joints.
        is_half_hidden: (N,) hidden or cut: at most `MOST_SEEN_OF_HIDDEN` of the limb joints are seen.
        boxes_px: (N, 4) xywh, COCO's.
        archive: the tar with the photographs.
    """

    files: tuple[str, ...]
    joints_px: Float
    visible: Bool
    is_half_hidden: Bool
    boxes_px: Float
    archive: Path

    @property
    def side_px(self) -> Float:
        """(N,) longer side of each box."""
        return np.asarray(self.boxes_px[:, 2:].max(1))

    def crops(self, size: int) -> tuple[Image, Float]:
        """Crops of all people.

        Returns:
            (N, size, size, 3) uint8 RGB, and (N, 2, 3) crop to frame.
        """
        crop_to_frame = crops.crop_matrix(self.boxes_px, size, CROP_FACTOR)
        images = _decoded(self.archive, set(self.files))
        pairs = zip(self.files, crop_to_frame, strict=True)
        return np.stack([crops.cut(images[name], matrix, size)[..., ::-1] for name, matrix in pairs]), crop_to_frame

    def only(self, rows: Bool) -> EverydayPeople:
        """Some of the people."""
        files = tuple(name for name, is_in in zip(self.files, rows, strict=True) if is_in)
        return EverydayPeople(
            files=files,
            joints_px=self.joints_px[rows],
            visible=self.visible[rows],
            is_half_hidden=self.is_half_hidden[rows],
            boxes_px=self.boxes_px[rows],
            archive=self.archive,
        )


def _decoded(archive: Path, wanted: set[str]) -> dict[str, Image]:
    """Pictures (H, W, 3) BGR by name."""
    found = {}
    with tarfile.open(archive) as opened:
        for member in opened.getmembers():
            file = opened.extractfile(member) if Path(member.name).name in wanted else None
            if file is not None:
                encoded = np.frombuffer(file.read(), np.uint8)
                found[Path(member.name).name] = np.asarray(cv2.imdecode(encoded, cv2.IMREAD_COLOR), np.uint8)
    return found


def load_everyday(folder: Path) -> EverydayPeople:
    """Everybody in the photographs with enough labels.

    Raises:
        ValueError: a file is missing.
    """
    for name in ("images.tar", "people.json"):
        if not (folder / name).is_file():
            raise ValueError(f"{folder} is not the folder of everyday photographs: it lacks {name}")
    images = json.loads((folder / "people.json").read_text(encoding="utf-8"))["images"]
    people = [
        (image["file"], person["box_xywh"], person["keypoints"])
        for image in images
        for person in image["people"]
        if not person.get("iscrowd") and sum(point[2] >= LABELLED for point in person["keypoints"]) >= LEAST_JOINTS
    ]
    keypoints = np.array([points for _, _, points in people], np.float64).reshape(-1, 17, 3)
    limbs = keypoints[:, LSP_FROM_COCO]
    joints, visible = np.zeros((len(people), LSP_JOINTS, 2)), np.zeros((len(people), LSP_JOINTS), np.bool_)
    joints[:, : len(LSP_FROM_COCO)], visible[:, : len(LSP_FROM_COCO)] = limbs[..., :2], limbs[..., 2] >= LABELLED
    return EverydayPeople(
        tuple(name for name, _, _ in people),
        joints,
        visible,
        (limbs[..., 2] == SEEN).sum(1) <= MOST_SEEN_OF_HIDDEN,
        np.array([box for _, box, _ in people], np.float64).reshape(-1, 4),
        folder / "images.tar",
    )
