"""Photographs beside rendered people: never the held-out ones, the better side, weights that say what they are."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch

from tests.fixtures.photographs import write_photographs
from tests.fixtures.picture_store import small_store
from training.datasets import lspet
from training.export import bundle, network
from training.joint_orders import LSP_MIRROR
from training.losses.mesh_losses import heatmap_divergence
from training.stages.photograph_mesh import LIMBS, PhotographCrops, better_side
from training.train import main
from training.trainer.run_log import read_events


def test_training_never_sees_a_held_out_photograph(tmp_path: Path) -> None:
    folder = write_photographs(tmp_path, 9, held_out=4)
    assert lspet.load_training(folder).ids.tolist() == [5, 6, 7, 8, 9]
    assert lspet.load_validation(folder).ids.tolist() == [1, 2, 3, 4]


def test_joints_land_on_the_same_pixels_as_in_the_photograph(tmp_path: Path) -> None:
    """A photograph that is bright at its joints alone is bright at the crop's joints, flipped or not."""
    import cv2

    crops = PhotographCrops(write_photographs(tmp_path, 6, held_out=2), 64, seed=0, rank=0)
    files = []
    for joints in crops.known.joints_px:
        picture = np.zeros((80, 100, 3), np.uint8)
        for x, y in joints:
            cv2.circle(picture, (int(x), int(y)), 3, (255, 255, 255), -1)
        files.append(np.asarray(cv2.imencode(".png", picture)[1]))
    crops.files = files
    image, limbs = crops.batch(16, 0, hard=0.0)
    seen = limbs[..., 2] > 0
    assert seen.float().mean() > 0.8 and not seen.all()  # the ankle that nobody labelled
    column, row = ((limbs[..., k] + 1) / 2 * 64 for k in (0, 1))
    level = image.float().mean(1)
    at = torch.stack([level[n, row[n].long().clamp(0, 63), column[n].long().clamp(0, 63)] for n in range(16)])
    assert at[seen].median() > 3 * level.mean()


def test_exchanged_sides_are_put_right() -> None:
    torch.manual_seed(0)
    true = torch.cat([torch.rand(4, LIMBS, 2) * 1.6 - 0.8, torch.ones(4, LIMBS, 1)], 2)
    true[:, 3, 2] = 0
    maps = torch.zeros(4, LIMBS, 16, 16)
    cell = ((true[..., :2] + 1) / 2 * 16).long().clamp(0, 15)
    for n in range(4):
        maps[n, torch.arange(LIMBS), cell[n, :, 1], cell[n, :, 0]] = 9.0
    labels = true.clone()
    labels[2:] = true[2:, LSP_MIRROR[:LIMBS]]
    found = [heatmap_divergence(maps, one[..., :2]) for one in (labels, labels[:, LSP_MIRROR[:LIMBS]])]
    assert torch.equal(better_side(found[0], found[1], labels), true)


def test_stage_trains_and_its_weights_say_research_only(tmp_path: Path) -> None:
    store, photographs = str(small_store().folder), str(write_photographs(tmp_path, 6, held_out=2))
    run = tmp_path / "run"
    arguments = ["--samples", "4", "--batch", "2", "--log-steps", "1", "--size", "64", "--store", store]
    assert main(["research", "--output", str(run), *arguments, "--photographs", photographs]) == 0
    steps = [event for event in read_events(run) if event["event"] == "step"]
    assert {"photograph_heatmap", "photograph_projection", "photograph_keypoints", "vertices"} <= steps[0].keys()
    assert network.learned_photographs(run)
    from core.body.model import load_body
    from core.nets import preset

    config = bundle.bundle_config("x", preset("tiny"), load_body(), {}, is_research=True)
    assert config["commercial_use"] is False and config["licence"] == "research only"
    assert any("Leeds" in str(data) for data in config["training_data"])
