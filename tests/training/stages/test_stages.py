"""All four stages end to end on a handful of pictures: they run, freeze what they should, and hand on."""

from __future__ import annotations

import json
from dataclasses import replace
from functools import lru_cache
from pathlib import Path
from tempfile import mkdtemp
from typing import Any

import pytest
import torch

from tests.fixtures.picture_store import small_store
from training.joint_orders import LSP_FROM_COCO
from training.losses import mesh_losses
from training.pictures import Composer
from training.stages.backbone import BackboneConfig, BackboneStage
from training.stages.classifier import lsp_of_coco
from training.stages.mesh import MeshConfig, MeshModule, MeshStage, first_of
from training.stages.picture_stage import normalised
from training.stages.tokenizer import TokenizerConfig, TokenizerStage, reconstruction_scores
from training.train import main
from training.trainer import checkpoint
from training.trainer.parallel import World

ALONE = World(0, 1, torch.device("cpu"))
SIZE = 64


@lru_cache(maxsize=1)
def runs() -> Path:
    """The whole ladder, two steps a stage, through the command line."""
    folder = Path(mkdtemp(prefix="stages-"))
    store = str(small_store().folder)
    common = ["--samples", "4", "--batch", "2", "--log-steps", "1"]
    pictured = [*common, "--size", str(SIZE), "--store", store, "--test-store", store, "--test-people", "32"]
    ladder: list[tuple[str, list[str]]] = [
        ("tokenizer", [*common, "--bank", "8", "--test-bank", "8"]),
        ("backbone", pictured),
        ("classifier", [*pictured, "--init", f"{folder}/backbone", f"{folder}/tokenizer"]),
        ("mesh", [*pictured, "--init", f"{folder}/classifier"]),
    ]
    for stage, arguments in ladder:
        assert main([stage, "--output", str(folder / stage), *arguments]) == 0
    return folder


def events(stage: str, kind: str) -> list[dict[str, Any]]:
    lines = [json.loads(line) for line in (runs() / stage / "log.jsonl").read_text().splitlines()]
    return [line for line in lines if line["event"] == kind]


@pytest.mark.parametrize(
    ("stage", "terms"),
    [
        ("tokenizer", {"joints_px", "commitment"}),
        ("backbone", {"heatmap", "soft_argmax", "joints", "parts", "rest", "facing", "person"}),
        ("classifier", {"heatmap", "tokens", "keypoints"}),
        ("mesh", {"heatmap", "tokens", "vertices", "token_joints", "regressed_joints", "projection", "edges"}),
    ],
)
def test_stage_learns_from_its_own_terms(stage: str, terms: set[str]) -> None:
    steps = events(stage, "step")
    assert len(steps) == 2
    assert terms <= steps[0].keys()
    assert all(torch.isfinite(torch.tensor(step["total"])) for step in steps)


@pytest.mark.parametrize(
    ("stage", "score"),
    [
        ("tokenizer", "perplexity"),
        ("backbone", "hard_pa_joints"),
        ("classifier", "clean_pck_points_tokens"),
        ("mesh", "hard_mpjpe_joints_mesh"),
    ],
)
def test_stage_is_scored_at_its_end(stage: str, score: str) -> None:
    assert score in events(stage, "evaluate")[-1]


def test_tokenizer_is_handed_on_unchanged() -> None:
    first = checkpoint.averaged_weights(runs() / "tokenizer")
    last = checkpoint.averaged_weights(runs() / "mesh")
    assert any(name.startswith("tokenizer.") for name in first)
    for name, value in first.items():
        assert torch.equal(last[f"net.{name}"], value), name


def test_backbone_moves_on_in_later_stages() -> None:
    name = "net.backbone.layer1.0.conv1.weight"
    stages = [checkpoint.averaged_weights(runs() / stage)[name] for stage in ("backbone", "classifier", "mesh")]
    assert not torch.equal(stages[0], stages[1]) and not torch.equal(stages[1], stages[2])


def test_backbone_stage_leaves_the_mesh_untrained() -> None:
    averaged = checkpoint.latest(runs() / "backbone")
    assert averaged is not None
    from safetensors.torch import load_file

    assert not any(name.startswith("net.mesh") for name in load_file(averaged / "ema.safetensors"))


def test_mesh_losses_at_the_truth_are_zero() -> None:
    module = MeshModule(MeshConfig(output=Path("unused")))
    batch = Composer(small_store(), SIZE, 0, difficulty=0.0).batch(4, 0)
    out = module.net(normalised(batch.image))
    true = out._replace(
        coarse_vertices=batch.coarse_vertices,
        intermediate_vertices=batch.intermediate_vertices,
        joints=batch.lsp_3d,
    )
    terms = module.mesh_terms(true, batch)
    for name in ("vertices", "token_joints", "edges"):
        assert terms[name].item() == pytest.approx(0, abs=1e-6), name
    # joints regressed from 1723 of the 6890 vertices: 10 per metre, a few millimetres
    assert terms["regressed_joints"].item() < 10 * 0.01


def test_a_share_of_the_batch_goes_through_the_transformers() -> None:
    """Equal dense losses; the mesh's are those of the first half alone."""
    config = MeshConfig(output=Path("unused"), store=small_store().folder, size=SIZE, seed=3)
    whole, half = MeshModule(config).eval(), MeshModule(replace(config, mesh_share=0.5)).eval()
    half.load_state_dict(whole.state_dict())
    batch = Composer(small_store(), SIZE, seed=0).batch(4, 0)
    with torch.no_grad():
        terms, found, expected = whole(batch), half(batch), whole(first_of(batch, 2))
    assert torch.allclose(terms["heatmap"], found["heatmap"])
    for name in ("vertices", "projection", "tokens"):
        assert torch.allclose(found[name], expected[name], rtol=1e-3)
        assert not torch.allclose(found[name], terms[name], rtol=1e-3)


