"""Occlusion sensitivity: the square is where the map says, and the map rises where the network looks."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest

from core.types import Float, Image
from tests.fixtures.picture_store import small_store
from training.studies import sensitivity

SIZE = 64


def watcher(row: int, column: int) -> Callable[[Image], Float]:
    """Eight joints are a metre off where a white pixel is hidden."""

    def joints_of(crops: Image) -> Float:
        said = np.zeros((len(crops), 14, 3))
        said[crops[:, row, column].max(1) < 255, 6:] += [1.0, 0, 0]
        return said

    return joints_of


def test_map_rises_where_the_square_hides_what_the_network_looks_at() -> None:
    row, column = 20, 44
    rise = sensitivity.rise_map(watcher(row, column), np.full((SIZE, SIZE, 3), 255, np.uint8), np.zeros((14, 3)))
    first, side = np.array(sensitivity.corners(SIZE)), round(sensitivity.SQUARE * SIZE)
    hides = [(first <= place) & (place < first + side) for place in (row, column)]
    assert np.array_equal(rise > 0, hides[0][:, None] & hides[1][None])
    assert rise.max() == pytest.approx(1000 * 8 / 14)


def test_squares_reach_every_pixel_and_leave_the_crop_itself_alone() -> None:
    crop = np.full((SIZE, SIZE, 3), 255, np.uint8)
    copies = sensitivity.covered(crop)
    assert (copies < 255).any((0, 3)).all() and (crop == 255).all()
    assert ((copies < 255).all(3).sum((1, 2)) <= round(sensitivity.SQUARE * SIZE) ** 2).all()


def test_wrong_options_end_in_one_sentence(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "picture.png"
    for given in (["--maps", "0"], ["--store", str(tmp_path)], ["--weights", str(tmp_path)]):
        assert sensitivity.main(["--store", str(small_store().folder), "-o", str(out), *given]) == 1
        said = capsys.readouterr().err
        assert said.startswith("training.studies.sensitivity: ") and said.count("\n") == 1
    assert not out.exists()


def test_picture_is_drawn_from_the_shipped_bundle(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sensitivity, "STEP", 1 / 4)
    out = tmp_path / "picture.png"
    assert (
        sensitivity.main(["--store", str(small_store().folder), "--maps", "1", "--people", "32", "-o", str(out)]) == 0
    )
    picture = cv2.imread(str(out))
    assert picture is not None and picture.std() > 10
