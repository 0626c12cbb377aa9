"""A manifest on a Ray cluster of two nodes on this machine, one of which is killed in the middle."""

from __future__ import annotations

import json
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from core.commands.ray import connected
from core.errors import MocapError
from core.take.take import COMMIT_ROWS, Take
from tests.fixtures.commands import ROOT, arguments, environment
from tests.fixtures.graphs import blob, write_clip

pytest.importorskip("ray", reason="ray is not installed: pip install -e '.[ray]'")
from ray.cluster_utils import Cluster

pytestmark = pytest.mark.filterwarnings("default")  # Ray's own are not ours to mend
CLIPS, FRAMES = 4, 300
SOON_S = 240.0


@pytest.fixture
def cluster() -> Iterator[Any]:
    started = Cluster(initialize_head=True, head_node_args={"num_cpus": 1})
    yield started
    started.shutdown()


@pytest.fixture
def manifest(tmp_path: Path) -> Path:
    for number in range(CLIPS):
        write_clip(tmp_path / f"clip{number}.mp4", FRAMES, lambda i: blob([(150 + 50 * np.sin(i / 20), 125)]))
    lines = [{"footage": f"clip{number}.mp4", "output": f"takes/{number}.take"} for number in range(CLIPS)]
    path = tmp_path / "clips.jsonl"
    path.write_text("\n".join(map(json.dumps, lines)))
    return path


def started(manifest: Path, weights: Path, address: str, *more: object) -> subprocess.Popen[str]:
    command = arguments("reconstruct", "--manifest", manifest, "--weights", weights, "--detector", "search", *more)
    command += ["--executor", "ray", "--ray-address", address, "--report", str(manifest.parent / "report.json")]
    pipe = subprocess.PIPE
    return subprocess.Popen(command, cwd=ROOT, env=environment(), stdout=pipe, stderr=pipe, text=True)


def wait_until(is_so: Callable[[], bool]) -> None:
    deadline = time.monotonic() + SOON_S
    while not is_so():
        assert time.monotonic() < deadline
        time.sleep(0.1)


def chunks(folder: Path) -> dict[Path, int]:
    return {path: path.stat().st_mtime_ns for path in folder.rglob("person*.npz")}


def test_clip_of_a_killed_node_is_taken_over_and_nothing_is_done_twice(
    cluster: Any, manifest: Path, blob_weights: Path
) -> None:
    second = cluster.add_node(num_cpus=1)
    run = started(manifest, blob_weights, cluster.address, "--progress", "json")
    takes = manifest.parent / "takes"
    try:
        wait_until(lambda: len({path.parent for path in chunks(takes)}) >= 2)
        before = chunks(takes)
        cluster.remove_node(second, allow_graceful=False)
        said, complained = run.communicate(timeout=SOON_S)
    finally:
        run.kill()
    assert run.returncode == 0, complained
    assert f"shard 0/1: {CLIPS} clips: {CLIPS} done" in said
    states = [clip["state"] for clip in json.loads((manifest.parent / "report.json").read_text())["clips"]]
    assert states == ["done"] * CLIPS
    assert [json.loads(line)["done"] for line in complained.splitlines()] == list(range(1, CLIPS + 1))
    assert before == {path: path.stat().st_mtime_ns for path in before}
    for number in range(CLIPS):
        take = Take.open(takes / f"{number}.take")
        assert take.frame_counts() == {"1": FRAMES}
        written = sum(len(np.load(path)["frame_index"]) for path in take.path.glob("person*.npz"))
        assert written - FRAMES < 2 * COMMIT_ROWS


def test_ctrl_c_stops_the_workers_and_the_same_line_goes_on(cluster: Any, manifest: Path, blob_weights: Path) -> None:
    run = started(manifest, blob_weights, cluster.address)
    takes = manifest.parent / "takes"
    try:
        wait_until(lambda: bool(chunks(takes)))
        run.send_signal(subprocess.signal.SIGINT)  # type: ignore[attr-defined]
        _, complained = run.communicate(timeout=SOON_S)
    finally:
        run.kill()
    assert (run.returncode, len(complained.splitlines())) == (130, 1), complained
    assert "the same command goes on" in complained
    states = [clip["state"] for clip in json.loads((manifest.parent / "report.json").read_text())["clips"]]
    assert states.count("cancelled") == 1 and set(states) <= {"cancelled", "waiting", "done"}
    again = started(manifest, blob_weights, cluster.address)
    try:
        _, complained = again.communicate(timeout=SOON_S)
    finally:
        again.kill()
    assert again.returncode == 0, complained
    assert all(Take.open(takes / f"{number}.take").is_complete for number in range(CLIPS))


def test_address_where_no_cluster_is_gives_one_sentence() -> None:
    """Where nobody listens, Ray itself asks for minutes and complains in many lines."""
    said = r"no Ray cluster answers at 127\.0\.0\.1:1; start one with ray start"
    with pytest.raises(MocapError, match=said), connected("127.0.0.1:1"):
        pass
