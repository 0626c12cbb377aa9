"""Where a bundle looks: occlusion sensitivity maps, and each joint's error with and without an occluder.

    python -m training.studies.sensitivity --weights assets/weights/open-tiny --store stores/test -o sensitivity.png

A grey square slides over the crop of a rendered person; the map shows how much the mean joint error rises with the
square at each place (PostoMETRO, Fig. 4 and 9). Below, the error of each joint on the clear and the two occluded
tests (Fig. 10).
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from core.body.model import Body, load_body
from core.body.upsample import upsample
from core.errors import MocapError
from core.geometry.crops import IMAGENET_MEAN, normalise
from core.inference.runtime import Runtime, open_runtime
from core.types import LSP_JOINTS, Float, Image
from core.weights.bundle import WeightsBundle
from core.weights.find import find_weights
from training.evaluate import metrics
from training.evaluate.rendered import composer_of
from training.evaluate.report import Score
from training.evaluate.run_network import BATCH, run_all
from training.pictures import PictureStore
from training.studies.figures import new_figure

SETS = ("rendered-clear", "rendered-object-occluded", "rendered-person-occluded")
SQUARE, STEP = 1 / 4, 1 / 16  # of the crop's side
GREY = tuple(round(255 * channel) for channel in IMAGENET_MEAN)


@dataclass(frozen=True, slots=True)
class Wanted:
    """What to draw.

    Attributes:
        weights: name or folder of a bundle.
        store: people of the test split.
        maps: people with a map.
        people: crops of each set for the joints' errors.
    """

    weights: Path | str
    store: Path
    maps: int = 6
    people: int = 1024


@dataclass(frozen=True, slots=True, eq=False)
class Reader:
    """A bundle that reads crops.

    Attributes:
        bundle: its sizes.
        body: whose vertices it predicts.
        runtime: its network.
    """

    bundle: WeightsBundle
    body: Body
    runtime: Runtime

    def joints(self, crops: Image) -> Float:
        """(N, 14, 3) joints of the mesh in crops (N, S, S, 3) uint8 RGB, metres."""
        output = run_all(self.runtime, normalise(crops, self.bundle.mean, self.bundle.std))
        vertices = upsample(output.coarse_vertices, self.body, self.bundle.learned_sampler())
        return np.asarray(self.body.lsp_regressor @ vertices)


def corners(size: int) -> list[int]:
    """First pixel of the square along a side of the crop, from outside to outside."""
    side, step = round(SQUARE * size), round(STEP * size)
    return list(range(step - side, size - step + 1, step))


def covered(crop: Image) -> Image:
    """(K * K, S, S, 3) copies of a crop (S, S, 3), each with the square at another place, row by row."""
    size = len(crop)
    side, places = round(SQUARE * size), corners(size)
    copies = np.repeat(crop[None], len(places) ** 2, 0)
    for n, copy in enumerate(copies):
        row, column = places[n // len(places)], places[n % len(places)]
        copy[max(0, row) : row + side, max(0, column) : column + side] = GREY
    return copies


def rise_map(joints_of: Callable[[Image], Float], crop: Image, true: Float) -> Float:
    """How much the mean joint error of a person rises with the square centred at each place.

    Args:
        joints_of: (N, S, S, 3) uint8 RGB to (N, 14, 3) joints, metres.
        crop: (S, S, 3) uint8 RGB.
        true: (14, 3) joints, metres.

    Returns:
        (K, K) millimetres.
    """
    said = joints_of(np.concatenate([crop[None], covered(crop)]))
    error = 1000 * metrics.mpjpe(said, np.repeat(true[None], len(said), 0))
    count = len(corners(len(crop)))
    return np.asarray((error[1:] - error[0]).reshape(count, count))


def joint_errors(reader: Reader, store: PictureStore, name: str, people: int) -> Float:
    """(N, 14) error of every joint of the people of a set after both are put at mid-hip, metres."""
    composer = composer_of(store, reader.bundle.input_size, name)
    found = []
    for step in range(-(-people // BATCH)):
        batch = composer.batch(BATCH, step)
        rows = batch.has_person.numpy()
        said = reader.joints(batch.image.permute(0, 2, 3, 1).numpy()[rows])
        apart = metrics.mid_hip_centred(said) - metrics.mid_hip_centred(batch.lsp_3d.numpy()[rows])
        found.append(np.linalg.norm(apart, axis=-1))
    return np.concatenate(found)


def write(wanted: Wanted, path: Path) -> None:
    """Draws maps and joints' errors.

    Raises:
        MocapError: the bundle cannot be used, or matplotlib is missing.
        ValueError: the store cannot be used.
    """
    figure = new_figure(path, (2.4 * max(4, wanted.maps), 9.5))
    store = PictureStore.open(wanted.store)
    bundle = find_weights(wanted.weights)
    reader = Reader(bundle, load_body(), open_runtime(bundle, "onnx", "cpu", threads=1))
    parts = figure.subfigures(2, 1, height_ratios=[1.4, 1], squeeze=False)[:, 0]
    _draw_maps(parts[0], reader, store, wanted.maps)
    _draw_joints(parts[1].subplots(), reader, store, wanted.people)
    figure.savefig(path, dpi=100)


def _draw_joints(panel: Any, reader: Reader, store: PictureStore, people: int) -> None:
    """A bar for each joint and set."""
    for number, name in enumerate(SETS):
        errors = joint_errors(reader, store, name, people)
        told = [Score.of(column, factor=1000) for column in errors.T]
        spread = [[each.value - each.low for each in told], [each.high - each.value for each in told]]
        places = np.arange(len(told)) + (number - 1) * 0.27
        label = f"{name}, MPJPE {1000 * errors.mean():.1f}"
        panel.bar(places, [each.value for each in told], 0.27, yerr=spread, label=label, error_kw={"linewidth": 0.8})
    panel.set_xticks(range(len(LSP_JOINTS)), LSP_JOINTS, rotation=30, ha="right")
    panel.set(ylabel="error about mid-hip, mm", title="joint by joint, with 95 % intervals")
    panel.margins(y=0.3)
    panel.grid(alpha=0.3, axis="y")
    panel.legend(loc="upper center", ncols=len(SETS))


def _draw_maps(figure: Any, reader: Reader, store: PictureStore, count: int) -> None:
    """Crops above, the same crops under their maps below."""
    batch = composer_of(store, reader.bundle.input_size, SETS[0]).batch(max(BATCH, 2 * count), 0)
    rows = np.flatnonzero(batch.has_person.numpy())[:count]
    if not len(rows):
        return
    panels = figure.subplots(2, len(rows), squeeze=False)
    for place, row in enumerate(rows):
        crop = np.ascontiguousarray(batch.image[row].permute(1, 2, 0).numpy())
        rise = rise_map(reader.joints, crop, batch.lsp_3d[row].numpy())
        high = max(float(rise.max()), 1.0)
        for panel in panels[:, place]:
            panel.imshow(crop, extent=(0, 1, 1, 0))
            panel.set_axis_off()
        panels[1, place].imshow(
            rise, extent=(0, 1, 1, 0), cmap="inferno", alpha=0.65, vmin=0, vmax=high, interpolation="bilinear"
        )
        panels[1, place].set_title(f"up to +{high:.0f} mm", fontsize=9)
    side = round(SQUARE * reader.bundle.input_size)
    figure.suptitle(f"rise of the mean joint error behind a grey square of {side} px")


def main(arguments: list[str] | None = None) -> int:
    """Runs the command line and returns its exit code."""
    parser = argparse.ArgumentParser(prog="python -m training.studies.sensitivity", description=__doc__)
    parser.add_argument("--weights", default="open-tiny", help="name or folder of a bundle")
    parser.add_argument("--store", type=Path, required=True, help="rendered people of the test split")
    parser.add_argument("--maps", type=int, default=6, help="people with a map")
    parser.add_argument("--people", type=int, default=1024, help="crops of each set for the joints' errors")
    parser.add_argument("-o", "--out", type=Path, required=True, help="picture file")
    given = parser.parse_args(arguments)
    try:
        if given.maps < 1 or given.people < 1:
            raise ValueError(f"expected --maps and --people from 1, got {given.maps} and {given.people}")
        write(Wanted(given.weights, given.store, given.maps, given.people), given.out)
    except (MocapError, ValueError, OSError) as error:
        print(f"training.studies.sensitivity: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
