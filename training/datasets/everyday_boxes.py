"""Everyday photographs whose people all have a box, and photographs without anybody: for measuring a detector.

FOLDER/images.tar      photographs
FOLDER/people.json     {"images": [{"file", "people": [{"box_xywh", "iscrowd"}]}]}, COCO's boxes around what is seen
"""

from __future__ import annotations

import json
import tarfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from core.geometry.boxes import xywh_to_xyxy

Float = npt.NDArray[np.floating[Any]]
Image = npt.NDArray[np.uint8]


@dataclass(frozen=True, slots=True, eq=False)
class BoxedPhotographs:
    """Photographs with the boxes of all people.

    Attributes:
        files: (N,) names.
        people: of each photograph, (M, 4) xyxy.
        crowds: of each photograph the regions whose people are not counted, (K, 4) xyxy.
        archive: the tar with the photographs.
    """

    files: list[str]
    people: list[Float]
    crowds: list[Float]
    archive: Path

    def pictures(self) -> Iterator[tuple[Image, Float]]:
        """The photographs BGR with the boxes of the people in them."""
        with tarfile.open(self.archive) as opened:
            members = {PurePosixPath(member.name).name: member for member in opened.getmembers() if member.isfile()}
            for name, people in zip(self.files, self.people, strict=True):
                file = opened.extractfile(members[name]) if name in members else None
                if file is None:
                    raise ValueError(f"{self.archive} lacks {name}")
                yield np.asarray(cv2.imdecode(np.frombuffer(file.read(), np.uint8), cv2.IMREAD_COLOR), np.uint8), people


def load_boxed(folder: Path) -> BoxedPhotographs:
    """All photographs of a folder.

    Raises:
        ValueError: a file is missing.
    """
    for name in ("images.tar", "people.json"):
        if not (folder / name).is_file():
            raise ValueError(f"{folder} is not the folder of everyday photographs: it lacks {name}")
    files: list[str] = []
    people: list[Float] = []
    crowds: list[Float] = []
    for image in json.loads((folder / "people.json").read_text(encoding="utf-8"))["images"]:
        files.append(str(image["file"]))
        for boxes, is_crowd in ((people, False), (crowds, True)):
            found = [one["box_xywh"] for one in image["people"] if bool(one.get("iscrowd")) == is_crowd]
            boxes.append(xywh_to_xyxy(np.array(found, np.float64).reshape(-1, 4)))
    return BoxedPhotographs(files, people, crowds, folder / "images.tar")
