"""The picture store: a folder of shards, each a folder of .npy files that are read by memory map.

    DIR/store.json             what it was made from
    DIR/shard_00000/*.npy      one file a field, SHARD pictures each
    DIR/backgrounds.npy        see backgrounds.py     DIR/occluders.npy    see occluders.py

A shard is written under another name and renamed when whole, so that an interrupted run resumes.
"""

from __future__ import annotations

import json
import shutil
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

SHARD = 256
FORMAT = 1


@dataclass(slots=True, eq=False)
class Shard:
    """Fields of SHARD pictures; S is the side of the canvas.

    Attributes:
        foreground: (N, S, S, 4) uint8 display RGB, premultiplied by the coverage that follows.
        part: (N, S / 2, S / 2) uint8, 0 background, 1 to 24 SMPL joint + 1.
        rest: (N, S / 2, S / 2, 3) uint8 rest coordinate over [-1, 1] metres.
        floor_shadow: (N, S / 2, S / 2) uint8 darkness of the floor.
        coco_3d: (N, 17, 3) metres about the root, camera axes.
        lsp_3d: (N, 14, 3) the same.
        coco_visible: (N, 17) uint8, 1 where the body itself does not hide the joint.
        lsp_visible: (N, 14) uint8.
        intermediate: (N, 1723, 3) int16, tenths of a millimetre.
        coarse: (N, 431, 3) int16.
        transl: (N, 3) root in the camera frame, metres.
        focal: (N,) focal length over the canvas' side; the axis meets the canvas' middle.
        forward: (N, 3) where the trunk faces, camera frame.
        up: (N, 3) the world's up, camera frame.
        betas: (N, 10)
        pose: (N, 24, 3) rotation vectors, the root's in the camera frame.
        environment: (N,) number of the panorama in store.json, -1 where the light was made up.
        heading: (N,) the camera's yaw in the world, radians.
    """

    foreground: npt.NDArray[np.uint8]
    part: npt.NDArray[np.uint8]
    rest: npt.NDArray[np.uint8]
    floor_shadow: npt.NDArray[np.uint8]
    coco_3d: npt.NDArray[np.float32]
    lsp_3d: npt.NDArray[np.float32]
    coco_visible: npt.NDArray[np.uint8]
    lsp_visible: npt.NDArray[np.uint8]
    intermediate: npt.NDArray[np.int16]
    coarse: npt.NDArray[np.int16]
    transl: npt.NDArray[np.float32]
    focal: npt.NDArray[np.float32]
    forward: npt.NDArray[np.float32]
    up: npt.NDArray[np.float32]
    betas: npt.NDArray[np.float32]
    pose: npt.NDArray[np.float32]
    environment: npt.NDArray[np.int16]
    heading: npt.NDArray[np.float32]


FIELDS = tuple(f.name for f in fields(Shard))
SMALL = (
    "coco_3d", "lsp_3d", "coco_visible", "lsp_visible", "transl", "focal", "forward", "up", "environment", "heading",
)  # fmt: skip


def shard_path(folder: Path, number: int) -> Path:
    """Where a shard lies."""
    return folder / f"shard_{number:05d}"


def write_shard(folder: Path, number: int, rows: list[dict[str, Any]]) -> None:
    """Writes the rows of a shard; it appears at once or not at all."""
    final = shard_path(folder, number)
    part = final.with_name(final.name + ".part")
    shutil.rmtree(part, ignore_errors=True)
    part.mkdir(parents=True)
    for name in FIELDS:
        np.save(part / f"{name}.npy", np.stack([row[name] for row in rows]))
    shutil.rmtree(final, ignore_errors=True)
    part.rename(final)


@dataclass(frozen=True, slots=True, eq=False)
class PictureStore:
    """A store opened for reading.

    Attributes:
        folder: where it lies.
        meta: the content of store.json.
        shards: fields by memory map, shard after shard.
        start: (shards + 1,) first row of each shard.
        small: the small fields of all rows, in memory.
        backgrounds: (K, H, H, 3) uint8 by memory map.
        background_place: (K, 2) panorama number (-1 none) and heading of each background.
        occluders: (K, H, H, 4) uint8, premultiplied.
    """

    folder: Path
    meta: dict[str, Any]
    shards: tuple[Shard, ...]
    start: npt.NDArray[np.int64]
    small: dict[str, npt.NDArray[Any]]
    backgrounds: npt.NDArray[np.uint8]
    background_place: npt.NDArray[np.float32]
    occluders: npt.NDArray[np.uint8]

    def __len__(self) -> int:
        return int(self.start[-1])

    @property
    def size(self) -> int:
        """Side of the canvas in pixels."""
        return int(self.meta["size"])

    def at(self, row: int) -> tuple[Shard, int]:
        """The shard of a row and the row's place in it."""
        which = int(np.searchsorted(self.start, row, side="right")) - 1
        return self.shards[which], row - int(self.start[which])

    @classmethod
    def open(cls, folder: Path | str) -> PictureStore:
        """A store that `python -m training.pictures render` wrote, finished or not.

        Raises:
            ValueError: the folder is no store, of another format, or has no shard yet.
        """
        folder = Path(folder)
        if not (folder / "store.json").exists():
            raise ValueError(f"{folder} holds no picture store: make one with python -m training.pictures render")
        meta = json.loads((folder / "store.json").read_text())
        if meta["format"] != FORMAT:
            raise ValueError(f"{folder} has format {meta['format']}, expected {FORMAT}: render it again")
        paths = sorted(path for path in folder.glob("shard_?????") if path.is_dir())
        if not paths:
            raise ValueError(f"{folder} has no finished shard yet")
        shards = tuple(
            Shard(**{name: np.load(path / f"{name}.npy", mmap_mode="r") for name in FIELDS}) for path in paths
        )
        counts = [len(shard.focal) for shard in shards]
        return cls(
            folder, meta, shards, np.concatenate([[0], np.cumsum(counts)]).astype(np.int64),
            {name: np.concatenate([getattr(shard, name) for shard in shards]) for name in SMALL},
            np.load(folder / "backgrounds.npy", mmap_mode="r"), np.load(folder / "background_place.npy"),
            np.load(folder / "occluders.npy"),
        )  # fmt: skip