def test_a_share_of_the_batches_is_covered() -> None:
    config = BackboneConfig(output=Path("unused"), store=small_store().folder, size=SIZE, batch=4)

    def seen(covered: float) -> float:
        stage = BackboneStage(replace(config, covered=covered, tumbled=0.0), ALONE)
        batches = [stage.batch(step, 0.0) for step in range(6)]
        people = torch.cat([batch.has_person for batch in batches])
        return float((torch.cat([batch.parts for batch in batches])[people] > 0).float().mean())

    none, some, every = seen(0.0), seen(0.5), seen(1.0)
    assert every < 0.85 * none and every < some < none


def test_cut_share_cuts_people_to_learn_from_and_no_test() -> None:
    store = small_store().folder
    config = BackboneConfig(
        output=Path("unused"), store=store, test_store=store, size=SIZE, batch=16, covered=0.0, test_people=32
    )
    none, every = (BackboneStage(replace(config, cut=share), ALONE) for share in (0.0, 1.0))
    inside = [float((stage.batch(0, 0.0).coco_2d[..., 2] > 0).float().mean()) for stage in (none, every)]
    assert inside[1] < 0.9 * inside[0]
    for name, batches in none.tests.items():
        assert all(torch.equal(a.image, b.image) for a, b in zip(batches, every.tests[name], strict=True)), name


def test_losses_of_cut_people_are_finite() -> None:
    config = MeshConfig(output=Path("unused"), store=small_store().folder, size=SIZE, seed=3)
    module = MeshModule(config)
    terms = module(Composer(small_store(), SIZE, seed=0, cut=1.0).batch(4, 0))
    torch.stack(list(terms.values())).sum().backward()
    assert all(torch.isfinite(term) for term in terms.values())
    assert all(torch.isfinite(p.grad).all() for p in module.parameters() if p.grad is not None)


def test_same_step_gives_the_same_pictures() -> None:
    config = MeshConfig(output=Path("unused"), store=small_store().folder, size=SIZE, batch=2)
    first, again = (MeshStage(config, ALONE).batch(3, 0.5) for _ in range(2))
    assert torch.equal(first.image, again.image)
    assert torch.equal(first.lsp_3d, again.lsp_3d)


def test_pictures_get_harder_as_the_run_goes_on() -> None:
    config = BackboneConfig(output=Path("unused"), store=small_store().folder, size=SIZE, batch=2)
    stage = MeshStage(MeshConfig(**{k: getattr(config, k) for k in ("output", "store", "size", "batch")}), ALONE)
    stage.batch(0, 0.0)
    easy = stage.is_hard
    stage.batch(0, 0.9)
    assert (easy, stage.is_hard) == (0.0, 1.0)


def test_tokenizer_processes_share_the_poses_of_a_step() -> None:
    config = TokenizerConfig(output=Path("unused"), bank=8, test_bank=8, batch=4)
    stages = [TokenizerStage(config, World(rank, 2, torch.device("cpu"))) for rank in (0, 1)]
    whole = stages[0].bank.draw(8, 5)
    assert torch.equal(torch.cat([stage.batch(5, 0.0) for stage in stages]), whole)


def test_perfect_reconstruction_has_no_error() -> None:
    joints = torch.cat([torch.rand(4, 17, 2) - 0.5, torch.ones(4, 17, 1)], -1)
    assert set(reconstruction_scores(joints[..., :2], joints).values()) == {0.0}


def test_reconstruction_error_is_a_share_of_the_box() -> None:
    joints = torch.zeros(1, 17, 3)
    joints[0, :, 0], joints[0, :, 2] = torch.linspace(-0.5, 0.5, 17), 1  # a box 1.1 wide
    moved = joints[..., :2] + torch.tensor([0.0, 0.11])
    assert reconstruction_scores(moved, joints)["error_percent_of_box"] == pytest.approx(10, rel=1e-4)


def test_lsp_of_coco_takes_each_limb_from_its_own_side() -> None:
    keypoints = torch.arange(17.0)[None, :, None].expand(1, 17, 2)
    lsp = lsp_of_coco(keypoints)[0, :, 0]
    assert lsp[:12].tolist() == list(LSP_FROM_COCO)
    assert (lsp[0], lsp[5], lsp[12]) == (16, 15, 5.5)  # right ankle, left ankle, between the shoulders


def test_normalised_grey_is_near_zero_and_channels_last() -> None:
    image = normalised(torch.full((2, 3, 8, 8), 116, dtype=torch.uint8))
    assert image.abs().max() < 0.3
    assert image.is_contiguous(memory_format=torch.channels_last)


def test_facing_loss_counts_people_alone() -> None:
    module = MeshModule(MeshConfig(output=Path("unused")))
    batch = Composer(small_store(), SIZE, 0, difficulty=0.0).batch(4, 0)
    nobody = type(batch)(**{
        name: torch.zeros_like(value) if name == "has_person" else value
        for name, value in ((n, getattr(batch, n)) for n in batch.__slots__)
    })  # fmt: skip
    terms = module.dense_terms(module.net.read_pose(normalised(batch.image)), nobody)
    assert terms["facing"] == 0 and terms["joints"] == 0
    assert mesh_losses.facing_bins(batch.facing, 16).max() < 16
