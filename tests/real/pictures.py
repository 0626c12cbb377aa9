"""The guide's pictures, cut from the screenshots of a run in real windows.

    python -m tests.real trixie --all --shots SHOTS
    python -m tests.real sid --all --shots SHOTS_52
    python -m tests.real.pictures SHOTS SHOTS_52

Only of the demo clip: other people's footage has no place in `docs/`. Look at each before you commit it.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np

from core.types import Image

DOCS = Path(__file__).parents[2] / "docs" / "images"
GAP_PX = 8
JPEG_QUALITY = 88


class Cut(NamedTuple):
    """A piece of a screenshot: of which step, and where (left, top, right, bottom; pixels)."""

    step: str
    at: tuple[int, int, int, int] = (0, 0, 1280, 796)


PICTURES = {
    "blender-panel.png": [Cut("footage_is_opened")],
    "blender-people.png": [Cut("box", (996, 494, 1250, 748))],
    "blender-box.jpg": [Cut("box")],
    "blender-progress.png": [
        Cut("running", (996, 100, 1250, 510)),
        Cut("escape_cancels_in_time", (996, 100, 1250, 510)),
    ],
    "blender-result.jpg": [Cut("person_is_where_the_footage_shows_it")],
    "blender-steps.png": [Cut("floor_is_solid", (996, 100, 1250, 772)), Cut("queue_runs_two", (996, 100, 1250, 772))],
    "blender-preferences.png": [Cut("preferences", (768, 246, 1272, 562))],
}
PICTURES_52 = {"blender-5.2.jpg": [Cut("floor_is_solid")]}


def main(arguments: Sequence[str] | None = None) -> int:
    """Write all pictures that the screenshots are there for."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("shots", type=Path, help="of Blender 4.3")
    parser.add_argument("shots_52", type=Path, help="of Blender 5.2")
    parser.add_argument("-o", "--output", type=Path, default=DOCS)
    chosen = parser.parse_args(arguments)
    for shots, pictures in ((chosen.shots, PICTURES), (chosen.shots_52, PICTURES_52)):
        for name, cuts in pictures.items():
            write(beside([cut_out(shots, cut) for cut in cuts]), chosen.output / name)
    return 0


def cut_out(shots: Path, cut: Cut) -> Image:
    """A piece of a screenshot, (H, W, 3) BGR."""
    file = shots / f"{cut.step}.png"
    picture = cv2.imread(str(file))
    if picture is None:
        sys.exit(f"{file}: no screenshot of this step; run the story with --all --shots {shots}")
    left, top, right, bottom = cut.at
    return picture[top:bottom, left:right]


def beside(pieces: list[Image]) -> Image:
    """Pieces side by side on white, all at the top."""
    height = max(len(piece) for piece in pieces)
    columns = []
    for piece in pieces:
        below = ((0, height - len(piece)), (0, 0 if piece is pieces[-1] else GAP_PX), (0, 0))
        columns.append(np.pad(piece, below, constant_values=255))
    return np.hstack(columns)


def write(picture: Image, file: Path) -> None:
    """Write it and say its size."""
    options = [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY] if file.suffix == ".jpg" else [cv2.IMWRITE_PNG_COMPRESSION, 9]
    cv2.imwrite(str(file), picture, options)
    print(f"{file.name}: {picture.shape[1]} x {picture.shape[0]}, {file.stat().st_size / 1000:.0f} KB")


if __name__ == "__main__":
    sys.exit(main())
