"""The clips of a manifest as tasks: what becomes of each, by a stand-in for Ray that runs tasks when asked for them."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from core.commands import ray as farm_ray
from core.commands.manifest import Clip, Shard
from core.commands.ray import connected, run_on_ray
from core.commands.shard import waiting
from core.errors import Cancelled, MocapError
from core.settings import ReconstructSettings
from core.types import Progress


class LostError(Exception):
    """Ray's, for a worker that died."""


class Ray:
    """Gives each task its result in turn; an exception stands for a worker that was lost for good."""

    exceptions = SimpleNamespace(RayError=LostError)

    def __init__(self, *results: Any) -> None:
        self.results = list(results)
        self.given: list[Clip] = []
        self.asked: list[dict[str, Any]] = []
        self.cancelled: list[int] = []

    def remote(self, **options: Any) -> Callable[[Any], Any]:
        self.asked.append(options)

        def submit(clip: Clip) -> int:
            self.given.append(clip)
            return len(self.given) - 1

        return lambda _function: SimpleNamespace(remote=submit)

    def wait(self, tasks: list[int], num_returns: int, timeout: float) -> tuple[list[int], list[int]]:
        return tasks[:1], tasks[1:]

    def get(self, task: int) -> Any:
        result = self.results[task]
        if isinstance(result, Exception):
            raise result
        return replace(waiting(self.given[task]), state=result)

    def cancel(self, task: int) -> None:
        self.cancelled.append(task)


@pytest.fixture
def clips(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[Clip]:
    monkeypatch.chdir(tmp_path)
    settings = ReconstructSettings(weights="open-tiny", boxes=Path("boxes.json"))
    return [Clip(Path(f"{name}.mp4"), Path(f"{name}.take"), settings, line) for line, name in enumerate("abc", 1)]


def states(report: Path) -> list[str]:
    return [clip["state"] for clip in json.loads(report.read_text())["clips"]]


def test_clip_whose_worker_is_lost_for_good_fails_and_the_others_are_done(clips: list[Clip], tmp_path: Path) -> None:
    told: list[Progress] = []
    report = tmp_path / "report.json"
    results = run_on_ray(Ray("done", LostError(), "was done"), clips, Shard(), report, told.append)
    assert [result.state for result in results] == states(report) == ["done", "failed", "was done"]
    assert results[1].sentence.startswith("b.mp4: its worker was lost 4 times or failed (LostError)")
    assert "b.log" in results[1].sentence and "LostError" in (tmp_path / "b.log").read_text()
    assert [(one.done, one.total, one.message) for one in told][-1] == (3, 3, "c.mp4: was done")


def test_answer_that_cannot_be_read_is_one_clips_sentence_with_a_log(clips: list[Clip], tmp_path: Path) -> None:
    report = tmp_path / "report.json"
    results = run_on_ray(Ray("done", ValueError("no such class"), "done"), clips, Shard(), report)
    assert [result.state for result in results] == states(report) == ["done", "failed", "done"]
    assert "ValueError" in results[1].sentence and "Traceback" in (tmp_path / "b.log").read_text()


def test_clip_that_cannot_be_submitted_leaves_the_others(clips: list[Clip], tmp_path: Path, monkeypatch) -> None:
    whole = farm_ray._submitted

    def submitted(cluster: Any, clip: Clip) -> Any:
        if clip.footage.stem == "b":
            raise RuntimeError("too large to send")
        return whole(cluster, clip)

    monkeypatch.setattr(farm_ray, "_submitted", submitted)
    report = tmp_path / "report.json"
    results = run_on_ray(Ray("done", "done"), clips, Shard(), report)
    assert [result.state for result in results] == states(report) == ["done", "failed", "done"]
    assert "too large to send" in results[1].sentence and (tmp_path / "b.log").is_file()


def test_worker_tells_a_fault_of_the_program_as_its_clips_sentence(clips: list[Clip], tmp_path: Path) -> None:
    result = farm_ray._do(replace(clips[0], settings=replace(clips[0].settings, device=None)))  # type: ignore[arg-type]
    assert result.state == "failed" and "\n" not in result.sentence


def test_worker_gets_whole_paths_and_the_report_those_of_the_manifest(clips: list[Clip], tmp_path: Path) -> None:
    ray = Ray("done", "done", "done")
    results = run_on_ray(ray, clips, Shard(), None)
    assert (results[0].footage, results[0].take) == ("a.mp4", "a.take")
    given = ray.given[0]
    assert (given.footage, given.take) == (tmp_path / "a.mp4", tmp_path / "a.take")
    assert (given.settings.boxes, given.settings.weights) == (tmp_path / "boxes.json", "open-tiny")


def test_task_asks_for_the_cores_of_its_network_and_a_gpu_where_one_is_wanted(clips: list[Clip]) -> None:
    clips = [replace(clips[0], settings=replace(clips[0].settings, device="cuda:0", threads=3)), clips[1]]
    ray = Ray("done", "done")
    run_on_ray(ray, clips, Shard(), None)
    assert [(asked["num_cpus"], asked["num_gpus"]) for asked in ray.asked] == [(3, 1), (1, 0)]
    assert [clip.settings.threads for clip in ray.given] == [3, 1]


def test_stopped_run_ends_its_tasks_and_says_which_clips_were_begun(clips: list[Clip], tmp_path: Path) -> None:
    (tmp_path / "b.take").mkdir()
    (tmp_path / "b.take" / "take.json").write_text("{}")
    ray, report = Ray("done", "done", "done"), tmp_path / "report.json"
    with pytest.raises(Cancelled, match="2 of 3 clips left; the same command goes on"):
        run_on_ray(ray, clips, Shard(), report, is_cancelled=lambda: True)
    assert states(report) == ["done", "cancelled", "waiting"]
    assert ray.cancelled == [1, 2]


def test_busy_clip_is_asked_for_again_until_it_is_free(clips: list[Clip], monkeypatch: pytest.MonkeyPatch) -> None:
    met = iter(["busy", "busy", "done"])
    monkeypatch.setattr(farm_ray, "run_clip", lambda clip: replace(waiting(clip), state=next(met)))
    monkeypatch.setattr(farm_ray, "BUSY_PAUSE_S", 0.0)
    assert farm_ray._do(clips[0]).state == "done"


def test_busy_clip_stays_busy_in_the_end(clips: list[Clip], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(farm_ray, "run_clip", lambda clip: replace(waiting(clip), state="busy"))
    monkeypatch.setattr(farm_ray, "BUSY_S", 0.0)
    assert farm_ray._do(clips[0]).state == "busy"


def test_ray_that_is_not_installed_is_told_in_one_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "ray", None)
    said = r"ray is not installed .* extra \[ray\], or leave out --executor ray"
    with pytest.raises(MocapError, match=said), connected(None):
        pass
