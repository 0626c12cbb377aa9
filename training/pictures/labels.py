"""Labels of one rendered person: joints, which of them are seen, part and rest-coordinate maps, floor shadow."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from core.body.model import Body
from training.motions.rotation_vectors import Float
from training.pictures import raster
from training.pictures.gbuffer import GBuffer
from training.pictures.scene import Scene

REST_RANGE = 1.0
"""Rest coordinates are stored as bytes over [-REST_RANGE, REST_RANGE] metres."""
VERTEX_STEP = 1e-4
"""Vertices are stored as int16 in tenths of a millimetre."""

# SMPL joints whose surface may hide a joint and still show it: the limb that the joint belongs to.
_LIMBS = {
    "shoulder": (13, 16), "elbow": (16, 18), "wrist": (18, 20, 22), "hip": (0, 1), "knee": (1, 4),
    "ankle": (4, 7, 10), "neck": (12, 9, 15, 13, 14), "head": (15,),
}  # fmt: skip
_COCO = [None] * 5 + [(n, s) for n in ("shoulder", "elbow", "wrist", "hip", "knee", "ankle") for s in (0, 1)]
_LSP = [
    ("ankle", 1), ("knee", 1), ("hip", 1), ("hip", 0), ("knee", 0), ("ankle", 0), ("wrist", 1), ("elbow", 1),
    ("shoulder", 1), ("shoulder", 0), ("elbow", 0), ("wrist", 0), ("neck", 0), ("head", 0),
]  # fmt: skip
SURFACE_TOLERANCE, INSIDE_TOLERANCE = 0.035, 0.16
FLOOR_TEXELS = 72
"""Side of the floor's shadow maps: a texel is about 3 cm, wider than the vertices are apart."""


def parts_of(joint: tuple[str, int] | None) -> set[int]:
    """Part numbers (SMPL joint + 1) that show a joint; `side` 0 is left, 1 right. None is a point of the face."""
    if joint is None:
        return {16}
    name, side = joint
    limbs = _LIMBS[name]
    return {(p + 1 if side and p not in (0, 9, 12, 15) and name not in ("neck", "head") else p) + 1 for p in limbs}


def _table(joint: tuple[str, int] | None) -> npt.NDArray[np.bool_]:
    shows = np.zeros(25, np.bool_)
    shows[list(parts_of(joint))] = True
    return shows


_SHOWN_BY = {joint: _table(joint) for joint in {*_COCO, *_LSP}}


@dataclass(frozen=True, slots=True, eq=False)
class Labels:
    """Labels of one picture on its canvas; 3D about the root, camera axes, metres.

    `coco_visible` and `lsp_visible` are 1 where the body does not hide the joint from the camera. Maps are
    (side / 4, side / 4) of the G-buffer: part 0 is background; rest coordinates as bytes; the floor's shadow.
    """

    coco_3d: Float
    lsp_3d: Float
    coco_visible: npt.NDArray[np.uint8]
    lsp_visible: npt.NDArray[np.uint8]
    intermediate: npt.NDArray[np.int16]
    coarse: npt.NDArray[np.int16]
    part: npt.NDArray[np.uint8]
    rest: npt.NDArray[np.uint8]
    floor_shadow: npt.NDArray[np.uint8]


