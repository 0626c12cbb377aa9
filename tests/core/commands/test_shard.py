"""A shard: every clip gets its turn and its line in the report, whatever becomes of the others."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from core.commands.manifest import Clip, Shard
from core.commands.shard import raise_failures, run_shard, summary
from core.errors import Cancelled, FootageError, ManifestError, OutputError, TakeBusyError
from core.settings import ReconstructSettings
from core.types import Progress

DONE = SimpleNamespace(frame_counts=lambda: {"1": 7})


def clips(folder: Path, *names: str) -> list[Clip]:
    return [
        Clip(folder / f"{name}.mp4", folder / f"{name}.take", ReconstructSettings(), line)
        for line, name in enumerate(names, 1)
    ]


class Network:
    """In place of the network: does what the clip's name says."""

    def __init__(self) -> None:
        self.seen: list[str] = []

    def __call__(self, clip: Clip, progress: Any, is_cancelled: Any) -> Any:
        self.seen.append(clip.footage.stem)
        if progress is not None:
            progress(Progress("estimate", 1, 2, "half"))
        errors: dict[str, Exception] = {
            "bad": FootageError("bad.mp4: is no video"),
            "busy": TakeBusyError("busy.take: another run"),
            "full": OSError(28, "No space left on device"),
            "huge": MemoryError(),
            "odd": np.linalg.LinAlgError("SVD did not converge"),
            "stop": Cancelled("stop.take: stopped before frame 3"),
        }
        if clip.footage.stem in errors:
            raise errors[clip.footage.stem]
        return DONE


def states(report: Path) -> list[str]:
    return [clip["state"] for clip in json.loads(report.read_text())["clips"]]


def test_clip_that_fails_does_not_stop_the_others(tmp_path: Path) -> None:
    network, report = Network(), tmp_path / "report.json"
    results = run_shard(
        clips(tmp_path, "bad", "a", "busy", "full", "huge", "b"), Shard(1, 3), report, None, None, network
    )
    assert network.seen == ["bad", "a", "busy", "full", "huge", "b"]
    assert states(report) == ["failed", "done", "busy", "failed", "failed", "done"]
    document = json.loads(report.read_text())
    assert document["shard"] == "1/3" and document["counts"] == {"failed": 3, "done": 2, "busy": 1}
    assert document["clips"][0]["sentence"] == "bad.mp4: is no video"
    assert document["clips"][1]["people"] == {"1": 7}
    assert "memory" in document["clips"][4]["sentence"]
    assert summary(results) == "6 clips: 3 failed, 2 done, 1 busy"
    with pytest.raises(ManifestError, match=r"4 of 6 clips are not done, the first since: bad\.mp4: is no video"):
        raise_failures(results)


def test_fault_of_the_program_is_one_clips_sentence_with_a_log(tmp_path: Path) -> None:
    network, report = Network(), tmp_path / "report.json"
    results = run_shard(clips(tmp_path, "a", "odd", "b"), Shard(), report, None, None, network)
    assert states(report) == ["done", "failed", "done"]
    assert "\n" not in results[1].sentence and str(tmp_path / "odd.log") in results[1].sentence
    log = (tmp_path / "odd.log").read_text()
    assert "Traceback" in log and "LinAlgError: SVD did not converge" in log
    with pytest.raises(ManifestError, match=r"1 of 3 clips are not done"):
        raise_failures(results)


def test_clip_of_which_no_frame_was_looked_at_was_done_before(tmp_path: Path) -> None:
    done: Any = lambda *_: DONE  # noqa: E731
    results = run_shard(clips(tmp_path, "a"), Shard(), None, None, None, done)
    assert results[0].state == "was done"


def test_nothing_is_raised_where_all_is_done(tmp_path: Path) -> None:
    raise_failures(run_shard(clips(tmp_path, "a"), Shard(), None, None, None, Network()))


def test_cancelled_shard_tells_which_clips_wait(tmp_path: Path) -> None:
    network, report = Network(), tmp_path / "report.json"
    with pytest.raises(Cancelled):
        run_shard(clips(tmp_path, "a", "stop", "b"), Shard(), report, None, None, network)
    assert network.seen == ["a", "stop"]
    assert states(report) == ["done", "cancelled", "waiting"]


def test_stop_between_clips_starts_no_other(tmp_path: Path) -> None:
    network = Network()
    with pytest.raises(Cancelled, match="before"):
        run_shard(clips(tmp_path, "a", "b"), Shard(), None, None, lambda: len(network.seen) == 1, network)
    assert network.seen == ["a"]


def test_report_is_there_before_the_first_clip_ends(tmp_path: Path) -> None:
    report = tmp_path / "report.json"

    def look(clip: Clip, *_rest: Any) -> Any:
        assert states(report)[clip.line - 1] == "waiting"
        return DONE

    run_shard(clips(tmp_path, "a", "b"), Shard(), report, None, None, look)


def test_report_that_cannot_be_written_stops_the_shard_before_the_first_clip(tmp_path: Path) -> None:
    network = Network()
    (tmp_path / "none").touch()
    with pytest.raises(OutputError):
        run_shard(clips(tmp_path, "a"), Shard(), tmp_path / "none/report.json", None, None, network)
    assert not network.seen


def test_folder_of_the_report_is_made(tmp_path: Path) -> None:
    run_shard(clips(tmp_path, "a"), Shard(), tmp_path / "reports/0/report.json", None, None, Network())
    assert (tmp_path / "reports/0/report.json").is_file()


def test_progress_names_the_clip(tmp_path: Path) -> None:
    told: list[Progress] = []
    run_shard(clips(tmp_path, "a", "b"), Shard(), None, told.append, None, Network())
    assert [progress.message for progress in told] == ["1/2 a.mp4  half", "2/2 b.mp4  half"]
