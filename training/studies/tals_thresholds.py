"""Thresholds for `training.losses.tals`, measured on rendered people: what a weak-perspective camera cannot fit.

The shipped table came from

    python -m training.studies.tals_thresholds --store stores/train --people 4096 -o
    training/losses/tals_thresholds.json

2D: each person's true 3D joints go through the weak-perspective camera (scale and shift, by least squares) that comes
nearest to the true 2D joints, over the joints inside the crop; what is left is the distance of each joint, crop units.

3D: pseudo-ground-truth is a body that was bent until it projects onto 2D joints. The smallest bend that makes a
weak-perspective camera fit exactly moves each joint in the picture's plane; scale and shift are chosen for the least
sum of squares in metres (the regression the other way round), and the moves are told relative to mid-hip, as
`losses.joint_loss_3d` compares joints. A fit that keeps its bones' lengths must also change depths, so real
pseudo-ground-truth is off by more: the threshold is a lower bound, and what it shields is an error of the camera.

The quantile: with the true pose and the best camera, that share of joints lies below the threshold. The median would
still punish half of all perfect poses with full weight; .9 leaves one joint in ten. Left and right are pooled, since
every second crop is flipped.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from core.errors import MocapError
from core.types import LSP_JOINTS, ROOT_LSP
from training.joint_orders import LSP_MIRROR
from training.pictures import Composer, PictureBatch, PictureStore

Float = npt.NDArray[np.floating[Any]]
Bool = npt.NDArray[np.bool_]

SIZE, BATCH = 64, 64  # labels are in crop units, so that small pictures do
LEAST_JOINTS = 6
"""Inside the crop; a camera of three numbers bends to fewer."""
STORE_SETTINGS = ("generator", "split", "seed", "size")


def _centred(values: Float, weight: Float) -> tuple[Float, Float]:
    """(B, J, 2) less its weighted mean, and the mean (B, 1, 2)."""
    mean = (weight[..., None] * values).sum(1, keepdims=True) / np.maximum(weight.sum(1), 1e-12)[:, None, None]
    return values - mean, mean


def _slope(onto: Float, of: Float, weight: Float) -> Float:
    """(B,) scale k for the least sum of weight * |onto - k of|^2; both centred."""
    above = (weight[..., None] * onto * of).sum((1, 2))
    return np.asarray(above / np.maximum((weight[..., None] * of * of).sum((1, 2)), 1e-12))


def best_weak_camera(points: Float, joints: Float, weight: Float) -> Float:
    """The weak-perspective camera of each person that projects 3D joints nearest to 2D joints.

    Args:
        points: (B, J, 2) crop units.
        joints: (B, J, 3) metres, camera axes.
        weight: (B, J); 0 leaves a joint out.

    Returns:
        (B, 3) scale, tx, ty: `core.nets.project` gives scale * (xy + t), crop units.
    """
    flat, middle = _centred(points, weight)
    spread, centre = _centred(joints[..., :2], weight)
    scale = _slope(flat, spread, weight)
    shift = middle[:, 0] / np.maximum(scale, 1e-12)[:, None] - centre[:, 0]
    return np.concatenate([scale[:, None], shift], 1)


def camera_residual(points: Float, joints: Float, weight: Float) -> Float:
    """(B, J) distances that the best weak-perspective camera leaves, crop units; arguments as `best_weak_camera`."""
    camera = best_weak_camera(points, joints, weight)
    projected = camera[:, None, :1] * (joints[..., :2] + camera[:, None, 1:])
    return np.asarray(np.linalg.norm(projected - points, axis=-1))


def least_bend(points: Float, joints: Float, weight: Float) -> Float:
    """How far each joint must move, relative to mid-hip, for a weak-perspective camera to fit exactly.

    Args:
        points: (B, 14, 2) crop units.
        joints: (B, 14, 3) metres, camera axes.
        weight: (B, 14); 0 leaves a joint out of the fit.

    Returns:
        (B, 14) metres.
    """
    flat, _ = _centred(points, weight)
    spread, _ = _centred(joints[..., :2], weight)
    move = _slope(spread, flat, weight)[:, None, None] * flat - spread
    return np.asarray(np.linalg.norm(move - move[:, list(ROOT_LSP)].mean(1, keepdims=True), axis=-1))


def measure(store: PictureStore, people: int, seed: int, difficulty: float) -> tuple[Float, Float]:
    """Distances of a store's people as the training crops them.

    Args:
        store: rendered people.
        people: crops to draw, the empty ones among them left out.
        seed: of the composer.
        difficulty: 0 exact boxes to 1 zoomed, shifted and truncated.

    Returns:
        (N, 14) crop units and (N, 14) metres; nan where the joint, or for 3D a hip, lies outside the crop.
    """
    composer = Composer(store, SIZE, seed, difficulty=difficulty)
    found = [_measured(composer.batch(BATCH, at // BATCH), people - at) for at in range(0, people, BATCH)]
    return np.concatenate([one[0] for one in found]), np.concatenate([one[1] for one in found])


def _measured(batch: PictureBatch, most: int) -> tuple[Float, Float]:
    """Distances of the first crops of a batch, in both units."""
    inside = (batch.lsp_2d[..., 2] > 0).numpy()
    rows = batch.has_person.numpy() & (inside.sum(1) >= LEAST_JOINTS) & (np.arange(len(inside)) < most)
    inside = inside[rows]
    points, joints = (each.numpy()[rows].astype(np.float64) for each in (batch.lsp_2d[..., :2], batch.lsp_3d))
    weight = inside.astype(np.float64)
    residual = np.where(inside, camera_residual(points, joints, weight), np.nan)
    has_root = inside[:, list(ROOT_LSP)].all(1, keepdims=True)
    return residual, np.where(inside & has_root, least_bend(points, joints, weight), np.nan)


def table(distances: Float) -> dict[str, dict[str, float]]:
    """Mean, median, 90th and 95th percentile and count by joint, left and right pooled.

    Args:
        distances: (N, 14) LSP order; nan counts nowhere.
    """
    rows = {}
    for number, name in enumerate(LSP_JOINTS):
        values = _pooled(distances, number)
        p50, p90, p95 = np.percentile(values, [50, 90, 95])
        rows[name] = {"mean": values.mean(), "median": p50, "p90": p90, "p95": p95, "count": len(values)}
    return rows


def thresholds(distances: Float, quantile: float) -> list[float]:
    """A quantile of each of the 14 joints' distances (N, 14), left and right pooled."""
    return [float(np.quantile(_pooled(distances, number), quantile)) for number in range(len(LSP_JOINTS))]


