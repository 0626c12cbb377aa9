import subprocess
import sys
from pathlib import Path

import bpy
import pytest

from blender_addon import bridge
from blender_addon.choices import to_request
from blender_addon.engine import session
from blender_addon.operators import engine_steps
from tests.addon.engine.test_process import _is_alive
from tests.fixtures import fake_engine
from tests.fixtures.truth import DEMO

ROOT = Path(__file__).parents[3]
BLENDER_S = 120
QUIT_WHILE_RUNNING = """
import atexit, os, sys, time
sys.path.insert(0, sys.argv[1])
from pathlib import Path
import bpy, blender_addon
from blender_addon.choices import to_request
from blender_addon.engine import readiness, session
blender_addon.register()
readiness.check = lambda *_: readiness.Readiness("test", "CC0-1.0", "")
to_request.takes_folder = lambda: Path(sys.argv[3]) / "takes"
session.own_python = lambda: Path(sys.argv[2])
bpy.context.scene.mocap.footage = sys.argv[4]
running = session.start(to_request.request_from(bpy.context))
while running.job.progress.done != 4:
    running.step(bpy.context.scene)
    time.sleep(0.01)
print("pid", running.job.pid, flush=True)
atexit._run_exitfuncs()  # as the interpreter does at its end; bpy 4.5 would hang after it
os._exit(0)
"""


def test_no_engine_is_left_when_blender_quits(tmp_path, monkeypatch) -> None:
    python = fake_engine.install(tmp_path, monkeypatch, "deaf")
    arguments = [str(ROOT), str(python), str(tmp_path), str(DEMO / "clip.mp4")]
    done = subprocess.run(
        [sys.executable, "-c", QUIT_WHILE_RUNNING, *arguments],
        check=False, capture_output=True, text=True, timeout=BLENDER_S,
    )  # fmt: skip
    (line,) = [line for line in done.stdout.splitlines() if line.startswith("pid ")]
    assert done.returncode == 0 and not _is_alive(int(line.split()[1])), done.stderr


def test_undo_during_a_run_does_not_end_it(ready, step_until) -> None:
    scene = ready("good")
    bpy.ops.ed.undo_push(message="before")
    bpy.data.objects.new("cube", None)
    scene.mocap.smooth = 0.1
    bpy.ops.ed.undo_push(message="cube")
    running = session.start(to_request.request_from(bpy.context))
    bpy.ops.ed.undo()
    scene = bpy.context.scene  # undo has replaced everything that was known
    step_until(running, scene, lambda: running.state != "running")
    assert running.state == "done" and "clip.1 body" in bpy.data.objects and scene.mocap.smooth == 0.5


def test_deleted_objects_and_collections_during_a_run_do_not_matter(ready, step_until) -> None:
    scene = ready("good")
    bpy.ops.mocap.reconstruct()
    running = session.start(to_request.request_from(bpy.context))
    for item in list(bpy.data.objects):
        bpy.data.objects.remove(item)
    bpy.data.collections.remove(bpy.data.collections["clip"])
    step_until(running, scene, lambda: running.state != "running")
    assert running.state == "done"


def test_result_goes_to_the_scene_where_the_run_was_started(ready, step_until) -> None:
    first = ready("good")
    operator = engine_steps.StepsEngine()
    operator.report = lambda *_: None
    operator.begin = lambda context: session.start(to_request.request_from(context))
    operator.done = lambda _context, _ended: {"FINISHED"}
    assert operator._start(bpy.context)
    other = bpy.data.scenes.new("other")
    while operator._step(type("Context", (), {"scene": other}), session.current()) != {"FINISHED"}:
        pass
    assert "clip" in first.collection.children and not other.collection.children


