from pathlib import Path

import pytest

from core.errors import FootageError
from core.footage.picture_names import picture_names


def _touched(folder: Path, *names: str) -> Path:
    folder.mkdir(exist_ok=True)
    for name in names:
        (folder / name).touch()
    return folder


def test_sequence_when_numbers_are_missing_keeps_their_frames_empty(tmp_path: Path) -> None:
    folder = _touched(tmp_path / "s", *(f"shot.{n}.png" for n in (1001, 1002, 1010, 1011)))
    names = picture_names(folder)
    assert {frame: file.name for frame, file in names.files.items()} == {
        0: "shot.1001.png", 1: "shot.1002.png", 9: "shot.1010.png", 10: "shot.1011.png"
    }  # fmt: skip
    assert (names.pattern, names.first_number, names.last, names.warnings) == (
        "shot.####.png",
        1001,
        10,
        ("shot.####.png has no picture 1003 to 1009: these frames are empty",),
    )


def test_folder_when_it_holds_two_sequences_names_both(tmp_path: Path) -> None:
    folder = _touched(tmp_path / "s", "a_001.png", "a_002.png", "b_7.jpg", "b_9.jpg")
    with pytest.raises(FootageError, match=r"2 sequences \(a_####.png 1 to 2, b_####.jpg 7 to 9\); choose one picture"):
        picture_names(folder)


@pytest.mark.parametrize("chosen", ["b.0007.png", "b.0009.png"])
def test_chosen_picture_when_its_folder_holds_others_stands_for_its_own_sequence(tmp_path: Path, chosen: str) -> None:
    folder = _touched(tmp_path / "s", "a.0001.png", "a.0002.png", "b.0007.png", "b.0009.png", "b.png")
    assert {frame: file.name for frame, file in picture_names(folder / chosen).files.items()} == {
        0: "b.0007.png",
        2: "b.0009.png",
    }


def test_picture_when_no_other_has_its_name_is_a_single_one(tmp_path: Path) -> None:
    folder = _touched(tmp_path / "s", "portrait.png", "beach 2019.png")
    for name in ("portrait.png", "beach 2019.png"):
        assert [file.name for file in picture_names(folder / name).files.values()] == [name]


def test_folder_when_nothing_is_numbered_is_taken_in_order_of_names(tmp_path: Path) -> None:
    names = picture_names(_touched(tmp_path / "s", "c.png", "a.jpg", "b.png"))
    assert [file.name for file in names.files.values()] == ["a.jpg", "b.png", "c.png"]


def test_folder_when_a_loose_picture_lies_beside_the_sequence_says_that_it_is_left_out(tmp_path: Path) -> None:
    names = picture_names(_touched(tmp_path / "s", "a1.png", "a2.png", "poster.png"))
    assert sorted(names.files) == [0, 1]
    assert "poster.png left out, not of a####.png" in names.warnings[0]


def test_numbers_when_they_leap_are_no_frames_and_this_is_said(tmp_path: Path) -> None:
    names = picture_names(_touched(tmp_path / "s", "170012.png", "170155.png", "183012.png"))
    assert (sorted(names.files), names.first_number) == ([0, 1, 2], None)
    assert "leap too far for frames" in names.warnings[0]


def test_two_pictures_when_they_have_one_number_are_refused(tmp_path: Path) -> None:
    with pytest.raises(FootageError, match="has the number of"):
        picture_names(_touched(tmp_path / "s", "a1.png", "a01.png", "a2.png"))


@pytest.mark.parametrize(("suffix", "kind"), [(".exr", "OpenEXR"), (".heic", "HEIF"), (".CR2", "raw camera")])
def test_folder_when_its_pictures_are_of_another_kind_says_what_to_do(tmp_path: Path, suffix: str, kind: str) -> None:
    folder = _touched(tmp_path / "s", f"shot.0001{suffix}", f"shot.0002{suffix}")
    with pytest.raises(FootageError, match=rf"{kind} pictures can't be read; save them as PNG or JPEG"):
        picture_names(folder)
