import errno
from pathlib import Path

import pytest

from core.errors import OutputError
from core.output import written_whole


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
