"""The sheet of worst photographs: what is drawn where, and one sentence for a wrong folder."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from training.pictures.sheet import LEFT, RIGHT
from training.studies import worst


def test_tile_shows_the_answer_over_the_labels() -> None:
    said = np.linspace(-0.8, 0.8, 28).reshape(14, 2)
    tile = worst.draw(np.zeros((64, 64, 3), np.uint8), said, -said, 0.5)
    colours = {tuple(pixel) for pixel in tile.reshape(-1, 3).tolist()}
    assert tile.shape == (worst.TILE, worst.TILE, 3) and {RIGHT, LEFT, (255, 255, 255)} <= colours


def test_folder_without_photographs_ends_in_one_sentence(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert worst.main(["--lspet", str(tmp_path), "-o", str(tmp_path / "a.png")]) == 1
    said = capsys.readouterr().err
    assert said.startswith("training.studies.worst: ") and "images.tar" in said and said.count("\n") == 1
