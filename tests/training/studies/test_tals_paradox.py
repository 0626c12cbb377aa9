"""The comparison with and without TALS: same start and pictures, 2D labels alone where it says so, a picture."""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from tempfile import mkdtemp
from typing import Any

import cv2
import numpy as np
import pytest
import torch

from tests.fixtures.picture_store import small_store
from training.stages.mesh import MeshModule
from training.studies import tals_paradox
from training.trainer.parallel import World
from training.trainer.run_log import read_events

ALONE = World(0, 1, torch.device("cpu"))
SAMPLES, BATCH, EVALUATIONS = 8, 2, 2


def arguments(output: Path) -> list[str]:
    store = str(small_store().folder)
    return [
        "--output", str(output), "--store", store, "--test-store", store, "--test-people", "32", "--size", "64",
        "--samples", str(SAMPLES), "--batch", str(BATCH), "--evaluations", str(EVALUATIONS), "--log-steps", "1",
        "--difficulty-start", "0.5",
    ]  # fmt: skip


@lru_cache(maxsize=1)
def compared() -> Path:
    output = Path(mkdtemp(prefix="paradox-"))
    assert tals_paradox.main(arguments(output)) == 0
    return output


def steps(arm: str) -> list[dict[str, Any]]:
    return [event for event in read_events(compared() / arm) if event["event"] == "step"]


def test_both_arms_start_alike_and_are_scored_at_the_same_samples() -> None:
    curves = json.loads((compared() / "paradox.json").read_text())["curves"]
    assert [point["samples"] for point in curves["without"]] == [0, 4, 8]
    assert [point["samples"] for point in curves["with"]] == [0, 4, 8]
    drop = {"elapsed_s"}
    first = [{key: value for key, value in curves[arm][0].items() if key not in drop} for arm in tals_paradox.ARMS]
    assert first[0] == first[1]
    assert {f"{test}_{key}" for test in ("clean", "hard") for key in tals_paradox.SCORES} <= first[0].keys()
    assert all(np.isfinite(value) for value in first[0].values())


def test_arms_differ_in_the_projection_loss_alone() -> None:
    without, scaled = (steps(arm)[0] for arm in tals_paradox.ARMS)
    same = {"heatmap", "joints", "vertices", "token_joints", "regressed_joints", "edges", "tokens"}
    assert {name: without[name] for name in same} == {name: scaled[name] for name in same}
    assert scaled["projection"] < without["projection"]


def test_finished_comparison_resumes_to_the_same_scores() -> None:
    before = json.loads((compared() / "paradox.json").read_text())["curves"]["with"]
    assert tals_paradox.main([*arguments(compared()), "--resume"]) == 0
    after = json.loads((compared() / "paradox.json").read_text())["curves"]["with"]
    for first, second in zip(before, after, strict=True):
        assert first["hard_pa_mpjpe"] == second["hard_pa_mpjpe"]


def test_flat_rows_teach_no_3d() -> None:
    config = tals_paradox.ParadoxConfig(
        output=Path("unused"), store=small_store().folder, size=64, batch=4, flat_share=0.5, difficulty_end=0.0
    )
    stage = tals_paradox.ParadoxStage(config, ALONE)
    batch = stage.batch(0, 0.0)
    assert bool(batch.has_person[0]) and bool(batch.has_person[2:].any())
    moved = {"lsp_3d": 3.0, "coarse_vertices": 3.0, "intermediate_vertices": 3.0, "facing": 1.5}
    changed = {name: _first_rows_moved(getattr(batch, name), by) for name, by in moved.items()}
    wrong = tals_paradox.replace(batch, **changed)
    stage.module.eval()
    torch.manual_seed(0)
    true_terms, wrong_terms = stage.module(batch), stage.module(wrong)
    assert true_terms.keys() == wrong_terms.keys()
    for name, value in true_terms.items():
        assert torch.equal(value, wrong_terms[name]), name
    plain_terms = MeshModule.forward(_plain(stage.module), batch)
    assert torch.equal(plain_terms["person"], true_terms["person"])  # still a person
    assert torch.equal(plain_terms["projection"], true_terms["projection"])  # still 2D labels
    assert not torch.equal(plain_terms["vertices"], true_terms["vertices"])


def _first_rows_moved(values: torch.Tensor, by: float) -> torch.Tensor:
    values = values.clone()
    values[:2] += by
    return values


def _plain(module: tals_paradox.ParadoxModule) -> MeshModule:
    plain = MeshModule(module.config)
    plain.load_state_dict(module.state_dict())
    return plain.eval()


def test_perfect_mesh_scores_what_the_camera_allows(monkeypatch: pytest.MonkeyPatch) -> None:
    store = small_store().folder
    config = tals_paradox.ParadoxConfig(
        output=Path("unused"), store=store, test_store=store, test_people=32, size=64, batch=2
    )
    stage = tals_paradox.ParadoxStage(config, ALONE)
    answers = {id(batch): (batch.lsp_3d, batch.lsp_2d[..., :2]) for batch in stage.tests["clean"]}
    monkeypatch.setattr(stage, "_mesh_joints", lambda batch: answers[id(batch)])
    scores = stage._scores(stage.tests["clean"])
    assert (scores["pck05"], scores["below_threshold"]) == (100, 100)
    assert scores["mpjpe"] == scores["points_error"] == 0
    assert scores["pa_mpjpe"] < 1e-3


def made_up(shift: float) -> list[dict[str, float]]:
    return [
        {"samples": 1000.0 * n}
        | {f"{test}_pck05": 20 + 5 * n + shift for test in ("clean", "hard")}
        | {f"{test}_pa_mpjpe": 130 - 4 * n + shift for test in ("clean", "hard")}
        for n in range(5)
    ]


def test_picture_shows_every_arm(tmp_path: Path) -> None:
    def drawn(curves: Mapping[str, list[dict[str, float]]]) -> np.ndarray:
        tals_paradox.draw(curves, tmp_path / "p.png", "made up")
        picture = cv2.imread(str(tmp_path / "p.png"))
        assert picture is not None and picture.shape[:2] == (800, 1100)
        return picture

    one, two = drawn({"without": made_up(0)}), drawn({"without": made_up(0), "with": made_up(3)})
    orange = np.array([14, 127, 255])  # C1, BGR
    assert not (one == orange).all(-1).any()
    assert (two == orange).all(-1).sum() > 500


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (["--samples", "0"], "--samples"),
        (["--minutes", "3"], "--samples"),
        (["--tals", "off"], "--tals hard or ramp"),
        (["--tals-below", "1"], "--tals-below"),
        (["--flat-share", "2"], "--flat-share"),
        (["--store", "/nowhere"], "holds no picture store"),
    ],
)
def test_refusal_is_one_sentence(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], given: list[str], said: str
) -> None:
    assert tals_paradox.main([*arguments(tmp_path), *given]) == 1
    error = capsys.readouterr().err.strip()
    assert said in error and len(error.splitlines()) == 1
