from types import SimpleNamespace

import bpy
import pytest

import blender_addon
from blender_addon.choices import to_request
from blender_addon.engine import session
from blender_addon.engine.process import SILENCE_S
from blender_addon.panels import section as panel
from blender_addon.panels.preferences import MocapPreferences
from tests.fixtures.layouts import Layout, draw_all
from tests.fixtures.truth import DEMO

EVERY_PANEL = ["main", "footage", "people", "reconstruct", "result", "clean_up", "output", "export", "queue"]


def drawn(space=None) -> Layout:
    return draw_all(blender_addon.SECTIONS, bpy.context, space)


def test_sections_are_in_the_order_of_work_in_both_editors(addon) -> None:
    assert [section.key for section in blender_addon.SECTIONS] == EVERY_PANEL
    for prefix, space in (("MOCAP_PT_", "VIEW_3D"), ("MOCAP_PT_clip_", "CLIP_EDITOR")):
        made = [getattr(bpy.types, prefix + key) for key in EVERY_PANEL]
        assert {cls.bl_space_type for cls in made} == {space}
        assert {cls.bl_parent_id for cls in made[1:]} == {f"{prefix}main"}


def test_everything_draws_in_an_empty_scene_and_says_what_to_do(addon, scene) -> None:
    text = drawn().texts()
    for said in (
        "Choose the footage first",
        "No take in this scene yet",
        "Nothing in the queue is waiting",
        "The queue is empty",
        "The scene has no camera",
    ):
        assert said in text


def test_status_names_weights_licence_and_device(ready) -> None:
    ready("good")
    assert "Ready Weights: test (CC0-1.0, NO commercial use) Device: auto" in drawn().texts()


def test_every_section_draws_after_a_run(ready) -> None:
    ready("good").mocap.outputs = {"mesh", "armature"}
    bpy.ops.mocap.reconstruct()
    layout = drawn()
    assert "1 person Person 1: frames 1 to 90" in layout.texts()
    assert "clip" in layout.texts("operator")


def test_running_shows_progress_and_the_way_to_stop(ready, step_until) -> None:
    scene = ready("hang")
    running = session.start(to_request.request_from(bpy.context))
    step_until(running, scene, lambda: running.job.progress.done == 4)
    layout = drawn()
    assert layout.texts("progress").startswith("Reading the footage 4 / 10, ")
    assert "Cancel (Esc)" in layout.texts("operator") and "Reconstruct" not in layout.texts("operator")


def test_silent_engine_is_named_with_its_last_line(ready, step_until, monkeypatch) -> None:
    scene = ready("hang")
    running = session.start(to_request.request_from(bpy.context))
    step_until(running, scene, lambda: running.job.progress.done == 4)
    assert running.silence_text == ""
    monkeypatch.setattr(type(running.job), "silent_s", SILENCE_S + 1)
    assert "No word from the engine for 61 s" in drawn().texts()


def test_failure_stays_in_the_panel(ready) -> None:
    ready("refuse")
    with pytest.raises(RuntimeError):
        bpy.ops.mocap.reconstruct()
    assert "nobody in it; draw a box" in drawn().texts()


def test_unfinished_take_turns_the_button_into_resume(ready) -> None:
    ready("good")
    take = to_request.request_from(bpy.context).take
    take.mkdir(parents=True)
    (take / "take.json").write_text('{"complete": false, "next_frame": 40}')
    assert "Resume from frame 41" in drawn().texts("operator")
    (take / "take.json").write_text('{"complete": true, "next_frame": 90}')
    assert "Resume" not in drawn().texts("operator")


def test_what_changes_the_scene_is_one_undo_step(addon) -> None:
    leave_the_scene = {"cancel", "look_through", "export_take", "queue_command", "check_engine", "copy_report"}
    operators = [cls for cls in blender_addon.CLASSES if issubclass(cls, bpy.types.Operator)]
    without = {cls.bl_idname[6:] for cls in operators if "UNDO" not in getattr(cls, "bl_options", ())}
    leave_the_scene |= {"find_footage", "save_bone_map", "choose_motion", "choose_for_rig"}
    leave_the_scene |= {"download_weights", "use_weights", "remove_weights"}
    assert without == leave_the_scene


@pytest.mark.parametrize("width", [10, 200])
def test_text_wraps_to_the_sidebar(width: int) -> None:
    layout = Layout()
    panel.draw_text(layout, "one two three four five six seven", width, "INFO")
    assert (len(layout.drawn) > 1) == (width == 10)


def test_clip_editor_offers_its_own_clip(addon, scene) -> None:
    clip = bpy.data.movieclips.load(str(DEMO / "clip.mp4"))
    space = SimpleNamespace(type="CLIP_EDITOR", clip=clip)
    assert "Use the clip shown here" in drawn(space).texts("operator")
    scene.mocap.source, scene.mocap.clip = "CLIP", clip
    layout = drawn(space)
    assert "Use the clip shown here" not in layout.texts("operator")
    assert "Draw a box:" not in layout.texts() and "640 x 480, 90 frames" in layout.texts()


def test_preferences_draw_and_tell_the_weights_size(ready) -> None:
    ready("good")
    layout = Layout()
    fake = SimpleNamespace(layout=layout, bl_rna=MocapPreferences.bl_rna)
    fake.layout.prop = lambda held, name: layout.drawn.append(("prop", name))
    MocapPreferences.draw(fake, bpy.context)
    assert {"python", "device", "threads", "weights", "is_commercial_only"} <= {name for _, name in layout.drawn}
    assert "test, CC0-1.0, NO commercial use, 0.0 MB in " in layout.texts()
