import errno
import json
import shutil
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from core.body.upsample import LearnedSampler
from core.errors import OutputError, TakeBusyError, TakeError
from core.files import written_whole
from core.files.folder_lock import TakeLock
from core.files.untrusted import read_arrays
from core.take.header import TakeHeader
from core.take.take import Take, TakeWriter
from core.types import Estimates, FootageInfo, FootageReport

BYTES_PER_PERSON_FRAME = 6500  # DESIGN.md: about 6 KB
REPORT = FootageReport(9, (4,), 0, ())


def _header(**changes: Any) -> TakeHeader:
    header = TakeHeader(
        footage=FootageInfo(Path("Übung 1.mp4"), "video", 320, 240, 25.0, 10),
        footage_bytes=1234,
        settings={"people": "main", "step": 1},
        weights_name="blob",
        weights_digest="w" * 64,
        body_name="open",
        body_digest="b" * 64,
        focal_px=400.0,
    )
    return replace(header, **changes)


def _estimates(seed: int) -> Estimates:
    rng = np.random.default_rng(seed)
    shapes = [(4,), (), (431, 3), (14, 3), (3,), (17, 2), (14, 2), (14,), (34,), (34,), ()]
    arrays = [rng.normal(size=(1, *shape)).astype(np.float32) for shape in shapes]
    arrays[9] = rng.integers(0, 1024, (1, 34))
    return Estimates(*arrays)


def _fill(writer: TakeWriter, frames: range, person: str = "1") -> None:
    for index in frames:
        writer.add(person, index, index / 25, _estimates(index))


def test_take_written_and_read_is_what_was_added(tmp_path: Path) -> None:
    with TakeWriter.open(tmp_path / "a b é.take", _header()) as writer:
        _fill(writer, range(5))
        writer.commit(5)
        _fill(writer, range(5, 9))
        take = writer.finish(9, REPORT, ["person 1: not seen in frame 9"])
    person = take.person("1")
    assert person.frame_index.tolist() == list(range(9))
    np.testing.assert_allclose(person.time_s, np.arange(9) / 25)
    for row in range(9):
        wanted = _estimates(row)
        for name, array in wanted.arrays().items():
            np.testing.assert_array_equal(getattr(person.estimates, name)[row], array[0])


def test_take_read_knows_its_origin(tmp_path: Path) -> None:
    with TakeWriter.open(tmp_path / "a.take", _header()) as writer:
        take = writer.finish(9, REPORT, ["a note"])
    assert take.is_complete
    assert take.report is not None
    assert (take.next_frame, take.notes, take.report.lost) == (9, ["a note"], REPORT.lost)
    assert take.header.question() == _header().question()


def test_take_with_several_people_keeps_them_apart(tmp_path: Path) -> None:
    with TakeWriter.open(tmp_path / "a.take", _header()) as writer:
        _fill(writer, range(2, 6), "anna")
        _fill(writer, range(3), "../bob")
        take = writer.finish(9, REPORT)
    assert [(p.person_id, p.frame_index.tolist()) for p in take.persons()] == [
        ("anna", [2, 3, 4, 5]),
        ("../bob", [0, 1, 2]),
    ]


def test_finished_take_holds_those_who_are_kept_in_their_order(tmp_path: Path) -> None:
    with TakeWriter.open(tmp_path / "a.take", _header()) as writer:
        for number, name in enumerate(("anna", "bob", "cleo"), 1):
            _fill(writer, range(number), name)
        writer.finish(9, REPORT, kept=["cleo", "anna"])
    take = Take.open(tmp_path / "a.take")
    assert [(p.person_id, p.frame_index.tolist()) for p in take.persons()] == [("cleo", [0, 1, 2]), ("anna", [0])]
    assert sorted(file.name for file in take.path.glob("*.npz")) == ["person0_0000.npz", "person2_0000.npz"]


def test_take_of_the_first_format_is_read(tmp_path: Path) -> None:
    with TakeWriter.open(tmp_path / "a.take", _header()) as writer:
        _fill(writer, range(2, 6), "anna")
        _fill(writer, range(3), "bob")
        writer.finish(9, REPORT)
    file = tmp_path / "a.take" / "take.json"
    document = json.loads(file.read_text())
    people = [{key: value for key, value in person.items() if key != "number"} for person in document["people"]]
    file.write_text(json.dumps({**document, "format_version": 1, "people": people}))
    assert [len(person.frame_index) for person in Take.open(tmp_path / "a.take").persons()] == [4, 3]


