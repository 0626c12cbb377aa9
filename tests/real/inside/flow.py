"""Run the story's steps in a timer of the Blender that it is about; write how each went."""

import json
import subprocess
import sys
import time
import traceback

import bpy
import story as told
from hands import SimulatedHands, XHands

FOLDER = told.OUT
STEP_S = 1200
"""A step that takes longer has failed, whatever it waits for."""


def start():
    """Begin once the window has drawn."""
    words = sys.argv[sys.argv.index("--") + 1 :] if "--" in sys.argv else []
    hands = SimulatedHands() if "--enable-event-simulate" in sys.argv else XHands()
    prefs = bpy.context.preferences.view
    prefs.show_splash, prefs.show_tooltips = False, False
    prefs.filebrowser_display_type = "SCREEN"
    going = _steps(told.Story(hands, words[0]), "--all" in words)
    bpy.app.timers.register(lambda: _tick(going), first_interval=1.0, persistent=True)


def _tick(going):
    """Seconds until the next tick; None ends it."""
    if not (FOLDER / "ready.png").exists():
        return 0.3
    return next(going, None)


def _steps(story, tells_all):
    """All steps; the first that fails ends the story."""
    code = 0
    for step in (*told.STEPS, *(told.LATER_STEPS if tells_all else ())):
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
        subprocess.Popen([FOLDER / "shot", step.__name__], stdout=subprocess.DEVNULL)
        yield 1.5
        if problem:
            code = 1
            break
    measured = {"blender": bpy.app.version_string, "hands": story.hands.name, **story.measured}
    (FOLDER / "measured.json").write_text(json.dumps(measured, indent=1))
    (FOLDER / "done.part").write_text(str(code))
    (FOLDER / "done.part").replace(FOLDER / "done")


def _say(**told_of):
    with (FOLDER / "steps.jsonl").open("a") as file:
        file.write(json.dumps(told_of) + "\n")
