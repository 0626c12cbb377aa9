"""Pictures of the body for the docs: `python -m training.pictures.body_preview -o docs/images`."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

import cv2
import numpy as np

from core.body.model import OPEN_BODY, Body, load_body
from core.body.upsample import upsample
from core.errors import MocapError
from core.types import Float, Int
from training.body.tpose import JOINTS, PARENTS
from training.pictures.raster import barycentric, interpolate, rasterise, vertex_normals

Turn: TypeAlias = tuple[float, float, float]  # degrees about x, y, z

SAMPLES = 2  # a side of each pixel
SKIN = np.array([0.72, 0.76, 0.8])  # BGR
LIGHTS = (((0.35, 0.5, 0.8), 0.62), ((-0.8, 0.2, 0.3), 0.2))
AMBIENT = 0.3
PAPER = 245


def _pairs(text: str) -> tuple[tuple[int, int], ...]:
    return tuple((int(a), int(b)) for a, b in (pair.split("-") for pair in text.split()))


BONES_24 = tuple((int(PARENTS[j]), j) for j in range(1, 24))
BONES_LSP = _pairs("0-1 1-2 3-4 4-5 6-7 7-8 9-10 10-11 2-3 8-12 9-12 12-13")
BONES_COCO = _pairs("5-7 7-9 6-8 8-10 5-6 5-11 6-12 11-12 11-13 13-15 12-14 14-16")


@dataclass(frozen=True, slots=True)
class View:
    """An orthographic look: where, how far to the border (metres), from which side (degrees)."""

    centre: Sequence[float]
    half: float
    yaw: float = 0.0
    pitch: float = 0.0
    size: int = 320

    def project(self, points: Float) -> Float:
        """(N, 3) pixels x, y and nearness."""
        yaw, pitch = np.deg2rad(self.yaw), np.deg2rad(self.pitch)
        around = np.array([[np.cos(yaw), 0, -np.sin(yaw)], [0, 1, 0], [np.sin(yaw), 0, np.cos(yaw)]])
        over = np.array([[1, 0, 0], [0, np.cos(pitch), -np.sin(pitch)], [0, np.sin(pitch), np.cos(pitch)]])
        seen = (points - np.asarray(self.centre)) @ (over @ around).T
        scale = 0.5 * self.size / self.half
        return np.stack(
            [0.5 * self.size + scale * seen[:, 0], 0.5 * self.size - scale * seen[:, 1], seen[:, 2]], 1
        )


def draw(vertices: Float, faces: Int, view: View, is_flat: bool = False) -> Float:
    """(S, S, 3) uint8 BGR picture of a mesh, lit from the viewer's left; flat shows the triangles."""
    screen = view.project(vertices).astype(np.float32)
    screen[:, :2] *= SAMPLES
    corner = screen[faces].astype(np.float64) * [1, -1, SAMPLES * 0.5 * view.size / view.half]
    facing = np.cross(corner[:, 1] - corner[:, 0], corner[:, 2] - corner[:, 0])
    side = view.size * SAMPLES
    faces32 = faces.astype(np.int32)
    _, triangle = rasterise(screen, faces32, side, side)
    samples = np.flatnonzero(triangle.ravel() >= 0).astype(np.int32)
    if is_flat:
        normals = facing[triangle.ravel()[samples]]
    else:
        seen = screen.copy()
        seen[:, 2] *= SAMPLES * 0.5 * view.size / view.half
        seen[:, 1] *= -1
        flat_screen = screen.copy()
        flat_screen[:, 2] = 1
        weights = barycentric(flat_screen, faces32, triangle, samples)
        normals = interpolate(vertex_normals(seen, faces32), faces32, triangle, samples, weights)
    normals = normals / np.maximum(np.linalg.norm(normals, axis=1, keepdims=True), 1e-9)
    light = np.full(len(samples), AMBIENT)
    for towards, strength in LIGHTS:
        light += strength * np.clip(normals @ (np.array(towards) / np.linalg.norm(towards)), 0, None)
    picture = np.full((side * side, 3), float(PAPER))
    picture[samples] = 255 * np.clip(light[:, None] * SKIN, 0, 1)
    picture = picture.reshape(view.size, SAMPLES, view.size, SAMPLES, 3).mean((1, 3))
    return np.asarray(picture.astype(np.uint8))


