"""Scores on people that another renderer drew, which training never saw (`python -m training.pictures cycles`)."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from core.body.model import Body
from core.geometry import crops
from core.geometry.boxes import box_of_points
from core.inference.runtime import Runtime
from core.weights.bundle import WeightsBundle
from training.evaluate import rendered
from training.evaluate.report import SetScores
from training.evaluate.run_network import run_all
from training.pictures.cycles import Taken

ABOUT = "Path traced by Blender's Cycles, whole and alone; shading, floors and display transform are Blender's."


def score_cycles(runtime: Runtime, bundle: WeightsBundle, body: Body, folder: Path) -> SetScores:
    """Joint, vertex and point errors beside the rows that know nothing.

    Args:
        runtime: the network.
        bundle: its sizes.
        body: whose vertices it predicts.
        folder: of `training.pictures cycles`.
    """
    taken = Taken.open(folder)
    size = bundle.input_size
    crop_to_frame = crops.crop_matrix(box_of_points(taken.points), size, bundle.box_factor)
    pairs = zip(taken.images(), crop_to_frame, strict=True)
    images = np.stack([crops.cut(image, matrix, size)[..., ::-1] for image, matrix in pairs])
    output = run_all(runtime, crops.normalise(images, bundle.mean, bundle.std))
    points = crops.frame_to_crop_units(taken.points, crop_to_frame, size)
    inside = (np.abs(points) <= 1).all(-1)
    truth = rendered.Truth(taken.joints, taken.vertices, points, inside, taken.facing)
    rows = rendered.rows_of(output, truth, bundle, body)
    return SetScores("cycles", rendered.PROTOCOL.format(ABOUT), len(truth.facing), rows)
