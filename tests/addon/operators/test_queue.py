import shutil

import bpy
import pytest

from blender_addon.choices import to_request
from blender_addon.engine import session
from blender_addon.operators import queue as operators_queue
from tests.fixtures.truth import DEMO


@pytest.fixture
def queue(ready, tmp_path):
    """Three clips, of which the engine refuses the second."""
    scene = ready("good")
    for name in ("one", "bad", "three"):
        shutil.copy(DEMO / "clip.mp4", tmp_path / f"{name}.mp4")
        scene.mocap.footage = str(tmp_path / f"{name}.mp4")
        bpy.ops.mocap.queue_add()
    return scene.mocap.queue


def test_queue_runs_all_and_a_failure_stops_none(queue) -> None:
    assert bpy.ops.mocap.queue_run() == {"FINISHED"}
    assert [(item.title, item.status) for item in queue] == [("one", "DONE"), ("bad", "FAILED"), ("three", "DONE")]
    assert "nobody in it" in queue[1].message and len(bpy.data.objects) == 0


def test_fault_of_the_program_in_one_clip_of_the_queue_stops_none(queue, monkeypatch) -> None:
    whole = session.EngineJob.poll

    def poll(job):
        if session.current().plan.title == "Queue: three":
            raise RuntimeError("a bug")
        return whole(job)

    monkeypatch.setattr(session.EngineJob, "poll", poll)
    bpy.ops.mocap.queue_run()
    assert [item.status for item in queue] == ["DONE", "FAILED", "FAILED"]
    assert "a bug" in queue[2].message and "\n" not in queue[2].message and ".log" in queue[2].message
    assert not session.is_running()


def test_clip_whose_request_is_damaged_fails_and_stops_none(queue) -> None:
    queue[0].request = '{"build": 3}'
    bpy.ops.mocap.queue_run()
    assert [item.status for item in queue] == ["FAILED", "FAILED", "DONE"]
    assert "\n" not in queue[0].message and ".log" in queue[0].message


def test_clip_of_the_queue_is_built_with_the_settings_of_its_time(queue) -> None:
    bpy.ops.mocap.queue_run()
    bpy.context.scene.mocap.outputs = {"armature"}
    assert bpy.ops.mocap.queue_build(index=2) == {"FINISHED"}
    assert session.current().built.collection == "three" and not bpy.data.armatures


def test_clip_is_queued_once(queue) -> None:
    assert bpy.ops.mocap.queue_add() == {"CANCELLED"}
    bpy.ops.mocap.queue_remove(index=0)
    assert [item.title for item in queue] == ["bad", "three"]


def test_cancelled_queue_goes_on_waiting(queue, ready, monkeypatch) -> None:
    ready("hang")
    begun = session.start

    def start_and_cancel(*arguments):
        running = begun(*arguments)
        running.job.cancel()
        return running

    monkeypatch.setattr(session, "start", start_and_cancel)
    assert bpy.ops.mocap.queue_run() == {"CANCELLED"}
    assert {item.status for item in queue} == {"WAITING"}


def test_removed_clip_does_not_disturb_the_run(queue) -> None:
    operator = operators_queue.MOCAP_OT_queue_run
    running = type("Run", (), {"_text": queue[0].request, "_note": operator._note})()
    running._note(running and [], "DONE", "")
    assert queue[0].status == "WAITING"


def test_command_line_names_every_clip_and_the_settings(queue) -> None:
    requests = [operators_queue.request_of(bpy.context, index) for index in range(3)]
    command = operators_queue.headless_command(requests)
    assert all(f"{name}.mp4" in command for name in ("one", "bad", "three"))
    assert "--output mesh --people main --smooth 0.5 --feet auto --step 1" in command


def test_footage_can_be_queued_while_another_runs(ready) -> None:
    scene = ready("hang")
    session.start(to_request.request_from(bpy.context))
    assert bpy.ops.mocap.queue_add() == {"FINISHED"} and len(scene.mocap.queue) == 1
