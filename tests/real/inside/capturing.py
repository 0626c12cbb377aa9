"""Steps from the engine's start to the people in the scene."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import bpy
from eyes import region_of
from result import assert_take_stands, ends, overlap
from story import BUSY_S, NAME, OUT, TAB

SOME = 8
"""Frames after which Esc comes: what was seen goes to disk then, and the rest of a short clip takes two seconds."""
CANCEL_S = 2.0
"""What the add-on promises, the time apart in which a window without a GPU draws and hears nobody."""
IN_CHILD = """
import json, numpy, onnxruntime, cv2, scipy
print(json.dumps([module.__file__ for module in (numpy, onnxruntime, cv2, scipy)]))
"""


def engine_is_the_extensions_own(story):
    """Enabled by the installer; numpy is Blender's, all else the extension's."""
    assert NAME in bpy.context.preferences.addons, "the extension is not enabled"
    status = story.part("choices.preferences").readiness_now()
    assert not status.problem, status.problem
    engine, bridge = story.part("engine.process"), story.part("bridge")
    environment = engine.child_environment(bridge.core_root(), is_own_python=True)
    python = engine.own_python()
    said = subprocess.run(
        [python, "-c", IN_CHILD], env=environment, capture_output=True, text=True, check=True, timeout=120
    ).stdout
    numpy_file, *others = json.loads(said)
    wheels = str(Path(bpy.utils.user_resource("EXTENSIONS")) / ".local")
    assert not numpy_file.startswith(wheels), f"numpy of the extension: {numpy_file}"
    assert [file for file in others if not file.startswith(wheels)] == [], others
    import numpy

    assert Path(numpy.__file__) == Path(numpy_file), (numpy.__file__, numpy_file)
    story.measured["python"] = sys.version.split()[0]
    yield 0.1


def sidebar_opens(story):
    """N opens the sidebar; the tab is there. The view is made large first, for more lines."""
    with bpy.context.temp_override(window=story.window, area=story.area):
        bpy.ops.screen.screen_full_area(use_hide_panels=False)
    yield 1.5
    yield from story.over_view()
    space = story.area.spaces.active
    if not space.show_region_ui:
        yield from story.hands.key(story.window, "N")
    yield from story.until(lambda: space.show_region_ui, "N shows the sidebar")
    yield 1.0
    region_of(story.area, "UI").active_panel_category = TAB
    yield 1.0


def footage_is_opened(story):
    """Type the path, open it as a Movie Clip, give the scene its rate."""
    yield from story.press("mocap.footage")
    yield from story.hands.key(story.window, "A", ctrl=True)
    yield from story.hands.type(story.window, story.footage)
    yield from story.hands.key(story.window, "RET")
    yield from story.until(lambda: story.settings.footage == story.footage, "the path is typed")
    yield from story.press("mocap.open_clip")
    yield from story.until(lambda: story.settings.source == "CLIP" and story.settings.clip, "the clip is open")
    clip = story.settings.clip
    if story.part("operators.footage").fps_warning(story.window.scene):
        yield from story.press("mocap.match_fps")
    is_same = lambda: not story.part("operators.footage").fps_warning(story.window.scene)  # noqa: E731
    yield from story.until(is_same, "the scene has the clip's rate")
    story.measured["clip"] = f"{clip.size[0]}x{clip.size[1]}, {clip.frame_duration} frames, {clip.fps:g} fps"


def people_are_found(story):
    """The quick pass lists who is there, all of them ticked."""
    yield from story.press("mocap.find_people")
    yield from story.until(lambda: story.run() is not None, "the quick pass starts")
    yield from story.until_ended()
    assert len(story.settings.found) >= 1 and story.settings.people == "picked"
    story.measured["people"] = len(story.settings.found)


def box_is_drawn(story):
    """In the Movie Clip Editor: the eye goes to who was found; a box around them lies where the mouse went."""
    area, clip = story.area, story.settings.clip
    area.type = "CLIP_EDITOR"
    yield 1.0
    space = area.spaces.active
    space.clip, space.show_region_ui = clip, True
    yield 1.0
    region_of(area, "UI").active_panel_category = TAB
    frame, box, *_ = json.loads(story.settings.found[0].anchors)[0]
    yield from story.press("mocap.show_person", at=0.73, area=area)
    yield from story.until(lambda: story.window.scene.frame_current == frame + 1, "the scene is on the frame")
    yield from story.until(lambda: space.clip_user.frame_current == frame + 1, "the editor shows the frame")
    corners = [story.in_picture(area, box[0] + share * box[2], box[1] + share * box[3]) for share in (0, 1)]
    yield from story.press("mocap.draw_box", at=0.7, area=area)
    yield from story.hands.drag(story.window, *corners, then=story.shot("box"))
    yield from story.until(lambda: len(story.settings.boxes) == 1, "there is a box")
    drawn = story.settings.boxes[0]
    asked, at = ends(box), ends((*drawn.corner, *drawn.size))
    assert overlap(at, asked) > 0.9 and drawn.frame == frame + 1, f"drawn {at}, asked for {asked}"
    yield from story.press("mocap.draw_box(index=0", at=0.74, area=area)
    yield from story.hands.drag(story.window, *[(x + 20, y + 10) for x, y in corners])
    yield from story.until(lambda: story.settings.boxes[0].corner[0] > at[0] + 10, "the box has moved")
    assert len(story.settings.boxes) == 1
    yield from story.press("mocap.remove_box", at=0.8, area=area)
    yield from story.until(lambda: not story.settings.boxes, "the box is gone")
    area.type = "VIEW_3D"
    yield 1.0


def mesh_and_skeleton_are_asked_for(story):
    """With Shift, both; Blender's simulated events hold no Shift for such buttons."""
    if story.hands.can_hold_shift:
        yield from story.press("mocap.outputs", at=0.75, shift=True)
    else:
        yield from story.press("mocap.outputs", at=0.75)
        yield from story.until(lambda: story.settings.outputs == {"armature"}, "the skeleton is chosen")
        story.settings.outputs = {"mesh", "armature"}
    yield from story.until(lambda: story.settings.outputs == {"mesh", "armature"}, "both are chosen")