def test_frames_that_come_late_are_put_in_order(tmp_path: Path) -> None:
    with TakeWriter.open(tmp_path / "a.take", _header()) as writer:
        _fill(writer, range(4, 6))
        writer.commit(6)
        _fill(writer, range(4))
        take = writer.finish(6, REPORT)
    assert take.person("1").frame_index.tolist() == list(range(6))


def test_take_left_in_the_middle_resumes_from_its_last_commit(tmp_path: Path) -> None:
    with TakeWriter.open(tmp_path / "a.take", _header()) as writer:
        _fill(writer, range(4))
        writer.commit(4, {"tracks": [{"id": "1", "box": [1.5, 2, 3, 4]}]})
        _fill(writer, range(4, 6))  # never committed: the run was killed
    with TakeWriter.open(tmp_path / "a.take", _header()) as writer:
        assert (writer.next_frame, writer.people) == (4, ["1"])
        assert writer.tracker_state == {"tracks": [{"id": "1", "box": [1.5, 2, 3, 4]}]}
        _fill(writer, range(4, 9))
        take = writer.finish(9, REPORT)
    assert take.person("1").frame_index.tolist() == list(range(9))


def test_chunk_without_its_commit_is_not_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    writer = TakeWriter.open(tmp_path / "a.take", _header())
    _fill(writer, range(3))
    writer.commit(3)
    _fill(writer, range(3, 6))

    def killed(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(writer, "_write", killed)  # the chunk is on disk, take.json is not
    with pytest.raises(KeyboardInterrupt):
        writer.commit(6)
    writer.close()
    assert (tmp_path / "a.take" / "person0_0001.npz").exists()
    assert Take.open(tmp_path / "a.take").person("1").frame_index.tolist() == [0, 1, 2]


def test_take_with_other_settings_is_refused_by_their_names(tmp_path: Path) -> None:
    TakeWriter.open(tmp_path / "a.take", _header()).close()
    other = _header(settings={"people": "all", "step": 1}, weights_digest="x" * 64)
    with pytest.raises(TakeError, match=r"people \(main, now all\), weights \(w+\.\.\., now x+\.\.\.\)"):
        TakeWriter.open(tmp_path / "a.take", other)


def test_take_of_moved_footage_resumes(tmp_path: Path) -> None:
    with TakeWriter.open(tmp_path / "a.take", _header()) as writer:
        _fill(writer, range(4))
        writer.commit(4)
    moved = replace(_header().footage, path=Path("elsewhere.mp4"))
    with TakeWriter.open(tmp_path / "a.take", _header(footage=moved)) as writer:
        assert writer.next_frame == 4


def test_take_of_another_clip_is_refused_with_both_clips_sizes(tmp_path: Path) -> None:
    TakeWriter.open(tmp_path / "a.take", _header()).close()
    sizes = r"footage \(\d+ x \d+ px, .* frames, \d+ bytes, now \d+ x \d+ px, .* frames, 77 bytes\)"
    with pytest.raises(TakeError, match=sizes):
        TakeWriter.open(tmp_path / "a.take", replace(_header(), footage_bytes=77))


def test_second_run_on_a_take_is_refused(tmp_path: Path) -> None:
    with TakeWriter.open(tmp_path / "a.take", _header()), pytest.raises(TakeError, match="another run"):
        TakeWriter.open(tmp_path / "a.take", _header())


def test_take_of_a_newer_version_is_refused(tmp_path: Path) -> None:
    TakeWriter.open(tmp_path / "a.take", _header()).close()
    file = tmp_path / "a.take" / "take.json"
    file.write_text(json.dumps({**json.loads(file.read_text()), "format_version": 99}))
    with pytest.raises(TakeError, match="newer version"):
        Take.open(tmp_path / "a.take")


def test_damaged_take_is_an_error_that_names_the_file(tmp_path: Path) -> None:
    TakeWriter.open(tmp_path / "a.take", _header()).close()
    (tmp_path / "a.take" / "take.json").write_text('{"format_version": 1')
    with pytest.raises(TakeError, match=r"take\.json: damaged"):
        Take.open(tmp_path / "a.take")


def test_damaged_chunk_is_an_error_that_names_the_file(tmp_path: Path) -> None:
    with TakeWriter.open(tmp_path / "a.take", _header()) as writer:
        _fill(writer, range(3))
        take = writer.finish(3, REPORT)
    (tmp_path / "a.take" / "person0_0000.npz").write_bytes(b"PK no zip")
    with pytest.raises(TakeError, match=r"person0_0000\.npz: missing or damaged"):
        take.person("1")


def test_folder_that_is_no_take_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "holiday.jpg").write_bytes(b"mine")
    with pytest.raises(TakeError, match="no take"):
        TakeWriter.open(tmp_path, _header())
    assert [file.name for file in tmp_path.iterdir()] == ["holiday.jpg"]


