"""Scores on published splits: whose weights, under which protocol, what is refused; and the tables that show them."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import tyro
from torch import Tensor

from core.body.model import load_body
from tests.fixtures.paper_sets import mix, runs
from training import evaluate_paper
from training.datasets.mixture_file import read_mix
from training.evaluate.paper import Truths, read_truths, scored
from training.evaluate.protocols import H36M_TO_J14, PELVIS, regressor_of_body
from training.studies import paper_tables
from training.studies.paper_table_rows import TABLES, commands
from training.train import StageConfig

CPU = torch.device("cpu")


class Oracle:
    """Answers with the truth, moved by some millimetres."""

    def __init__(self, truths: Truths, off_mm: float) -> None:
        self.meshes = [truth.neutral for truth in truths]
        self.off_mm = off_mm

    def answer(self, image: Tensor, true_2d: Tensor) -> tuple[Any, Tensor]:
        mesh = self.meshes.pop(0).copy()
        assert len(image) == len(true_2d) == len(mesh)
        mesh[:, load_body().index_1723[::2]] += [0, 0, self.off_mm / 1000]
        return None, torch.from_numpy(mesh)


def truths(name: str, people: int = 100) -> Truths:
    places = read_mix(Path(mix("places")))
    return read_truths(replace(places, sets=tuple(s for s in places.sets if s.name == name)), people, 64, gendered=True)


@pytest.mark.parametrize("name", ["3dpw-test", "3doh-test", "metro-coco"])
def test_truth_itself_scores_nothing_under_both_protocols(name: str) -> None:
    found = truths(name)
    scores = scored(Oracle(found, 0), found, ("METRO", "SPIN"), regressor_of_body(load_body()), CPU)
    for each in scores.values():
        assert each.people == len(found.reader)
        assert max(each.mpvpe or 0, each.mpjpe or 0, each.pa_mpjpe or 0) < 0.01
    off = scored(Oracle(found, 30), found, ("METRO", "SPIN"), regressor_of_body(load_body()), CPU)
    assert all(1 < (each.mpvpe or 0) < 30 for each in off.values())


def test_people_without_joints_of_their_own_are_counted() -> None:
    for name, count in (("3dpw-test", 5), ("metro-coco", 0)):
        found = truths(name)
        list(found)
        assert found.without_joints == count


def test_fewer_people_are_spread_over_the_split() -> None:
    assert sum(len(truth.image) for truth in truths("metro-coco", people=4)) == 4


def test_stand_in_regressor_finds_the_bodys_own_joints() -> None:
    body = load_body()
    rows = regressor_of_body(body)
    assert rows.sum(1) == pytest.approx(np.ones(17), abs=1e-4)
    joints = rows @ body.v_template
    own = body.lsp_regressor @ body.v_template
    assert joints[list(H36M_TO_J14)] == pytest.approx(own, abs=1e-6)
    assert joints[PELVIS] == pytest.approx(own[2:4].mean(0), abs=1e-6)


def evaluate(run: str, file: Path, *more: str) -> int:
    given = ["--weights", str(runs() / run), "--places", mix("places"), "--people", "2", "--json", str(file), *more]
    return evaluate_paper.main(given)


def test_scores_of_runs_fill_the_rows_of_the_tables(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert evaluate("tuned", tmp_path / "tuned.json", "--set", "3DPW-TEST") == 0
    assert evaluate("mesh", tmp_path / "mesh.json", "--set", "3DPW-TEST", "3DPW-OCC") == 0
    said = capsys.readouterr().out
    assert "3dpw-test, METRO's protocol, 2 people" in said and "3dpw-test, SPIN's protocol, 2 people" in said
    tuned, mesh = (json.loads((tmp_path / f"{name}.json").read_text()) for name in ("tuned", "mesh"))
    assert (tuned["chosen"], mesh["chosen"]) == ("latest", "best on the validation split")
    assert tuned["training_hours"] > mesh["training_hours"] > 0 and mesh["fps"] > 0
    assert "stand-in" in mesh["regressor"]

    first = "\n".join(paper_tables.table_lines(1, paper_tables.read_results(tmp_path), "resnet50-debug"))
    row = next(line for line in first.splitlines() if line.startswith("| PostoMETRO, ResNet-50 |"))
    expected = tuned["scores"]["3dpw-test"]["METRO"]
    assert f"| 78 / 68.4 / 40.8 | {expected['mpvpe']:.1f} / {expected['mpjpe']:.1f}" in row
    assert first.count("not run") == 2 * 3  # ResNet without pose tokens, HRNet with and without
    assert "resnet50-debug" in first
    assert paper_tables.table_lines(1, paper_tables.read_results(tmp_path))[-1].count("not run") == 2
    eleventh = paper_tables.table_lines(11, paper_tables.read_results(tmp_path), "resnet50-debug")
    assert f"| {mesh['scores']['3dpw-test']['METRO']['mpvpe']:.1f} /" in eleventh[-1]
    fourth = "\n".join(paper_tables.table_lines(4, paper_tables.read_results(tmp_path), "resnet50-debug"))
    assert f"| {tuned['fps']:.1f} |" in fourth


def test_bundle_is_scored_too(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    given = ["--weights", "assets/weights/open-tiny", "--places", mix("places"), "--people", "2"]
    assert evaluate_paper.main([*given, "--json", str(tmp_path / "tiny.json"), "--set", "3DOH"]) == 0
    content = json.loads((tmp_path / "tiny.json").read_text())
    assert content["preset"] == "tiny" and content["scores"]["3doh-test"]["SPIN"]["people"] == 2


@pytest.mark.parametrize(
    ("run", "more", "said"),
    [
        ("tuned", ("--set", "3DPW-OCC"), "learned from 3dpw-train, so its score on 3dpw-occ would mean nothing"),
        ("mesh", ("--set", "3DPW-PC"), "names no 3dpw-pc"),
        ("codes", ("--set", "3DPW-TEST"), "is a run without a mesh"),
        ("nothing", ("--set", "3DPW-TEST"), "nothing"),
        ("mesh", ("--set", "3DPW-TEST", "--regressor", "nowhere.npy"), "J_regressor_h36m.npy of SPIN's data"),
    ],
)
def test_what_would_mislead_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], run: str, more: tuple[str, ...], said: str
) -> None:
    assert evaluate(run, tmp_path / "scores.json", *more) == 1
    error = capsys.readouterr().err.strip()
    assert error.startswith("training.evaluate_paper: ") and said in error and "\n" not in error
    assert not (tmp_path / "scores.json").exists()


@pytest.mark.parametrize("number", sorted(TABLES))
def test_every_table_is_printed_with_nothing_invented(number: int, tmp_path: Path) -> None:
    said = paper_tables.table_lines(number, paper_tables.read_results(tmp_path))
    rows = [row for row in TABLES[number].rows if row.is_ours]
    cells = sum(line.count("not run") for line in said)
    assert cells == len(rows) * 2 * (1 if TABLES[number].is_speed else len(TABLES[number].sets))
    unknown = sum(row.paper is None for row in TABLES[number].rows)
    if not TABLES[number].is_speed:
        assert sum("see the paper" in line for line in said if line.startswith("|")) == unknown * len(
            TABLES[number].sets
        )


def test_commands_of_every_row_are_ones_that_the_trainer_knows() -> None:
    for table in TABLES.values():
        for row in table.rows:
            for line in commands(row, table.sets) if row.is_ours else ():
                module, *arguments = line.split()[2:]
                if module == "training.train":
                    tyro.cli(StageConfig, args=arguments)


def test_damaged_result_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "odd.json").write_text('{"preset": 1}')
    assert paper_tables.main(["--table", "1", "--results", str(tmp_path)]) == 1
    assert "odd.json is no result of training.evaluate_paper" in capsys.readouterr().err
