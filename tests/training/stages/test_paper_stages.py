"""The paper's stages on made-up sets: they train, freeze, resume, refuse, and two processes learn what one learns."""

from __future__ import annotations

import json
import os
import signal
from dataclasses import replace
from pathlib import Path
from typing import cast

import pytest
import torch
from safetensors.torch import load_file

from core.body.model import load_body
from tests.fixtures.paper_sets import mix, paper_sets, runs, train
from training.export import network as export
from training.losses.paper_losses import WEIGHTS, MeshLosses, edges_of, faces_1723
from training.stages.paper_mesh import PaperMeshConfig, PaperMeshModule, PaperMeshStage, network_of
from training.stages.paper_stage import PaperBatch, shared_out
from training.train import train as train_in
from training.trainer import checkpoint
from training.trainer.loop import Stage, Trainer
from training.trainer.parallel import CANCELLED, World, launch
from training.trainer.run_log import read_events

ALONE = World(0, 1, torch.device("cpu"))
SUM_ORDER = 1e-4  # relative: float32 sums in another order, through twenty layers
SMALL = {"preset": "resnet50-debug", "precision": "fp32", "untrained_pose": True, "log_steps": 1}


def config(output: Path, **changed: object) -> PaperMeshConfig:
    settings = {"mix": paper_sets() / "3dpw.yaml", "total_batch": 4, "samples": 12, **SMALL, **changed}
    return PaperMeshConfig(output=output, **settings)  # type: ignore[arg-type]


def weights(run: Path) -> dict[str, torch.Tensor]:
    latest = checkpoint.latest(run)
    assert latest is not None
    return {f"{n}/{k}": v for n in ("model", "optimizer") for k, v in load_file(latest / f"{n}.safetensors").items()}


def test_three_stages_and_a_fine_tuning_follow_each_other() -> None:
    folder = runs()
    classifier, mesh, tuned = (weights(folder / name) for name in ("classifier", "mesh", "tuned"))
    for name, value in classifier.items():
        if name.startswith("model/net."):
            assert torch.equal(mesh[name], value), f"{name} is not frozen"
    assert not torch.equal(mesh["model/net.mesh.to_xyz.weight"], tuned["model/net.mesh.to_xyz.weight"])
    record = json.loads((folder / "tuned/paper.json").read_text())
    assert record["learned_from"] == ["3dpw-train", "coco-cliff", "coco-keypoints-train2017", "metro-coco"]
    assert all(export.learned_photographs(folder / name) for name in ("codes", "classifier", "mesh"))


def test_best_weights_are_kept_by_the_validation_split() -> None:
    run = runs() / "mesh"
    scores = json.loads((run / "best/scores.json").read_text())
    said = [event for event in read_events(run) if event["event"] == "evaluate"]
    assert next(iter(scores)) == "validation_pa_mpjpe"
    assert scores["validation_pa_mpjpe"] == pytest.approx(min(e["validation_pa_mpjpe"] for e in said), abs=1e-4)


def test_best_weights_stay_when_a_later_epoch_is_worse(tmp_path: Path) -> None:
    stage = PaperMeshStage(config(tmp_path), ALONE)
    stage._keep_best({"error": 2.0})
    kept = (tmp_path / "best/model.safetensors").stat().st_mtime_ns
    stage._keep_best({"error": 3.0})
    stage._keep_best({"error": float("nan")})
    assert (tmp_path / "best/model.safetensors").stat().st_mtime_ns == kept
    stage._keep_best({"error": 1.0})
    assert json.loads((tmp_path / "best/scores.json").read_text()) == {"error": 1.0}


def test_epochs_are_rounds_of_the_sets(tmp_path: Path) -> None:
    assert PaperMeshStage(config(tmp_path, epochs=3.0, samples=0), ALONE).config.samples == 15
    assert PaperMeshStage(config(tmp_path, epochs=3.0, samples=7), ALONE).config.samples == 7


