"""Contact ranges in files."""

import json
from pathlib import Path

import numpy as np
import pytest

from core.errors import ContactsError
from core.motion.contacts import ranges_of, read_contacts, with_given
from core.types import PersonMotion

FPS = 25.0


def person(contacts: np.ndarray) -> PersonMotion:
    frames = len(contacts)
    index = np.arange(10, 10 + frames)
    empty = np.zeros((frames, 3))
    return PersonMotion("1", index, index / FPS, *[empty] * 5, np.zeros(10), empty, empty[:, 0] > 0, contacts)


def written(folder: Path, content: object) -> Path:
    path = folder / "contacts é.json"
    path.write_text(content if isinstance(content, str) else json.dumps(content), encoding="utf-8")
    return path


def test_ranges_that_are_given_back_are_the_contacts_again() -> None:
    contacts = np.random.default_rng(0).random((30, 2)) < 0.6
    solved = person(contacts)
    nothing = np.zeros_like(contacts)
    np.testing.assert_array_equal(with_given(nothing, solved.frame_index, ranges_of(solved)), contacts)


def test_foot_that_is_not_named_keeps_what_was_found() -> None:
    found = np.ones((6, 2), bool)
    given = with_given(found, np.arange(6), {"right": [(1, 2), (5, 9)]})
    assert given[:, 0].all()
    assert np.flatnonzero(given[:, 1]).tolist() == [1, 2, 5]


def test_empty_list_lifts_the_foot() -> None:
    assert not with_given(np.ones((6, 2), bool), np.arange(6), {"left": []})[:, 0].any()


def test_file_is_read(tmp_path: Path) -> None:
    path = written(tmp_path, {"2": {"left": [[3, 8]]}})
    assert read_contacts(path, ["1", "2"], FPS) == {"2": {"left": [(3, 8)]}}


def test_report_is_read_as_well(tmp_path: Path) -> None:
    path = written(tmp_path, {"format_version": 1, "fps": FPS, "contacts": {"1": {"right": [[0, 4]]}}})
    assert read_contacts(path, ["1"], FPS) == {"1": {"right": [(0, 4)]}}


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("{", "not JSON"),
        ([1], "expected"),
        ({"7": {}}, "nobody is called '7' in this take, but 1"),
        ({"1": {"middle": []}}, "expected"),
        ({"1": {"left": [[8, 3]]}}, r"\[8, 3\] is no range"),
        ({"1": {"left": [[1.5, 3]]}}, "is no range"),
        ({"1": {"left": 3}}, "expected"),
        ({"format_version": 1, "fps": 60.0, "contacts": {}}, "without --fps"),
    ],
)
def test_unusable_file_is_an_error_that_names_it(tmp_path: Path, content: object, message: str) -> None:
    with pytest.raises(ContactsError, match=message) as caught:
        read_contacts(written(tmp_path, content), ["1"], FPS)
    assert "contacts é.json" in str(caught.value)


def test_missing_file_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(ContactsError, match="can't be read"):
        read_contacts(tmp_path / "none.json", ["1"], FPS)
