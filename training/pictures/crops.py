"""Where the crop lies on a person's canvas, and what it does to 2D and 3D labels."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from core.geometry.boxes import BOX_MARGIN
from core.geometry.crops import BOX_FACTOR
from training.motions.rotation_vectors import mirror_pose, to_matrix

Float = npt.NDArray[np.floating[Any]]
MAX_ROTATION = np.radians(30)
TRUNCATED_SHARE = 0.16
MIRROR_X = np.diag([-1.0, 1.0])


@dataclass(frozen=True, slots=True, eq=False)
class Placement:
    """An affine map from canvas to crop, both measured from the picture's edges.

    Attributes:
        turn: (2, 2) orthonormal: rotation, and a mirror where `is_flipped`.
        scale: crop pixels per canvas pixel.
        shift: (2,) crop pixels.
        is_flipped: whether left and right change places.
    """

    turn: Float
    scale: float
    shift: Float
    is_flipped: bool

    def matrix(self) -> npt.NDArray[np.float64]:
        """(2, 3) `canvas_to_crop`."""
        return np.asarray(np.concatenate([self.scale * self.turn, self.shift[:, None]], 1), np.float64)

    def points(self, canvas: Float) -> Float:
        """Canvas points (..., 2) in crop pixels."""
        return (canvas @ self.turn.T * self.scale + self.shift).astype(np.float32)

    def directions(self, vectors: Float) -> Float:
        """Camera-frame vectors (..., 3) as the crop's camera sees them."""
        out = np.empty(vectors.shape, np.float32)
        out[..., :2] = vectors[..., :2] @ self.turn.T
        out[..., 2] = vectors[..., 2]
        return out

    def pose(self, rotvec: Float) -> Float:
        """Local rotations (24, 3, 3) of a body as the crop's camera sees it, from rotation vectors (24, 3)."""
        rotations = to_matrix(mirror_pose(rotvec) if self.is_flipped else np.asarray(rotvec))
        turn = self.turn @ MIRROR_X if self.is_flipped else self.turn
        rotations[0, :2] = turn.astype(np.float32) @ rotations[0, :2]
        return rotations


def opencv_matrix(
    canvas_to_crop: npt.NDArray[np.float64], shrink: float = 1.0, grow: float = 1.0
) -> npt.NDArray[np.float64]:
    """The affine for cv2.warpAffine, which puts the centre of the first pixel at 0.

    Args:
        canvas_to_crop: (2, 3) between full-size canvas and crop, measured from the edges.
        shrink: full-size canvas pixels per pixel of the source array.
        grow: full-size crop pixels per pixel of the result.
    """
    linear = canvas_to_crop[:, :2] * shrink / grow
    shift = canvas_to_crop[:, 2] / grow
    return np.concatenate([linear, (shift + linear @ [0.5, 0.5] - 0.5)[:, None]], 1)


def turn_of(angle: float, is_flipped: bool) -> Float:
    """A rotation (2, 2), behind a mirror of x where flipped."""
    cosine, sine = np.cos(angle), np.sin(angle)
    turn = np.array([[cosine, -sine], [sine, cosine]], np.float32)
    return turn * np.array([-1, 1], np.float32) if is_flipped else turn


def place_crop(
    points: Float,
    size: int,
    rng: np.random.Generator,
    hard: float,
    tumbled: float = 0.0,
    truncated: float | None = None,
) -> Placement:
    """A crop around a person as the pipeline would cut it, with the errors that a tracker makes.

    Args:
        points: (J, 2) joints on the canvas.
        size: pixels a side of the crop.
        rng: random numbers; the same count is drawn whatever the difficulty.
        hard: 0 takes the exact box and only a flip; 1 turns, zooms, shifts and truncates.
        tumbled: share of people turned by any angle, whatever the difficulty: the lying and the upside-down.
        truncated: share of people cut by the crop's border; None lets the difficulty decide.
    """
    is_flipped = bool(rng.random() < 0.5)
    turned = rng.random() < 0.6
    angle = rng.uniform(-MAX_ROTATION, MAX_ROTATION) * hard * (1.0 if turned else 0.15)
    zoom = np.exp(rng.uniform(np.log(0.84), np.log(1.3)) * hard)
    off = rng.normal(0, 0.05, 2) * hard
    is_truncated = rng.random() < (TRUNCATED_SHARE * hard if truncated is None else truncated)
    closer, anchor, aim = rng.uniform(0.42, 0.85), int(rng.integers(len(points))), rng.uniform(0.3, 0.8)
    if tumbled > 0 and rng.random() < tumbled:
        angle = rng.uniform(-np.pi, np.pi)
    cosine, sine = np.cos(angle), np.sin(angle)
    turn = np.array([[cosine, -sine], [sine, cosine]], np.float32)
    if is_flipped:
        turn = turn @ np.diag([-1.0, 1.0]).astype(np.float32)
    moved = points @ turn.T
    low, high = moved.min(0), moved.max(0)
    centre, side = (low + high) / 2, float((high - low).max()) * BOX_MARGIN * BOX_FACTOR
    if is_truncated:
        centre = centre + (moved[anchor] - centre) * np.float32(aim)
        side *= closer
    side = max(side * zoom, 1e-3)
    centre = centre + off.astype(np.float32) * side
    scale = size / side
    return Placement(turn, scale, (size / 2 - centre * scale).astype(np.float32), is_flipped)