def test_total_batch_is_shared_out() -> None:
    plain = PaperMeshConfig(output=Path("unused"), total_batch=96, accumulate=3)
    assert shared_out(plain, replace(ALONE, size=8)).batch == 4
    with pytest.raises(ValueError, match="multiple of 15"):
        shared_out(plain, replace(ALONE, size=5))


@pytest.mark.parametrize(
    ("stage", "arguments", "said"),
    [
        ("paper-mesh", ("--mix", "places"), "names 3doh-test, 3dpw-occ, 3dpw-test, which tables are made of"),
        ("paper-mesh", ("--mix", "mixed"), "frozen network of the pose tokens would have fresh weights"),
        ("paper-mesh", ("--mix", "mixed", "--tokens", "image", "--validation", "places"), "tables are made of"),
        ("paper-tokenizer", ("--keypoints", "places"), "tables are made of"),
    ],
)
def test_what_would_spoil_a_table_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], stage: str, arguments: tuple[str, ...], said: str
) -> None:
    given = [mix(each) if each in ("places", "mixed") else each for each in arguments]
    assert train(stage, tmp_path / "run", *given) == 1
    error = capsys.readouterr().err.strip()
    assert error.startswith("training.train: ") and said in error and "\n" not in error


@pytest.mark.parametrize("tokens", ["image", "pose", "true", "coordinates"])
def test_every_arm_of_the_ablations_learns_by_what_it_sees(tmp_path: Path, tokens: str) -> None:
    stage = PaperMeshStage(config(tmp_path, tokens=tokens, total_batch=2), ALONE)
    terms = stage.module(stage.batch(0, 0.0))
    torch.stack(list(terms.values())).sum().backward()  # type: ignore[no-untyped-call]
    learned = {name.split(".")[1] for name, p in stage.module.named_parameters() if p.grad is not None}
    expected = {"mesh", "to_intermediate"} | ({"backbone"} if tokens != "pose" else set())
    expected |= {"modulator"} if tokens in ("pose", "true") else set()
    assert learned == expected | ({"place", "joint"} if tokens == "coordinates" else set())


def test_modulator_switches_reach_the_network() -> None:
    network = network_of(PaperMeshConfig(output=Path("x"), modulator="linear", mixers=8, depth="S"))
    assert (network.modulator, network.modulator_layers, network.first.encoder_layers) == ("linear", 8, 1)


def batch_and_module(tmp_path: Path, **changed: object) -> tuple[PaperBatch, PaperMeshModule]:
    stage = PaperMeshStage(config(tmp_path, total_batch=3, tokens="image", **changed), ALONE)
    return stage.batch(0, 0.0), stage.module.eval()


def test_losses_are_the_published_ones_with_their_weights(tmp_path: Path) -> None:
    batch, module = batch_and_module(tmp_path)
    with torch.no_grad():
        terms = module(batch)
        out, fine = module.answer(batch.pictures.image, batch.pictures.coco_2d)
    parts = (out.coarse_vertices, batch.pictures.coarse_vertices, 25), (fine, batch.vertices, 25)
    for name, (said, true, weight) in zip(("coarse", "fine"), parts, strict=True):
        assert float(terms[name]) == pytest.approx(weight * float((said - true).abs().mean()), rel=1e-5)
    assert set(terms) == {
        "coarse", "intermediate", "fine", "token_joints", "regressed_joints", "token_projection",
        "regressed_projection", "edges", "edges_self", "normals",
    }  # fmt: skip
    paper = MeshLosses(load_body(), WEIGHTS["paper"])
    said = paper(out, fine, out.joints, batch.pictures, batch.vertices)
    assert "edges" not in said and "coarse" not in said
    assert float(said["fine"]) == pytest.approx(40 * float(terms["fine"]), rel=1e-5)
    assert float(said["token_joints"]) == pytest.approx(float(terms["token_joints"]), rel=1e-5)


