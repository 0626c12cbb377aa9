"""Scores on short rendered clips: what the network says of a person from frame to frame, unsmoothed."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from core.body.model import Body
from core.body.upsample import upsample
from core.geometry import crops
from core.inference.runtime import Runtime
from core.types import Float, Int, NetworkOutput
from core.weights.bundle import WeightsBundle
from training.evaluate import metrics
from training.evaluate.baselines import a_pose, mean_of_set
from training.evaluate.rendered import ROOT
from training.evaluate.report import Score, SetScores
from training.evaluate.run_network import joined, run_all
from training.pictures.clips import SECONDS, RenderedClip, open_clips

CLIPS = "rendered-clips"
ABOUT = (
    f"One person a clip of {SECONDS:g} s at 30 frames a second, alone, facing anywhere; motions, clothes and "
    "backgrounds that nothing was trained on; every frame read by itself in its true box, nothing smoothed. mm; PA "
    "after Procrustes; Accel: error of the joints' second differences about mid-hip, mm/frame^2, for an answer that "
    "never changes the truth's own; intervals by resampling clips."
)


@dataclass(frozen=True, slots=True, eq=False)
class Truth:
    """What is known of N frames.

    Attributes:
        joints: (N, 14, 3) metres, camera axes, relative to mid-hip.
        vertices: (N, 6890, 3) the same.
        clip: (N,) which clip a frame is of; its frames lie together in order.
    """

    joints: Float
    vertices: Float
    clip: Int


def score_clips(runtime: Runtime, bundle: WeightsBundle, body: Body, folder: Path) -> SetScores:
    """Joint, vertex and acceleration errors beside the rows that know nothing.

    Args:
        runtime: the network.
        bundle: its sizes.
        body: whose vertices it predicts.
        folder: of `python -m training.pictures clips`.
    """
    clips = open_clips(folder)
    output = joined([_read(runtime, bundle, clip) for clip in clips])
    truth = Truth(
        np.concatenate([clip.truth["p0_lsp_3d"] for clip in clips]),
        np.concatenate([clip.vertices(body) for clip in clips]),
        np.repeat(np.arange(len(clips)), [len(clip) for clip in clips]),
    )
    vertices = upsample(output.coarse_vertices, body, bundle.learned_sampler())
    joints, count = body.lsp_regressor @ vertices, len(truth.clip)
    centred = vertices - joints[:, ROOT].mean(1, keepdims=True)
    still_joints, still_vertices = (np.repeat(one[None], count, 0) for one in a_pose(body))
    rows = {
        "mesh": _row(joints, centred, truth),
        "joint tokens": _row(output.joints, None, truth),
        "mean pose of the set": _row(mean_of_set(truth.joints), mean_of_set(truth.vertices), truth),
        "A-pose": _row(still_joints, still_vertices, truth),
    }
    return SetScores(CLIPS, ABOUT, len(clips), rows)


def _read(runtime: Runtime, bundle: WeightsBundle, clip: RenderedClip) -> NetworkOutput:
    size = bundle.input_size
    crop_to_frame = crops.crop_matrix(clip.truth["p0_box_px"], size, bundle.box_factor)
    pairs = zip(clip.images(), crop_to_frame, strict=True)
    images = np.stack([crops.cut(image, matrix, size)[..., ::-1] for image, matrix in pairs])
    return run_all(runtime, crops.normalise(images, bundle.mean, bundle.std))


def _row(joints: Float, vertices: Float | None, truth: Truth) -> dict[str, Score]:
    """Means of all frames; a clip is what is resampled, since its frames are alike."""
    rows = [truth.clip == number for number in np.unique(truth.clip)]
    values = {
        "MPJPE": [metrics.mpjpe(joints[one], truth.joints[one]) for one in rows],
        "PA-MPJPE": [metrics.pa_mpjpe(joints[one], truth.joints[one]) for one in rows],
    }
    if vertices is not None:
        values["MPVPE"] = [metrics.mpvpe(vertices[one], truth.vertices[one]) for one in rows]
    values["Accel"] = [metrics.acceleration_error(joints[one], truth.joints[one]) for one in rows]
    return {
        name: Score.of(np.array([v.mean() for v in clips]), np.array([len(v) for v in clips]), 1000)
        for name, clips in values.items()
    }
