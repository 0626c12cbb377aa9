"""Crops cut as real boxes are cut: close-ups, people behind a table, people half out of the picture.

A detector's box holds what it sees. So the visible part of a person fills the crop, and the rest is somewhere outside:
below the picture's last row, beside its first or last column, or under a table.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import cv2
import numpy as np
import numpy.typing as npt

from core.geometry.boxes import BOX_MARGIN
from core.geometry.crops import BOX_FACTOR
from training.pictures import photometry
from training.pictures.crops import Placement, opencv_matrix, turn_of

Float = npt.NDArray[np.floating[Any]]
Bytes = npt.NDArray[np.uint8]

Kind = Literal["close-up", "table", "edge"]
KINDS: tuple[Kind, ...] = ("close-up", "table", "edge")
KIND_SHARES, KIND_SHARES_LYING = (0.45, 0.3, 0.25), (0.15, 0.15, 0.7)
ROLL = np.radians(8)
"""Standard deviation of the camera's roll: a crop's sides are those of the picture, so people are not turned more."""
CHEST, KNEES = 0.4, 2.0
"""How far below the shoulders a close-up ends, in distances from the shoulders to the hips."""
LEAST_AREA, LEAST_JOINTS, SMALLEST_BOX = 0.2, 4, 0.3
"""What is left of the silhouette, of the 14 LSP joints, and of the longer side of the whole person's box."""
SECOND_EDGE_SHARE, FRAME_SHARE, ARMS_SHARE = 0.2, 0.3, 0.6
LEAST_FRAME = 0.6
"""Least distance of two opposite sides of the picture, against the longer side of the box."""
NECK, R_SHOULDER, L_SHOULDER, R_HIP, L_HIP, WRISTS = 12, 8, 9, 2, 3, (9, 10)
ARM_PARTS = ((18, 20, 22), (19, 21, 23))
"""SMPL joints of the left and the right forearm and hand; `WRISTS` are COCO's numbers of the same sides."""


@dataclass(frozen=True, slots=True, eq=False)
class Cut:
    """Where a crop lies, and what cuts the person in it.

    Attributes:
        placed: the canvas in the crop.
        window: (2, 2) lowest and highest x, y of the picture, crop pixels; the crop is black beyond, as the pipeline's.
        table_row: crop pixels; nothing of the person is seen below it but `on_table`. None without a table.
        on_table: (side / 2, side / 2) bytes of the canvas: arms that lie on the table.
    """

    placed: Placement
    window: Float
    table_row: float | None
    on_table: Bytes

    def lay_table(self, picture: Bytes, hidden: Bytes, bank: Bytes, rng: np.random.Generator, is_alone: bool) -> None:
        """Draws the table where there is one, in place.

        Args:
            picture: (S, S, 3).
            hidden: (S, S) learns what the table covers.
            bank: (K, H, H, 3) pictures whose colours the table has.
            rng: of its looks.
            is_alone: whether nobody sits at it.
        """
        if self.table_row is None:
            return
        layer = _table(self.table_row, len(picture), bank, rng)
        if not is_alone:
            matrix = opencv_matrix(self.placed.matrix(), 2.0)
            arms = cv2.warpAffine(self.on_table, matrix, hidden.shape, flags=cv2.INTER_LINEAR)
            layer = (layer * (1 - arms[..., None].astype(np.float32) / 255)).astype(np.uint8)
        photometry.lay_over(picture, layer, np.ones(3, np.float32))
        photometry.hide(hidden, layer)

    def blacken(self, image: Bytes, hidden: Bytes) -> None:
        """Makes planes (3, S, S) black beyond the picture's edges and `hidden` (S, S) full there, in place."""
        pixels = np.arange(len(hidden)) + 0.5
        column, row = ((pixels > low) & (pixels < high) for low, high in self.window.T)
        beyond = ~(row[:, None] & column)
        image[:, beyond] = 0
        hidden[beyond] = 255


@dataclass(frozen=True, slots=True, eq=False)
class Person:
    """A person on the canvas, turned as the crop will have it but not scaled yet.

    Attributes:
        body: (K, 2) pixels of the silhouette.
        arms: (K,) 0, or 1 and 2 for pixels of the left and the right forearm and hand.
        lsp: (14, 2) joints.
        coco: (17, 2) joints.
    """

    body: Float
    arms: npt.NDArray[np.uint8]
    lsp: Float
    coco: Float


