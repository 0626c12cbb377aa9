import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from blender_addon import bridge
from blender_addon.engine import process
from tests.fixtures import fake_engine

CANCEL_S = 2.0
"""A cancel takes effect within two seconds (users.md, section 8)."""
GIVE_UP_S = 30


def _run(job: process.EngineJob, until=lambda job: job.state != "running") -> process.EngineJob:
    """Poll as the timer does."""
    began = time.monotonic()
    while not until(job):
        job.poll()
        assert time.monotonic() - began < GIVE_UP_S, job.progress
        time.sleep(0.01)
    return job


def _job(tmp_path: Path, monkeypatch, mode: str, motion: Path | None = None) -> process.EngineJob:
    python = fake_engine.install(tmp_path, monkeypatch, mode, motion)
    commands = [["reconstruct", "a"], ["solve", "b", "-o", str(tmp_path / "m")]]
    return process.EngineJob(python, commands, dict(os.environ))


def test_commands_run_one_after_the_other(tmp_path, monkeypatch) -> None:
    source = tmp_path / "source"
    source.write_text("motion")
    job = _run(_job(tmp_path, monkeypatch, "good", source))
    assert (job.state, job.progress.stage, (tmp_path / "m").read_text()) == ("done", "solve", "motion")


def test_progress_says_stage_and_share(tmp_path, monkeypatch) -> None:
    job = _run(_job(tmp_path, monkeypatch, "hang"), lambda job: job.progress.done == 4)
    assert (job.progress.stage, job.progress.fraction) == ("estimate", 0.4)
    assert job.progress.seconds_left is not None
    job.close()


@pytest.mark.parametrize("mode", ["hang", "deaf"])
def test_cancel_ends_the_child_in_time(tmp_path, monkeypatch, mode: str) -> None:
    job = _run(_job(tmp_path, monkeypatch, mode), lambda job: job.progress.done == 4)
    began = time.monotonic()
    job.cancel()
    assert job.is_cancelling
    _run(job)
    assert job.state == "cancelled" and time.monotonic() - began < CANCEL_S
    assert not _is_alive(job.pid)


@pytest.mark.skipif(sys.platform == "win32", reason="a child is stopped by a signal, not on Windows")
@pytest.mark.parametrize("is_woken", [True, False])
def test_child_that_sleeps_with_the_machine_goes_on_or_is_cancelled(tmp_path, monkeypatch, is_woken: bool) -> None:
    job = _run(_job(tmp_path, monkeypatch, "chatty"), lambda job: job.progress.done == 4)
    os.kill(job.pid, signal.SIGSTOP)
    _run(job, lambda job: job.silent_s > 0.3)
    assert job.state == "running"
    if is_woken:
        os.kill(job.pid, signal.SIGCONT)
        _run(job, lambda job: job.silent_s < 0.2)
    began = time.monotonic()
    job.cancel()
    _run(job)
    assert job.state == "cancelled" and time.monotonic() - began < CANCEL_S
    assert not _is_alive(job.pid)


def test_close_ends_a_deaf_child_at_once(tmp_path, monkeypatch) -> None:
    job = _run(_job(tmp_path, monkeypatch, "deaf"), lambda job: job.progress.done == 4)
    job.close()
    assert job.state == "cancelled" and not _is_alive(job.pid)


def test_notices_are_the_engines_warnings(tmp_path, monkeypatch) -> None:
    source = tmp_path / "source"
    source.touch()
    job = _run(_job(tmp_path, monkeypatch, "warn", source))
    assert job.state == "done" and set(job.notices) == {"CUDA did not load; the network runs on the CPU"}


def test_time_left_counts_from_where_a_resumed_run_began() -> None:
    progress = process.EngineProgress("estimate", done=600, total=1000, since=time.monotonic() - 10, first=500)
    assert progress.seconds_left == pytest.approx(40, abs=0.5)
    assert process.EngineProgress("estimate", done=500, total=1000, first=500).seconds_left is None


def test_silence_is_measured_from_the_last_line(tmp_path, monkeypatch) -> None:
    job = _run(_job(tmp_path, monkeypatch, "hang"), lambda job: job.progress.done == 4)
    before = job.silent_s
    assert before < CANCEL_S and job.silent_s > before
    job.close()


BLENDER_DIES = """
import importlib.util, os, sys, time
from pathlib import Path
spec = importlib.util.spec_from_file_location("engine", sys.argv[1])
sys.modules["engine"] = engine = importlib.util.module_from_spec(spec)
spec.loader.exec_module(engine)
job = engine.EngineJob(Path(sys.argv[2]), [["reconstruct", "a"]], dict(os.environ))
while job.progress.done != 4:
    job.poll()
    time.sleep(0.01)
print(job.pid, flush=True)
time.sleep(60)
"""


def test_no_engine_is_left_when_blender_is_killed(tmp_path, monkeypatch) -> None:
    python = fake_engine.install(tmp_path, monkeypatch, "chatty")
    command = [sys.executable, "-c", BLENDER_DIES, str(process.__file__), str(python)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as blender:
        pid = int(blender.stdout.readline())
        assert _is_alive(pid)
        blender.kill()
    began = time.monotonic()
    while _is_alive(pid):
        assert time.monotonic() - began < GIVE_UP_S, "the engine outlived Blender"
        time.sleep(0.02)


def _is_alive(pid: int | None) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return False
    return state != "Z"


def test_refusal_is_the_engines_own_sentence(tmp_path, monkeypatch) -> None:
    job = _run(_job(tmp_path, monkeypatch, "refuse"))
    assert (job.state, job.error) == ("failed", "clip.mp4: nobody in it; draw a box")


@pytest.mark.parametrize(
    ("mode", "said"),
    [
        ("killed", "memory runs out"),
        ("segfault", "crashed (signal 11)"),
        ("segfault", "loading the network"),
        ("traceback", "ZeroDivisionError: a bug"),
    ],
)
def test_crash_says_what_happened_with_the_last_lines(tmp_path, monkeypatch, mode: str, said: str) -> None:
    job = _run(_job(tmp_path, monkeypatch, mode))
    assert job.state == "failed" and said in job.error


def test_python_that_is_not_there_is_one_sentence(tmp_path) -> None:
    job = process.EngineJob(tmp_path / "python", [["doctor"]], {})
    assert job.poll() == "failed" and "choose another Python in the preferences" in job.error


def test_own_python_is_the_one_that_runs() -> None:
    version = subprocess.run(
        [process.own_python(), "-c", "import sys; print(sys.version)"], check=False, capture_output=True, text=True
    )
    assert version.stdout.strip() == sys.version


def test_child_finds_core_and_its_packages(tmp_path) -> None:
    code = "import core.types, numpy, cv2, scipy, onnxruntime; print(core.__file__)"
    environment = process.child_environment(bridge.core_root(), is_own_python=True)
    done = subprocess.run(
        [process.own_python(), "-c", code],
        env=environment,
        cwd=tmp_path,
        check=False,
        capture_output=True,
        text=True,
        timeout=60,
    )  # fmt: skip
    assert (Path(done.stdout.strip()).parent, done.returncode) == (bridge.core_root() / "core", 0), done.stderr


def test_foreign_python_brings_its_own_packages() -> None:
    environment = process.child_environment(Path("/somewhere"), is_own_python=False)
    assert environment["PYTHONPATH"] == "/somewhere"


def test_solve_is_the_function_however_often_it_is_asked_for() -> None:
    import core
    import core.motion.solver  # its module, loaded first as any other code may do

    assert all(callable(bridge.solve) and callable(core.solve) for _ in range(2))
