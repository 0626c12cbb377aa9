"""`python -m tests.bench.driven_ui MOTION.npz KEYS|CACHE`: the add-on's calls, driven as Blender's event loop does.

Prints a line of JSON: [what, median ms, longest ms, calls] for each kind of call.
"""

from __future__ import annotations

import json
import statistics
import sys
import time
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import bpy

import blender_addon
from blender_addon.engine import session
from blender_addon.operators import engine_steps, reconstruct
from blender_addon.operators import mesh_cache as operators_cache
from blender_addon.scene import cache_repair, mesh_cache, take_records
from tests.fixtures.layouts import draw_all

TICK = SimpleNamespace(type="TIMER", value="NOTHING")
DRAWN = 20
spent: dict[str, list[float]] = defaultdict(list)


class Window:
    """Stands for the window manager."""

    windows: tuple[Any, ...] = ()

    def event_timer_add(self, _seconds: float, window: Any) -> Any:
        """A timer."""
        return window

    def event_timer_remove(self, timer: Any) -> None:
        """End it."""

    def modal_handler_add(self, operator: Any) -> None:
        """Would call the operator's `modal` from now on."""


def driven(operator: Any, **properties: Any) -> Any:
    """An operator of the add-on without Blender's base class, which only Blender can make an instance of."""
    held = {"begin": operator.begin, "report": lambda self, kind, text: print(kind, text, file=sys.stderr)}
    done = {"done": lambda self, context, ended: {"FINISHED"}}
    return type("Driven", (engine_steps.StepsEngine,), {**held, **done, **properties})()


def timed(what: str, call: Callable[[], Any]) -> Any:
    """Call, and keep the CPU time."""
    start = time.process_time()
    result = call()
    spent[what].append(1000 * (time.process_time() - start))
    return result


def run(what: str, operator: Any, context: Any) -> None:
    """An operator from its click to its end; draws the sidebar meanwhile."""
    layer: Any = bpy.context.view_layer
    timed(f"{what}, the click", lambda: operator.invoke(context, TICK))
    result, number = {"PASS_THROUGH"}, 0
    while result == {"PASS_THROUGH"}:
        result = timed(f"{what}, a tick", lambda: operator.modal(context, TICK))
        timed(f"{what}, Blender's update after a tick", layer.update)
        if number % 20 == 0 and result == {"PASS_THROUGH"}:
            draw_each("while it works")
        number += 1
    if result != {"FINISHED"}:
        raise SystemExit(f"{what} ended with {result}")
    timed(f"{what}, Blender's undo step", lambda: bpy.ops.ed.undo_push(message=what))


def draw_each(when: str) -> None:
    """Every panel's `draw`."""
    for section in blender_addon.SECTIONS:
        timed(f"draw {when}: {section.bl_label}", lambda section=section: draw_all([section], bpy.context))


def main() -> None:
    """Build, draw, mark, find a missing cache."""
    path, storage = Path(sys.argv[1]), sys.argv[2]
    bpy.ops.wm.read_factory_settings(use_empty=True)
    blender_addon.register()
    engine_steps.has_event_loop = lambda _context: True
    scene: Any = bpy.context.scene
    settings = scene.mocap
    settings.outputs, settings.storage = {"mesh", "armature"}, storage
    context = SimpleNamespace(scene=scene, window_manager=Window(), window=object(), view_layer=bpy.context.view_layer)
    draw_each("first, in an empty scene")
    run("build", driven(reconstruct.MOCAP_OT_build_motion, filepath=str(path)), context)
    assert session.current() is not None
    for _ in range(DRAWN):
        draw_each("with the take")
    timed("Mark unsure frames", bpy.ops.mocap.mark_unsure)
    (collection,) = take_records.takes_in(scene)
    timed("Choose the take", lambda: bpy.ops.mocap.select_take(name=collection.name))
    if storage == "CACHE":
        record: Any = take_records.record_of(collection)
        mesh_cache.file_of(cache_repair.cached_bodies(record.built)[0][1]).unlink()
        run("repair", driven(operators_cache.MOCAP_OT_repair_cache), bpy_context(context))
    blender_addon.unregister()
    rows = [(what, statistics.median(ms), max(ms), len(ms)) for what, ms in spent.items()]
    print(json.dumps(rows))


def bpy_context(context: Any) -> Any:
    """With what operators on takes ask for."""
    return SimpleNamespace(**vars(context), object=bpy.context.object)


if __name__ == "__main__":
    main()
