"""Geometry of clothes and hair: how far the skin is pushed out, and pieces that hang on the body.

Everything is made in the rest pose and moves with the body's own skinning. Labels never see it: they stay on
the naked body.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import numpy.typing as npt
import torch

from training.pictures import noise
from training.pictures.landmarks import Landmarks
from training.pictures.looks import BEANIE, CAP, CURLY, HELMET, LONG, NO_HAIR, TAIL, Look
from training.pictures.raster import Float, Int, vertex_normals

BODY, SKIRT, HAIR_PIECE, HAT_PIECE, BAG_PIECE, COAT = range(6)


@dataclass(frozen=True, slots=True, eq=False)
class Piece:
    """Something that hangs on the body, in the template's rest pose.

    Attributes:
        vertices: (K, 3) metres.
        faces: (M, 3).
        weights: (K, 24) skin weights.
        material: BODY, SKIRT, HAIR_PIECE, HAT_PIECE, BAG_PIECE or COAT.
    """

    vertices: Float
    faces: Int
    weights: Float
    material: int


def smooth(low: float, high: float, value: Float) -> Float:
    """Smoothstep: 0 below `low`, 1 above `high`."""
    t = np.clip((value - low) / (high - low), 0, 1)
    return np.asarray(t * t * (3 - 2 * t))


def head_height(rest: Float, marks: Landmarks, look: Look) -> Float:
    """Height above the hairline plane, metres (V,): hair grows where it is positive.

    The plane runs from the forehead down to the nape, so that a head looks different from each side.
    """
    front = np.array([marks.eye[1] + 0.062 + look.hairline_front, marks.nose[2] - 0.03])
    back = np.array([marks.mouth_y - 0.01 + look.hairline_nape, marks.nose[2] - 0.20])
    along = front - back
    normal = np.array([along[1], -along[0]]) / np.linalg.norm(along)
    return np.asarray((rest[:, 1] - back[0]) * normal[0] + (rest[:, 2] - back[1]) * normal[1], np.float32)


def displacement(rest: Float, marks: Landmarks, look: Look, rng: np.random.Generator) -> Float:
    """How far each vertex moves out along its rest normal, metres (V,)."""
    x, y, z = np.abs(rest[:, 0]), rest[:, 1], rest[:, 2]
    wavy = noise.sample(
        torch.from_numpy(rest * np.float32(32.0) + rng.random(3).astype(np.float32) * 64), noise.COARSE, noise.FINE
    ).numpy()[:, 0]
    amount = np.zeros(len(rest), np.float32)
    trunk = (y < marks.neck_y + look.neck_height - 0.02) & (y > marks.crotch_y)
    arm = (x > marks.shoulder_x - 0.02) & (y > marks.armpit_y - 0.06)
    loose = look.top_loose * np.clip(1 + 0.35 * wavy, 0.2, 2)
    sleeve, hem = look.sleeve, look.top_hem
    if look.has_outer:
        sleeve, hem = max(sleeve, look.outer_sleeve), max(marks.crotch_y, min(hem, look.outer_hem))
    if look.has_top:
        on_trunk = trunk & ~arm & (y > hem)
        amount = np.where(on_trunk, loose, amount)
        amount = np.where(arm & (x < sleeve), loose * (0.5 + 0.5 * smooth(marks.shoulder_x, sleeve, x)), amount)
    leg = (y < look.waist) & (x < marks.shoulder_x + 0.15) & (y > look.leg_hem)
    legs = look.bottom_loose * np.clip(1 + 0.35 * wavy, 0.2, 2)
    inside = smooth(0.0, 0.03, x)  # trousers must not meet between the legs
    legs = legs * np.where(y < marks.hip_y, 0.25 + 0.75 * inside, 1.0)
    amount = np.where(leg & (amount == 0), legs, amount)
    shoe = y < look.shoe_top
    amount = np.where(shoe, 0.006 + 0.004 * smooth(marks.floor_y + 0.03, marks.floor_y, y), amount)
    return amount + _hair_depth(rest, marks, look, wavy, x, z)


def _hair_depth(rest: Float, marks: Landmarks, look: Look, wavy: Float, x: Float, z: Float) -> Float:
    on_head = rest[:, 1] > marks.mouth_y - 0.05
    near_ear = (np.abs(rest[:, 1] - marks.ear[1]) < 0.045) & (x > marks.ear[0] - 0.012)
    height = head_height(rest, marks, look)
    grown = smooth(0.0, 0.018, height) * on_head * ~near_ear
    if look.hat in (CAP, BEANIE, HELMET):
        over = smooth(0.0, 0.012, rest[:, 1] - (marks.eye[1] + 0.045)) * on_head
        thick = {CAP: 0.012, BEANIE: 0.014, HELMET: 0.032}[look.hat]
        return np.maximum(over * thick, grown * min(look.hair_depth, 0.008)).astype(np.float32)
    if look.hair_kind == NO_HAIR:
        return np.zeros(len(rest), np.float32)
    rough = {CURLY: 0.35}.get(look.hair_kind, 0.15)
    crown = 0.6 + 0.4 * smooth(marks.eye[1], marks.top_y, rest[:, 1])
    beard = look.beard * 0.008 * smooth(-0.0, -0.02, rest[:, 1] - marks.mouth_y + 0.02) * (
        (rest[:, 1] > marks.chin_y - 0.01) & (z > marks.ear[2] + 0.03) & on_head
    )
    depth = np.clip(look.hair_depth * crown * (1 + rough * wavy), 0.001, None) * grown
    return np.asarray(depth + beard, np.float32)


@lru_cache(maxsize=32)
def _grid_faces(rows: int, columns: int, is_closed: bool) -> Int:
    """Triangles of a grid of vertices, rows first; closed grids join their last column to the first."""
    faces = []
    for row in range(rows - 1):
        for column in range(columns if is_closed else columns - 1):
            a, b = row * columns + column, row * columns + (column + 1) % columns
            faces += [(a, b, b + columns), (a, b + columns, a + columns)]
    return np.asarray(faces, np.int32)


def _outward(vertices: Float, faces: Int) -> Int:
    """The triangles, turned over if most of them face the middle: openness to light is measured outside."""
    middle = vertices.mean(0) * np.array([0, 1, 1], np.float32)
    outside = ((vertices - middle) * vertex_normals(vertices, faces)).sum()
    return faces if outside >= 0 else np.ascontiguousarray(faces[:, ::-1])


def _outline(rest: Float, keep: npt.NDArray[np.bool_], y: float, angles: Float, around: tuple[float, float]) -> Float:
    """Distance from an axis (x, z) to the outermost vertex near the height y, at each angle, metres."""
    chosen = rest[keep & (np.abs(rest[:, 1] - y) < 0.025)]
    if not len(chosen):
        return np.full(len(angles), 0.1, np.float32)
    across = chosen[:, [0, 2]] - np.asarray(around, np.float32)
    along = across @ np.stack([np.sin(angles), np.cos(angles)])  # distance times the cosine of the angle between
    distance = np.hypot(across[:, 0], across[:, 1])
    reach = np.where(along > np.cos(1.2) * distance[:, None], along, 0.02).max(0)
    return np.asarray(reach, np.float32)


def skirt(rest: Float, marks: Landmarks, look: Look, rng: np.random.Generator) -> Piece:
    """A skirt, or the lower part of a coat: rings from the waist to the hem around both legs."""
    is_coat = not look.has_skirt
    hem = look.outer_hem if is_coat else look.skirt_hem
    gap = 0.35 if is_coat else 0.0
    rows, columns = 14, 36
    angles = np.linspace(-np.pi + gap * 0, np.pi, columns, endpoint=False).astype(np.float32)
    if is_coat:
        angles = np.linspace(gap, 2 * np.pi - gap, columns).astype(np.float32)
    keep = np.abs(rest[:, 0]) < 0.3
    heights = np.linspace(look.waist + 0.01, hem, rows)
    folds = 1 + 0.05 * look.wrinkle * np.sin(angles * rng.integers(5, 12) + rng.uniform(0, 6))
    rings, reach = [], np.zeros(columns, np.float32)
    for row, y in enumerate(heights):
        down = row / (rows - 1)
        measured = _outline(rest, keep, y, angles, (0.0, 0.0)) + 0.012 + look.skirt_flare * 0.35 * down
        reach = np.maximum(measured, reach * 0.985)
        size = reach * (1 + (folds - 1) * down * 2)
        rings.append(np.stack([size * np.sin(angles), np.full(columns, y), size * np.cos(angles)], -1))
    vertices = np.concatenate(rings).astype(np.float32)
    weights = np.zeros((len(vertices), 24), np.float32)
    below = smooth(marks.hip_y + 0.05, marks.hip_y - 0.16, vertices[:, 1]) * 0.92
    left = smooth(-0.13, 0.13, vertices[:, 0])
    weights[:, 1], weights[:, 2], weights[:, 0] = below * left, below * (1 - left), 1 - below
    lower = smooth(marks.knee_y + 0.02, marks.knee_y - 0.25, vertices[:, 1]) * 0.5
    weights[:, 4], weights[:, 5] = weights[:, 1] * lower, weights[:, 2] * lower
    weights[:, 1] *= 1 - lower
    weights[:, 2] *= 1 - lower
    faces = _outward(vertices, _grid_faces(rows, columns, not is_coat))
    return Piece(vertices, faces, weights, COAT if is_coat else SKIRT)


def long_hair(rest: Float, marks: Landmarks, look: Look, rng: np.random.Generator) -> Piece:
    """Hair that falls from the back and sides of the head, or a tail tied behind it."""
    is_tail = look.hair_kind == TAIL
    spread = 0.35 if is_tail else rng.uniform(1.6, 2.1)
    rows, columns = 12, 17
    angles = np.linspace(np.pi - spread, np.pi + spread, columns).astype(np.float32)
    start = marks.eye[1] + (0.05 if is_tail else 0.055)
    end = marks.neck_y - (rng.uniform(0.0, 0.2) if is_tail else rng.uniform(-0.03, 0.28))
    head = rest[:, 1] > marks.neck_y - 0.3
    centre = (0.0, float(marks.nose[2] - 0.1))
    keep = head & (np.abs(rest[:, 0]) < marks.shoulder_x - 0.03)
    rings, reach = [], np.zeros(columns, np.float32)
    for row, y in enumerate(np.linspace(start, end, rows)):
        down = row / (rows - 1)
        measured = _outline(rest, keep, float(y), angles, centre) + look.hair_depth * 0.7 + 0.004
        if row < 2 and not is_tail:
            reach = measured
        reach = np.maximum(np.minimum(measured, 0.17), reach * 0.93)
        reach = reach + (0.03 * np.sin(np.pi * min(1.0, down * 1.6)) if is_tail else 0.0)
        width = np.clip(1.15 - 0.5 * abs(down - 0.4), 0.5, 1) if is_tail else 1.0
        bearing = np.pi + (angles - np.pi) * width
        rings.append(
            np.stack([reach * np.sin(bearing), np.full(columns, y), reach * np.cos(bearing) + centre[1]], -1)
        )
    vertices = np.concatenate(rings).astype(np.float32)
    weights = np.zeros((len(vertices), 24), np.float32)
    lower = smooth(marks.chin_y - 0.02, marks.shoulder_y - 0.08, vertices[:, 1]) * 0.8
    weights[:, 15], weights[:, 12], weights[:, 9] = 1 - lower, lower * 0.4, lower * 0.6
    return Piece(vertices, _outward(vertices, _grid_faces(rows, columns, False)), weights, HAIR_PIECE)


def cap_brim(rest: Float, marks: Landmarks, look: Look, rng: np.random.Generator) -> Piece:
    """The brim of a cap; one in five is worn backwards."""
    rows, columns = 5, 15
    facing = np.pi if rng.random() < 0.2 else 0.0
    angles = np.linspace(facing - 1.05, facing + 1.05, columns).astype(np.float32)
    y = marks.eye[1] + 0.05
    centre = (0.0, float(marks.nose[2] - 0.1))
    keep = rest[:, 1] > marks.neck_y
    reach = _outline(rest, keep, y, angles, centre) + 0.008
    length = rng.uniform(0.05, 0.08) * np.sqrt(np.clip(np.cos((angles - facing) * 1.4), 0, 1))
    rings = []
    for row in range(rows):
        out = reach + length * row / (rows - 1)
        height = y - 0.012 * row / (rows - 1) - 0.012 * (np.abs(angles - facing) / 1.05) ** 2
        rings.append(np.stack([out * np.sin(angles), height, out * np.cos(angles) + centre[1]], -1))
    weights = np.zeros((rows * columns, 24), np.float32)
    weights[:, 15] = 1
    return Piece(np.concatenate(rings).astype(np.float32), _grid_faces(rows, columns, False), weights, HAT_PIECE)


def backpack(rest: Float, marks: Landmarks, look: Look, rng: np.random.Generator) -> Piece:
    """A rucksack on the back: a rounded box on the upper spine."""
    rows, columns = 8, 20
    width, depth, height = rng.uniform(0.11, 0.17), rng.uniform(0.07, 0.13), rng.uniform(0.3, 0.46)
    top = marks.shoulder_y + 0.03
    back = float(rest[(np.abs(rest[:, 0]) < 0.06) & (np.abs(rest[:, 1] - marks.chest_y) < 0.05), 2].min())
    angles = np.linspace(0, 2 * np.pi, columns, endpoint=False)
    unit = np.stack([np.cos(angles), np.sin(angles)], -1)
    unit = np.sign(unit) * np.abs(unit) ** 0.45
    rings = []
    for row in range(rows):
        down = row / (rows - 1)
        size = 0.05 if row in (0, rows - 1) else (1 - 0.25 * (1 - down) ** 3)
        y = top - height * np.clip((down - 0.08) / 0.84, 0, 1)
        centre = back - depth + 0.015
        rings.append(np.stack([unit[:, 0] * width * size, np.full(columns, y), centre + unit[:, 1] * depth * size], -1))
    weights = np.zeros((rows * columns, 24), np.float32)
    weights[:, 9], weights[:, 6] = 0.7, 0.3
    vertices = np.concatenate(rings).astype(np.float32)
    return Piece(vertices, _outward(vertices, _grid_faces(rows, columns, True)), weights, BAG_PIECE)


def pieces_of(rest: Float, marks: Landmarks, look: Look, rng: np.random.Generator) -> list[Piece]:
    """Everything that hangs on a person with this look."""
    pieces = []
    if look.has_skirt or (look.has_outer and look.outer_hem < marks.crotch_y + 0.02):
        pieces.append(skirt(rest, marks, look, rng))
    if look.hair_kind in (LONG, TAIL):
        pieces.append(long_hair(rest, marks, look, rng))
    if look.hat == CAP:
        pieces.append(cap_brim(rest, marks, look, rng))
    if look.has_bag:
        pieces.append(backpack(rest, marks, look, rng))
    return pieces