def draw_joints(picture: Float, points: Float, bones: Sequence[tuple[int, int]], view: View) -> Float:
    """The picture with bones and joints on it; the person's left is orange, right is blue."""
    faded = cv2.addWeighted(picture, 0.55, np.full_like(picture, 255), 0.45, 0)
    places = [(round(float(x)), round(float(y))) for x, y in view.project(points)[:, :2]]
    for a, b in bones:
        cv2.line(faded, places[a], places[b], (90, 90, 90), 1, cv2.LINE_AA)
    for place, point in zip(places, points, strict=True):
        colour = (60, 60, 60) if abs(point[0]) < 0.005 else (30, 120, 240) if point[0] > 0 else (230, 120, 30)
        cv2.circle(faded, place, 4, colour, -1, cv2.LINE_AA)
    return np.asarray(faded)


def pose(**degrees: Turn) -> Float:
    """(1, 24, 3) rotation vectors of named joints in degrees; L_ and R_ as in SMPL's T-pose."""
    turned = np.zeros((1, 24, 3))
    for name, angles in degrees.items():
        turned[0, JOINTS.index(name)] = np.deg2rad(angles)
    return turned


ARMS_DOWN: dict[str, Turn] = {"L_shoulder": (0.0, 0.0, -70.0), "R_shoulder": (0.0, 0.0, 70.0)}
POSES: tuple[Mapping[str, Turn], ...] = (
    {},
    ARMS_DOWN,
    {"L_shoulder": (0, 0, 65), "R_shoulder": (0, 0, -65), "L_collar": (0, 0, 15), "R_collar": (0, 0, -15)},
    ARMS_DOWN
    | {"L_hip": (-100, 0, 8), "R_hip": (-100, 0, -8), "L_knee": (110, 0, 0), "R_knee": (110, 0, 0)}
    | {"spine1": (20, 0, 0), "L_ankle": (-15, 0, 0), "R_ankle": (-15, 0, 0)},
    ARMS_DOWN | {"R_hip": (-85, 0, 0), "R_knee": (90, 0, 0), "L_knee": (95, 0, 0), "L_ankle": (35, 0, 0)},
    {"L_shoulder": (0, -60, -20), "L_elbow": (0, -110, 0), "R_shoulder": (0, 50, 15), "R_elbow": (0, 125, 0)}
    | {"L_hip": (-110, 0, 10), "L_knee": (20, 0, 0), "spine2": (0, 20, 0)},
    ARMS_DOWN | {"spine1": (40, 0, 0), "spine2": (30, 0, 0), "spine3": (15, 0, 0), "L_hip": (-30, 0, 0)}
    | {"R_hip": (-30, 0, 0), "neck": (-20, 0, 0)},
    ARMS_DOWN | {"L_hip": (-45, 0, 0), "L_knee": (30, 0, 0), "R_hip": (25, 0, 0), "R_knee": (60, 0, 0)}
    | {"L_elbow": (0, -70, 0), "R_elbow": (0, 70, 0)},
)  # fmt: skip


def shapes_sheet(body: Body) -> Float:
    """Four components at -2.5 and 2.5, and eight random people."""
    betas = np.zeros((16, 10))
    for component in range(4):
        betas[2 * component, component], betas[2 * component + 1, component] = -2.5, 2.5
    betas[8:] = np.random.default_rng(6).normal(size=(8, 10))
    vertices = body.pose(np.tile(pose(**ARMS_DOWN), (16, 1, 1)), betas).vertices
    lift = vertices[..., 1].min(1)
    tiles = [
        draw(v, body.faces, View((0, low + 1.07, 0), 1.12, 25)) for v, low in zip(vertices, lift, strict=True)
    ]
    return _grid(tiles, 8, crop=60)


def poses_sheet(body: Body) -> Float:
    """Eight poses from the front, the side and the back."""
    rows = []
    posed = [body.pose(pose(**degrees)).vertices[0] for degrees in POSES]
    for yaw in (-20, -80, 160):
        rows += [draw(v, body.faces, View((v.min(0) + v.max(0)) / 2, 1.14, yaw)) for v in posed]
    return _grid(rows, 8, crop=45)


