"""A preset learns people by heart: the frozen part is computed once and stays, runs go on, misses are said."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from tests.fixtures.people import made_up_people
from training.datasets import writers
from training.studies import overfit
from training.studies.overfit import OverfitConfig, backbone_config, head_config, mesh_config, tokenizer_config
from training.studies.overfit_backbone import BackboneStage, smaller_at
from training.studies.overfit_people import Rounds, everybody
from training.studies.overfit_stages import CachedMeshStage, HeadStage, Thrift, sameness
from training.trainer import checkpoint
from training.trainer.run_log import read_events

PEOPLE = 6


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run whose people are there already."""
    run = tmp_path_factory.mktemp("overfit")
    writers.write_metro(run / "metro/coco_smpl", "train", made_up_people(PEOPLE))
    (run / "people.yaml").write_text("sets:\n  - {name: metro-coco, folder: metro}\n")
    return run


def command(run: Path, *more: str) -> int:
    short = ("--poses", "12", "--heads", "12", "--samples", "12", "--batch", "3", "--log-steps", "1")
    return overfit.main(["--output", str(run), "--preset", "resnet50-debug", "--people", str(PEOPLE), *short, *more])


@pytest.fixture
def begun(folder: Path) -> Path:
    """The same run with a tokenizer and a head, whichever test came first."""
    if checkpoint.latest(folder / "head") is None:
        command(folder)
    return folder


def test_everybody_comes_once_a_round_in_another_order() -> None:
    rounds = Rounds(people=6, batch=4, seed=1)
    numbers = torch.cat([rounds.rows(step) for step in range(6)]).view(4, 6)
    assert (numbers.sort(1).values == torch.arange(6)).all()
    assert not torch.equal(numbers[0], numbers[1])