def escape_cancels_in_time(story):
    """Esc, in the middle of the run: it has one thread, and waits for the mouse, or a short clip were over by then."""
    bpy.context.preferences.addons[NAME].preferences.threads = 1
    yield from story.press("mocap.reconstruct")
    yield from story.until(lambda: story.part("engine.session").is_running(), "the run starts")
    running = story.run()
    os.kill(running.job.pid, signal.SIGSTOP)
    yield from story.over_view()
    os.kill(running.job.pid, signal.SIGCONT)
    began, shot = time.monotonic(), None
    while running.job.progress.stage != "estimate" or running.job.progress.done <= SOME:
        if running.job.progress.stage == "estimate" and shot is None:
            later = f"sleep 1; {OUT}/shot running"  # the panel tells the progress once a second
            shot = subprocess.Popen(["sh", "-c", later], stdout=subprocess.DEVNULL)
        assert running.state == "running", f"{running.state} before it could be cancelled: {running.error}"
        assert time.monotonic() - began < BUSY_S, "no frames"
        yield 0.05
    child = running.job.pid
    asked_at = last = time.monotonic()
    pressing, stall = story.hands.key(story.window, "ESC"), 0.0
    while running.state == "running":
        assert time.monotonic() - asked_at < 30, "Esc does nothing"
        yield min(next(pressing, 0.02), 0.1)
        stall, last = max(stall, time.monotonic() - last), time.monotonic()
    took = time.monotonic() - asked_at
    yield from pressing
    assert running.state == "cancelled", running.state
    story.measured["cancel_s"], story.measured["longest_stall_s"] = round(took, 2), round(stall, 2)
    assert took - stall < CANCEL_S, f"cancelled after {took:.1f} s, of which Blender stood still for {stall:.1f} s"
    assert not Path(f"/proc/{child}").exists(), "the engine's process is still there"
    request = story.part("choices.to_request").request_from(bpy.context)
    story.measured["kept_frames"] = story.part("bridge").take_status(request.take).frames_done
    assert story.measured["kept_frames"] > 0


def same_button_resumes(story):
    """From where it was, and the people come into the scene."""
    yield from story.press("mocap.reconstruct")
    yield from story.until(lambda: story.part("engine.session").is_running(), "the run starts")
    running, firsts = story.run(), []
    began, gaps, last = time.monotonic(), [], time.monotonic()
    while running.state == "running":
        assert time.monotonic() - began < BUSY_S
        if running.job.progress.stage == "estimate":
            firsts.append(running.job.progress.first)
        yield 0.02
        gaps.append(time.monotonic() - last)
        last = time.monotonic()
    assert running.state == "done", running.error
    bpy.context.preferences.addons[NAME].preferences.threads = 0
    assert min(firsts) >= story.measured["kept_frames"], "it began from the start"
    story.measured["resumed_run_s"] = round(time.monotonic() - began, 1)
    story.measured["median_gap_s"] = round(sorted(gaps)[len(gaps) // 2], 3)
    yield 2.0
    assert_take_stands(story)
