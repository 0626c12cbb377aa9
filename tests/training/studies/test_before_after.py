"""Meshes over crops, side by side: where they are drawn, and what the command says of a wrong folder."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from core.body.model import load_body
from tests.fixtures.picture_store import small_store
from training.studies import before_after


@pytest.mark.parametrize(("shift", "half"), [((-1.0, -1.0), "upper left"), ((1.0, 1.0), "lower right")])
def test_mesh_lies_where_its_camera_puts_it(shift: tuple[float, float], half: str) -> None:
    body = load_body()
    standing = body.v_template * [1, -1, -1]
    centred = standing - standing.mean(0)
    drawn = before_after.overlay(np.zeros((64, 64, 3), np.uint8), centred, body.faces, np.array([0.5, *shift]))
    rows, columns = np.nonzero(drawn.sum(-1) > 60)
    middle = np.array([rows.mean(), columns.mean()]) / before_after.TILE
    assert (middle < 0.5).all() if half == "upper left" else (middle > 0.5).all()


def test_sheet_has_a_row_a_bundle(tmp_path: Path) -> None:
    out = tmp_path / "sheet.png"
    given = ["--weights", "open-tiny", "open-tiny", "--store", str(small_store().folder), "--count", "2"]
    assert before_after.main([*given, "-o", str(out)]) == 0
    tile = before_after.TILE + before_after.LABEL
    found = cv2.imread(str(out))
    assert found is not None and found.shape == (3 * tile, 2 * before_after.TILE, 3)
    assert (found[tile : 2 * tile] == found[2 * tile :]).all() and (found[:tile] != found[tile : 2 * tile]).any()


def test_folder_without_people_ends_in_one_sentence(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert before_after.main(["--weights", "open-tiny", "--store", str(tmp_path), "-o", str(tmp_path / "a.png")]) == 1
    said = capsys.readouterr().err
    assert said.startswith("training.studies.before_after: ") and said.count("\n") == 1
