"""Contact sheets: finished pictures with their labels drawn on, to be looked at before any training."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt

from training.pictures.compose import Composer, PictureBatch
from training.pictures.store import PictureStore

Bytes = npt.NDArray[np.uint8]
# Limbs of the 14 LSP joints: the person's right red, left blue, trunk and head green (BGR).
LIMBS = [(0, 1), (1, 2), (3, 4), (4, 5), (6, 7), (7, 8), (9, 10), (10, 11), (2, 3), (8, 9), (12, 13), (8, 12), (9, 12)]
RIGHT, LEFT, MIDDLE = (60, 60, 255), (255, 120, 40), (80, 230, 80)
_RIGHT_JOINTS, _LEFT_JOINTS = {0, 1, 2, 6, 7, 8}, {3, 4, 5, 9, 10, 11}


def limb_colour(a: int, b: int) -> tuple[int, int, int]:
    """BGR of the line between two LSP joints, or of one of them."""
    if {a, b} <= _RIGHT_JOINTS:
        return RIGHT
    return LEFT if {a, b} <= _LEFT_JOINTS else MIDDLE


def draw_labels(batch: PictureBatch, n: int) -> Bytes:
    """One picture (S, S, 3) BGR with joints: filled seen, ring hidden; the trunk's facing as a line below."""
    picture = np.ascontiguousarray(batch.image[n].numpy().transpose(1, 2, 0)[..., ::-1])
    if not batch.has_person[n]:
        cv2.putText(picture, "nobody", (4, 14), cv2.FONT_HERSHEY_SIMPLEX, 0.4, (255, 255, 255), 1, cv2.LINE_AA)
        return picture
    size = picture.shape[0]
    points = batch.lsp_2d[n].numpy()
    pixel = [(int((x + 1) / 2 * size), int((y + 1) / 2 * size)) for x, y, _ in points]
    for a, b in LIMBS:
        cv2.line(picture, pixel[a], pixel[b], limb_colour(a, b), 1, cv2.LINE_AA)
    for j, (where, (_, _, seen)) in enumerate(zip(pixel, points, strict=True)):
        cv2.circle(picture, where, 3, limb_colour(j, j), -1 if seen == 1 else 1, cv2.LINE_AA)
    for x, y, seen in batch.coco_2d[n, :5].numpy():
        where = (int((x + 1) / 2 * size), int((y + 1) / 2 * size))
        cv2.circle(picture, where, 1, (0, 255, 255) if seen == 1 else (120, 120, 120), -1)
    middle, reach = (size - 16, size - 16), 11
    yaw = float(batch.facing[n])
    tip = (int(middle[0] + reach * np.sin(yaw)), int(middle[1] + reach * np.cos(yaw)))
    cv2.circle(picture, middle, reach, (230, 230, 230), 1, cv2.LINE_AA)
    cv2.line(picture, middle, tip, (0, 255, 255), 2, cv2.LINE_AA)
    return picture


def draw_parts(batch: PictureBatch, n: int) -> Bytes:
    """One part map (S, S, 3) BGR: hue by part, the person's left lighter."""
    parts = batch.parts[n].numpy()
    hue = (parts * 47 % 180).astype(np.uint8)
    value = np.where(parts == 0, 0, 220).astype(np.uint8)
    colours = cv2.cvtColor(np.stack([hue, np.full_like(hue, 190), value], -1), cv2.COLOR_HSV2BGR)
    side = batch.image.shape[-1]
    return np.asarray(cv2.resize(colours, (side, side), interpolation=cv2.INTER_NEAREST), np.uint8)


def write_sheet(
    store: Path,
    out: Path,
    rows: int,
    columns: int,
    size: int,
    seed: int,
    difficulty: float,
    with_labels: bool,
    cut: float = 0.0,
) -> None:
    """Writes a sheet of rows x columns pictures; with labels, the last column shows the part maps.

    Args:
        store: folder of the cut-outs.
        out: picture file.
        rows: of pictures.
        columns: of pictures.
        size: pixels a side of each.
        seed: of everything.
        difficulty: 0 clean to 1 hard.
        with_labels: whether joints and parts are drawn.
        cut: share of people cut as real boxes are.

    Raises:
        OSError: the picture cannot be written.
    """
    composer = Composer(PictureStore.open(store), size, seed, difficulty=difficulty, cut=cut)
    batch = composer.batch(rows * columns, 0)
    lines = []
    for row in range(rows):
        numbers = range(row * columns, (row + 1) * columns)
        if with_labels:
            tiles = [draw_labels(batch, n) for n in numbers]
            tiles[-1] = draw_parts(batch, numbers[-2])
        else:
            tiles = [np.ascontiguousarray(batch.image[n].numpy().transpose(1, 2, 0)[..., ::-1]) for n in numbers]
        lines.append(np.concatenate(tiles, 1))
    if not cv2.imwrite(str(out), np.concatenate(lines)):
        raise OSError(f"cannot write {out}")
