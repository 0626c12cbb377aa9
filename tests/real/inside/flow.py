"""Run the story's steps in a timer of the Blender that it is about; write how each went."""

import json
import sys
import time
import traceback

import afterwards
import bpy
import capturing
import result
from hands import SimulatedHands, XHands
from story import OUT, Story

STEPS = (
    capturing.engine_is_the_extensions_own,
    capturing.sidebar_opens,
    capturing.footage_is_opened,
    capturing.people_are_found,
    capturing.box_is_drawn,
    capturing.mesh_and_skeleton_are_asked_for,
    capturing.escape_cancels_in_time,
    capturing.same_button_resumes,
    result.person_is_where_the_footage_shows_it,
    result.undo_takes_it_away_and_redo_brings_it_back,
    result.feet_are_locked,
    result.floor_is_solid,
    result.motion_goes_on_my_rig,
    result.exports_are_written,
)
LATER_STEPS = (
    afterwards.queue_runs_two,
    afterwards.report_is_copied,
    afterwards.file_keeps_the_choices,
)
"""Told with `--all` only."""
STEP_S = 1200
"""A step that takes longer has failed, whatever it waits for."""


def start():
    """Begin once the window has drawn."""
    words = sys.argv[sys.argv.index("--") + 1 :] if "--" in sys.argv else []
    hands = SimulatedHands() if "--enable-event-simulate" in sys.argv else XHands()
    prefs = bpy.context.preferences.view
    prefs.show_splash, prefs.show_tooltips = False, False
    prefs.filebrowser_display_type = "SCREEN"
    going = _steps(Story(hands, words[0]), "--all" in words)
    bpy.app.timers.register(lambda: _tick(going), first_interval=1.0, persistent=True)


def _tick(going):
    """Seconds until the next tick; None ends it."""
    if not (OUT / "ready.png").exists():
        return 0.3
    return next(going, None)


def _steps(story, tells_all):
    """All steps; the first that fails ends the story."""
    code = 0
    for step in (*STEPS, *(LATER_STEPS if tells_all else ())):
        began, problem = time.monotonic(), ""
        try:
            for seconds in step(story):
                if time.monotonic() - began > STEP_S:
                    raise AssertionError(f"not done in {STEP_S} s")
                yield seconds
        except Exception as error:  # any fault ends the story, and is told
            problem = f"{type(error).__name__}: {error}"
            traceback.print_exc()
        _say(step=step.__name__, ok=not problem, seconds=round(time.monotonic() - began, 1), problem=problem)
        yield from story.aside()
        yield from story.shot(step.__name__)
        if problem:
            code = 1
            break
    measured = {"blender": bpy.app.version_string, "hands": story.hands.name, **story.measured}
    (OUT / "measured.json").write_text(json.dumps(measured, indent=1))
    (OUT / "done.part").write_text(str(code))
    (OUT / "done.part").replace(OUT / "done")


def _say(**told_of):
    with (OUT / "steps.jsonl").open("a") as file:
        file.write(json.dumps(told_of) + "\n")
