"""The document of the measurements holds what they printed, and keeps what others printed."""

from pathlib import Path

import pytest

from tests.bench import document

PRINTED = "x86_64, 2 cores\nwhat      value  unit\nthe yardstick   1.00  ms\n"


def test_section_is_replaced_and_others_stay(tmp_path: Path) -> None:
    printed, target = tmp_path / "printed", tmp_path / "performance.md"
    printed.write_text(PRINTED)
    target.write_text("# Performance\n\nWords.\n\n## yardstick\n\nold\n\n## tiny\n\nkept\n")
    assert document.main([f"yardstick={printed}", "-o", str(target)]) == 0
    text = target.read_text()
    assert "old" not in text and "## tiny\n\nkept\n" in text and text.startswith("# Performance\n\nWords.\n\n## ")
    assert "$ python -m tests.bench yardstick\n" + PRINTED in text
    assert document.main([f"yardstick={printed}", "-o", str(target)]) == 0
    assert target.read_text() == text


def test_unknown_measurement_and_missing_table_are_a_sentence(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    printed, target = tmp_path / "printed", tmp_path / "performance.md"
    printed.write_text("Traceback\n")
    target.write_text("# Performance\n")
    for name in ("nothing", "yardstick"):
        assert document.main([f"{name}={printed}", "-o", str(target)]) == 1
        assert capsys.readouterr().err.startswith("tests.bench.document: ")
    assert target.read_text() == "# Performance\n"
