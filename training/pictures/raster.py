"""Triangles to samples: a z-buffer rasteriser on the CPU, exact and the same on every machine.

Screen space is in samples: x right, y down, the centre of sample (row, column) at (column + .5, row + .5).
Depth is kept as "nearness": larger is closer. For a perspective picture nearness is 1 / z, which is linear on
the screen; for an orthographic shadow map it is minus the distance along the light.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from training.pictures.jit import compiled

Float = npt.NDArray[np.floating[Any]]
Int = npt.NDArray[np.integer[Any]]
FAR = np.float32(-1e9)


@compiled
def vertex_normals(vertices: Float, faces: Int) -> Float:
    """Unit normals (V, 3) of vertices (V, 3), weighted by the area of their triangles (F, 3)."""
    normals = np.zeros_like(vertices)
    for f in range(faces.shape[0]):
        a, b, c = faces[f, 0], faces[f, 1], faces[f, 2]
        ux, uy, uz = (vertices[b, 0] - vertices[a, 0], vertices[b, 1] - vertices[a, 1], vertices[b, 2] - vertices[a, 2])
        vx, vy, vz = (vertices[c, 0] - vertices[a, 0], vertices[c, 1] - vertices[a, 1], vertices[c, 2] - vertices[a, 2])
        nx, ny, nz = uy * vz - uz * vy, uz * vx - ux * vz, ux * vy - uy * vx
        for corner in (a, b, c):
            normals[corner, 0] += nx
            normals[corner, 1] += ny
            normals[corner, 2] += nz
    for v in range(vertices.shape[0]):
        length = np.sqrt(normals[v, 0] ** 2 + normals[v, 1] ** 2 + normals[v, 2] ** 2) + np.float32(1e-12)
        normals[v] /= length
    return normals


@compiled
def rasterise(screen: Float, faces: Int, height: int, width: int) -> tuple[Float, Int]:
    """Nearest triangle of every sample.

    Args:
        screen: (V, 3) x, y in samples and nearness.
        faces: (F, 3) vertex numbers.
        height: samples.
        width: samples.

    Returns:
        nearness (height, width), FAR where empty; triangle (height, width), -1 where empty.
    """
    nearness = np.full((height, width), np.float32(-1e9), np.float32)
    triangle = np.full((height, width), np.int32(-1), np.int32)
    for f in range(faces.shape[0]):
        a, b, c = faces[f, 0], faces[f, 1], faces[f, 2]
        ax, ay, az = screen[a, 0], screen[a, 1], screen[a, 2]
        bx, by, bz = screen[b, 0], screen[b, 1], screen[b, 2]
        cx, cy, cz = screen[c, 0], screen[c, 1], screen[c, 2]
        left = max(0, int(np.ceil(min(ax, bx, cx) - np.float32(0.5))))
        right = min(width - 1, int(np.floor(max(ax, bx, cx) - np.float32(0.5))))
        top = max(0, int(np.ceil(min(ay, by, cy) - np.float32(0.5))))
        bottom = min(height - 1, int(np.floor(max(ay, by, cy) - np.float32(0.5))))
        if left > right or top > bottom:
            continue
        area = (bx - ax) * (cy - ay) - (by - ay) * (cx - ax)
        if abs(area) < np.float32(1e-12):
            continue
        inverse = np.float32(1.0) / area
        for row in range(top, bottom + 1):
            y = row + np.float32(0.5)
            for column in range(left, right + 1):
                x = column + np.float32(0.5)
                wb = ((x - ax) * (cy - ay) - (y - ay) * (cx - ax)) * inverse
                wc = ((bx - ax) * (y - ay) - (by - ay) * (x - ax)) * inverse
                wa = np.float32(1.0) - wb - wc
                if wa < 0 or wb < 0 or wc < 0:
                    continue
                near = wa * az + wb * bz + wc * cz
                if near > nearness[row, column]:
                    nearness[row, column] = near
                    triangle[row, column] = f
    return nearness, triangle


@compiled
def barycentric(screen: Float, faces: Int, triangle: Int, samples: Int) -> Float:
    """Perspective-correct barycentric coordinates (N, 3) of the given samples.

    Args:
        screen: (V, 3) x, y in samples and 1 / z.
        faces: (F, 3).
        triangle: (height, width) as rasterise returned it.
        samples: (N,) flat sample numbers that hit a triangle.
    """
    width = triangle.shape[1]
    weights = np.empty((samples.shape[0], 3), np.float32)
    for n in range(samples.shape[0]):
        row, column = samples[n] // width, samples[n] % width
        f = triangle[row, column]
        a, b, c = faces[f, 0], faces[f, 1], faces[f, 2]
        ax, ay, bx, by, cx, cy = screen[a, 0], screen[a, 1], screen[b, 0], screen[b, 1], screen[c, 0], screen[c, 1]
        x, y = column + np.float32(0.5), row + np.float32(0.5)
        area = (bx - ax) * (cy - ay) - (by - ay) * (cx - ax)
        wb = ((x - ax) * (cy - ay) - (y - ay) * (cx - ax)) / area
        wc = ((bx - ax) * (y - ay) - (by - ay) * (x - ax)) / area
        wa = (np.float32(1.0) - wb - wc) * screen[a, 2]
        wb *= screen[b, 2]
        wc *= screen[c, 2]
        total = wa + wb + wc
        weights[n, 0], weights[n, 1], weights[n, 2] = wa / total, wb / total, wc / total
    return weights


@compiled
def interpolate(attribute: Float, faces: Int, triangle: Int, samples: Int, weights: Float) -> Float:
    """Vertex attributes (V, C) at samples: (N, C)."""
    width = triangle.shape[1]
    channels = attribute.shape[1]
    values = np.empty((samples.shape[0], channels), np.float32)
    for n in range(samples.shape[0]):
        f = triangle[samples[n] // width, samples[n] % width]
        a, b, c = faces[f, 0], faces[f, 1], faces[f, 2]
        wa, wb, wc = weights[n, 0], weights[n, 1], weights[n, 2]
        for k in range(channels):
            values[n, k] = wa * attribute[a, k] + wb * attribute[b, k] + wc * attribute[c, k]
    return values


@compiled
def nearest_vertex(faces: Int, triangle: Int, samples: Int, weights: Float) -> Int:
    """The triangle's corner with the largest weight at each sample: (N,) vertex numbers."""
    width = triangle.shape[1]
    nearest = np.empty(samples.shape[0], np.int32)
    for n in range(samples.shape[0]):
        f = triangle[samples[n] // width, samples[n] % width]
        best = 0
        for corner in range(1, 3):
            if weights[n, corner] > weights[n, best]:
                best = corner
        nearest[n] = faces[f, best]
    return nearest


@compiled
def light_space(points: Float, towards_light: Float, centre: Float, radius: float, size: int) -> Float:
    """Points (N, 3) as a shadow map sees them: (N, 3) x, y in texels, nearness in metres towards the light.

    Args:
        points: metres.
        towards_light: (3,) unit direction to the light, same frame.
        centre: (3,) middle of the map, metres.
        radius: metres from the middle to the map's edge.
        size: texels a side.
    """
    up = np.array([0.0, 1.0, 0.0], np.float32)
    if abs(towards_light[1]) > np.float32(0.9):
        up = np.array([1.0, 0.0, 0.0], np.float32)
    right = np.cross(up, towards_light)
    right /= np.sqrt((right * right).sum())
    up = np.cross(towards_light, right)
    out = np.empty_like(points)
    scale = np.float32(0.5 * size / radius)
    for n in range(points.shape[0]):
        dx, dy, dz = points[n, 0] - centre[0], points[n, 1] - centre[1], points[n, 2] - centre[2]
        out[n, 0] = (dx * right[0] + dy * right[1] + dz * right[2]) * scale + np.float32(0.5 * size)
        out[n, 1] = (dx * up[0] + dy * up[1] + dz * up[2]) * scale + np.float32(0.5 * size)
        out[n, 2] = dx * towards_light[0] + dy * towards_light[1] + dz * towards_light[2]
    return out


@compiled
def lit_share(nearness: Float, seen: Float, bias: float) -> Float:
    """Share of light that reaches each point (N,): 0 in shadow, 1 lit; 3 x 3 texels averaged.

    Args:
        nearness: (size, size) shadow map of rasterise.
        seen: (N, 3) the points in the map's space (light_space).
        bias: metres a point may lie behind the map's surface and still be lit.
    """
    size = nearness.shape[0]
    share = np.ones(seen.shape[0], np.float32)
    for n in range(seen.shape[0]):
        column, row = int(seen[n, 0]), int(seen[n, 1])
        lit, count = 0, 0
        for y in range(max(0, row - 1), min(size, row + 2)):
            for x in range(max(0, column - 1), min(size, column + 2)):
                count += 1
                if nearness[y, x] <= seen[n, 2] + bias:
                    lit += 1
        if count:
            share[n] = np.float32(lit) / np.float32(count)
    return share


@compiled
def splat(seen: Float, size: int) -> Float:
    """A shadow map (size, size) of points (N, 3) in its own space; good where points are denser than texels."""
    nearness = np.full((size, size), np.float32(-1e9), np.float32)
    for n in range(seen.shape[0]):
        column, row = int(seen[n, 0]), int(seen[n, 1])
        if 0 <= row < size and 0 <= column < size and seen[n, 2] > nearness[row, column]:
            nearness[row, column] = seen[n, 2]
    return nearness


@compiled
def ambient_light(vertices: Float, normals: Float, towards: Float, radius: float, size: int) -> Float:
    """How open each vertex is to the light around it, 0 to 1, (V,): small shadow maps from many sides.

    The maps hold vertices, not triangles: their distance is less than a texel of these coarse maps.

    Args:
        vertices: (V, 3) metres.
        normals: (V, 3) unit.
        towards: (K, 3) unit directions, spread over the sphere.
        radius: metres that hold the whole body about its centre.
        size: texels a side of each map.
    """
    centre = np.zeros(3, np.float32)
    for v in range(vertices.shape[0]):
        centre += vertices[v]
    centre /= np.float32(vertices.shape[0])
    got = np.zeros(vertices.shape[0], np.float32)
    could = np.full(vertices.shape[0], np.float32(1e-3), np.float32)
    bias = 2.5 * radius / size
    for k in range(towards.shape[0]):
        seen = light_space(vertices, towards[k], centre, radius, size)
        nearness = splat(seen, size)
        share = lit_share(nearness, seen, bias)
        for v in range(vertices.shape[0]):
            cosine = (
                normals[v, 0] * towards[k, 0] + normals[v, 1] * towards[k, 1] + normals[v, 2] * towards[k, 2]
            )
            if cosine > 0:
                could[v] += cosine
                got[v] += cosine * share[v]
    return got / could
