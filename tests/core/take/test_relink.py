"""A take whose footage has moved."""

import json
import shutil
from pathlib import Path

import pytest

from core.__main__ import main
from core.errors import FootageError, OutputError, TakeError
from core.pipeline import reconstruct
from core.settings import ReconstructSettings
from core.take.relink import relink
from core.take.take import Take, TakeWriter
from tests.fixtures.graphs import blob, write_clip

COUNT = 24


@pytest.fixture
def settings(blob_weights: Path) -> ReconstructSettings:
    return ReconstructSettings(weights=str(blob_weights), detector="search")


@pytest.fixture
def take(tmp_path: Path, settings: ReconstructSettings) -> Path:
    reconstruct(write_clip(tmp_path / "blob.avi", COUNT), tmp_path / "blob.take", settings)
    return tmp_path / "blob.take"


def moved(tmp_path: Path) -> Path:
    (tmp_path / "elsewhere").mkdir()
    return Path(shutil.move(tmp_path / "blob.avi", tmp_path / "elsewhere" / "other name.avi"))


def test_moved_footage_is_written_into_the_take_and_nothing_else_changes(take: Path, tmp_path: Path) -> None:
    before = json.loads((take / "take.json").read_text())
    assert relink(take, moved(tmp_path)) == []
    after = json.loads((take / "take.json").read_text())
    assert after["footage"].pop("path") == str(tmp_path / "elsewhere" / "other name.avi")
    before["footage"].pop("path")
    assert after == before and Take.open(take).is_complete


def test_same_run_on_the_moved_clip_finds_the_take_and_notes_the_place(
    take: Path, tmp_path: Path, settings: ReconstructSettings
) -> None:
    place = moved(tmp_path)
    assert reconstruct(place, take, settings).header.footage.path == place


@pytest.mark.parametrize(("count", "width"), [(COUNT + 6, 320), (COUNT, 160)])
def test_another_clip_is_refused_by_name_and_nothing_is_written(
    take: Path, tmp_path: Path, count: int, width: int
) -> None:
    other = write_clip(tmp_path / "other.avi", count, lambda _: blob([(80, 125)], width))
    before = (take / "take.json").read_bytes()
    with pytest.raises(FootageError, match=r"other\.avi: another clip than the take's blob\.avi"):
        relink(take, other)
    assert (take / "take.json").read_bytes() == before


def test_other_bytes_of_the_same_length_are_a_warning_and_the_take_still_resumes(
    take: Path, tmp_path: Path, settings: ReconstructSettings
) -> None:
    clip = moved(tmp_path)
    with clip.open("ab") as file:
        file.write(b"\0" * 100)
    (note,) = relink(take, clip)
    assert "exported again" in note and "other name.avi" in note
    assert reconstruct(clip, take, settings).is_complete


def test_take_that_somebody_writes_is_left_alone(take: Path, tmp_path: Path) -> None:
    clip = tmp_path / "blob.avi"
    with TakeWriter.open(take, Take.open(take).header), pytest.raises(TakeError, match="another run is writing"):
        relink(take, clip)


def test_full_disk_leaves_the_take_as_it_was(take: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before, clip = (take / "take.json").read_bytes(), moved(tmp_path)

    def full(_fd: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("core.files.written_whole.os.fsync", full)
    with pytest.raises(OutputError, match="the disk is full"):
        relink(take, clip)
    assert (take / "take.json").read_bytes() == before


def test_command_says_what_it_did_or_one_sentence(
    take: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    clip = moved(tmp_path)
    assert main(["relink", str(take), str(clip)]) == 0 and str(clip) in capsys.readouterr().out
    assert main(["relink", str(take), str(tmp_path / "gone.avi")]) == 1
    assert capsys.readouterr().err == f"error: {tmp_path / 'gone.avi'}: no such file or folder; check the path\n"
