import os
from dataclasses import fields, replace
from pathlib import Path

import numpy as np
import pytest

from core.errors import MocapError, OutputError
from core.files.windows import WINDOW, MadeRows, StoredRows, windows
from core.motion.motion_file import open_motion, read_motion, write_motion
from core.types import Motion, PersonMotion

KEYS_OF_DESIGN = {
    *(f"p1_{name}" for name in ("frame_index", "time_s", "vertices", "joints", "transl")),
    *("p1_bone_rotations", "p1_betas", "p1_confidence", "faces", "fps", "focal_px", "width", "height"),
}


def _person(name: str, frames: int) -> PersonMotion:
    rng = np.random.default_rng(frames)
    shapes = [(6890, 3), (14, 3), (3,), (24, 4), (3,)]
    arrays = [rng.normal(size=(frames, *shape)).astype(np.float32) for shape in shapes]
    index = np.arange(frames)
    betas, confidence = rng.normal(size=10).astype(np.float32), rng.random((frames, 14)).astype(np.float32)
    return PersonMotion(name, index, index / 25, *arrays, betas, confidence, index % 2 == 0)


def _motion() -> Motion:
    people = [_person("1", 2), _person("Änne", 3)]
    faces = np.arange(9, dtype=np.int32).reshape(3, 3)
    return Motion(people, faces, 25.0, 800.0, 640, 360, Path("a b é.mp4"))


def test_motion_read_is_the_motion_written(tmp_path: Path) -> None:
    write_motion(_motion(), tmp_path / "m ü.npz")
    read = read_motion(tmp_path / "m ü.npz")
    assert read.names == ["1", "Änne"]
    assert (read.fps, read.focal_px, read.width, read.height, read.footage) == (25, 800, 640, 360, Path("a b é.mp4"))
    for got, wanted in zip(read.persons, _motion().persons, strict=True):
        for field in fields(PersonMotion):
            np.testing.assert_array_equal(getattr(got, field.name), getattr(wanted, field.name))


def test_motion_file_has_the_keys_that_scripts_rely_on(tmp_path: Path) -> None:
    write_motion(_motion(), tmp_path / "motion")
    with np.load(tmp_path / "motion") as arrays:
        assert set(arrays.files) >= KEYS_OF_DESIGN


def test_missing_motion_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(MocapError, match="no such motion"):
        read_motion(tmp_path / "m.npz")


def test_damaged_motion_is_an_error(tmp_path: Path) -> None:
    write_motion(_motion(), tmp_path / "m.npz")
    content = (tmp_path / "m.npz").read_bytes()
    (tmp_path / "m.npz").write_bytes(content[: len(content) // 2])
    with pytest.raises(MocapError, match="damaged or no motion"):
        read_motion(tmp_path / "m.npz")


def test_other_npz_is_an_error(tmp_path: Path) -> None:
    np.savez(tmp_path / "m.npz", x=1)
    with pytest.raises(MocapError, match="damaged or no motion"):
        read_motion(tmp_path / "m.npz")


def test_motion_that_cannot_be_written_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(OutputError):
        write_motion(_motion(), tmp_path / "none" / "m.npz")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("rows", [slice(0, 2), slice(1, 9), slice(2, 2), 0, -1])
def test_opened_motion_reads_the_rows_that_were_written(tmp_path: Path, rows: slice | int) -> None:
    write_motion(_motion(), tmp_path / "m.npz")
    opened = open_motion(tmp_path / "m.npz")
    assert isinstance(opened.persons[1].vertices, StoredRows)
    np.testing.assert_array_equal(opened.persons[1].vertices[rows], _motion().persons[1].vertices[rows])
    np.testing.assert_array_equal(opened.persons[1].joints, _motion().persons[1].joints)


def test_windows_of_an_opened_motion_are_the_whole_of_it(tmp_path: Path) -> None:
    long = _person("1", WINDOW + 3)
    write_motion(replace(_motion(), persons=[long]), tmp_path / "m.npz")
    found = list(windows(open_motion(tmp_path / "m.npz").persons[0].vertices))
    assert [len(window) for window in found] == [WINDOW, 3]
    np.testing.assert_array_equal(np.concatenate(found), long.vertices)


def test_motion_that_changes_while_it_is_read_is_an_error(tmp_path: Path) -> None:
    write_motion(_motion(), tmp_path / "m.npz")
    opened = open_motion(tmp_path / "m.npz")
    os.utime(tmp_path / "m.npz", ns=(1, 1))
    with pytest.raises(MocapError, match="was changed while it was read"):
        opened.persons[0].vertices[0]
    (tmp_path / "m.npz").unlink()
    with pytest.raises(MocapError, match="solve the take again"):
        opened.persons[0].vertices[0]


def test_compressed_motion_is_read_at_once(tmp_path: Path) -> None:
    write_motion(_motion(), tmp_path / "m.npz")
    with np.load(tmp_path / "m.npz") as arrays:
        np.savez_compressed(tmp_path / "c.npz", **arrays)
    opened = open_motion(tmp_path / "c.npz")
    np.testing.assert_array_equal(opened.persons[0].vertices, _motion().persons[0].vertices)


class Counted(MadeRows):
    """Rows that are made of the numbers of their places; keeps which windows were asked for."""

    def __init__(self, count: int) -> None:
        self.shape = (count, 6890, 3)
        self.asked: list[tuple[int, int]] = []

    def made(self, rows: slice) -> np.ndarray:
        self.asked.append((rows.start, rows.stop))
        numbers = np.arange(rows.start, rows.stop, dtype=np.float32)
        return np.broadcast_to(numbers[:, None, None], (len(numbers), *self.shape[1:]))


@pytest.mark.parametrize("rows", [slice(None), slice(5, 5), slice(WINDOW - 1, WINDOW + 1), slice(-3, None), 0, -1])
def test_rows_made_when_read_are_those_of_the_whole(rows: slice | int) -> None:
    made = Counted(2 * WINDOW + 7)
    whole = np.arange(len(made), dtype=np.float32)[rows]
    assert np.array_equal(made[rows][..., 0, 0], whole)
    assert np.array_equal(np.asarray(made)[rows][..., 0, 0], whole)


def test_rows_made_when_read_come_in_whole_windows() -> None:
    """Sums of other lengths differ in the last digit, and readers would disagree."""
    made = Counted(2 * WINDOW + 7)
    made[WINDOW + 3 : 2 * WINDOW + 2]
    assert made.asked == [(WINDOW, 2 * WINDOW), (2 * WINDOW, 2 * WINDOW + 7)]
    with pytest.raises(IndexError, match="expected a row below"):
        made[len(made)]


def test_motion_with_rows_made_when_read_is_written_to_the_same_bytes(tmp_path: Path) -> None:
    motion = _motion()
    made = Counted(3)
    for name, vertices in (("array", np.asarray(made)), ("made", made)):
        persons = [motion.persons[0], replace(motion.persons[1], vertices=vertices)]  # type: ignore[arg-type]
        write_motion(replace(motion, persons=persons), tmp_path / f"{name}.npz")
    assert (tmp_path / "array.npz").read_bytes() == (tmp_path / "made.npz").read_bytes()
