"""Small pictures of people."""

from pathlib import Path

import cv2
import numpy as np
import pytest

from core.errors import FootageError
from core.pipeline import reconstruct
from core.settings import ReconstructSettings
from core.take.portrait_files import portraits_in
from core.take.portraits import PARTS, SIDE_PX, best_rows, portrait, write_portraits
from core.take.take import Take
from core.types import PersonTake
from tests.fixtures.fake_people import _estimates
from tests.fixtures.graphs import write_clip


def person(frames: list[int], scores: list[float]) -> PersonTake:
    count = len(frames)
    seen = _estimates(np.tile([0.0, 0, 10, 20], (count, 1)), np.zeros((count, 14, 2)), np.array(scores))
    return PersonTake("1", np.array(frames), np.array(frames) / 25, seen)


def test_each_part_of_a_track_has_its_best_frame() -> None:
    rows = best_rows(person(list(range(100)), [1.0 if frame % 10 == 3 else 0.5 for frame in range(100)]))
    assert rows == [3 + 10 * part for part in range(PARTS)]
    assert best_rows(person([7], [0.9])) == [0]
    assert best_rows(person([0, 99], [0.9, 0.9])) == [0, 1]


@pytest.mark.parametrize(("box", "middle"), [((40, 20, 20, 100), (50, 52)), ((20, 40, 100, 20), (70, 50))])
def test_picture_is_about_the_upper_part_of_who_stands_and_all_of_who_lies(
    box: tuple[int, ...], middle: tuple[int, int]
) -> None:
    image = np.zeros((200, 200, 3), np.uint8)
    cv2.circle(image, middle, 3, (255, 255, 255), -1)
    small = portrait(image, np.array(box, float))
    assert small.shape == (SIDE_PX, SIDE_PX, 3)
    ys, xs = np.nonzero(small[..., 0] > 128)
    assert abs(xs.mean() - SIDE_PX / 2) < 4 and abs(ys.mean() - SIDE_PX / 2) < 8


@pytest.fixture
def take(tmp_path: Path, blob_weights: Path) -> Take:
    clip = write_clip(tmp_path / "blob.avi", 24)
    settings = ReconstructSettings(weights=str(blob_weights), detector="search", people="all", step=4)
    return reconstruct(clip, tmp_path / "blob.take", settings)


def test_pictures_of_a_take_show_its_person(take: Take, tmp_path: Path) -> None:
    written = write_portraits(take, tmp_path / "blob.people")
    pictures = portraits_in(tmp_path / "blob.people", 0)
    assert sorted(pictures.values()) == sorted(written) and set(pictures) <= set(range(0, 24, 4)) and pictures
    assert not portraits_in(tmp_path / "blob.people", 1)
    for file in written:
        image = cv2.imread(str(file))
        assert image is not None and image.shape == (SIDE_PX, SIDE_PX, 3)
        assert image[:, SIDE_PX // 4 : 3 * SIDE_PX // 4].mean() > image[:, : SIDE_PX // 8].mean()  # the blob is bright


def test_footage_that_is_gone_is_one_sentence_and_leaves_no_picture(take: Take, tmp_path: Path) -> None:
    (tmp_path / "blob.avi").unlink()
    with pytest.raises(FootageError, match="no such file"):
        write_portraits(take, tmp_path / "blob.people")
    assert not list((tmp_path / "blob.people").glob("*"))
