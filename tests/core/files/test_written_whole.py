import errno
from pathlib import Path

import numpy as np
import pytest

from core.errors import OutputError
from core.files.written_whole import write_arrays, written_whole


def test_file_is_there_after_the_block(tmp_path: Path) -> None:
    with written_whole(tmp_path / "a b é") as file:
        file.write(b"x")
    assert (tmp_path / "a b é").read_bytes() == b"x"


def test_error_in_the_block_leaves_the_old_file_and_nothing_else(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"old")
    with pytest.raises(RuntimeError), written_whole(tmp_path / "a") as file:
        file.write(b"new")
        raise RuntimeError
    assert [(path.name, path.read_bytes()) for path in tmp_path.iterdir()] == [("a", b"old")]


@pytest.mark.parametrize(
    "code, message", [(errno.ENOSPC, "disk is full"), (errno.EROFS, "read-only"), (errno.EIO, "can't be written")]
)
def test_error_of_the_system_becomes_a_sentence_that_names_the_file(tmp_path: Path, code: int, message: str) -> None:
    with pytest.raises(OutputError, match=f"a: .*{message}"), written_whole(tmp_path / "a") as file:
        file.write(b"new")
        raise OSError(code, "said by the system")
    assert list(tmp_path.iterdir()) == []


def test_arrays_written_are_the_arrays_read(tmp_path: Path) -> None:
    arrays = {"a": np.arange(6.0).reshape(2, 3), "name": np.array(["é", "b"]), "number": np.array(3)}
    write_arrays(tmp_path / "a.npz", arrays)
    with np.load(tmp_path / "a.npz", allow_pickle=False) as read:
        for name, value in arrays.items():
            np.testing.assert_array_equal(read[name], value)


def test_arrays_written_twice_are_the_same_bytes(tmp_path: Path) -> None:
    for name in ("a", "b"):
        write_arrays(tmp_path / name, {"x": np.arange(5)})
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()
