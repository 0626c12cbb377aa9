"""The rotation head's stage: what it learns from, what stays as it was, and the bundle that comes out."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnxruntime
import pytest
import torch

from core.nets import DeployedOutput, output_names, project
from core.weights.find import find_weights
from tests.fixtures.small_bones import PEOPLE, make_cache, make_vocabulary
from training.export import bones as export
from training.motions.rotation_vectors import MIRROR
from training.stages.bones import BonesConfig, BonesModule, BonesStage
from training.stages.bones_cache import SETS, TRAIN, BoneCache
from training.stages.bones_pseudo_truth import PSEUDO, Bender, bend_all, load_rotation_thresholds, thresholds_of
from training.trainer.loop import Trainer
from training.trainer.parallel import World

FLOAT32_NOISE = 1e-4
COARSE_JOINTS = 1e-3  # metres; joints of the upsampled coarse mesh against those of the whole
HERE = World(0, 1, torch.device("cpu"))


@pytest.fixture(scope="module")
def config(tmp_path_factory: pytest.TempPathFactory) -> BonesConfig:
    folder = tmp_path_factory.mktemp("bones")
    return BonesConfig(
        output=folder / "run",
        cache=(make_cache(folder / "cache"),),
        vocabulary=make_vocabulary(folder / "vocabulary"),
        samples=12,
        batch=4,
        precision="fp32",
        log_steps=1,
    )


@pytest.fixture(scope="module")
def stage(config: BonesConfig) -> BonesStage:
    return BonesStage(config, HERE)


@pytest.fixture(scope="module")
def finished(config: BonesConfig) -> Path:
    assert Trainer(BonesStage(config, HERE), config, HERE).run() == 0
    return config.output


def _shifted(stage: BonesStage, by: float) -> tuple[BonesModule, object, tuple[torch.Tensor, ...]]:
    rows = stage.batch(0, 0.0)
    said = stage.module.pose(rows.rotations, rows.betas)
    return stage.module, rows, (said[0], said[1] + by, said[2])


def test_agreement_is_zero_at_the_truth_and_not_beside_it(stage: BonesStage) -> None:
    module, rows, said = _shifted(stage, 0.0)
    assert module.agreement_terms(said, rows)["agreement"] < COARSE_JOINTS
    module, rows, said = _shifted(stage, 0.05)
    assert module.agreement_terms(said, rows)["agreement"] == pytest.approx(0.025, abs=COARSE_JOINTS)


def test_labelled_losses_are_zero_at_the_truth(stage: BonesStage) -> None:
    rows = stage.batch(0, 0.0)
    bones = stage.module.head(rows.evidence)._replace(rotations=rows.rotations, betas=rows.betas)
    said = stage.module.pose(rows.rotations, rows.betas)
    terms = stage.module.labelled_terms(bones, said, said, rows)
    assert max(float(terms[name]) for name in ("rotations", "joints", "vertices", "betas")) < 1e-3


def test_gradients_reach_the_head_and_nothing_else(stage: BonesStage) -> None:
    torch.stack(list(stage.module(stage.batch(0, 0.0)).values())).sum().backward()
    reached = {name for name, value in stage.module.named_parameters() if value.grad is not None}
    meant = {name for name, value in stage.module.named_parameters() if value.requires_grad}
    stage.module.zero_grad(set_to_none=True)
    assert reached == meant
    assert all(name.startswith("net.rotation_head.") and ".tokenizer." not in name for name in meant)


def test_frozen_parts_stay_frozen_in_training_and_evaluation(config: BonesConfig) -> None:
    stage = BonesStage(config, HERE)
    before = {name: value.clone() for name, value in stage.module.net.state_dict().items()}
    trainer = Trainer(stage, replace(config, output=config.output.with_name("frozen")), HERE)
    trainer._train_step()
    modes = [part.training for part in stage.module.modules()]
    trainer.evaluate()
    assert [part.training for part in stage.module.modules()] == modes
    head = stage.module.head
    assert head.training and not head.tokenizer.training and not stage.module.net.backbone.training
    after = stage.module.net.state_dict()
    changed = {name for name, value in before.items() if not torch.equal(value, after[name])}
    assert changed and all(
        name.startswith("rotation_head.") and not name.startswith("rotation_head.tokenizer.") for name in changed
    )


def test_resumed_run_ends_as_an_unbroken_one(config: BonesConfig, finished: Path) -> None:
    run = config.output.with_name("resumed")
    short = replace(config, output=run, samples=8, schedule="constant")
    whole = replace(short, samples=12, output=config.output.with_name("whole"))
    assert Trainer(BonesStage(short, HERE), short, HERE).run() == 0
    again = replace(short, samples=12, resume=True)
    resumed, unbroken = Trainer(BonesStage(again, HERE), again, HERE), Trainer(BonesStage(whole, HERE), whole, HERE)
    assert resumed.ema.steps == 2
    assert resumed.run() == unbroken.run() == 0
    for name, value in unbroken.ema.state().items():
        assert torch.equal(value, resumed.ema.state()[name]), name


def test_every_person_comes_once_a_round_and_nobody_never(stage: BonesStage) -> None:
    people = BoneCache(stage.config.cache[0] / TRAIN).people
    assert len(people) == PEOPLE - PEOPLE // 8 == len(stage.index)
    betas = torch.cat([stage.batch(step, 0.0).betas for step in range(len(people))])
    assert len(betas.unique(dim=0)) == len(people)


def test_evaluation_scores_every_set(stage: BonesStage) -> None:
    stage.module.eval()
    with torch.no_grad():
        scores = stage.evaluate()
    stage.module.train()
    assert {name.split("_")[0] for name in scores} == {name.removeprefix("rendered-") for name in SETS}
    assert all(np.isfinite(value) and value >= 0 for value in scores.values())


def test_tals_pulls_less_below_its_thresholds_where_labels_are_pseudo_truth(config: BonesConfig) -> None:
    bend_all(config.cache[0])
    terms = {}
    for labels, kind in (("pseudo", "off"), ("pseudo", "hard"), ("true", "hard")):
        stage = BonesStage(replace(config, labels=labels, tals=kind), HERE)
        rows = stage.batch(0, 0.0)
        near = rows.rotations.clone()  # nothing is off by more than a threshold
        bones = stage.module.head(rows.evidence)._replace(rotations=near, betas=rows.betas)
        turned = replace(rows, rotations=near @ _small_turn())
        said, true = (stage.module.pose(each, rows.betas) for each in (near, turned.rotations))
        terms[labels, kind] = stage.module.labelled_terms(bones, said, true, turned)
    plain, scaled, true_labels = terms.values()
    assert float(scaled["rotations"]) == pytest.approx(0.1 * float(plain["rotations"]), rel=0.01)
    assert float(scaled["joints"]) < 0.5 * float(plain["joints"]) and float(scaled["vertices"]) == 0
    assert float(true_labels["rotations"]) == pytest.approx(float(plain["rotations"]), rel=0.01)


def _small_turn() -> torch.Tensor:
    angle = torch.tensor(float(load_rotation_thresholds().min()) / 50)
    cosine, sine = angle.cos(), angle.sin()
    return torch.tensor([[cosine, -sine, 0.0], [sine, cosine, 0.0], [0.0, 0.0, 1.0]])


def test_pseudo_truth_projects_nearer_than_the_truth(config: BonesConfig) -> None:
    cache = BoneCache(config.cache[0] / TRAIN)
    rows = cache.rows(cache.people)
    shifted = replace(rows, lsp_2d=rows.lsp_2d + 0.03 * torch.randn(14, 3, generator=torch.Generator().manual_seed(0)))
    bender = Bender()
    bent, camera = bender.bend(shifted)
    misses = [
        (project(bender.joints(pose, rows.betas), seen_by) - shifted.lsp_2d[..., :2]).norm(dim=-1).mean()
        for pose, seen_by in ((rows.rotations, rows.evidence.weak_camera), (bent, camera))
    ]
    assert misses[1] < 0.8 * misses[0]
    assert torch.allclose(torch.linalg.det(bent), torch.ones(bent.shape[:2]), atol=FLOAT32_NOISE)


def test_thresholds_are_alike_left_and_right_and_pseudo_labels_lie_by_row(config: BonesConfig) -> None:
    angles, _ = bend_all(config.cache[0])
    found = np.array(thresholds_of(angles))
    assert np.allclose(found, found[MIRROR[:22]])
    stored = np.load(config.cache[0] / TRAIN / PSEUDO)
    assert len(stored) == PEOPLE and np.array_equal(stored[0], np.tile(np.eye(3, dtype=np.float32), (24, 1, 1)))


def test_stage_without_cache_or_vocabulary_says_what_is_missing(config: BonesConfig) -> None:
    with pytest.raises(ValueError, match="expected --cache"):
        BonesStage(replace(config, vocabulary=None), HERE)
    with pytest.raises(ValueError, match="rotation-preset"):
        BonesStage(replace(config, rotation_preset="none"), HERE)


@pytest.fixture(scope="module")
def exported(finished: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    target = tmp_path_factory.mktemp("weights") / "with-bones"
    assert export.export(finished, "open-tiny", target, "with-bones")
    return target


def test_exported_bundle_answers_thirteen_arrays_and_the_nine_as_before(exported: Path) -> None:
    session = onnxruntime.InferenceSession(exported / "model.onnx", providers=["CPUExecutionProvider"])
    names = [output.name for output in session.get_outputs()]
    assert names[:9] == list(DeployedOutput._fields) and len(names) == 13
    assert export.change_of_mesh(find_weights("open-tiny"), exported) < FLOAT32_NOISE


def test_exported_bundle_names_its_vocabulary_and_keeps_its_scores(exported: Path) -> None:
    config, base = (
        json.loads((folder / "config.json").read_text()) for folder in (exported, find_weights("open-tiny").folder)
    )
    assert config["rotation_tokens"] == {"tokens": 40, "codes": 512}
    assert config["scores"] == base["scores"] and config["commercial_use"] == base["commercial_use"]
    assert {export.ENCODER, export.DECODER, "model.onnx"} < set(config["files"])
    card = (exported / "README.md").read_text()
    assert "thirteen named arrays out" in card and "bones_decoder.onnx" in card and "train bones" in card


def test_exported_vocabulary_decodes_what_it_encodes(exported: Path) -> None:
    encoder, decoder = (
        onnxruntime.InferenceSession(exported / name, providers=["CPUExecutionProvider"])
        for name in (export.ENCODER, export.DECODER)
    )
    for batch in (1, 5):
        ids = np.random.default_rng(batch).integers(0, 512, (batch, 40))
        rotations = decoder.run(None, {"token_ids": ids})[0]
        assert rotations.shape == (batch, 21, 3, 3)
        assert np.allclose(np.linalg.det(rotations), 1, atol=FLOAT32_NOISE)
        again = encoder.run(None, {"rotations": rotations})[0]
        assert again.shape == (batch, 40) and again.dtype == np.int64 and again.max() < 512


def test_run_of_another_stage_is_not_exported(config: BonesConfig, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="no run of the stage bones"):
        export.export(config.vocabulary, "open-tiny", tmp_path / "out", "out")
    assert not (tmp_path / "out").exists()


def test_output_names_follow_the_configuration(stage: BonesStage) -> None:
    assert len(output_names(stage.module.net.config)) == 13
