"""Our networks, losses and metrics against the reference code's outputs, and the tool that compares them."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
import torch

from training.parity.__main__ import check_fixture, deviation, fixtures_in, main

FIXTURES = Path(__file__).parent / "fixtures"
NAMES = sorted(folder.name for folder in FIXTURES.iterdir() if folder.is_dir())


@pytest.fixture(autouse=True)
def _one_thread() -> None:
    torch.set_num_threads(1)


def test_all_twelve_fixtures_are_here() -> None:
    assert len(NAMES) == 12


@pytest.mark.parametrize("name", NAMES)
def test_every_array_agrees_with_the_reference(name: str) -> None:
    assert [each for each in check_fixture(FIXTURES / name) if not each.agrees] == []


def test_deviation_of_integers_must_be_zero() -> None:
    assert not deviation("ids", np.array([1, 3]), np.array([1, 2])).agrees
    assert deviation("ids", np.array([1, 2]), np.array([1, 2])).agrees


@pytest.mark.parametrize(
    "ours",
    [None, np.zeros((2, 2)), np.array([0.0, np.nan]), np.array([0.0, 10.002])],
    ids=["missing", "another shape", "nan", "too far"],
)
def test_deviation_beyond_the_tolerance_disagrees(ours: np.ndarray | None) -> None:
    assert not deviation("x", ours, np.array([0.0, 10.0])).agrees


def test_deviation_within_the_tolerance_agrees() -> None:
    assert deviation("x", np.array([0.0, 10.001]), np.array([0.0, 10.0])).agrees


def _copy(tmp_path: Path, change: float) -> Path:
    folder = tmp_path / "renamed"
    shutil.copytree(FIXTURES / "pct_tokenizer", folder)
    with np.load(folder / "expected.npz") as arrays:
        values = {name: arrays[name] for name in arrays.files}
    values["latent_s"] = values["latent_s"] + np.float32(change)
    np.savez(folder / "expected.npz", **values)
    return folder


def test_command_exits_zero_on_a_renamed_fixture_and_prints_each_array(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([str(_copy(tmp_path, 0.0))]) == 0
    printed = capsys.readouterr().out
    assert "latent_s" in printed and "1 of 1 fixtures agree" in printed


def test_command_exits_one_when_an_array_is_beyond(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([str(_copy(tmp_path, 0.01))]) == 1
    assert "beyond" in capsys.readouterr().out


def test_command_names_a_folder_without_fixtures(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([str(tmp_path)]) == 1
    assert f"{tmp_path}: no fixture here" in capsys.readouterr().err


def test_folder_of_fixtures_is_searched() -> None:
    assert [folder.name for folder in fixtures_in([FIXTURES])] == NAMES