def label(scene: Scene, buffer: GBuffer, body: Body, floor: npt.NDArray[np.uint8]) -> Labels:
    """The labels of a drawn scene."""
    vertices = scene.person.vertices
    coco, lsp = body.coco_regressor @ vertices, body.lsp_regressor @ vertices
    depth = np.full(buffer.side * buffer.side, np.inf, np.float32)
    depth[buffer.covered] = buffer.depth
    part = np.zeros(buffer.side * buffer.side, np.uint8)
    part[buffer.covered] = buffer.part
    depth, part = depth.reshape(buffer.side, -1), part.reshape(buffer.side, -1)
    focal = scene.camera.focal * buffer.side
    see = [
        is_seen(point + scene.person.transl, depth, part, focal, _SHOWN_BY[joint], joint is None)
        for points, joints in ((coco, _COCO), (lsp, _LSP))
        for point, joint in zip(points, joints, strict=True)
    ]
    rest = np.zeros((buffer.side // 4, buffer.side // 4, 3), np.uint8)
    row, column = buffer.index // buffer.side, buffer.index % buffer.side
    kept = np.flatnonzero((row % 4 == 2) & (column % 4 == 2))
    rest[row[kept] // 4, column[kept] // 4] = np.clip((buffer.rest[kept] / REST_RANGE * 0.5 + 0.5) * 255 + 0.5, 0, 255)
    return Labels(
        coco.astype(np.float32), lsp.astype(np.float32), np.array(see[:17], np.uint8), np.array(see[17:], np.uint8),
        np.round(vertices[body.index_1723] / VERTEX_STEP).astype(np.int16),
        np.round(vertices[body.index_431] / VERTEX_STEP).astype(np.int16),
        np.ascontiguousarray(part[2::4, 2::4]), rest, floor,
    )  # fmt: skip


def is_seen(
    point: Float,
    depth: Float,
    part: npt.NDArray[np.uint8],
    focal: float,
    shown_by: npt.NDArray[np.bool_],
    on_surface: bool,
) -> bool:
    """Whether the nearest surface at a point's place on the screen belongs to the point.

    Args:
        point: (3,) camera frame.
        depth: (side, side) metres, inf where empty.
        part: (side, side) part numbers.
        focal: samples.
        shown_by: (25,) whether each part shows the point.
        on_surface: whether the point lies on the skin, so that hardly anything may lie before it.
    """
    side = depth.shape[0]
    column = int(point[0] / point[2] * focal + side / 2)
    row = int(point[1] / point[2] * focal + side / 2)
    reach = max(2, side // 96)
    rows, columns = slice(max(0, row - reach), row + reach + 1), slice(max(0, column - reach), column + reach + 1)
    near, which = depth[rows, columns], part[rows, columns]
    if near.size == 0:
        return False
    tolerance = SURFACE_TOLERANCE if on_surface else INSIDE_TOLERANCE
    # Empty samples have part 0, which shows nothing.
    fits = shown_by[which] & (near > point[2] - tolerance)
    return bool(fits.sum() * 4 >= fits.size)


def visibility(
    points: Float, seen: npt.NDArray[np.uint8], hidden: npt.NDArray[np.uint8], window: Float | None = None
) -> Float:
    """1 seen, 0.5 in the crop but hidden by the body or by something before it, 0 outside crop or picture; (J,).

    Args:
        points: (J, 2) crop units.
        seen: (J,) 1 where the body itself does not hide the joint.
        hidden: (S, S) coverage of what lies before the person.
        window: (2, 2) lowest and highest x, y of the picture, crop pixels; None where it is larger than the crop.
    """
    size = hidden.shape[0]
    inside = (np.abs(points) < 1).all(1)
    if window is not None:
        place = (points * 0.5 + 0.5) * size
        inside &= ((place > window[0]) & (place < window[1])).all(1)
    pixel = np.clip((points * 0.5 + 0.5) * size, 0, size - 1).astype(np.int64)
    clear = (seen > 0) & (hidden[pixel[:, 1], pixel[:, 0]] <= 127)
    return np.where(inside, np.where(clear, 1.0, 0.5), 0.0).astype(np.float32)


def floor_shadow(scene: Scene, size: int) -> npt.NDArray[np.uint8]:
    """How dark the person makes the floor, (size, size) bytes: contact and the key light's shadow.

    The floor is level in the world and touches the lowest point of the surface; nothing where the camera looks
    from below it.
    """
    up = (scene.camera.camera_to_world.T @ np.array([0, 1, 0], np.float32)).astype(np.float32)
    points = scene.person.surface.vertices
    level = float((points @ up).min()) - 0.005
    line = (np.arange(size, dtype=np.float32) + 0.5) / size - 0.5
    x, y = np.meshgrid(line / scene.camera.focal, line / scene.camera.focal)
    ray = np.stack([x, y, np.ones_like(x)], -1).reshape(-1, 3)
    down = ray @ up
    distance = np.where(np.abs(down) > 1e-4, level / np.where(np.abs(down) > 1e-4, down, 1), -1)
    hit = np.flatnonzero((distance > 0) & (distance < 30) & (level < 0))
    dark = np.zeros(size * size, np.float32)
    if not len(hit):
        return np.zeros((size, size), np.uint8)
    floor = (ray[hit] * distance[hit, None]).astype(np.float32)
    centre = points.mean(0).astype(np.float32)
    radius = float(np.sqrt(((points - centre) ** 2).sum(1).max())) * 1.1
    texels = FLOOR_TEXELS
    nearness = raster.splat(raster.light_space(points, -up, centre, radius, texels), texels)
    place = raster.light_space(floor, -up, centre, radius, texels)
    row, column = (np.clip(place[:, axis], 0, texels - 1).astype(int) for axis in (1, 0))
    inside = (place[:, :2] >= 0).all(1) & (place[:, :2] < texels).all(1)
    near = np.where(nearness > -1e8, np.exp((nearness + level) / 0.10), 0).astype(np.float32)
    contact = np.where(inside, cv2.blur(np.minimum(near, 1), (5, 5))[row, column], 0)
    light = scene.light
    shade = np.zeros(len(hit), np.float32)
    if float(light.key_direction @ up) > 0.1:
        shadow_map = raster.splat(raster.light_space(points, light.key_direction, centre, radius, texels), texels)
        seen_floor = raster.light_space(floor, light.key_direction, centre, radius, texels)
        shade = 1 - raster.lit_share(shadow_map, seen_floor, 0.02)
    strength = float(light.key_colour.mean() / (light.key_colour.mean() + 1.0))
    dark[hit] = 1 - (1 - 0.65 * np.minimum(contact * 1.3, 1)) * (1 - strength * shade)
    soft = cv2.GaussianBlur(dark.reshape(size, size), (3, 3), 0)
    return np.clip(soft * 255, 0, 255).astype(np.uint8)
