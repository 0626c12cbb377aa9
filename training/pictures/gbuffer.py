"""What every sample of a picture shows: surface, rest coordinate, normal, shadow. No colour yet."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from training.pictures import raster
from training.pictures.jit import compiled
from training.pictures.raster import Float, Int

SHADOW_TEXELS, AMBIENT_TEXELS, AMBIENT_SIDES = 224, 56, 10


@dataclass(frozen=True, slots=True, eq=False)
class Surface:
    """Triangles to draw, camera frame, metres; body first, pieces behind it.

    Attributes:
        vertices: (V, 3) camera frame.
        faces: (F, 3).
        rest: (V, 3) where the vertex is in the template's rest pose.
        material: (V,) see garments.py.
        part: (V,) uint8, 1 to 24: SMPL joint + 1 of the body below.
    """

    vertices: Float
    faces: Int
    rest: Float
    material: Int
    part: Int


@dataclass(frozen=True, slots=True, eq=False)
class GBuffer:
    """The samples of one picture that show a person, on a (side, side) grid of 2 x 2 samples a pixel.

    All K of them count for coverage and labels; N of them, mostly two a pixel, get a colour.

    Attributes:
        side: samples a side of the picture.
        covered: (K,) flat sample numbers.
        covered_pixel: (K,) flat pixel numbers of the same.
        depth: (K,) metres along z.
        part: (K,) 1 to 24.
        index: (N,) flat sample numbers of those that get a colour.
        pixel: (N,) flat pixel numbers of the same.
        rest: (N, 3) rest coordinate, metres.
        normal: (N, 3) unit, camera frame, towards the camera.
        shadow: (N,) share of the key light that arrives.
        ambient: (N,) how open the surface is to the light around.
        material: (N,)
    """

    side: int
    covered: Int
    covered_pixel: Int
    depth: Float
    part: Int
    index: Int
    pixel: Int
    rest: Float
    normal: Float
    shadow: Float
    ambient: Float
    material: Int


@compiled
def pixels_of(covered: Int, side: int) -> tuple[Int, npt.NDArray[np.bool_]]:
    """The pixel of each covered sample (K,), and whether the sample gets a colour (K,).

    A pixel's colour comes from its diagonal; where the diagonal is empty, from all that it has.
    """
    half = side // 2
    pixel = np.empty(covered.shape[0], np.int32)
    diagonal = np.zeros(half * half, np.bool_)
    chosen = np.empty(covered.shape[0], np.bool_)
    for k in range(covered.shape[0]):
        row, column = covered[k] // side, covered[k] % side
        pixel[k] = (row // 2) * half + column // 2
        chosen[k] = (row + column) % 2 == 0
        if chosen[k]:
            diagonal[pixel[k]] = True
    for k in range(covered.shape[0]):
        if not diagonal[pixel[k]]:
            chosen[k] = True
    return pixel, chosen


def _sphere(count: int) -> Float:
    """Directions (count, 3) spread over the sphere (Fibonacci)."""
    k = np.arange(count) + 0.5
    height = 1 - 2 * k / count
    turn = np.pi * (1 + 5**0.5) * k
    radius = np.sqrt(1 - height**2)
    return np.asarray(np.stack([radius * np.cos(turn), height, radius * np.sin(turn)], -1), np.float32)


def to_screen(points: Float, focal: float, centre: float) -> Float:
    """Perspective projection (N, 3) -> x, y in samples and 1 / z.

    Args:
        points: camera frame, metres, in front of the camera.
        focal: focal length in samples.
        centre: principal point in samples, both axes.
    """
    inverse = 1 / points[:, 2]
    x, y = points[:, 0] * inverse * focal + centre, points[:, 1] * inverse * focal + centre
    return np.asarray(np.stack([x, y, inverse], -1), np.float32)


def draw(surface: Surface, focal: float, side: int, key_direction: Float) -> GBuffer:
    """The G-buffer of a surface seen by a camera whose axis meets the middle of the picture.

    Args:
        surface: what to draw.
        focal: focal length in samples.
        side: samples a side.
        key_direction: (3,) towards the key light, camera frame.
    """
    vertices, faces = surface.vertices, surface.faces
    normals = raster.vertex_normals(vertices, faces)
    centre = vertices.mean(0).astype(np.float32)
    radius = float(np.sqrt(((vertices - centre) ** 2).sum(1).max())) * 1.02
    seen = raster.light_space(vertices, key_direction, centre, radius, SHADOW_TEXELS)
    shadow_map, _ = raster.rasterise(seen, faces, SHADOW_TEXELS, SHADOW_TEXELS)
    ambient = raster.ambient_light(vertices, normals, _sphere(AMBIENT_SIDES), radius, AMBIENT_TEXELS)

    screen = to_screen(vertices, focal, side / 2)
    nearness, triangle = raster.rasterise(screen, faces, side, side)
    covered = np.flatnonzero(triangle.ravel() >= 0).astype(np.int32)
    weights = raster.barycentric(screen, faces, triangle, covered)
    nearest = raster.nearest_vertex(faces, triangle, covered, weights)
    depth = 1 / nearness.ravel()[covered]
    pixel, gets_colour = pixels_of(covered, side)
    chosen = np.flatnonzero(gets_colour)
    index = covered[chosen]
    attribute = np.concatenate([surface.rest, normals, seen, ambient[:, None]], 1).astype(np.float32)
    values = raster.interpolate(attribute, faces, triangle, index, weights[chosen])
    normal = _facing(np.ascontiguousarray(values[:, 3:6]), index, focal, side)
    shadow = raster.lit_share(shadow_map, values[:, 6:9], 3.0 * radius / SHADOW_TEXELS)
    return GBuffer(
        side, covered, pixel, depth, surface.part[nearest], index, pixel[chosen], values[:, :3], normal, shadow,
        values[:, 9], surface.material[nearest[chosen]],
    )  # fmt: skip


@compiled
def _facing(normal: Float, index: Int, focal: float, side: int) -> Float:
    """Unit normals turned towards the camera."""
    out = np.empty_like(normal)
    for n in range(normal.shape[0]):
        x = (index[n] % side + np.float32(0.5) - side / 2) / focal
        y = (index[n] // side + np.float32(0.5) - side / 2) / focal
        length = np.sqrt(normal[n, 0] ** 2 + normal[n, 1] ** 2 + normal[n, 2] ** 2) + np.float32(1e-9)
        if normal[n, 0] * x + normal[n, 1] * y + normal[n, 2] > 0:
            length = -length
        for k in range(3):
            out[n, k] = normal[n, k] / length
    return out