def close_sheet(body: Body) -> Float:
    """Face, hand, foot, shoulders, and deep bends of knee, elbow and hip."""
    looks: list[tuple[Float, str, View]] = [
        (pose(), "head", View((0, 0.05, 0), 0.17, -25)),
        (pose(), "L_hand", View((0.02, 0, 0), 0.14, -30, 35)),
        (pose(), "L_foot", View((0, 0.02, -0.05), 0.16, -50, 25)),
        (pose(**ARMS_DOWN), "L_shoulder", View((-0.05, -0.05, 0), 0.26, -10)),
        (pose(**POSES[2]), "L_shoulder", View((-0.05, -0.05, 0), 0.26, -10)),
        (pose(L_knee=(120, 0, 0), L_hip=(-80, 0, 0)), "L_knee", View((0, 0, 0), 0.26, -75)),
        (pose(L_elbow=(0, -125, 0)), "L_elbow", View((0, 0, 0.05), 0.24, -20, 50)),
        (pose(**POSES[3]), "L_hip", View((0, 0, 0.1), 0.32, -55)),
    ]
    tiles = []
    for turned, name, view in looks:
        posed = body.pose(turned)
        centre = posed.joints[0, JOINTS.index(name)] + np.asarray(view.centre)
        tiles.append(draw(posed.vertices[0], body.faces, View(centre, view.half, view.yaw, view.pitch)))
    return _grid(tiles, 4)


def joints_sheet(body: Body) -> Float:
    """SMPL's 24 joints, the 14 of LSP and the 17 of COCO, front and side."""
    centre = (body.v_template.min(0) + body.v_template.max(0)) / 2
    view, side = View(centre, 0.92, 0, 0, 440), View(centre, 0.92, -65, 0, 440)
    tiles = []
    for look in (view, side):
        picture = draw(body.v_template, body.faces, look)
        for regressor, bones in (
            (body.joint_regressor, BONES_24),
            (body.lsp_regressor, BONES_LSP),
            (body.coco_regressor, BONES_COCO),
        ):
            tiles.append(draw_joints(picture, regressor @ body.v_template, bones, look))
    return _grid(tiles, 3)


def levels_sheet(body: Body) -> Float:
    """A posed body at 6890, 1723 and 431 vertices, and what the samplers make of the 431."""
    with np.load(OPEN_BODY, allow_pickle=False) as file:
        faces_1723, faces_431 = file["faces_1723"], file["faces_431"]
    posed = body.pose(pose(**POSES[5])).vertices
    whole, view = posed[0], View((posed[0].min(0) + posed[0].max(0)) / 2, 0.9, -25, 0, 440)
    return _grid(
        [
            draw(whole, body.faces, view, is_flat=True),
            draw(whole[body.index_1723], faces_1723, view, is_flat=True),
            draw(whole[body.index_431], faces_431, view, is_flat=True),
            draw(upsample(posed[:, body.index_431], body)[0], body.faces, view),
        ],
        4,
        crop=40,
    )


def _grid(tiles: Sequence[Float], columns: int, crop: int = 0) -> Float:
    width = tiles[0].shape[1]
    cut = [tile[:, crop : width - crop] for tile in tiles]
    return np.vstack([np.hstack(cut[i : i + columns]) for i in range(0, len(cut), columns)])


SHEETS = {
    "shapes": shapes_sheet,
    "poses": poses_sheet,
    "close": close_sheet,
    "joints": joints_sheet,
    "levels": levels_sheet,
}


def main(arguments: list[str] | None = None) -> int:
    """Command line; returns the exit code."""
    parser = argparse.ArgumentParser(prog="python -m training.pictures.body_preview", description=__doc__)
    parser.add_argument("-o", "--output", type=Path, default=Path("docs/images"))
    output: Path = parser.parse_args(arguments).output
    try:
        body = load_body()
        output.mkdir(parents=True, exist_ok=True)
        for name, sheet in SHEETS.items():
            encoded = cv2.imencode(".jpg", sheet(body), [cv2.IMWRITE_JPEG_QUALITY, 88])[1]
            (output / f"body-{name}.jpg").write_bytes(encoded.tobytes())
    except (MocapError, OSError) as error:
        print(f"preview: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