def test_discarded_take_leaves_nothing(tmp_path: Path) -> None:
    TakeWriter.open(tmp_path / "a.take", _header()).discard()
    assert list(tmp_path.iterdir()) == []


def test_full_disk_during_a_commit_leaves_the_last_commit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with TakeWriter.open(tmp_path / "a.take", _header()) as writer:
        _fill(writer, range(3))
        writer.commit(3)
        before = sorted(file.name for file in (tmp_path / "a.take").iterdir())
        _fill(writer, range(3, 6))

        def full(*_: object, **__: object) -> None:
            raise OSError(errno.ENOSPC, "No space left on device")

        monkeypatch.setattr(written_whole.np, "save", full)
        with pytest.raises(OutputError, match="disk is full"):
            writer.commit(6)
    assert sorted(file.name for file in (tmp_path / "a.take").iterdir()) == before
    assert Take.open(tmp_path / "a.take").next_frame == 3


def test_take_under_a_file_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError, match="can't be written"):
        TakeWriter.open(tmp_path / "file" / "a.take", _header())


def test_take_stays_small(tmp_path: Path) -> None:
    with TakeWriter.open(tmp_path / "a.take", _header()) as writer:
        _fill(writer, range(64))
        writer.finish(64, REPORT)
    size = sum(file.stat().st_size for file in (tmp_path / "a.take").iterdir())
    assert size / 64 < BYTES_PER_PERSON_FRAME


def test_learned_sampler_of_the_weights_comes_with_the_take(tmp_path: Path) -> None:
    sampler = LearnedSampler(np.ones((1723, 431), np.float32), np.ones(1723, np.float32))
    with TakeWriter.open(tmp_path / "a.take", _header(learned_sampler=sampler)) as writer:
        take = writer.finish(0, REPORT)
    assert take.header.learned_sampler is not None
    np.testing.assert_array_equal(take.header.learned_sampler.matrix, sampler.matrix)


def test_person_whom_nobody_knows_is_the_callers_mistake(tmp_path: Path) -> None:
    with TakeWriter.open(tmp_path / "a.take", _header()) as writer:
        take = writer.finish(0, REPORT)
    with pytest.raises(ValueError, match="expected a person"):
        take.person("2")


@pytest.mark.parametrize("left", [["lock"], ["lock", ".take.json.7.tmp"], ["sampler.npz", ".sampler.npz.7.tmp"]])
def test_run_killed_before_its_first_commit_is_begun_again(tmp_path: Path, left: list[str]) -> None:
    (tmp_path / "a.take").mkdir()
    for name in left:
        (tmp_path / "a.take" / name).write_bytes(b"")
    with TakeWriter.open(tmp_path / "a.take", _header()) as writer:
        _fill(writer, range(3))
        writer.finish(3, REPORT)
    assert not list((tmp_path / "a.take").glob(".*.tmp"))
    assert Take.open(tmp_path / "a.take").person("1").frame_index.tolist() == [0, 1, 2]


def test_resumed_take_drops_what_a_killed_run_left_unfinished(tmp_path: Path) -> None:
    with TakeWriter.open(tmp_path / "a.take", _header()) as writer:
        _fill(writer, range(3))
        writer.commit(3)
    for name in ("person0_0001.npz", "person1_0000.npz", ".person0_0002.npz.77.tmp", ".take.json.77.tmp"):
        (tmp_path / "a.take" / name).write_bytes(b"half a file")
    with TakeWriter.open(tmp_path / "a.take", _header()) as writer:
        _fill(writer, range(3, 5))
        take = writer.finish(5, REPORT)
    kept = ["lock", "person0_0000.npz", "person0_0001.npz", "take.json"]
    assert sorted(file.name for file in take.path.iterdir()) == kept
    assert take.person("1").frame_index.tolist() == list(range(5))


