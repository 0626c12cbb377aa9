"""What several bundles make of the same rendered people, side by side, and of those that the last one reads worst.

    python -m training.studies.before_after --weights OLD NEW --store stores/test --set rendered -o sheet.jpg

A column is a person: the crop, then each bundle's mesh over it with its PA-MPJPE in mm.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import cv2
import numpy as np

from core.body.model import Body, load_body
from core.body.upsample import upsample
from core.errors import MocapError
from core.geometry.crops import normalise
from core.inference.runtime import open_runtime
from core.types import Float, Image, Int, NetworkOutput
from core.weights.bundle import WeightsBundle
from core.weights.find import find_weights
from training.evaluate import metrics
from training.evaluate.rendered import DIFFICULTY, composer_of
from training.evaluate.run_network import BATCH, run_all
from training.pictures import PictureStore
from training.pictures.body_preview import View, draw

TILE, LABEL = 176, 18
OPACITY = 0.85
PAPER_LEVEL = 0.99


def overlay(crop: Image, vertices: Float, faces: Int, camera: Float) -> Image:
    """A mesh over its crop: (TILE, TILE, 3) RGB.

    Args:
        crop: (S, S, 3) RGB.
        vertices: (V, 3) metres, camera axes, relative to the mid-hip.
        faces: (F, 3).
        camera: (3,) weak camera; u = s (x + tx) in crop units.
    """
    scale, shift = camera[0], camera[1:]
    flat = np.concatenate([scale * (vertices[:, :2] + shift), scale * vertices[:, 2:]], 1)
    upright = flat * [1, -1, -1]  # the view looks along -z with y up
    drawn = draw(upright, faces, View((0.0, 0.0, 0.0), 1.0, size=TILE)) / 255
    covered = (np.abs(drawn - drawn[0, 0]) > 1 - PAPER_LEVEL).any(-1, keepdims=True) * OPACITY
    below = cv2.resize(crop, (TILE, TILE), interpolation=cv2.INTER_CUBIC) / 255
    return np.asarray((below * (1 - covered) + drawn[..., ::-1] * covered) * 255, np.uint8)


def labelled(tile: Image, text: str) -> Image:
    """A tile with a line of text below it."""
    strip = np.zeros((LABEL, TILE, 3), np.uint8)
    cv2.putText(strip, text, (4, LABEL - 5), cv2.FONT_HERSHEY_SIMPLEX, 0.4, (255, 255, 255), 1, cv2.LINE_AA)
    return np.concatenate([tile, strip])


def sheet(weights: list[str], store: PictureStore, name: str, count: int, is_worst: bool) -> Image:
    """The sheet (H, W, 3) RGB.

    Args:
        weights: names or folders of bundles, the last one decides which people are worst.
        store: people of the test split.
        name: of `rendered.DIFFICULTY`.
        count: people.
        is_worst: those of the largest PA-MPJPE instead of evenly from all.
    """
    body, bundles = load_body(), [find_weights(one) for one in weights]
    composer = composer_of(store, bundles[-1].input_size, name)
    batches = [composer.batch(BATCH, step) for step in range(10)]
    rows = np.concatenate([batch.has_person.numpy() for batch in batches])
    crops = np.concatenate([batch.image.permute(0, 2, 3, 1).numpy() for batch in batches])[rows]
    true = np.concatenate([batch.lsp_3d.numpy() for batch in batches])[rows]
    outputs = [_read(bundle, crops) for bundle in bundles]
    meshes = [upsample(out.coarse_vertices, body, b.learned_sampler()) for out, b in zip(outputs, bundles, strict=True)]
    errors = [1000 * metrics.pa_mpjpe(body.lsp_regressor @ mesh, true) for mesh in meshes]
    order = np.argsort(-errors[-1])[:count] if is_worst else np.linspace(0, len(true) - 1, count).astype(int)
    columns = [_column(crops[n], [m[n] for m in meshes], [o.weak_camera[n] for o in outputs],
                       [f"{b.name}: {e[n]:.0f} mm" for b, e in zip(bundles, errors, strict=True)], body)
               for n in order]  # fmt: skip
    return np.concatenate(columns, 1)


def _read(bundle: WeightsBundle, crops: Image) -> NetworkOutput:
    """The answers of a bundle to crops (N, S, S, 3), which are brought to its own size first."""
    side = (bundle.input_size, bundle.input_size)
    own = np.stack([cv2.resize(crop, side, interpolation=cv2.INTER_AREA) for crop in crops])
    return run_all(open_runtime(bundle, "onnx", "cpu", threads=1), normalise(own, bundle.mean, bundle.std))


def _column(crop: Image, meshes: list[Float], cameras: list[Float], texts: list[str], body: Body) -> Image:
    enlarged = np.asarray(cv2.resize(crop, (TILE, TILE), interpolation=cv2.INTER_CUBIC), np.uint8)
    whole = labelled(enlarged, "")
    drawn = [
        labelled(overlay(crop, mesh, body.faces, camera), text)
        for mesh, camera, text in zip(meshes, cameras, texts, strict=True)
    ]
    return np.concatenate([whole, *drawn])


def main(arguments: list[str] | None = None) -> int:
    """Runs the command line and returns its exit code."""
    parser = argparse.ArgumentParser(
        prog="python -m training.studies.before_after",
        description=__doc__,
        formatter_class=argparse.RawTextHelpFormatter,
    )
    parser.add_argument("--weights", nargs="+", required=True, help="names or folders of bundles, oldest first")
    parser.add_argument("--store", type=Path, required=True, help="rendered people of the test split")
    parser.add_argument("--set", dest="name", choices=tuple(DIFFICULTY), default="rendered")
    parser.add_argument("--count", type=int, default=8)
    parser.add_argument("--worst", action="store_true", help="those whom the last bundle reads worst")
    parser.add_argument("-o", "--out", type=Path, required=True, help="picture file")
    given = parser.parse_args(arguments)
    try:
        picture = sheet(given.weights, PictureStore.open(given.store), given.name, given.count, given.worst)
        if not cv2.imwrite(str(given.out), picture[..., ::-1]):
            raise OSError(f"cannot write {given.out}")
    except (MocapError, ValueError, OSError, cv2.error) as error:
        print(f"training.studies.before_after: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
