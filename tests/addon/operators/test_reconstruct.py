import time

import bpy
import pytest

import blender_addon
from blender_addon import bridge
from blender_addon.choices import to_request
from blender_addon.engine import readiness, session
from blender_addon.panels import section
from tests.fixtures import motions
from tests.fixtures.truth import DEMO


def test_registering_twice_leaves_nothing_behind(scene) -> None:
    for _ in range(2):
        blender_addon.register()
        assert hasattr(bpy.types, "MOCAP_PT_main") and hasattr(scene, "mocap")
        blender_addon.unregister()
        assert not hasattr(bpy.types, "MOCAP_PT_main") and not hasattr(bpy.types.Scene, "mocap")


def test_button_builds_the_people(ready) -> None:
    scene = ready("good")
    assert bpy.ops.mocap.reconstruct() == {"FINISHED"}
    built = session.current().built
    assert built.collection == "clip" and bpy.data.objects[built.people[0].body].data.shape_keys
    assert (scene.frame_end, scene.render.resolution_x, scene.camera.name) == (90, 640, "clip camera")


def test_button_takes_a_movie_clip(ready) -> None:
    scene = ready("good")
    scene.mocap.source = "CLIP"
    scene.mocap.clip = bpy.data.movieclips.load(str(DEMO / "clip.mp4"))
    scene.mocap.footage = ""
    assert to_request.request_from(bpy.context).footage == DEMO / "clip.mp4"


def test_both_outputs_come_from_one_click(ready) -> None:
    ready("good").mocap.outputs = {"mesh", "armature"}
    bpy.ops.mocap.reconstruct()
    person = session.current().built.people[0]
    assert person.body and person.armature and person.skinned


def test_engines_refusal_is_reported(ready) -> None:
    ready("refuse")
    with pytest.raises(RuntimeError, match=r"clip.mp4: nobody in it; draw a box"):
        bpy.ops.mocap.reconstruct()
    assert len(bpy.data.objects) == 0


def test_crash_is_reported_with_its_last_lines(ready) -> None:
    ready("segfault")
    with pytest.raises(RuntimeError, match="loading the network"):
        bpy.ops.mocap.reconstruct()


def test_cancel_stops_a_run_that_steps(ready, step_until) -> None:
    scene = ready("hang")
    running = session.start(to_request.request_from(bpy.context))
    step_until(running, scene, lambda: running.job.progress.done == 4)
    assert bpy.ops.mocap.cancel() == {"FINISHED"}
    step_until(running, scene, lambda: running.state != "running")
    assert (running.state, session.is_running(), len(bpy.data.objects)) == ("cancelled", False, 0)


def test_step_never_waits(ready) -> None:
    scene = ready("hang")
    running = session.start(to_request.request_from(bpy.context))
    began = time.monotonic()
    for _ in range(100):
        running.step(scene)
    assert time.monotonic() - began < 0.1  # one step may take 100 ms, a hundred take less


def test_second_run_is_refused(ready) -> None:
    ready("hang")
    session.start(to_request.request_from(bpy.context))
    assert to_request.why_not(bpy.context) == "A reconstruction is running"
    with pytest.raises(bridge.MocapError, match="wait for it or cancel it"):
        session.start(to_request.request_from(bpy.context))


def test_switching_the_addon_off_ends_the_engine(ready) -> None:
    ready("deaf")
    job = session.start(to_request.request_from(bpy.context)).job
    blender_addon.unregister()
    blender_addon.register()
    assert job.state == "cancelled" and session.current() is None


def test_loading_a_file_ends_the_engine(ready) -> None:
    ready("hang")
    job = session.start(to_request.request_from(bpy.context)).job
    bpy.ops.wm.read_homefile(use_empty=True)
    assert job.state == "cancelled" and session.current() is None


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda s: setattr(s, "footage", ""), "Choose the footage first"),
        (lambda s: setattr(s, "outputs", set()), "Choose what to make"),
    ],
)
def test_disabled_button_says_why(ready, change, said: str) -> None:
    change(ready("good").mocap)
    assert to_request.why_not(bpy.context).startswith(said)
    assert not bpy.ops.mocap.reconstruct.poll()


def test_missing_weights_are_named(addon, scene, tmp_path) -> None:
    status = readiness.check("", str(tmp_path / "gone"))
    assert str(tmp_path / "gone") in status.problem


def test_footage_that_is_gone_is_one_sentence(ready) -> None:
    ready("good").mocap.footage = "/gone/clip.mp4"
    with pytest.raises(RuntimeError, match=r"/gone/clip.mp4 is not there: choose the footage again"):
        bpy.ops.mocap.reconstruct()


def test_same_question_finds_the_same_take(ready) -> None:
    scene = ready("good")
    first = to_request.request_from(bpy.context)
    scene.mocap.smooth = 0.9
    assert to_request.request_from(bpy.context).take == first.take
    scene.mocap.people = "all"
    assert to_request.request_from(bpy.context).take != first.take


def test_motion_file_builds_without_the_network(addon, scene, tmp_path) -> None:
    path = tmp_path / "walk.npz"
    bridge.write_motion(motions.motion(), path)
    assert bpy.ops.mocap.build_motion(filepath=str(path)) == {"FINISHED"}
    assert "walk.1 body" in bpy.data.objects


def test_building_is_one_undo_step(addon, scene, tmp_path) -> None:
    path = tmp_path / "walk.npz"
    bridge.write_motion(motions.motion(), path)
    scene.mocap.smooth = 0.25
    bpy.ops.ed.undo_push(message="before")
    bpy.ops.mocap.build_motion(filepath=str(path))
    bpy.ops.ed.undo_push(message="built")  # operators called from Python push no step of their own
    bpy.ops.ed.undo()
    assert (len(bpy.data.objects), len(bpy.data.shape_keys)) == (0, 0)
    assert bpy.context.scene.mocap.smooth == 0.25


def test_damaged_motion_file_is_reported(addon, scene, tmp_path) -> None:
    path = tmp_path / "walk.npz"
    path.write_bytes(b"PK and nothing that follows from it")
    with pytest.raises(RuntimeError, match=r"walk.npz: damaged or no motion"):
        bpy.ops.mocap.build_motion(filepath=str(path))


def test_long_sentences_wrap() -> None:
    labels = []

    class Layout:
        def column(self, align: bool):
            return self

        def label(self, text: str, icon: str) -> None:
            labels.append((text, icon))

    section.draw_text(Layout(), "one two three four five six seven", 20, "ERROR")
    assert labels == [("one two three", "ERROR"), ("four five six", "BLANK1"), ("seven", "BLANK1")]
