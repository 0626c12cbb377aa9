"""The event loop, which background Blender has not: what Blender would call is called by hand."""

import time
from types import SimpleNamespace

import bpy
import pytest

import blender_addon
from blender_addon.choices import to_request
from blender_addon.engine import session
from blender_addon.operators import engine_steps
from tests.addon.engine.test_process import CANCEL_S
from tests.fixtures.layouts import draw_all

GIVE_UP_S = 30
TICK = SimpleNamespace(type="TIMER", value="NOTHING")
ESC = SimpleNamespace(type="ESC", value="PRESS")
ESC_RELEASED = SimpleNamespace(type="ESC", value="RELEASE")
MOVE = SimpleNamespace(type="MOUSEMOVE", value="NOTHING")
REDRAW_S = 0.1
"""Nothing may block the interface for longer."""


class Window:
    """Counts timers, as the window manager does."""

    def __init__(self) -> None:
        self.timers: list[object] = []
        self.windows: list[object] = []

    def event_timer_add(self, _step: float, window: object) -> object:
        self.timers.append(window)
        return window

    def event_timer_remove(self, timer: object) -> None:
        self.timers.remove(timer)

    def modal_handler_add(self, _operator: object) -> bool:
        return True


class Operator(engine_steps.StepsEngine):
    """Reconstructs; keeps what it reports."""

    def __init__(self) -> None:
        self.said: list[str] = []

    def report(self, _kind: set[str], text: str) -> None:
        self.said.append(text)

    def begin(self, context) -> session.Session:
        return session.start(to_request.request_from(bpy.context))

    def done(self, _context, _ended) -> set[str]:
        return {"FINISHED"}


@pytest.fixture
def loop(ready, monkeypatch):
    """Starts an operator as a click does, on an engine of a mode."""
    monkeypatch.setattr(engine_steps, "has_event_loop", lambda _context: True)
    window = Window()

    def start(mode: str):
        scene = ready(mode)
        operator, context = Operator(), SimpleNamespace(scene=scene, window_manager=window, window=object())
        assert operator.invoke(context, TICK) == {"RUNNING_MODAL"} and len(window.timers) == 1
        return operator, context, window

    return start


def tick_to_the_end(operator, context) -> set[str]:
    began = time.monotonic()
    while (result := operator.modal(context, TICK)) == {"PASS_THROUGH"}:
        assert time.monotonic() - began < GIVE_UP_S
        time.sleep(0.01)
    return result


def test_done_run_ends_the_operator_and_its_timer(loop) -> None:
    operator, context, window = loop("good")
    assert tick_to_the_end(operator, context) == {"FINISHED"} and window.timers == []


def test_esc_cancels_in_time_and_leaves_no_timer(loop) -> None:
    operator, context, window = loop("deaf")
    while session.current().job.progress.done != 4:
        assert operator.modal(context, TICK) == {"PASS_THROUGH"}
    assert operator.modal(context, ESC_RELEASED) == {"PASS_THROUGH"}
    began = time.monotonic()
    assert operator.modal(context, ESC) == {"RUNNING_MODAL"}
    assert tick_to_the_end(operator, context) == {"CANCELLED"}
    assert time.monotonic() - began < CANCEL_S and window.timers == []
    assert operator.said == ["Cancelled. What was done is kept: the same button resumes"]


def test_blender_stays_usable_meanwhile(loop) -> None:
    operator, context, _ = loop("hang")
    assert operator.modal(context, MOVE) == {"PASS_THROUGH"}


def test_crash_ends_the_operator_with_its_message(loop) -> None:
    operator, context, window = loop("segfault")
    assert tick_to_the_end(operator, context) == {"CANCELLED"} and window.timers == []
    assert "crashed (signal 11)" in operator.said[0]


def test_bug_while_building_ends_the_run_and_the_operator(loop, monkeypatch) -> None:
    operator, context, window = loop("good")
    monkeypatch.setattr(session, "build_steps", lambda *_: 1 / 0)
    assert tick_to_the_end(operator, context) == {"CANCELLED"}
    assert window.timers == [] and not session.is_running()
    log = session.current().plan.motion.with_suffix(".log")
    assert operator.said == [session.current().error] and "\n" not in operator.said[0] and str(log) in operator.said[0]
    assert "Traceback" in log.read_text() and "ZeroDivisionError" in log.read_text()


