"""A small ray caster for rooms, streets and furniture: boxes, balls, a floor, textures made of arithmetic."""

from __future__ import annotations

import numpy as np

from training.pictures.jit import compiled
from training.pictures.raster import Float

(FLAT, TILES, PLANKS, BRICKS, CHECKER, GRASS, WINDOWS, STRIPES, MARBLE, COURT, POSTER, FOLIAGE, CROWD) = range(13)
KINDS = 13
BOX, BALL = 0, 1
# Columns of a primitive: kind, centre (3), half size (3), yaw, material.
PRIMITIVE = 9
# Columns of a material: texture kind, scale in metres, three colours (9), contrast.
MATERIAL = 12


@compiled
def hash01(x: int, y: int, seed: int) -> float:
    """A number in [0, 1) for a cell of a grid."""
    h = (x * 374761393 + y * 668265263 + seed * 974711) & 0x7FFFFFFF
    h = ((h ^ (h >> 13)) * 1274126177) & 0x7FFFFFFF
    return ((h ^ (h >> 16)) & 0xFFFFFF) / 16777216.0


@compiled
def value_noise(u: float, v: float, seed: int) -> float:
    """Smooth noise in [0, 1]."""
    x, y = int(np.floor(u)), int(np.floor(v))
    a, b = u - x, v - y
    a, b = a * a * (3 - 2 * a), b * b * (3 - 2 * b)
    top = hash01(x, y, seed) * (1 - a) + hash01(x + 1, y, seed) * a
    low = hash01(x, y + 1, seed) * (1 - a) + hash01(x + 1, y + 1, seed) * a
    return top * (1 - b) + low * b


@compiled
def rough(u: float, v: float, seed: int) -> float:
    """Noise of four octaves in [0, 1]."""
    total, gain = 0.0, 0.53
    for octave in range(4):
        total += gain * value_noise(u * 2**octave, v * 2**octave, seed + octave)
        gain *= 0.5
    return total


@compiled
def texture(material: Float, u: float, v: float, far: float, out: Float) -> None:  # noqa: C901, PLR0912, PLR0915
    """Writes the colour (3,) of a surface at u, v metres into `out`; `far` in [0, 1] fades what would alias."""
    kind, scale = int(material[0]), material[1]
    seed = int(material[1] * 7919 + material[2] * 104729)
    x, y = u / scale, v / scale
    a, b = x - np.floor(x), y - np.floor(y)
    cx, cy = int(np.floor(x)), int(np.floor(y))
    second, third, tone = 0.0, 0.0, 1.0
    sharp = 1.0 - far
    if kind == TILES:
        second = sharp if (a < 0.04 or b < 0.04) else 0.0
        tone = 1 + 0.12 * (hash01(cx, cy, seed) - 0.5)
    elif kind in (PLANKS, COURT):
        board = int(np.floor(y * 3))
        shift = hash01(board, 7, seed)
        tone = 1 + 0.3 * sharp * (hash01(board, int(np.floor(x * 0.4 + shift)), seed) - 0.5)
        tone += 0.16 * sharp * (value_noise(x * 2, y * 30, seed) - 0.5)
        if (y * 3 - board) < 0.04:
            second = 0.6 * sharp
        if kind == COURT and (abs((u * 0.21) % 1 - 0.5) < 0.012 or abs((v * 0.27) % 1 - 0.5) < 0.012):
            third = 1.0
    elif kind == BRICKS:
        row = int(np.floor(y * 3))
        part = (x * 1.3 + 0.5 * (row % 2)) % 1.0
        tone = 1 + 0.35 * (hash01(int(np.floor(x * 1.3 + 0.5 * (row % 2))), row, seed) - 0.5)
        second = sharp if (part < 0.05 or (y * 3 - row) < 0.12) else 0.0
    elif kind == CHECKER:
        second = 1.0 if (cx + cy) % 2 else 0.0
        second = second * sharp + 0.5 * far
    elif kind == GRASS:
        n = rough(x * 6, y * 6, seed)
        second = n
        tone = 1 + 1.1 * sharp * (value_noise(x * 60, y * 60, seed + 9) - 0.5)
    elif kind == WINDOWS:
        pane = a > 0.25 and a < 0.8 and b > 0.25 and b < 0.8
        second = 1.0 if pane else 0.0
        if pane and hash01(cx, cy, seed) < 0.25:
            third = 1.0
    elif kind == STRIPES:
        second = 1.0 if a < 0.4 else 0.0
    elif kind == MARBLE:
        second = rough(x * 2, y * 2, seed)
    elif kind == POSTER:
        third = hash01(cx, cy, seed)
        second = hash01(cx, cy, seed + 5)
        if hash01(cx, cy, seed + 3) > material[11]:
            second, third = 0.0, 0.0
        elif a < 0.1 or b < 0.1:
            second, third, tone = 0.0, 0.0, 0.5
    elif kind == FOLIAGE:
        n = rough(x * 5, y * 5, seed)
        second = 1.0 if n > 0.5 else 0.0
        tone = 0.35 + 1.3 * value_noise(x * 30, y * 30, seed + 4) * n
    elif kind == CROWD:
        tone = 0.4 + 0.9 * hash01(cx, cy, seed)
        second, third = hash01(cx, cy, seed + 1), hash01(cx, cy, seed + 2)
        if (a - 0.5) ** 2 + (b - 0.2) ** 2 < 0.05:
            second, third, tone = 0.0, 0.0, 0.9
        elif abs(a - 0.5) > 0.42:
            tone = 0.2
    tone *= 1 + 0.14 * (rough(u * 1.7, v * 1.7, seed + 31) - 0.5)
    for c in range(3):
        colour = material[2 + c] * (1 - second) + material[5 + c] * second
        colour = colour * (1 - third) + material[8 + c] * third
        out[c] = max(0.0, colour * tone)