@pytest.mark.slow
def test_command_learns_scores_says_what_is_missed_and_goes_on(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert command(folder) == 1
    told = capsys.readouterr()
    assert f"resnet50-debug, {PEOPLE} people learned by heart: MPVPE / MPJPE / PA-MPJPE" in told.out
    assert told.err == "training.studies.overfit: MPJPE is not below 20 mm: go on with more --samples or --minutes\n"
    assert command(folder, "--samples", "18") == 1
    steps = [event["step"] for event in read_events(folder / "mesh") if event["event"] == "step"]
    assert steps == [1, 2, 3, 4, 5, 6]
    assert command(folder, "--samples", "18", "--target-mm", "100000") == 0  # nothing is left to learn
    assert len([event for event in read_events(folder / "mesh") if event["event"] == "step"]) == len(steps)


@pytest.mark.slow
def test_what_is_computed_once_is_what_the_network_says(begun: Path) -> None:
    config = OverfitConfig(begun, preset="resnet50-debug", people=PEOPLE, batch=3)
    mix = overfit.write_people(config)
    people = everybody(mix, 256)
    stage = CachedMeshStage(mesh_config(config, mix), people, target_mm=1.0, scored=4)
    names = set(stage.module.state_dict())
    assert not any(name.startswith(("net.pose_backbone.", "net.classifier.")) for name in names)
    kept = begun / "kept.safetensors"
    head = HeadStage(head_config(config, mix), people, kept)
    again = HeadStage(head_config(config, mix), people, kept)
    assert kept.is_file() and torch.equal(again.features, head.features)
    other = CachedMeshStage(mesh_config(config, mix), people, 1.0, 4, Thrift(kept=kept))
    assert torch.allclose(other.logits, stage.logits, atol=1e-4)
    said, _ = head.module.eval().read(people.pictures.image[:2])
    assert said.shape == stage.logits[:2].shape and head.features.shape[0] == PEOPLE
    assert checkpoint.latest(tokenizer_config(config, mix).output) is not None


@pytest.mark.slow
def test_frozen_backbone_is_computed_once_and_stays(begun: Path) -> None:
    config = OverfitConfig(begun, preset="resnet50-debug", people=PEOPLE, batch=1, frozen_backbone=True)
    mix = overfit.write_people(config)
    people = everybody(mix, 256)
    stage = CachedMeshStage(mesh_config(config, mix), people, 1.0, 4, Thrift(is_backbone_frozen=True))
    assert stage.features is not None
    stage.module.train()
    again = stage.network.features(people.pictures.image)
    assert torch.allclose(stage.features, again, atol=1e-5)
    assert float(again.std()) > 0.1  # its norms know the people
    assert not any(p.requires_grad for p in stage.network.net.backbone.parameters())
    terms = stage.module(stage.batch(0, 0.0))
    torch.stack(list(terms.values())).sum().backward()
    assert all(p.grad is None for p in stage.network.net.backbone.parameters())
    assert stage.network.net.mesh.vertex_tokens.grad is not None


@pytest.mark.slow
def test_few_vertices_at_first_all_in_turn_and_then_all(begun: Path) -> None:
    config = OverfitConfig(begun, preset="resnet50-debug", people=PEOPLE, batch=2)
    mix = overfit.write_people(config)
    thrift = Thrift(few_samples=8, few_parts=4)
    stage = CachedMeshStage(mesh_config(config, mix), everybody(mix, 256), 1.0, 4, thrift)
    few = [stage.batch(step, 0.0) for step in range(4)]
    taking_part = torch.cat([batch.asked.vertices for batch in few if batch.asked is not None])
    assert torch.equal(taking_part.sort().values, torch.arange(431))
    assert stage.batch(4, 0.0).asked is None
    grads = []
    for batch in few[:2]:
        stage.module.zero_grad()
        torch.stack(list(stage.module(batch).values())).sum().backward()
        grads.append(stage.network.net.mesh.vertex_tokens.grad.clone().abs().sum(1) > 0)
    for batch, touched in zip(few[:2], grads, strict=True):
        assert batch.asked is not None
        assert torch.equal(touched.nonzero().flatten(), batch.asked.vertices)


def test_sameness_is_one_where_people_differ_in_brightness_alone() -> None:
    rng = torch.Generator().manual_seed(0)
    one, many = torch.rand(40, 1, generator=rng), torch.rand(40, 16, generator=rng)
    maps = [means[:, :, None, None].expand(-1, 16, 2, 2) for means in (one, many)]
    assert sameness(maps[0]) == pytest.approx(1.0, abs=1e-5)
    assert 1 / 16 <= sameness(maps[1]) < 0.3


def test_crops_grow_to_their_full_size() -> None:
    assert [smaller_at(progress) for progress in (0.0, 0.69, 0.71, 0.93, 0.95, 1.0)] == [4, 4, 2, 2, 1, 1]


@pytest.mark.slow
def test_backbone_learns_alone_and_the_mesh_goes_on_from_it(folder: Path) -> None:
    assert command(folder, "--backbone", "18", "--frozen-backbone") == 1
    config = OverfitConfig(folder, preset="resnet50-debug", people=PEOPLE, batch=3, backbone=18)
    mix = overfit.write_people(config)
    people = everybody(mix, 256)
    learned = checkpoint.averaged_weights(folder / "backbone")
    mesh = CachedMeshStage(mesh_config(config, mix), people, 1.0, 4)
    own = mesh.module.state_dict()
    shared = {name for name in learned if not name.startswith("to_")}
    assert {name.split(".")[1] for name in shared} == {"backbone", "mesh"} and shared <= set(own)
    for name in shared:
        assert torch.equal(own[name], learned[name]), name
    fresh = BackboneStage(backbone_config(config), people).module.state_dict()
    assert all(not fresh[name].any() for name in fresh if name.endswith("bn3.weight"))
    assert any(learned[name].any() for name in learned if name.endswith("bn3.weight"))


@pytest.mark.slow
def test_backbone_learns_who_is_who(folder: Path) -> None:
    config = OverfitConfig(folder, preset="resnet50-debug", people=PEOPLE)
    stage = BackboneStage(backbone_config(config), everybody(overfit.write_people(config), 256))
    optimizer = torch.optim.AdamW(stage.module.parameters(), lr=3e-3)
    totals = []
    for step in range(30):
        optimizer.zero_grad()
        terms = stage.module.train()(stage.batch(step, 0.0))
        total = torch.stack(list(terms.values())).sum()
        total.backward()
        optimizer.step()
        totals.append(float(total.detach()))
    assert totals[-1] < 0.5 * totals[0]
    with torch.no_grad():
        assert set(stage.evaluate()) == {"mpjpe", "known_percent"}
