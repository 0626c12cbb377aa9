"""What nobody foresaw: one sentence for the person that it struck, a log with its traceback, and the rest goes on."""

import json
from pathlib import Path

import numpy as np
import pytest

import core.__main__ as command_line
from core.errors import FootageError, ProgramFault, ReadingsError
from core.files.fault_log import log_beside, sentence_with_log
from core.motion import solver
from core.motion.motion_file import read_motion
from core.motion.one_by_one import OneByOne
from core.take.header import TakeHeader
from core.take.take import Take, TakeWriter
from core.types import FootageReport
from tests.core.motion.test_solver import truth
from tests.fixtures.known_takes import FPS, estimates, write_take

FRAMES = 12


@pytest.fixture
def two(tmp_path: Path) -> Take:
    """A take of two people, "1" and "2"."""
    seen = estimates(*truth(FRAMES))
    (tmp_path / "one").mkdir()
    header: TakeHeader = write_take(tmp_path / "one", seen, list(range(FRAMES))).header
    with TakeWriter.open(tmp_path / "two.take", header) as writer:
        for name in ("1", "2"):
            for row in range(FRAMES):
                writer.add(name, row, row / FPS, seen[[row]])
        return writer.finish(FRAMES, FootageReport(FRAMES, (), 0, ()))


@pytest.fixture
def broken(monkeypatch: pytest.MonkeyPatch) -> None:
    """The fit fails for person "2", as numbers do."""
    whole = solver.locked_bones

    def fails(person, *rest):
        if person.person_id == "2":
            raise np.linalg.LinAlgError("SVD did not converge")
        return whole(person, *rest)

    monkeypatch.setattr(solver, "locked_bones", fails)


def test_foreseen_error_is_its_own_sentence_and_leaves_no_log(tmp_path: Path) -> None:
    assert sentence_with_log(FootageError("a.mp4: is no\nvideo"), "a.mp4", tmp_path / "a.log") == "a.mp4: is no video"
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    "error", [ValueError("odd\nshape"), OSError(28, "No space left"), MemoryError(), KeyError("x")]
)
def test_any_other_error_is_one_sentence_that_names_a_log_with_the_traceback(tmp_path: Path, error: Exception) -> None:
    try:
        raise error
    except Exception as raised:
        sentence = sentence_with_log(raised, "a.mp4", tmp_path / "logs" / "a.log")
    assert "\n" not in sentence and sentence.startswith("a.mp4: ") and str(tmp_path / "logs" / "a.log") in sentence
    text = (tmp_path / "logs" / "a.log").read_text()
    assert "Traceback" in text and type(error).__name__ in text and __name__.rpartition(".")[2] in text


def test_second_fault_is_added_to_the_log_of_the_first(tmp_path: Path) -> None:
    for word in ("first", "second"):
        sentence_with_log(ValueError(word), "a.mp4", tmp_path / "a.log")
    assert [word in (tmp_path / "a.log").read_text() for word in ("first", "second")] == [True, True]


def test_log_goes_elsewhere_where_its_place_cannot_be_written_to(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr("core.files.fault_log.tempfile.gettempdir", lambda: str(tmp_path / "temporary"))
    (tmp_path / "file").touch()
    sentence = sentence_with_log(ValueError("odd"), "a.mp4", tmp_path / "file" / "a.log")
    assert str(tmp_path / "temporary" / "footage-mocap" / "a.log") in sentence


@pytest.mark.parametrize("name", ["clip.take", "clip.npz"])
def test_log_lies_beside_what_was_to_be_written(name: str) -> None:
    assert log_beside(Path("out", name)) == Path("out", "clip.log")


def test_fault_of_one_person_leaves_the_other(two: Take, broken: None) -> None:
    motion = solver.solve(two)
    assert motion.names == ["1"]
    ((name, error),) = motion.faults
    assert name == "2" and isinstance(error, ProgramFault) and "SVD did not converge" in str(error)
    assert isinstance(error.__cause__, np.linalg.LinAlgError)


def test_others_are_the_same_as_without_the_fault(two: Take, monkeypatch, broken: None) -> None:
    left = solver.solve(two).persons[0]
    monkeypatch.undo()
    both = solver.solve(two).persons[0]
    for name in ("transl", "joints", "bone_rotations", "vertices"):
        np.testing.assert_array_equal(getattr(left, name), getattr(both, name))


def test_damaged_chunk_of_one_person_leaves_the_other(two: Take) -> None:
    (two.path / "person1_0000.npz").write_bytes(b"nothing")
    motion = solver.solve(two)
    assert motion.names == ["1"] and "person1_0000.npz" in str(motion.faults[0][1])


def test_fault_of_everybody_is_one_error_with_its_cause(two: Take, monkeypatch) -> None:
    monkeypatch.setattr(solver, "locked_bones", lambda *_: 1 / 0)
    with pytest.raises(ProgramFault, match="could not be solved") as raised:
        solver.solve(two)
    assert isinstance(raised.value.__cause__, ZeroDivisionError)


def test_file_that_is_about_everybody_is_no_fault_of_one_person() -> None:
    def refuse(_one: str) -> None:
        raise ReadingsError("chosen.json: frame 99 is not in the take")

    with pytest.raises(ReadingsError):
        OneByOne(Path("a.take")).each({"1": "1", "2": "2"}, refuse)


def test_solve_writes_the_others_and_says_who_is_missing(two: Take, broken: None, tmp_path: Path, capsys) -> None:
    out, report = tmp_path / "m.npz", tmp_path / "r.json"
    assert command_line.main(["solve", str(two.path), "-o", str(out), "--report", str(report)]) == 1
    said = capsys.readouterr().err.splitlines()
    assert len(said) == 1 and said[0].startswith("error: 1 of 2 people could not be solved, the others are done: ")
    assert "person '2'" in said[0] and str(tmp_path / "m.log") in said[0]
    assert "LinAlgError" in (tmp_path / "m.log").read_text() and "Traceback" in (tmp_path / "m.log").read_text()
    assert read_motion(out).names == ["1"]
    assert list(json.loads(report.read_text())["faults"]) == ["2"]


def test_solve_that_keeps_going_warns_and_ends_well(two: Take, broken: None, tmp_path: Path, caplog) -> None:
    assert command_line.main(["solve", str(two.path), "-o", str(tmp_path / "m.npz"), "--keep-going"]) == 0
    assert ["person '2'" in record.getMessage() for record in caplog.records] == [True]


def test_fault_of_any_command_is_one_sentence_with_a_log(two: Take, monkeypatch, tmp_path: Path, capsys) -> None:
    monkeypatch.setattr(solver, "solve_rows", lambda *_: {}["gone"])
    assert command_line.main(["solve", str(two.path), "-o", str(tmp_path / "m.npz")]) == 1
    said = capsys.readouterr().err
    assert said.count("\n") == 1 and "KeyError" in said and str(tmp_path / "m.log") in said
    assert "Traceback" in (tmp_path / "m.log").read_text()
