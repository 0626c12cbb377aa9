"""docs/features.md keeps its promises: what is there has a test, and tests that it or reliability.md names exist."""

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
FEATURES = (ROOT / "docs" / "features.md").read_text(encoding="utf-8")
GOOD = "| video file | yes | 1 / 0 | `tests/test_features.py::test_every_feature_has_its_tests` |"


def faults(text: str) -> list[str]:
    """What is wrong with the table, a line each."""
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in text.splitlines() if line.startswith("|")]
    return [fault for row in rows if row[0] != "feature" and not row[0].startswith("-") for fault in row_faults(row)]


def row_faults(row: list[str]) -> list[str]:
    """What is wrong with one row of the four columns."""
    feature, here, _, shown_by = row
    tests = re.findall(r"`(tests/[^`]*)`", shown_by)
    found = [f"{feature}: {test} does not exist" for test in tests if not exists(test)]
    if here not in {"yes", "partly", "no"}:
        found.append(f"{feature}: {here!r} is neither yes, partly nor no")
    if (here == "no") == bool(tests):
        found.append(f"{feature}: {here} with {len(tests)} tests")
    return found


def exists(test: str) -> bool:
    """Whether FILE::NAME is a test function at the top of a file."""
    file, _, name = test.partition("::")
    if not (ROOT / file).is_file():
        return False
    functions = ast.parse((ROOT / file).read_text(encoding="utf-8")).body
    return name.startswith("test_") and name in {f.name for f in functions if isinstance(f, ast.FunctionDef)}


def test_every_feature_has_its_tests() -> None:
    assert FEATURES.count("\n| ") > 30
    assert faults(FEATURES) == []


def test_every_test_that_shows_reliability_exists() -> None:
    named = re.findall(r"`(tests/[^`]*::[^`]*)`", (ROOT / "docs" / "reliability.md").read_text(encoding="utf-8"))
    assert len(named) > 30
    assert [test for test in named if not exists(test)] == []


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("test_every", "test_no_such"),
        ("test_features.py", "test_no_such_file.py"),
        ("| yes |", "| no |"),
        ("| yes |", "| surely |"),
        ("`tests", "`nowhere"),
    ],
)
def test_promise_without_proof_is_a_fault(old: str, new: str) -> None:
    assert faults(GOOD) == []
    assert len(faults(GOOD.replace(old, new))) == 1