@compiled
def _hit_box(origin: Float, ray: Float, shape: Float, normal: Float) -> float:
    """Distance along the ray to a turned box, -1 without a hit; the normal in the box's own axes."""
    sine, cosine = np.sin(shape[7]), np.cos(shape[7])
    ox, oz = origin[0] - shape[1], origin[2] - shape[3]
    o = (ox * cosine - oz * sine, origin[1] - shape[2], ox * sine + oz * cosine)
    d = (ray[0] * cosine - ray[2] * sine, ray[1], ray[0] * sine + ray[2] * cosine)
    near, far, axis, sign = -1e9, 1e9, 0, 1.0
    for k in range(3):
        if abs(d[k]) < 1e-9:
            if abs(o[k]) > shape[4 + k]:
                return -1.0
            continue
        first, last = (-shape[4 + k] - o[k]) / d[k], (shape[4 + k] - o[k]) / d[k]
        if first > last:
            first, last = last, first
        if first > near:
            near, axis, sign = first, k, (1.0 if d[k] < 0 else -1.0)
        far = min(far, last)
    if near > far or far < 1e-4:
        return -1.0
    normal[0] = normal[1] = normal[2] = 0.0
    if near < 1e-4:  # inside: a room; the wall behind
        for k in range(3):
            if abs(d[k]) > 1e-9 and abs(max((-shape[4 + k] - o[k]) / d[k], (shape[4 + k] - o[k]) / d[k]) - far) < 1e-6:
                normal[k] = -1.0 if d[k] > 0 else 1.0
        return far
    normal[axis] = sign
    return near


@compiled
def _hit_ball(origin: Float, ray: Float, shape: Float, normal: Float) -> float:
    """Distance along the ray to an ellipsoid, -1 without a hit; the normal, not of unit length."""
    a, b, c = 0.0, 0.0, -1.0
    for k in range(3):
        place, step = (origin[k] - shape[1 + k]) / shape[4 + k], ray[k] / shape[4 + k]
        a, b, c = a + step * step, b + place * step, c + place * place
    root = b * b - a * c
    if root < 0:
        return -1.0
    t = float((-b - np.sqrt(root)) / a)
    if t < 1e-4:
        return -1.0
    for k in range(3):
        normal[k] = (origin[k] - shape[1 + k] + t * ray[k]) / (shape[4 + k] * shape[4 + k])
    return t