def place_cut(
    cutout: Bytes,
    part: Bytes,
    canvas: tuple[Float, Float],
    size: int,
    rng: np.random.Generator,
    hard: float,
    tumbled: float = 0.0,
) -> Cut:
    """A crop around the visible part of a person.

    Args:
        cutout: (side, side) coverage of the person on the canvas.
        part: (side / 2, side / 2) 0 nothing, 1 to 24 SMPL joint + 1.
        canvas: COCO (17, 2) and LSP (14, 2) joints on the canvas.
        size: pixels a side of the crop.
        rng: random numbers.
        hard: 0 takes the exact box; 1 rolls, zooms and shifts it.
        tumbled: share of people turned by any angle.
    """
    angle = rng.normal(0, ROLL) * hard
    if rng.random() < tumbled:
        angle = rng.uniform(-np.pi, np.pi)
    is_flipped = bool(rng.random() < 0.5)
    turn = turn_of(float(angle), is_flipped)
    person = _turned(cutout, part, canvas, turn)
    window, table, arms = _limits(person, rng)
    below = np.zeros(len(person.body), np.bool_) if table is None else person.body[:, 1] > table
    is_seen = _within(window, person.body) & (~below | np.isin(person.arms, arms))
    low, high = person.body[is_seen].min(0), person.body[is_seen].max(0)
    whole = np.ptp(np.concatenate([person.coco, person.lsp]), axis=0).max() * BOX_MARGIN
    longer = max(float((high - low).max()), SMALLEST_BOX * float(whole))
    _draw_frame(window, low, high, longer, rng)
    side = longer * BOX_FACTOR * float(np.exp(rng.uniform(np.log(0.88), np.log(1.18)) * hard))
    centre = (low + high) / 2 + rng.normal(0, 0.04, 2) * hard * side
    scale = size / side
    shift = (size / 2 - centre * scale).astype(np.float32)
    on_table = np.where(np.isin(_arms(part), arms), 255, 0).astype(np.uint8)
    row = None if table is None else float(table * scale + shift[1])
    return Cut(Placement(turn, scale, shift, is_flipped), window * scale + shift, row, on_table)


def _arms(part: Bytes) -> Bytes:
    """1 where a part map shows the left forearm or hand, 2 where the right one, else 0."""
    left, right = (np.isin(part, np.array(joints) + 1) for joints in ARM_PARTS)
    return (left + 2 * right).astype(np.uint8)


