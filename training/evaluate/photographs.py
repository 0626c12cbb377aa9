"""Scores on photographs with 2D labels: how many limb joints are where they should be."""

from __future__ import annotations

from pathlib import Path
from typing import Protocol

import numpy as np

from core.body.model import Body
from core.body.upsample import upsample
from core.geometry.crops import crop_units_to_frame, normalise
from core.inference.runtime import Runtime
from core.types import Bool, Float, Image
from core.weights.bundle import WeightsBundle
from training.datasets.everyday import load_everyday
from training.datasets.lspet import load_validation
from training.evaluate import metrics
from training.evaluate.baselines import a_pose, anywhere_in_boxes, in_boxes
from training.evaluate.report import Score, SetScores
from training.evaluate.run_network import lsp_of_coco, projected, run_all

ABOUT = (
    "Leeds Sports Pose Extended, photographs that nothing was trained on. PCK: visible limb joints within 0.1 of "
    "the box's longer side, per cent; either: the better of the two left-right assignments of each person; OKS as "
    "COCO's, per cent."
)
EVERYDAY, EVERYDAY_HIDDEN = "everyday", "everyday-hidden"
ABOUT_EVERYDAY = (
    "Photographs of COCO, for measuring only; crops about COCO's boxes. PCK: labelled limb joints within 0.1 of the "
    "box's longer side, per cent; either and OKS as on lspet."
)
ABOUT_HIDDEN = f"Of everyday, who shows at most eight of the twelve limb joints: hidden or cut. {ABOUT_EVERYDAY}"
CHANCE_DRAWS = 20


class LabelledPeople(Protocol):
    """People in photographs with 2D joints."""

    @property
    def joints_px(self) -> Float:
        """(N, 14, 2) LSP order, frame pixels."""

    @property
    def visible(self) -> Bool:
        """(N, 14) joints that count."""

    @property
    def boxes_px(self) -> Float:
        """(N, 4) xywh."""

    @property
    def side_px(self) -> Float:
        """(N,) longer side of each box."""

    def crops(self, size: int) -> tuple[Image, Float]:
        """(N, size, size, 3) uint8 RGB, and (N, 2, 3) crop to frame."""


def score_photographs(runtime: Runtime, bundle: WeightsBundle, body: Body, folder: Path) -> SetScores:
    """PCK of everything that the network says in 2D.

    Args:
        runtime: the network.
        bundle: its sizes.
        body: whose A-pose is the row to beat.
        folder: images.tar, joints.npz, split.json.
    """
    people = load_validation(folder)
    return SetScores("lspet", ABOUT, len(people.boxes_px), _rows(runtime, bundle, body, people))


def score_everyday(runtime: Runtime, bundle: WeightsBundle, body: Body, folder: Path, name: str) -> SetScores:
    """The same on everyday photographs.

    Args:
        runtime: the network.
        bundle: its sizes.
        body: whose A-pose is the row to beat.
        folder: images.tar, people.json.
        name: `EVERYDAY`, or `EVERYDAY_HIDDEN` for the half hidden alone.
    """
    people = load_everyday(folder)
    people = people.only(people.is_half_hidden) if name == EVERYDAY_HIDDEN else people
    about = ABOUT_HIDDEN if name == EVERYDAY_HIDDEN else ABOUT_EVERYDAY
    return SetScores(name, about, len(people.boxes_px), _rows(runtime, bundle, body, people))


def _rows(
    runtime: Runtime, bundle: WeightsBundle, body: Body, photographs: LabelledPeople
) -> dict[str, dict[str, Score]]:
    """Every way of the network to answer in 2D, and the ways that know nothing."""
    crops, crop_to_frame = photographs.crops(bundle.input_size)
    output = run_all(runtime, normalise(crops, bundle.mean, bundle.std))

    def in_frame(points: Float) -> Float:
        return crop_units_to_frame(points, crop_to_frame, bundle.input_size)

    boxes = photographs.boxes_px
    mesh = body.lsp_regressor @ upsample(output.coarse_vertices, body, bundle.learned_sampler())
    return {
        "heatmaps": _scores(in_frame(output.joints_2d), photographs),
        "pose tokens": _scores(in_frame(lsp_of_coco(output.keypoints)), photographs),
        "projected 3D joints": _scores(in_frame(projected(output)), photographs),
        "mesh": _scores(in_frame(projected(output, mesh)), photographs),
        "A-pose in the box": _scores(in_boxes(a_pose(body)[0][:, :2], boxes), photographs),
        "chance": _chance(photographs),
    }


def _scores(points_px: Float, photographs: LabelledPeople) -> dict[str, Score]:
    truth = photographs.joints_px, photographs.visible, photographs.side_px
    weights = photographs.visible[:, metrics.LIMBS].sum(1)
    return {
        "PCK": Score.of(metrics.pck(points_px, *truth), weights, 100),
        "PCK either": Score.of(metrics.pck_better_side(points_px, *truth), weights, 100),
        "OKS": Score.of(metrics.oks(points_px, *truth[:2], _areas(photographs)), weights, 100),
    }


def _areas(photographs: LabelledPeople) -> Float:
    return np.asarray(metrics.BODY_SHARE * photographs.boxes_px[:, 2:].prod(1))


def _chance(photographs: LabelledPeople) -> dict[str, Score]:
    """Points anywhere in the box; each person's mean over several draws."""
    rng = np.random.default_rng(0)
    truth = photographs.joints_px, photographs.visible, photographs.side_px
    draws = [anywhere_in_boxes(photographs.boxes_px, 14, rng) for _ in range(CHANCE_DRAWS)]
    weights = photographs.visible[:, metrics.LIMBS].sum(1)
    as_is = np.mean([metrics.pck(draw, *truth) for draw in draws], axis=0)
    either = np.mean([metrics.pck_better_side(draw, *truth) for draw in draws], axis=0)
    similar = np.mean([metrics.oks(draw, *truth[:2], _areas(photographs)) for draw in draws], axis=0)
    return {
        "PCK": Score.of(as_is, weights, 100),
        "PCK either": Score.of(either, weights, 100),
        "OKS": Score.of(similar, weights, 100),
    }
