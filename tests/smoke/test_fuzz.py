"""A small, fixed part of `python -m tests.fuzz`, and that it finds a fault where there is one."""

import random
from pathlib import Path

import pytest

from core.errors import MocapError
from tests.fuzz.__main__ import fuzz, table
from tests.fuzz.damage import DEEP, damaged, damaged_json
from tests.fuzz.worker import _outcome

CASES = range(180)
SEED = 20_000


def test_no_damaged_file_gives_a_traceback_a_crash_or_a_hang(tmp_path: Path) -> None:
    rows, _, workers = fuzz(tmp_path, CASES, SEED)
    assert [(name, row.faults) for name, row in rows.items() if row.faults] == []
    assert workers == 1, "none died"
    assert sum(row.outcomes.total() for row in rows.values()) == len(CASES)
    assert all(row.outcomes["refused"] for row in rows.values()), table(rows)


@pytest.mark.parametrize(
    "error, outcome",
    [
        (None, "read"),
        (MocapError("a sentence"), "refused"),
        (MocapError("two\nlines"), "no sentence"),
        (KeyError(), "traceback"),
    ],
)
def test_outcome_of_a_case_is_told(tmp_path: Path, error: Exception | None, outcome: str) -> None:
    def read(_: Path) -> None:
        if error is not None:
            raise error

    assert _outcome(read, tmp_path)[0] == outcome


def test_damage_is_the_same_for_the_same_seed_and_damages() -> None:
    content = bytes(range(256)) * 9
    made = [damaged(content, random.Random(seed)) for seed in (1, 1, 2)]
    assert made[0] == made[1] != made[2] and content not in made
    texts = {damaged_json('{"a": [1, 2, {"b": "c"}]}', random.Random(seed)) for seed in range(200)}
    assert len(texts) > 60 and DEEP.encode() in texts
