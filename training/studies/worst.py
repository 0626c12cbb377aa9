"""The photographs that a bundle reads worst, to be looked at: `python -m training.studies.worst --lspet DIR -o
worst.png`.

Each tile shows what the network says (right red, left blue) over thin white lines of the labels, and the share of
limb joints that are right. Sheets of research-only photographs are to look at, not to publish.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import cv2
import numpy as np

from core.errors import MocapError
from core.geometry import crops as crop
from core.inference.runtime import open_runtime
from core.types import Float, Image
from core.weights.find import find_weights
from training.datasets.lspet import load_validation
from training.evaluate import metrics
from training.evaluate.run_network import run_all
from training.pictures.sheet import LIMBS, limb_colour

TILE, COLUMNS = 192, 10


def draw(image: Image, said: Float, true: Float, share: float) -> Image:
    """One tile (TILE, TILE, 3) BGR.

    Args:
        image: (S, S, 3) RGB crop.
        said: (14, 2) crop units.
        true: (14, 2) crop units.
        share: of limb joints that are right.
    """
    tile = np.ascontiguousarray(cv2.resize(image, (TILE, TILE), interpolation=cv2.INTER_CUBIC)[..., ::-1])
    places = [[(int((x + 1) / 2 * TILE), int((y + 1) / 2 * TILE)) for x, y in points] for points in (true, said)]
    for a, b in LIMBS[:10]:
        cv2.line(tile, places[0][a], places[0][b], (255, 255, 255), 1, cv2.LINE_AA)
        cv2.line(tile, places[1][a], places[1][b], limb_colour(a, b), 2, cv2.LINE_AA)
    cv2.putText(tile, f"{100 * share:.0f} %", (4, 14), cv2.FONT_HERSHEY_SIMPLEX, 0.45, (0, 255, 255), 1, cv2.LINE_AA)
    return tile


def worst(weights: str, lspet: Path, count: int, is_any: bool = False) -> Image:
    """A sheet of the validation photographs with the fewest limb joints right, worst first.

    Args:
        weights: name or folder of a bundle.
        lspet: folder of the photographs.
        count: tiles.
        is_any: evenly from all instead of the worst.
    """
    bundle = find_weights(weights)
    known = load_validation(lspet)
    crops, crop_to_frame = known.crops(bundle.input_size)
    output = run_all(open_runtime(bundle, "onnx", "cpu", threads=1), crop.normalise(crops, bundle.mean, bundle.std))
    said_px = crop.crop_units_to_frame(output.joints_2d, crop_to_frame, bundle.input_size)
    share = metrics.pck(said_px, known.joints_px, known.visible, known.side_px)
    true = crop.frame_to_crop_units(known.joints_px, crop_to_frame, bundle.input_size)
    order = np.linspace(0, len(share) - 1, count).astype(int) if is_any else np.argsort(share, kind="stable")[:count]
    tiles = [draw(crops[n], output.joints_2d[n], true[n], float(share[n])) for n in order]
    tiles += [np.zeros_like(tiles[0])] * (-len(tiles) % COLUMNS)
    rows = [np.concatenate(tiles[n : n + COLUMNS], 1) for n in range(0, len(tiles), COLUMNS)]
    return np.concatenate(rows)


def main(arguments: list[str] | None = None) -> int:
    """Runs the command line and returns its exit code."""
    parser = argparse.ArgumentParser(prog="python -m training.studies.worst", description=__doc__)
    parser.add_argument("--weights", default="open-tiny", help="name or folder of a bundle")
    parser.add_argument("--lspet", type=Path, required=True, help="folder of the LSPET photographs")
    parser.add_argument("--count", type=int, default=50)
    parser.add_argument("--any", action="store_true", help="evenly from all instead of the worst")
    parser.add_argument("-o", "--out", type=Path, required=True, help="picture file")
    given = parser.parse_args(arguments)
    try:
        sheet = worst(given.weights, given.lspet, given.count, given.any)
        if not cv2.imwrite(str(given.out), sheet):
            raise OSError(f"cannot write {given.out}")
    except (MocapError, ValueError, OSError, cv2.error) as error:
        print(f"training.studies.worst: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
