"""Photographs with all boxes: people and crowds apart, in the order of the file, one sentence where one lacks."""

from __future__ import annotations

import io
import json
import tarfile
from pathlib import Path

import cv2
import numpy as np
import pytest

from training.datasets.everyday_boxes import load_boxed


def written(folder: Path, names: list[str], in_archive: list[str]) -> Path:
    person = {"box_xywh": [10, 20, 30, 40], "iscrowd": 0}
    crowd = {"box_xywh": [0, 0, 50, 5], "iscrowd": 1}
    images = [{"file": name, "people": [person, crowd] if n == 0 else []} for n, name in enumerate(names)]
    (folder / "people.json").write_text(json.dumps({"images": images}), encoding="utf-8")
    with tarfile.open(folder / "images.tar", "w") as archive:
        for shade, name in enumerate(in_archive, 1):
            encoded = cv2.imencode(".png", np.full((60, 80, 3), 10 * shade, np.uint8))[1].tobytes()
            member = tarfile.TarInfo(f"images/{name}")
            member.size = len(encoded)
            archive.addfile(member, io.BytesIO(encoded))
    return folder


def test_people_and_crowds_are_told_apart(tmp_path: Path) -> None:
    known = load_boxed(written(tmp_path, ["b.png", "a.png"], ["a.png", "b.png"]))
    assert known.people[0].tolist() == [[10, 20, 40, 60]] and known.crowds[0].tolist() == [[0, 0, 50, 5]]
    assert known.people[1].shape == known.crowds[1].shape == (0, 4)


def test_pictures_come_in_the_order_of_the_file_not_of_the_archive(tmp_path: Path) -> None:
    known = load_boxed(written(tmp_path, ["b.png", "a.png"], ["a.png", "b.png"]))
    assert [(int(image[0, 0, 0]), len(people)) for image, people in known.pictures()] == [(20, 1), (10, 0)]


def test_picture_that_the_archive_lacks_is_named(tmp_path: Path) -> None:
    known = load_boxed(written(tmp_path, ["b.png"], ["a.png"]))
    with pytest.raises(ValueError, match=r"lacks b\.png"):
        list(known.pictures())


def test_folder_of_something_else_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"lacks images\.tar"):
        load_boxed(tmp_path)
