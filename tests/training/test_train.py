"""The training command on settings that cannot work: one sentence, no traceback, from whichever process."""

from __future__ import annotations

from pathlib import Path

import pytest

from core.errors import MocapError
from tests.fixtures.picture_store import small_store
from tests.fixtures.toy_stage import refuse, toy_config
from training import train
from training.trainer.parallel import launch


def sentence(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> str:
    """What a command says on stderr that ends with 1."""
    assert train.main(arguments) == 1
    said = capsys.readouterr().err
    assert said.startswith("training.train: ") and said.count("\n") == 1
    return said


def mesh(folder: Path, *more: str) -> list[str]:
    return ["mesh", "--output", str(folder / "run"), "--store", str(small_store().folder), "--samples", "8", *more]


@pytest.mark.parametrize("content", [None, "no json", '{"points": [1]}', '{"points": [1], "joints_m": [1]}'])
def test_bad_tals_thresholds_are_one_sentence_that_names_the_file(
    content: str | None, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "thresholds.json"
    if content is not None:
        file.write_text(content)
    said = sentence(mesh(tmp_path, "--tals", "hard", "--tals-thresholds", str(file)), capsys)
    assert str(file) in said and "python -m training.studies.tals_thresholds" in said
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    ("more", "told"),
    [
        (["--tals-below", "2"], "--tals-below"), (["--batch", "0"], "--batch"), (["--samples", "0"], "--samples"),
        (["--preset", "giant"], "giant"), (["--init", "no-such-run"], "no-such-run"), (["--store", "none"], "none"),
    ],
)  # fmt: skip
def test_bad_setting_is_one_sentence(
    more: list[str], told: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert told in sentence(mesh(tmp_path, *more), capsys)


def test_sentence_of_a_process_comes_back_as_it_was(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(MocapError, match=r"^the settings are refused$"):
        launch(refuse, toy_config(tmp_path, processes=2), 2, "cpu")
    assert "Traceback" not in capfd.readouterr().err
