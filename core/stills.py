"""Single pictures with boxes -> one row a person: the network without tracking, smoothing or time."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import numpy as np

from .body.model import load_body
from .body.upsample import upsample
from .errors import BoxesError, Cancelled, FootageError
from .files.untrusted import told
from .files.written_whole import write_arrays
from .footage.reader import read_picture
from .inference.estimator import Estimator, join
from .tracking.drawn_boxes import check_inside, read_boxes
from .types import CancelFunction, Estimates, Float, Image, PersonBox, Progress, ProgressFunction

PEOPLE_AT_ONCE = 8
ARRAYS = ("keypoints_px", "joints_px", "joints", "vertices", "confidence")


@dataclass(frozen=True, slots=True, eq=False)
class Stills:
    """What the network sees in N boxes, in the order of boxes.json.

    Attributes:
        ids: N names, as in boxes.json.
        keypoints_px: (N, 17, 2) frame pixels, from the pose tokens, COCO order.
        joints_px: (N, 14, 2) frame pixels, LSP order.
        joints: (N, 14, 3) metres, camera axes, relative to the root.
        vertices: (N, 6890, 3) the same.
        confidence: (N, 14) of the joints.
    """

    ids: list[str]
    keypoints_px: Float
    joints_px: Float
    joints: Float
    vertices: Float
    confidence: Float


def estimate_stills(
    folder: Path,
    boxes: Path,
    estimator: Estimator,
    progress: ProgressFunction | None = None,
    is_cancelled: CancelFunction | None = None,
) -> Stills:
    """All people that have a box.

    Args:
        folder: of the pictures.
        boxes: boxes.json; its keys are names of pictures in the folder.
        estimator: the network.
        progress: told after each batch.
        is_cancelled: asked before each batch.

    Raises:
        BoxesError: the file is wrong, names a picture that isn't there or not in the folder, or a box outside its
            picture.
        FootageError: a picture can't be decoded.
        Cancelled: the person said stop.
    """
    if not folder.is_dir():
        raise FootageError(f"{folder}: no such folder; give the folder of the pictures")
    wanted = read_boxes(boxes)
    if outside := [name for name in wanted if Path(name).is_absolute() or ".." in Path(name).parts]:
        raise BoxesError(f"{boxes}: names {told(outside[0])}, outside of {folder}; give names of pictures in it")
    missing = [name for name in wanted if not (folder / name).is_file()]
    if missing:
        raise BoxesError(f"{boxes}: names {missing[0]!r}, which is not in {folder}; correct the name")
    total = sum(len(people) for people in wanted.values())
    if total == 0:
        raise BoxesError(f"{boxes}: holds no box; add at least one")
    people = _people(folder, boxes, wanted)
    ids: list[str] = []
    parts: list[Estimates] = []
    while batch := list(islice(people, PEOPLE_AT_ONCE)):
        if is_cancelled is not None and is_cancelled():
            raise Cancelled(f"{folder}: cancelled; nothing was written")
        ids += [box.person_id for _, box in batch]
        images = [image for image, _ in batch]
        parts.append(estimator.estimate(images, np.stack([box.box_px for _, box in batch])))
        if progress is not None:
            progress(Progress("stills", len(ids), total, folder.name))
    found = join(parts)
    vertices = upsample(found.coarse_vertices, load_body(), estimator.bundle.learned_sampler())
    return Stills(ids, found.keypoints_px, found.joints_px, found.joints, vertices, found.joint_confidence)


def write_stills(stills: Stills, path: Path) -> None:
    """Write the npz, whole or not at all.

    Raises:
        OutputError: the place can't be written to.
    """
    arrays = {name: getattr(stills, name).astype(np.float32) for name in ARRAYS}
    write_arrays(path, {"ids": np.array(stills.ids, np.str_), **arrays})


def _people(folder: Path, boxes: Path, wanted: dict[str, list[PersonBox]]) -> Iterator[tuple[Image, PersonBox]]:
    for name, people in wanted.items():
        image = read_picture(folder / name) if people else None
        if people and image is None:
            raise FootageError(f"{folder / name}: can't be decoded as a picture; export it again")
        for box in people:
            assert image is not None
            check_inside(boxes, name, box, image.shape[1], image.shape[0])
            yield image, box