@compiled
def cast(  # noqa: C901, PLR0912, PLR0915
    shapes: Float, materials: Float, origin: Float, turn: Float, tangent: float, size: int, light: Float, sky: Float,
    haze: float, is_open: bool,
) -> tuple[Float, Float]:  # fmt: skip
    """A picture of boxes and balls.

    Args:
        shapes: (K, PRIMITIVE); a box that holds the camera is a room.
        materials: (M, MATERIAL).
        origin: (3,) camera, metres, y up.
        turn: (3, 3) camera to world.
        tangent: tangent of half the angle of view.
        size: pixels a side.
        light: (7,) direction to the light (3), colour (3), ambient level.
        sky: (9,) zenith, horizon and cloud colours.
        haze: share of the horizon's colour at 20 m.
        is_open: whether missing rays show the sky; else they stay empty.

    Returns:
        linear RGB (size, size, 3), coverage (size, size).
    """
    picture = np.zeros((size, size, 3), np.float32)
    cover = np.zeros((size, size), np.float32)
    ray, normal, best, colour = np.zeros(3), np.zeros(3), np.zeros(3), np.zeros(3)
    for row in range(size):
        for column in range(size):
            x, y = ((column + 0.5) / size * 2 - 1) * tangent, ((row + 0.5) / size * 2 - 1) * tangent
            length = np.sqrt(x * x + y * y + 1)
            for k in range(3):
                ray[k] = (turn[k, 0] * x + turn[k, 1] * y + turn[k, 2]) / length
            nearest, which = 1e9, -1
            for s in range(shapes.shape[0]):
                t = _hit_box(origin, ray, shapes[s], normal) if shapes[s, 0] == BOX else _hit_ball(
                    origin, ray, shapes[s], normal)  # fmt: skip
                if t > 0 and t < nearest:
                    nearest, which = t, s
                    best[:] = normal
            if which < 0:
                if is_open:
                    up = max(0.0, ray[1])
                    cloud = rough(3 + ray[0] / (up + 0.15) * 1.5, ray[2] / (up + 0.15) * 1.5, int(sky[0] * 9999))
                    cloud = min(1.0, max(0.0, (cloud - 0.45) * 3)) * min(1.0, up * 6)
                    for c in range(3):
                        base = sky[3 + c] + (sky[c] - sky[3 + c]) * np.sqrt(up)
                        picture[row, column, c] = base + (sky[6 + c] - base) * cloud
                    cover[row, column] = 1
                continue
            shape = shapes[which]
            px, py, pz = origin[0] + ray[0] * nearest, origin[1] + ray[1] * nearest, origin[2] + ray[2] * nearest
            sine, cosine = np.sin(shape[7]), np.cos(shape[7])
            dx, dz = px - shape[1], pz - shape[3]
            bx, bz = dx * cosine - dz * sine, dx * sine + dz * cosine
            by = py - shape[2]
            room = shape[0] == BOX and abs(origin[0] - shape[1]) < shape[4] and abs(origin[2] - shape[3]) < shape[6]
            if shape[0] == BALL:
                norm = np.sqrt(best[0] ** 2 + best[1] ** 2 + best[2] ** 2)
                best /= norm
            m = int(shape[8])
            if abs(best[1]) > 0.7 and shape[0] == BOX:
                u, v = bx, bz
                if room:
                    m += 1 if best[1] > 0 else 2
            elif abs(best[0]) > 0.7:
                u, v = bz, by
            else:
                u, v = bx, by
            far = min(1.0, nearest / (40.0 * materials[m, 1] + 8.0))
            texture(materials[m], u, v, far, colour)
            wx, wz = best[0] * cosine + best[2] * sine, -best[0] * sine + best[2] * cosine
            facing = max(0.0, wx * light[0] + best[1] * light[1] + wz * light[2])
            corner = 1.0
            if room:
                gap = min(shape[4] - abs(bx), shape[6] - abs(bz)) if abs(best[1]) > 0.7 else min(
                    shape[5] - by, shape[5] + by)  # fmt: skip
                corner = 0.6 + 0.4 * min(1.0, gap / 0.5)
            elif shape[0] == BOX and abs(best[1]) < 0.7:
                corner = 0.65 + 0.35 * min(1.0, (by + shape[5]) / 0.35)
            dim = 1 - np.exp(-haze * nearest / 20.0)
            for c in range(3):
                lit = colour[c] * (light[6] * (0.8 + 0.2 * best[1]) + light[3 + c] * facing) * corner
                picture[row, column, c] = lit * (1 - dim) + sky[3 + c] * dim
            cover[row, column] = 1
    return picture, cover