def _turned(cutout: Bytes, part: Bytes, canvas: tuple[Float, Float], turn: Float) -> Person:
    """The person of a cut-out, turned."""
    row, column = np.nonzero(cutout > 127)
    coco, lsp = (points @ turn.T for points in canvas)
    if not len(row):
        return Person(lsp, np.zeros(len(lsp), np.uint8), lsp, coco)
    body = (np.stack([column, row], 1) + 0.5).astype(np.float32) @ turn.T
    return Person(body, _arms(part)[row // 2, column // 2], lsp, coco)


def _limits(person: Person, rng: np.random.Generator) -> tuple[Float, float | None, list[int]]:
    """Window (2, 2) of the picture and row of the table, turned canvas; and which arms lie on that, 1 left, 2 right."""
    window = np.array([[-np.inf] * 2, [np.inf] * 2])
    kind = KINDS[int(rng.choice(len(KINDS), p=KIND_SHARES if _is_upright(person) else KIND_SHARES_LYING))]
    if kind == "edge":
        axis, is_far = (1, False) if rng.random() < 0.15 else (0, bool(rng.random() < 0.5))
        _set_edge(window, person, axis, is_far, float(rng.uniform(0.35, 0.75)))
        return window, None, []
    level = _level(person, rng)
    if kind == "close-up":
        window[1, 1] = level
        if rng.random() < SECOND_EDGE_SHARE:
            _set_edge(window, person, 0, bool(rng.random() < 0.5), float(rng.uniform(0.75, 0.95)))
        return window, None, []
    reach = level + 0.35 * float(np.linalg.norm(_trunk(person)[1]))
    lies = rng.random(2) < ARMS_SHARE
    return window, level, [side + 1 for side in range(2) if lies[side] and person.coco[WRISTS[side], 1] < reach]


def _set_edge(window: Float, person: Person, axis: int, is_far: bool, kept: float) -> None:
    """Moves a side of the window (2, 2), in place, so that it leaves a share of the silhouette's area."""
    sign = 1 if is_far else -1
    body, joints = (points[_within(window, points), axis] * sign for points in (person.body, person.lsp))
    window[int(is_far), axis] = sign * _kept(body, joints, float(np.quantile(body, kept)))


def _within(window: Float, points: Float) -> npt.NDArray[np.bool_]:
    """Whether points (N, 2) lie in a window (2, 2); (N,)."""
    return np.asarray(((points > window[0]) & (points < window[1])).all(1))


def _kept(body: Float, joints: Float, line: float) -> float:
    """A line, moved until the least that must stay of silhouette (K,) and joints (14,) lies before it."""
    return max(line, float(np.quantile(body, LEAST_AREA)), float(np.sort(joints)[LEAST_JOINTS - 1]) + 1)


def _trunk(person: Person) -> tuple[Float, Float]:
    """Middle of the shoulders (2,), and the way from there to the middle of the hips (2,)."""
    top = person.lsp[[R_SHOULDER, L_SHOULDER]].mean(0)
    return top, person.lsp[[R_HIP, L_HIP]].mean(0) - top


def _is_upright(person: Person) -> bool:
    """Whether the trunk is within about 50 degrees of the picture's vertical, the shoulders above the hips."""
    down = _trunk(person)[1]
    return bool(down[1] > 0.64 * np.linalg.norm(down))


def _level(person: Person, rng: np.random.Generator) -> float:
    """Row of the turned canvas below which a person is cut: at the chest to the knees of those who are upright."""
    share = float(rng.random())
    top, down = _trunk(person)
    body, joints = person.body[:, 1], person.lsp[:, 1]
    if _is_upright(person):
        return _kept(body, joints, float(top[1] + down[1] * (CHEST + (KNEES - CHEST) * share**1.6)))
    return _kept(body, joints, float(np.quantile(body, 0.35 + 0.4 * share)))


def _draw_frame(window: Float, low: Float, high: Float, longer: float, rng: np.random.Generator) -> None:
    """Puts some of the picture's other sides near a box, in place, unless that makes the picture a narrow strip."""
    near, gaps = rng.random((2, 2)) < FRAME_SHARE, rng.uniform(0, 0.3, (2, 2)) * longer
    wanted = np.stack([low - gaps[0], high + gaps[1]])
    for side, axis in np.argwhere(near & np.isinf(window)):
        if abs(wanted[side, axis] - window[1 - side, axis]) > LEAST_FRAME * longer:
            window[side, axis] = wanted[side, axis]


def _table(row: float, size: int, bank: Bytes, rng: np.random.Generator) -> Bytes:
    """A table (S, S, 4) across the whole width below a row: plain or with a pattern, with a lighter or darker edge."""
    picture = bank[int(rng.integers(len(bank)))]
    patch = max(4, int(len(picture) * rng.uniform(0.02, 0.5)))
    x, y = rng.integers(0, len(picture) - patch + 1, 2)
    colours = cv2.resize(picture[y : y + patch, x : x + patch], (size, size), interpolation=cv2.INTER_LINEAR)
    plain = np.asarray(rng.uniform(15, 235) * np.exp(rng.normal(0, 0.15, 3)), np.float32)
    mix = np.float32(rng.choice([0.0, 1.0, rng.uniform(0, 1)]))
    pixels = np.arange(size, dtype=np.float32) + 0.5
    below = pixels[:, None] - row - float(rng.normal(0, 0.03)) * (pixels - size / 2)  # (S, S), at the edge 0
    shade = 1 + np.float32(rng.normal(0, 0.3)) * below / size
    shade *= np.where(below < rng.uniform(0, 0.05) * size, np.exp(rng.normal(0, 0.35)), 1)
    cover = np.clip(below + 0.5, 0, 1)
    drawn = np.clip((colours * mix + plain * (1 - mix)) * shade[..., None], 0, 255)
    joined = np.concatenate([drawn * cover[..., None], 255 * cover[..., None]], -1)
    return np.asarray(joined + 0.5, np.float32).astype(np.uint8)
