"""The paper's protocol end to end on the fewest rendered people: every command runs, every table is printed."""

from __future__ import annotations

from pathlib import Path

import pytest

from core.errors import MocapError
from training.datasets.mixture_file import open_readers, read_mix
from training.studies import paper_smoke


@pytest.mark.parametrize("people", [24, 64, 2000])
def test_everybody_is_in_one_part(people: int) -> None:
    counts = paper_smoke.split(people)
    assert sum(counts.values()) == people and min(counts.values()) >= 1


def test_too_few_people_are_refused() -> None:
    with pytest.raises(MocapError, match="from 24"):
        paper_smoke.split(23)


@pytest.mark.slow
def test_smallest_smoke_runs_all_stages_and_fills_the_tables(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ["-o", str(tmp_path), "--people", "24", "--processes", "1", "--rounds", "0.1"]
    assert paper_smoke.main(arguments) == 0
    for name, sets in paper_smoke.MIXES.items():
        readers = [reader for reader, _ in open_readers(read_mix(tmp_path / f"sets/{name}.yaml"))]
        assert [reader.name for reader in readers] == list(sets)
        assert all(sample.has_2d for reader in readers for sample in reader)
    said = capsys.readouterr().out
    rows = [line for line in said.splitlines() if line.startswith("| PostoMETRO, ResNet-50 |")]
    assert rows and "not run" not in rows[0]
    assert "CPU seconds" in said
