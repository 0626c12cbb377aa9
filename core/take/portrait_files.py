"""Names of the small pictures of a take's people: `person0_000040.jpg`, place in the take and frame."""

from __future__ import annotations

from pathlib import Path


def portrait_file(folder: Path, number: int, frame_index: int) -> Path:
    """Where the picture of the person at a place in the take is, of a frame."""
    return folder / f"person{number}_{frame_index:06d}.jpg"


def portraits_in(folder: Path, number: int) -> dict[int, Path]:
    """The pictures of the person at a place in the take, by frame; empty where there are none."""
    return {int(file.stem.split("_")[1]): file for file in sorted(folder.glob(f"person{number}_*.jpg"))}
