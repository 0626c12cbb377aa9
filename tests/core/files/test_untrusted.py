import io
import zipfile
from pathlib import Path

import numpy as np
import pytest

from core.files import untrusted
from core.files.untrusted import read_arrays, read_json


def _header(shape: tuple[int, ...], kind: str = "<f8") -> bytes:
    stream = io.BytesIO()
    np.lib.format.write_array_header_1_0(stream, {"descr": kind, "fortran_order": False, "shape": shape})
    return stream.getvalue()


def _zip(path: Path, members: dict[str, bytes], method: int = zipfile.ZIP_STORED) -> Path:
    with zipfile.ZipFile(path, "w", method) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return path


def test_arrays_are_read_by_name(tmp_path: Path) -> None:
    np.savez_compressed(tmp_path / "a.npz", a=np.arange(6).reshape(2, 3), b=np.array("é"))
    found = read_arrays(tmp_path / "a.npz")
    assert found["a"].tolist() == [[0, 1, 2], [3, 4, 5]] and str(found["b"]) == "é"
    assert list(read_arrays(tmp_path / "a.npz", {"b"})) == ["b"]


@pytest.mark.parametrize("shape", [(10**12,), (2**31, 2**31), (3,), (-1,)])
def test_header_that_claims_more_than_there_is_gets_no_memory(tmp_path: Path, shape: tuple[int, ...]) -> None:
    file = _zip(tmp_path / "a.npz", {"a.npy": _header(shape) + bytes(8)})
    with pytest.raises(ValueError, match=r"a\.npy claims -?\d+ bytes and has 8"):
        read_arrays(file)


def test_zip_that_unpacks_to_too_much_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(untrusted, "UNPACKED_BYTES", 10**6)
    content = _header((10**6,), "|u1") + bytes(10**6)
    file = _zip(tmp_path / "a.npz", {"a.npy": content}, zipfile.ZIP_DEFLATED)
    with pytest.raises(ValueError, match="unpacks to"):
        read_arrays(file)
    stored = _zip(tmp_path / "b.npz", {"a.npy": content})
    assert len(read_arrays(stored)["a"]) == 10**6, "what is as large on disk is no bomb"


@pytest.mark.parametrize("name", ["../a.npy", "/etc/a.npy", "..\\a.npy"])
def test_member_outside_the_archive_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(ValueError, match="outside the archive"):
        read_arrays(_zip(tmp_path / "a.npz", {name: _header((1,)) + bytes(8)}))


def test_objects_are_never_opened(tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", a=np.array([{"x": 1}], object), b=np.arange(2))
    with pytest.raises(ValueError, match="holds objects"):
        read_arrays(tmp_path / "a.npz")
    assert list(read_arrays(tmp_path / "a.npz", are_objects_left_out=True)) == ["b"]


def test_missing_file_stays_an_error_of_the_system(tmp_path: Path) -> None:
    with pytest.raises(OSError):
        read_arrays(tmp_path / "none.npz")
    with pytest.raises(OSError):
        read_json(tmp_path / "none.json")


@pytest.mark.parametrize(
    "content, words",
    [(b"[" * 10**5, "too deep"), (b"\xff\xfe", "decode"), (b"{", "Expecting"), (b'["\\ud800"]', "surrogates")],
    ids=["deep", "utf", "cut", "half a letter"],
)
def test_text_that_is_no_json_is_a_value_error(tmp_path: Path, content: bytes, words: str) -> None:
    (tmp_path / "a.json").write_bytes(content)
    with pytest.raises(ValueError, match=words):
        read_json(tmp_path / "a.json")


def test_json_larger_than_its_bound_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.json").write_bytes(b"[" + b" " * 3 * 2**20 + b"]")
    with pytest.raises(ValueError, match="larger than 2 MB"):
        read_json(tmp_path / "a.json", 2 * 2**20)
