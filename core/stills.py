"""Single pictures -> one row a person: the network without tracking, smoothing or time.

The people are those that boxes.json names, or those that the detector finds and the pose network confirms.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import numpy as np

from .body.model import load_body
from .body.upsample import upsample
from .detection.detector import Detector
from .errors import BoxesError, Cancelled, FootageError
from .files.untrusted import told
from .files.written_whole import write_arrays
from .footage.picture_names import PICTURE_SUFFIXES
from .footage.pictures import read_picture
from .geometry.boxes import xywh_to_xyxy, xyxy_to_xywh
from .geometry.camera import weak_project
from .inference.estimator import Estimator, join
from .settings import TrackSettings
from .tracking.confirm import confirmed_in
from .tracking.drawn_boxes import check_inside, read_boxes
from .types import CancelFunction, Estimates, Float, Image, PersonBox, Progress, ProgressFunction

PEOPLE_AT_ONCE = 8
ARRAYS = ("keypoints_px", "joints_px", "mesh_joints_px", "joints", "vertices", "confidence", "boxes_xywh", "scores")
KEYPOINTS, JOINTS, VERTICES = 17, 14, 6890


@dataclass(frozen=True, slots=True, eq=False)
class Stills:
    """What the network sees in N boxes, in the order of boxes.json or of the pictures.

    Attributes:
        ids: N names, as in boxes.json; FILE#0, FILE#1 ... where the people were found, the surest first.
        keypoints_px: (N, 17, 2) frame pixels, from the pose tokens, COCO order.
        joints_px: (N, 14, 2) frame pixels, LSP order.
        mesh_joints_px: (N, 14, 2) the same, of the mesh, through the network's own camera.
        joints: (N, 14, 3) metres, camera axes, relative to the root.
        vertices: (N, 6890, 3) the same.
        confidence: (N, 14) of the joints.
        boxes_xywh: (N, 4) frame pixels: those given, or the detector's.
        scores: (N,) of the detector, 0 to 1; 1 where the box was given.
    """

    ids: list[str]
    keypoints_px: Float
    joints_px: Float
    mesh_joints_px: Float
    joints: Float
    vertices: Float
    confidence: Float
    boxes_xywh: Float
    scores: Float


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
    _check_folder(folder)
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
    given: list[PersonBox] = []
    parts: list[Estimates] = []
    while batch := list(islice(people, PEOPLE_AT_ONCE)):
        _stop_if_asked(folder, is_cancelled)
        given += [box for _, box in batch]
        images = [image for image, _ in batch]
        parts.append(estimator.estimate(images, np.stack([box.box_px for _, box in batch])))
        if progress is not None:
            progress(Progress("stills", len(given), total, folder.name))
    boxes_px = np.stack([box.box_px for box in given])
    return _stills([box.person_id for box in given], boxes_px, np.ones(len(given)), parts, estimator)


def find_stills(
    folder: Path,
    detector: Detector,
    estimator: Estimator,
    progress: ProgressFunction | None = None,
    is_cancelled: CancelFunction | None = None,
) -> Stills:
    """All people that are found in the pictures of a folder, in the order of the pictures' names.

    Args:
        folder: of the pictures.
        detector: finds people.
        estimator: the network, which confirms and reads them.
        progress: told after each picture.
        is_cancelled: asked before each picture.

    Raises:
        FootageError: there is no picture, or one can't be decoded. A picture without people is no error.
        Cancelled: the person said stop.
    """
    files = _pictures(folder)
    ids: list[str] = []
    boxes_px, scores = [np.zeros((0, 4))], [np.zeros(0)]
    parts: list[Estimates] = []
    for done, file in enumerate(files, 1):
        _stop_if_asked(folder, is_cancelled)
        image = _read(file)
        found = confirmed_in(image, detector, estimator.estimate, TrackSettings())
        if found is not None:
            order = np.argsort(-found.scores, kind="stable")
            ids += [f"{file.name}#{place}" for place in range(len(order))]
            boxes_px.append(_inside(found.boxes_px[order], image))
            scores.append(found.scores[order])
            parts.append(found.seen[order])
        if progress is not None:
            progress(Progress("stills", done, len(files), folder.name))
    return _stills(ids, np.concatenate(boxes_px), np.concatenate(scores), parts, estimator)


def _inside(boxes_px: Float, image: Image) -> Float:
    """Boxes (N, 4) xywh without what lies outside the picture."""
    sides = np.tile(image.shape[1::-1], 2)
    return xyxy_to_xywh(xywh_to_xyxy(boxes_px).clip(0, sides))


def _pictures(folder: Path) -> list[Path]:
    _check_folder(folder)
    names = (file for file in folder.iterdir() if file.suffix.lower() in PICTURE_SUFFIXES)
    files = sorted(file for file in names if file.is_file() and not file.name.startswith("."))
    if not files:
        kinds = ", ".join(sorted(suffix[1:] for suffix in PICTURE_SUFFIXES))
        raise FootageError(f"{folder}: no pictures in it ({kinds}); give the folder of the pictures")
    return files


def _check_folder(folder: Path) -> None:
    if not folder.is_dir():
        raise FootageError(f"{folder}: no such folder; give the folder of the pictures")


def _stop_if_asked(folder: Path, is_cancelled: CancelFunction | None) -> None:
    if is_cancelled is not None and is_cancelled():
        raise Cancelled(f"{folder}: cancelled; nothing was written")


def _read(file: Path) -> Image:
    image = read_picture(file)
    if image is None:
        raise FootageError(f"{file}: can't be decoded as a picture; export it again")
    return image


def _stills(
    ids: list[str], boxes_px: Float, scores: Float, parts: list[Estimates], estimator: Estimator
) -> Stills:
    if not parts:
        return Stills(
            ids,
            keypoints_px=np.zeros((0, KEYPOINTS, 2)),
            joints_px=np.zeros((0, JOINTS, 2)),
            mesh_joints_px=np.zeros((0, JOINTS, 2)),
            joints=np.zeros((0, JOINTS, 3)),
            vertices=np.zeros((0, VERTICES, 3)),
            confidence=np.zeros((0, JOINTS)),
            boxes_xywh=boxes_px,
            scores=scores,
        )
    found = join(parts)
    body = load_body()
    vertices = upsample(found.coarse_vertices, body, estimator.bundle.learned_sampler())
    centres_px = found.box_px[:, :2] + found.box_px[:, 2:] / 2
    mesh_joints_px = weak_project(body.lsp_regressor @ vertices, found.weak_camera, centres_px, found.crop_side_px)
    arrays = found.keypoints_px, found.joints_px, mesh_joints_px, found.joints, vertices, found.joint_confidence
    return Stills(ids, *arrays, boxes_px, scores)


def write_stills(stills: Stills, path: Path) -> None:
    """Write the npz, whole or not at all.

    Raises:
        OutputError: the place can't be written to.
    """
    arrays = {name: getattr(stills, name).astype(np.float32) for name in ARRAYS}
    write_arrays(path, {"ids": np.array(stills.ids, np.str_), **arrays})


def _people(folder: Path, boxes: Path, wanted: dict[str, list[PersonBox]]) -> Iterator[tuple[Image, PersonBox]]:
    for name, people in wanted.items():
        image = _read(folder / name) if people else None
        for box in people:
            assert image is not None
            check_inside(boxes, name, box, image.shape[1], image.shape[0])
            yield image, box