@pytest.mark.parametrize("end", ["closed", "window"])
def test_closed_file_or_window_leaves_no_timer_and_no_engine(loop, end: str) -> None:
    operator, context, window = loop("hang")
    job = session.current().job
    if end == "closed":
        session.close()
        assert operator.modal(context, TICK) == {"CANCELLED"}
    else:
        operator.cancel(context)
    assert window.timers == [] and job.state == "cancelled" and session.current() is None


def test_operator_leaves_another_run_alone(loop) -> None:
    operator, context, window = loop("hang")
    session.close()
    other = session.start(to_request.request_from(bpy.context))
    assert operator.modal(context, TICK) == {"CANCELLED"}
    assert other.state == "running" and window.timers == []


def test_start_that_is_refused_leaves_no_timer(ready, monkeypatch) -> None:
    monkeypatch.setattr(engine_steps, "has_event_loop", lambda _context: True)
    scene = ready("good")
    scene.mocap.footage = "/gone/clip.mp4"
    operator, window = Operator(), Window()
    context = SimpleNamespace(scene=scene, window_manager=window, window=object())
    assert operator.invoke(context, TICK) == {"CANCELLED"}
    assert window.timers == [] and "/gone/clip.mp4: no such file" in operator.said[0]


@pytest.fixture
def building(loop, monkeypatch):
    """An operator whose engine is done and which has begun to build, one step a tick."""
    monkeypatch.setattr(engine_steps, "SLICE_S", 0.0)

    def start(storage: str):
        bpy.context.scene.mocap.storage = storage
        operator, context, window = loop("good")
        while session.current().building is None or session.current().building.share < 0.3:
            assert operator.modal(context, TICK) == {"PASS_THROUGH"}
        return operator, context, window

    return start


def in_file() -> list[int]:
    kinds = (bpy.data.objects, bpy.data.meshes, bpy.data.actions, bpy.data.materials, bpy.data.collections)
    return [len(kind) for kind in (*kinds, bpy.data.shape_keys, bpy.data.armatures, bpy.data.movieclips)]


@pytest.mark.parametrize("storage", ["KEYS", "CACHE"])
def test_esc_while_the_people_are_built_leaves_nothing(building, storage: str, tmp_path) -> None:
    before = in_file()
    operator, context, window = building(storage)
    scene = bpy.context.scene
    assert in_file() != before and not scene.collection.all_objects and scene.camera is None
    assert session.current().stage_text.startswith("Building the people ")
    assert operator.modal(context, ESC) == {"RUNNING_MODAL"}
    assert operator.modal(context, TICK) == {"CANCELLED"}
    assert in_file() == before and window.timers == []
    assert not list(tmp_path.rglob("*.pc2*"))


def test_undo_waits_until_the_people_are_built(building) -> None:
    operator, context, _ = building("KEYS")
    undo = SimpleNamespace(type="Z", value="PRESS", ctrl=True, oskey=False)
    assert operator.modal(context, undo) == {"RUNNING_MODAL"}
    assert operator.modal(context, MOVE) == {"PASS_THROUGH"}
    assert tick_to_the_end(operator, context) == {"FINISHED"}


@pytest.mark.parametrize("what", ["objects", "collections"])
def test_what_is_deleted_while_it_is_built_is_told(building, what: str) -> None:
    operator, context, _ = building("KEYS")
    holder = getattr(bpy.data, what)
    bpy.data.batch_remove(list(holder))
    assert tick_to_the_end(operator, context) == {"CANCELLED"}
    assert "was deleted while it was being made: build it again" in operator.said[0]
    assert not bpy.data.objects and not bpy.data.collections


def test_undo_brings_back_what_the_new_take_must_not_touch(building) -> None:
    operator, context, _ = building("KEYS")
    for item in list(bpy.data.objects):  # as after an undo: other objects under the same names
        name, item.name = item.name, "elsewhere"
        bpy.data.objects.new(name, None)
    others = {item.name for item in bpy.data.objects if item.name != "elsewhere" and "elsewhere." not in item.name}
    assert tick_to_the_end(operator, context) == {"CANCELLED"}
    assert "was deleted while it was being made" in operator.said[0]
    assert {item.name for item in bpy.data.objects} == others


def test_sidebar_is_quick_to_draw_with_a_take_in_the_scene(ready) -> None:
    ready("good").mocap.outputs = {"mesh", "armature"}
    bpy.ops.mocap.reconstruct()
    draw_all(blender_addon.SECTIONS, bpy.context)
    began = time.process_time()
    draw_all(blender_addon.SECTIONS, bpy.context)
    assert time.process_time() - began < REDRAW_S