def test_folder_deleted_in_the_middle_is_said(tmp_path: Path) -> None:
    with TakeWriter.open(tmp_path / "a.take", _header()) as writer:
        _fill(writer, range(3))
        writer.commit(3)
        shutil.rmtree(tmp_path / "a.take")
        _fill(writer, range(3, 6))
        with pytest.raises(OutputError, match=r"a\.take.*: its folder is not there \(any more\); make it"):
            writer.commit(6)
    assert not (tmp_path / "a.take").exists()


def test_second_run_that_comes_before_the_first_commit_is_refused_as_well(tmp_path: Path) -> None:
    (tmp_path / "a.take").mkdir()
    lock = TakeLock(tmp_path / "a.take" / "lock")
    with pytest.raises(TakeBusyError, match="another run is writing this take; wait for it"):
        TakeWriter.open(tmp_path / "a.take", _header())
    lock.release()
    assert (tmp_path / "a.take").is_dir(), "what another run writes stays"


def test_clock_that_jumps_changes_no_byte_of_a_take(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, jump_s in (("a", 0.0), ("b", -1e6)):
        now = time.time()
        stamps = iter(now + jump_s * (count % 2) for count in range(10**6))
        monkeypatch.setattr(time, "time", lambda stamps=stamps: next(stamps))
        with TakeWriter.open(tmp_path / f"{name}.take", _header()) as writer:
            for start in range(0, 9, 3):
                _fill(writer, range(start, start + 3))
                writer.commit(start + 3)
            writer.finish(9, REPORT)
    for file in (tmp_path / "a.take").iterdir():
        assert file.read_bytes() == (tmp_path / "b.take" / file.name).read_bytes(), file.name


@pytest.mark.parametrize(
    "key, value",
    [
        ("people", [{"id": "1", "chunks": 10**12, "rows": 3}]),
        ("people", [{"id": "1", "number": "../../etc", "chunks": 1, "rows": 3}]),
        ("people", [{"id": "1", "chunks": 1, "rows": 3}, {"id": "1", "chunks": 1, "rows": 3}]),
        ("people", 7),
        ("next_frame", -1),
        ("next_frame", 1e999),
        ("focal_px", float("nan")),
        ("report", []),
        ("tracker_state", "x"),
        ("footage", {"path": "a.mp4"}),
        ("settings", {"step": 0}),
        ("format_version", float("inf")),
    ],
)
def test_take_that_says_what_cannot_be_is_damaged(tmp_path: Path, key: str, value: Any) -> None:
    with TakeWriter.open(tmp_path / "a.take", _header()) as writer:
        _fill(writer, range(3))
        writer.finish(3, REPORT)
    file = tmp_path / "a.take" / "take.json"
    file.write_text(json.dumps({**json.loads(file.read_text()), key: value}))
    with pytest.raises(TakeError, match=r"take\.json: damaged .*; delete the take"):
        Take.open(tmp_path / "a.take")


def test_take_nested_too_deep_is_damaged(tmp_path: Path) -> None:
    TakeWriter.open(tmp_path / "a.take", _header()).close()
    (tmp_path / "a.take" / "take.json").write_text("[" * 200_000)
    with pytest.raises(TakeError, match="nested too deep"):
        Take.open(tmp_path / "a.take")


@pytest.mark.parametrize(
    "change",
    [
        {"joints": None},
        {"joints": np.zeros((3, 14, 2), np.float32)},
        {"joints": np.full((3, 14, 3), np.nan, np.float32)},
        {"frame_index": np.array([0.0, 1.0, 2.0])},
        {"frame_index": np.array([-1, 0, 1])},
        {"person_score": np.zeros(2, np.float32)},
    ],
    ids=["lacks", "shape", "nan", "kind", "frame", "rows"],
)
def test_chunk_of_another_form_is_damaged(tmp_path: Path, change: dict[str, Any]) -> None:
    with TakeWriter.open(tmp_path / "a.take", _header()) as writer:
        _fill(writer, range(3))
        take = writer.finish(3, REPORT)
    file = tmp_path / "a.take" / "person0_0000.npz"
    arrays = {**read_arrays(file), **change}
    written_whole.write_arrays(file, {name: array for name, array in arrays.items() if array is not None})
    with pytest.raises(TakeError, match=r"person0_0000\.npz: missing or damaged \(.*; delete the take"):
        take.person("1")
