"""A second Blender: begins a run of the story's file, says which process runs it, and quits in the middle.

    blender story.blend --python quitting.py -- quit|stay

`quit` leaves as a person does who closes the window; `stay` waits to be killed.
"""

import sys
from pathlib import Path

import bpy

FOLDER = Path("/tmp/gui")


def _begin():
    """Start a draft, which is a take of its own."""
    if not hasattr(bpy.types.Scene, "mocap"):
        return 0.5
    window = bpy.context.window_manager.windows[0]
    settings = window.scene.mocap
    settings.quality, settings.draft_step = "DRAFT", 2 if sys.argv[-1] == "quit" else 3
    area = next(area for area in window.screen.areas if area.type == "VIEW_3D")
    with bpy.context.temp_override(window=window, area=area):
        bpy.ops.mocap.reconstruct("INVOKE_DEFAULT")
    bpy.app.timers.register(_leave, persistent=True)
    return None


def _leave():
    """Once it runs, write down the engine's process, and go."""
    from bl_ext.user_default.footage_mocap import session

    running = session.current()
    if running.state != "running":
        (FOLDER / "engine.pid").write_text(f"{running.state}: {running.error}")
        return None
    if running.job.progress.done < 1:
        return 0.1
    (FOLDER / "engine.part").write_text(str(running.job.pid))
    (FOLDER / "engine.part").replace(FOLDER / "engine.pid")
    if sys.argv[-1] == "quit":
        bpy.ops.wm.quit_blender()
    return None


bpy.app.timers.register(_begin, first_interval=2.0, persistent=True)
