"""Steps of a longer day: the queue, a report for a bug, saving and loading during a run."""

from pathlib import Path

import bpy
from story import BUSY_S, OUT


def queue_runs_two(story):
    """The clip as it is and as a draft, one after the other; the second is built."""
    yield from open_queue(story)
    yield from story.press("mocap.queue_add")
    yield from story.press("mocap.quality", at=0.75)
    yield from story.until(lambda: story.settings.quality == "DRAFT", "it is a draft")
    yield from story.press("mocap.queue_add")
    yield from story.until(lambda: len(story.settings.queue) == 2, "two are queued")
    yield from story.press("mocap.queue_run")
    done = lambda: all(item.status != "WAITING" for item in story.settings.queue)  # noqa: E731
    yield from story.until(done, "the queue ends", 2 * BUSY_S)
    assert [item.status for item in story.settings.queue] == ["DONE", "DONE"], [i.message for i in story.settings.queue]
    yield 1.0
    before, last = len(list(story.part("scene.take_records").takes_in(story.window.scene))), story.run()
    yield from story.press("mocap.queue_build", at=0.8)
    yield from story.until(lambda: story.run() is not last, "the engine starts")
    yield from story.until_ended()
    assert len(list(story.part("scene.take_records").takes_in(story.window.scene))) == before + 1


def open_queue(story):
    """The section is closed at first: click its header, the line below the export's button."""
    x, y = yield from story.eyes.find(story.window, story.area, "mocap.export_take")
    for below in (34, 26, 42, 50, 18):
        yield from story.hands.wheel(story.window, x, y, -60)
        x, y = yield from story.eyes.find(story.window, story.area, "mocap.export_take")
        yield from story.hands.click(story.window, x, y - below)
        yield 0.5
        yield from story.hands.wheel(story.window, x, y, -60)
        try:
            yield from story.eyes.find(story.window, story.area, "mocap.queue_add")
        except LookupError:
            continue
        return
    raise AssertionError("the section Queue does not open")


def report_is_copied(story):
    """The cog opens the preferences at the add-on; the engine is checked, and the last button copies a report."""
    yield from story.press("preferences.addon_show", at=0.83)
    windows = lambda: [w for w in bpy.context.window_manager.windows  # noqa: E731
                       if any(a.type == "PREFERENCES" for a in w.screen.areas)]  # fmt: skip
    yield from story.until(windows, "the preferences open")
    yield 2.0
    window, last = windows()[0], story.run()
    yield from press_in_preferences(story, window, "mocap.check_engine")
    yield from story.until(lambda: story.run() is not last, "the engine is asked")
    yield from story.until_ended()
    yield from story.aside(window)
    yield from story.shot("preferences")
    bpy.context.window_manager.clipboard = ""
    yield from press_in_preferences(story, window, "mocap.copy_report")
    yield from story.until(lambda: bpy.context.window_manager.clipboard, "something is copied")
    text = bpy.context.window_manager.clipboard
    assert all(said in text for said in (f"Blender {bpy.app.version_string}", "ready", "onnxruntime")), text
    (OUT / "report.txt").write_text(text)
    with bpy.context.temp_override(window=window):
        bpy.ops.wm.window_close()
    yield 1.0


def press_in_preferences(story, window, wanted):
    """Find a button there and click it."""
    area = next(a for a in window.screen.areas if a.type == "PREFERENCES")
    x, y = yield from story.eyes.find(window, area, wanted, kind="WINDOW", at=0.6)
    yield from story.hands.click(window, x, y)


def file_keeps_the_choices(story):
    """Saved and loaded: the choices and the take are there, and a run of the old file ends with it."""
    path = str(OUT / "story.blend")
    story.settings.quality = "FINAL"
    bpy.ops.wm.save_as_mainfile(filepath=path)
    with bpy.context.temp_override(window=story.window):
        bpy.ops.mesh.primitive_cube_add()
    yield 0.5
    story.settings.draft_step, story.settings.quality = 5, "DRAFT"
    yield from story.press("mocap.reconstruct")
    yield from story.until(lambda: story.part("engine.session").is_running(), "the run starts")
    yield from story.until(lambda: story.run().job.progress.done > 0 or story.run().state != "running", "it runs", 120)
    child = story.run().job.pid
    assert story.run().state == "running", story.run().error
    bpy.ops.wm.open_mainfile(filepath=path)
    yield 2.0
    assert story.run() is None and not Path(f"/proc/{child}").exists(), "the engine outlives its file"
    assert story.settings.feet == "lock" and story.settings.outputs == {"mesh", "armature"}
    assert list(story.part("scene.take_records").takes_in(story.window.scene))