def test_truth_itself_loses_nothing_but_what_weighs_edges_and_normals(tmp_path: Path) -> None:
    batch, module = batch_and_module(tmp_path)
    true = batch.pictures
    with torch.no_grad():
        out, _ = module.answer(true.image, true.coco_2d)
        perfect = out._replace(
            coarse_vertices=true.coarse_vertices, intermediate_vertices=true.intermediate_vertices, joints=true.lsp_3d
        )
        terms = module.losses(perfect, batch.vertices, true.lsp_3d, true, batch.vertices)
    zero = {"coarse", "intermediate", "fine", "token_joints", "regressed_joints", "edges"}
    assert all(float(terms[name]) == pytest.approx(0, abs=1e-4) for name in zero)


def test_batch_without_meshes_has_the_same_terms_all_finite(tmp_path: Path) -> None:
    batch, module = batch_and_module(tmp_path)
    nobody = replace(batch.pictures, has_mesh=torch.zeros(3, dtype=torch.bool))
    with torch.no_grad():
        terms = module(PaperBatch(nobody, batch.vertices))
        assert terms.keys() == module(batch).keys()
    assert all(torch.isfinite(term) for term in terms.values())
    assert float(terms["fine"] + terms["edges"] + terms["normals"]) == 0


def test_intermediate_mesh_has_its_vertices_on_nearly_closed_triangles() -> None:
    faces = faces_1723(load_body())
    edges = edges_of(faces)
    assert set(faces.flatten().tolist()) == set(range(1723))
    assert abs(len(faces) - 3451) < 350 and abs(len(edges) - 5163) < 350  # METRO's files of SMPL: 3451 and 5163


class Killed(PaperMeshStage):
    """SIGTERM in the middle of a step."""

    kill_at: int | None = None

    def batch(self, step: int, progress: float) -> PaperBatch:
        if step == self.kill_at:
            os.kill(os.getpid(), signal.SIGTERM)
        return super().batch(step, progress)


def run(output: Path, kill_at: int | None = None, resume: bool = False) -> int:
    stage = Killed(config(output, resume=resume, tokens="image"), ALONE)
    stage.kill_at = kill_at
    return Trainer(cast(Stage, stage), stage.config, ALONE).run()


def test_run_killed_at_any_step_and_resumed_equals_one_that_never_stopped(tmp_path: Path) -> None:
    assert run(tmp_path / "whole") == 0
    for step in (0, 1):
        assert run(tmp_path / "stopped", kill_at=step, resume=step > 0) == CANCELLED
    assert run(tmp_path / "stopped", resume=True) == 0
    whole, stopped = weights(tmp_path / "whole"), weights(tmp_path / "stopped")
    assert whole.keys() == stopped.keys()
    assert all(torch.equal(whole[name], stopped[name]) for name in whole)


def test_two_processes_have_the_loss_of_one(tmp_path: Path) -> None:
    """Where nothing depends on who shares a process: no dropout, BatchNorm's statistics fixed, everybody labelled."""
    alike = {"dropout": 0.0, "frozen_norms": True, "tokens": "image"}
    for name, processes, is_sharded in (("one", 1, False), ("two", 2, False), ("parts", 2, True)):
        settings = config(tmp_path / name, processes=processes, sharded=is_sharded, **alike)
        assert launch(train_in, settings, processes, "cpu") == 0
    steps = [[e for e in read_events(tmp_path / name) if e["event"] == "step"] for name in ("one", "two", "parts")]
    assert len(steps[0]) == 3
    for one, two, parts in zip(*steps, strict=True):
        assert one["samples"] == two["samples"] == parts["samples"]
        for term in ("total", "fine", "token_joints", "regressed_projection", "edges", "gradient_norm"):
            assert one[term] == pytest.approx(two[term], rel=SUM_ORDER)
            assert one[term] == pytest.approx(parts[term], rel=SUM_ORDER)