def _pooled(distances: Float, number: int) -> Float:
    values = distances[:, sorted({number, LSP_MIRROR[number]})]
    values = values[~np.isnan(values)]
    if not len(values):
        raise ValueError(f"no {LSP_JOINTS[number]} lies inside a crop: draw more people with --people")
    return np.asarray(values)


def text(rows: dict[str, dict[str, float]], title: str, unit: float) -> str:
    """The table for reading, its numbers multiplied by `unit`."""
    lines = [f"{title:<28}{'mean':>9}{'median':>9}{'90 %':>9}{'95 %':>9}{'count':>9}"]
    for name, row in rows.items():
        numbers = "".join(f"{unit * row[key]:9.2f}" for key in ("mean", "median", "p90", "p95"))
        lines.append(f"{name:<28}{numbers}{row['count']:9.0f}")
    return "\n".join(lines)


def _rounded(rows: dict[str, dict[str, float]]) -> dict[str, dict[str, float]]:
    return {name: {key: round(float(value), 5) for key, value in row.items()} for name, row in rows.items()}


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m training.studies.tals_thresholds",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--store", type=Path, required=True, help="store of rendered people")
    parser.add_argument("--people", type=int, default=4096, help="crops to draw")
    parser.add_argument("--quantile", type=float, default=0.9, help="share of true poses' joints below the threshold")
    parser.add_argument("--difficulty", type=float, default=1.0, help="of the crops, 0 exact boxes to 1 hard")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("-o", "--out", type=Path, required=True, help="JSON file")
    return parser


def main(arguments: list[str] | None = None) -> int:
    """Runs the command line and returns its exit code."""
    given = _parser().parse_args(arguments)
    try:
        _write(given)
    except (MocapError, ValueError, OSError) as error:
        print(f"training.studies.tals_thresholds: {error}", file=sys.stderr)
        return 1
    return 0


def _write(given: argparse.Namespace) -> None:
    if given.people < 1 or not 0 < given.quantile < 1:
        raise ValueError(f"expected --people from 1 and --quantile in (0, 1), got {given.people}, {given.quantile}")
    store = PictureStore.open(given.store)
    flat, bend = measure(store, given.people, given.seed, given.difficulty)
    tables = {"points": table(flat), "joints_m": table(bend)}
    print(text(tables["points"], "2D, thousandths of crop units", 1000), end="\n\n")
    print(text(tables["joints_m"], "3D, mm", 1000))
    content = {
        "points": [round(value, 5) for value in thresholds(flat, given.quantile)],
        "joints_m": [round(value, 5) for value in thresholds(bend, given.quantile)],
        "joints": list(LSP_JOINTS),
        "quantile": given.quantile,
        "crops": given.people,
        "people": len(flat),
        "seed": given.seed,
        "difficulty": given.difficulty,
        "store": {key: store.meta[key] for key in STORE_SETTINGS} | {"people": len(store)},
        "table": {name: _rounded(rows) for name, rows in tables.items()},
    }
    given.out.write_text(json.dumps(content, indent=1) + "\n")


if __name__ == "__main__":
    raise SystemExit(main())