@pytest.mark.parametrize("start", ["reconstruct", "find_people", "check_engine", "queue_run"])
def test_one_run_at_a_time_and_each_button_says_so(ready, start: str) -> None:
    ready("hang")
    bpy.ops.mocap.queue_add()
    session.start(to_request.request_from(bpy.context))
    operator = getattr(bpy.ops.mocap, start)
    assert not operator.poll()
    with pytest.raises(RuntimeError, match="A reconstruction is running"):
        operator()
    with pytest.raises(bridge.MocapError, match="wait for it or cancel it"):
        session.start(to_request.request_from(bpy.context))


def test_run_can_start_again_after_a_cancel(ready, step_until) -> None:
    scene = ready("hang")
    running = session.start(to_request.request_from(bpy.context))
    running.job.cancel()
    step_until(running, scene, lambda: running.state != "running")
    ready("good")
    assert bpy.ops.mocap.reconstruct() == {"FINISHED"}


def test_damaged_motion_of_the_engine_is_one_sentence(ready, tmp_path) -> None:
    ready("good")
    (tmp_path / "motion.npz").write_bytes(b"PK and no more")
    with pytest.raises(RuntimeError, match=r"damaged or no motion"):
        bpy.ops.mocap.reconstruct()
    assert len(bpy.data.objects) == 0 and not session.is_running()


def test_choices_are_kept_in_the_blend(ready, tmp_path) -> None:
    scene = ready("good")
    settings = scene.mocap
    settings.smooth, settings.feet, settings.quality, settings.draft_step = 0.25, "lock", "DRAFT", 7
    settings.frames, settings.first, settings.last, settings.outputs = "CUSTOM", 3, 30, {"armature"}
    scene.frame_set(10)
    bpy.ops.mocap.add_box()
    settings.boxes[0].corner = (5, 6)
    bpy.ops.mocap.queue_add()
    before = to_request.request_from(bpy.context)
    bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "shot.blend"))
    bpy.ops.wm.read_homefile(use_empty=True)
    bpy.ops.wm.open_mainfile(filepath=str(tmp_path / "shot.blend"))
    assert to_request.request_from(bpy.context) == before
    assert bpy.context.scene.mocap.queue[0].title == "clip draft"


def test_engine_is_checked_by_its_doctor(ready) -> None:
    ready("good")
    assert bpy.ops.mocap.check_engine() == {"FINISHED"}
    from blender_addon.operators import engine

    assert engine.engine_line("network") == "onnx on CUDA, 2.1 ms a person"
    report = engine.bug_report()
    assert f"Blender {bpy.app.version_string}" in report and "weights test (CC0-1.0); ready" in report
    session.engine_report.clear()


def test_engine_that_lacks_something_is_told_with_its_lines(ready) -> None:
    ready("refuse")
    with pytest.raises(RuntimeError, match="something that is needed is missing"):
        bpy.ops.mocap.check_engine()
    assert any("pip install onnxruntime" in line for line in session.engine_report)
    session.engine_report.clear()


def test_report_for_a_bug_has_the_last_lines_of_a_crash(ready) -> None:
    ready("segfault")
    with pytest.raises(RuntimeError):
        bpy.ops.mocap.reconstruct()
    assert bpy.ops.mocap.copy_report() == {"FINISHED"}
    from blender_addon.operators import engine

    assert "loading the network" in engine.bug_report()


def test_engines_warning_is_in_the_panel(ready) -> None:
    from blender_addon.panels import reconstruct
    from tests.fixtures.layouts import draw_all

    ready("warn")
    bpy.ops.mocap.reconstruct()
    assert "CUDA did not load" in draw_all(reconstruct.SECTIONS, bpy.context).texts()


def test_waiting_buttons_say_what_really_runs(ready) -> None:
    ready("hang")
    request = to_request.quick_request(bpy.context)
    session.start(request, request.find_people_plan())
    assert to_request.why_not(bpy.context) == "Find people is running"
    with pytest.raises(bridge.MocapError, match="Find people is running; wait for it or cancel it first"):
        session.start(to_request.request_from(bpy.context))
    assert bpy.ops.mocap.queue_add.poll()
