"""A stage on a trunk that stays as it is, with bodies beside the pictures."""

from __future__ import annotations

import json
from functools import lru_cache
from pathlib import Path
from tempfile import mkdtemp

import numpy as np
import pytest
import torch

from core.body.model import load_body
from core.nets.heatmaps import HeatmapReading
from core.nets.movenet import MoveNetBackbone
from tests.fixtures.picture_store import small_store
from training.motions import PoseSampler
from training.pictures import Composer, PictureBatch
from training.stages import mesh
from training.stages.frozen_trunk import FrozenTrunk
from training.stages.picture_stage import PicturedConfig, PicturedModule
from training.stages.posed_points import BodyBank, ErrorPatterns, PosedPoints
from training.train import main
from training.trainer import checkpoint

SIZE = 64
FLOAT32_NOISE = 2e-3
"""Of the largest value: two runtimes over thirty layers."""
POINTS = 19


@lru_cache(maxsize=1)
def run() -> Path:
    """Two steps of the mesh stage, and the weights that they started from beside them."""
    folder = Path(mkdtemp(prefix="frozen-"))
    store = str(small_store().folder)
    before = mesh.PATTERN_BATCHES
    mesh.PATTERN_BATCHES = 6
    try:
        arguments = [
            "--preset",
            "base",
            "--size",
            str(SIZE),
            "--store",
            store,
            "--frozen",
            "--posed",
            "3",
            "--bank",
            "8",
        ]
        common = ["--samples", "4", "--batch", "2", "--log-steps", "1", "--precision", "fp32", "--covered", "0"]
        assert main(["mesh", "--output", str(folder / "first"), *arguments, *common, "--lr", "0"]) == 0
        start = ["--init", str(folder / "first")]
        assert main(["mesh", "--output", str(folder / "second"), *arguments, *common, *start, "--seed", "2"]) == 0
    finally:
        mesh.PATTERN_BATCHES = before
    return folder


def test_frozen_trunk_and_heatmaps_stay_and_the_rest_learns() -> None:
    first, second = (checkpoint.averaged_weights(run() / name) for name in ("first", "second"))
    frozen = [name for name in second if name.startswith(("net.backbone.trunk.", "net.heatmap_head.own."))]
    assert len(frozen) > 100 and all(torch.equal(first[name], second[name]) for name in frozen)
    for name in ("net.backbone.conv_mix.weight", "net.heatmap_head.more.weight", "net.mesh.to_xyz.weight"):
        assert not torch.equal(first[name], second[name])


def test_steps_tell_the_terms_of_pictures_and_of_bodies() -> None:
    lines = [json.loads(line) for line in (run() / "second" / "log.jsonl").read_text().splitlines()]
    step = next(line for line in lines if line["event"] == "step")
    assert {"heatmap", "vertices", "posed_vertices", "posed_projection"} <= step.keys()
    assert not {"parts", "rest", "tokens"} & step.keys()


@torch.no_grad()
def test_frozen_trunk_answers_as_torch_does() -> None:
    torch.manual_seed(0)
    backbone = MoveNetBackbone(32).eval()
    image = torch.rand(2, 3, SIZE, SIZE) * 2 - 1
    for ours, theirs in zip(FrozenTrunk(backbone, SIZE)(image), backbone.frozen_maps(image), strict=True):
        assert float((ours - theirs).abs().max()) <= FLOAT32_NOISE * float(theirs.abs().max())


def test_frozen_without_a_trunk_from_elsewhere_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="--frozen needs a trunk"):
        PicturedModule(PicturedConfig(output=tmp_path, frozen=True))


@lru_cache(maxsize=1)
def _bodies() -> PosedPoints:
    body = load_body()
    patterns = _patterns(np.zeros((80, POINTS, 2)))
    return PosedPoints(body, BodyBank.sampled(body, PoseSampler(None), 6, 0), patterns, 0)


def _patterns(error: np.ndarray) -> ErrorPatterns:
    shape = error.shape[:2]
    return ErrorPatterns(error, np.full((*shape, 2), 0.9), np.full(shape, 0.8), np.ones(shape, np.bool_))


def test_bodies_are_the_same_for_the_same_step_and_others_for_the_next() -> None:
    once, again, later = (_bodies().batch(4, 0, step) for step in (7, 7, 8))
    assert torch.equal(once.reading.points, again.reading.points)
    assert not torch.equal(once.reading.points, later.reading.points)


def test_points_without_errors_are_the_joints_of_the_body() -> None:
    batch = _bodies().batch(16, 0, 0)
    inside = batch.truth.coco_2d[..., 2] > 0
    apart = (batch.reading.points[:, :17] - batch.truth.coco_2d[..., :2]).abs().amax(-1)
    assert bool(inside.any()) and float(apart[inside].max()) < 1e-5


def test_bodies_joints_are_those_of_their_vertices() -> None:
    body, batch = load_body(), _bodies().batch(16, 0, 1)
    regressor = np.asarray(body.up_1723.T @ body.lsp_regressor.T).T
    apart = np.linalg.norm(regressor @ batch.truth.intermediate_vertices.numpy() - batch.truth.lsp_3d.numpy(), axis=-1)
    assert apart.max() < 0.02  # the body's own sampler; left for right would be tens of centimetres


def test_joint_outside_the_crop_is_where_the_network_puts_such_joints() -> None:
    patterns = ErrorPatterns(
        np.zeros((80, POINTS, 2)), np.full((80, POINTS, 2), 0.4), np.linspace(0, 1, 80 * POINTS).reshape(80, POINTS),
        np.tile([[True], [False]], (40, POINTS)),
    )  # fmt: skip
    true = np.full((5, POINTS, 2), 0.1)
    true[:, 3] = 1.7
    points, _ = patterns.applied(true, np.random.default_rng(0))
    assert np.allclose(points[:, 3], 0.4) and np.allclose(points[:, 4], 0.1)


def test_errors_are_measured_on_people_alone() -> None:
    batch = small_batch()
    true = torch.cat([batch.coco_2d, batch.lsp_2d[:, 12:]], 1)[..., :2]
    said = HeatmapReading(true + 0.25, torch.ones(true.shape[:2]), torch.zeros(0))
    measured = ErrorPatterns.measured([batch], lambda _: said)
    assert len(measured.error) == int(batch.has_person.sum())
    assert np.allclose(measured.error, 0.25)


def small_batch() -> PictureBatch:
    return Composer(small_store(), SIZE, 0, difficulty=0.5).batch(16, 0)


def test_too_few_patterns_are_refused() -> None:
    body = load_body()
    with pytest.raises(ValueError, match="people to take errors from"):
        PosedPoints(body, _bodies().bank, _patterns(np.zeros((3, POINTS, 2))), 0)
