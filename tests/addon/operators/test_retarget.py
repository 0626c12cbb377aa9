import json
from functools import partial
from types import SimpleNamespace

import bpy
import numpy as np
import pytest

from blender_addon.operators import retarget
from blender_addon.panels import takes
from blender_addon.rigs.bone_maps import FOLDER, read_map
from blender_addon.scene.curves import existing_curves
from tests.addon.operators.test_engine_steps import ESC, TICK
from tests.addon.rigs.test_retarget import RIGS, SAME_M, offsets
from tests.fixtures import rigs
from tests.fixtures.layouts import draw_all

OWN = {joint: f"my {joint}" for joint in RIGS["mixamo"]}


@pytest.fixture
def rig(addon, scene):
    """A take and a Mixamo rig, which is active."""
    rigs.take_skeleton(scene)
    return _activate(rigs.make_rig(rigs.rest_joints(), RIGS["mixamo"]))


def _activate(item):
    bpy.context.view_layer.objects.active = item
    return item


def test_button_writes_the_action(rig) -> None:
    assert bpy.ops.mocap.apply_to_rig() == {"FINISHED"}
    source = bpy.data.objects["take.1 skeleton"]
    assert np.abs(offsets(source, rig, RIGS["mixamo"], 6)).max() < SAME_M


def test_it_is_one_undo_step(rig) -> None:
    before = sorted(action.name for action in bpy.data.actions)
    bpy.ops.ed.undo_push(message="before")
    bpy.ops.mocap.apply_to_rig()
    bpy.ops.ed.undo_push(message="applied")
    bpy.ops.ed.undo()
    assert bpy.data.objects["Hero"].animation_data is None
    assert sorted(action.name for action in bpy.data.actions) == before
    assert len(bpy.data.scenes) == 1


def test_saved_map_with_the_rigs_own_names_is_used(rig, tmp_path) -> None:
    path = tmp_path / "mine.json"
    assert bpy.ops.mocap.save_bone_map(filepath=str(path)) == {"FINISHED"}
    document = json.loads(path.read_text())
    document["bones"] = {name: joint for joint, name in OWN.items()}
    document["root"], document["name"] = OWN["pelvis"], "Mine"
    path.write_text(json.dumps(document))
    own = _activate(rigs.make_rig(rigs.rest_joints(), OWN, name="Own"))
    with pytest.raises(RuntimeError, match="Own: the rig lacks"):
        bpy.ops.mocap.apply_to_rig()
    assert bpy.ops.mocap.apply_to_rig(map_file=str(path)) == {"FINISHED"}
    assert np.abs(offsets(bpy.data.objects["take.1 skeleton"], own, OWN, 6)).max() < SAME_M


def test_chosen_map_that_does_not_fit_names_what_is_missing(rig) -> None:
    with pytest.raises(RuntimeError, match=r"lacks root, upperleg01.L.* of the bone map MPFB default"):
        bpy.ops.mocap.apply_to_rig(bone_map="MPFB default")


def test_map_of_a_chosen_kind_is_saved(rig, tmp_path) -> None:
    path = tmp_path / "rigify.json"
    bpy.ops.mocap.save_bone_map(filepath=str(path), bone_map="Rigify")
    assert read_map(path).bones == read_map(FOLDER / "rigify.json").bones


def test_file_that_is_not_chosen_or_not_there_is_one_sentence(rig, tmp_path) -> None:
    with pytest.raises(RuntimeError, match="choose one, or another bone map"):
        bpy.ops.mocap.apply_to_rig(bone_map="FILE")
    with pytest.raises(RuntimeError, match=r"gone.json: can't be read"):
        bpy.ops.mocap.apply_to_rig(map_file=str(tmp_path / "gone.json"))


def test_skeleton_that_is_gone_is_one_sentence(rig) -> None:
    with pytest.raises(RuntimeError, match="nobody: no skeleton of a take"):
        bpy.ops.mocap.apply_to_rig(source="nobody")


def test_disabled_button_says_why(addon, scene) -> None:
    assert retarget.why_not_retarget(bpy.context).startswith("Make a skeleton first")
    skeleton = rigs.take_skeleton(scene)
    assert retarget.why_not_retarget(bpy.context) == "Select your rig"
    _activate(skeleton)
    assert retarget.why_not_retarget(bpy.context) == "Select your rig, not the take's skeleton"
    assert not bpy.ops.mocap.apply_to_rig.poll()


def test_panel_names_the_map_that_fits(rig) -> None:
    layout = draw_all([takes.OutputSection], bpy.context)
    assert ("label", "Hero: Mixamo") in layout.drawn


def test_panel_wraps_why_nothing_can_be_applied(addon, scene) -> None:
    layout = draw_all([takes.OutputSection], bpy.context)
    assert "Make a skeleton first: choose Skeleton as output" in layout.texts()
    assert ("label", "Make a skeleton first: choose Skeleton as output") not in layout.drawn


def test_button_asks_first_and_leaves_the_work_to_the_undo_step(rig) -> None:
    assert ("operator", "Apply to my rig") in draw_all([takes.OutputSection], bpy.context).drawn
    assert bpy.ops.mocap.choose_for_rig(place="RIG") == {"FINISHED"}
    assert rig.animation_data.action is not None
    assert not hasattr(retarget.MOCAP_OT_choose_for_rig, "bl_options")


class Manager:
    """Counts what an operator leaves behind."""

    def __init__(self) -> None:
        self.timers: list[object] = []
        self.is_counting = False
        self.status: list[str | None] = []

    def event_timer_add(self, _step: float, window: object) -> object:
        self.timers.append(window)
        return window

    def event_timer_remove(self, timer: object) -> None:
        self.timers.remove(timer)

    def modal_handler_add(self, _operator: object) -> bool:
        return True

    def progress_begin(self, _low: int, _high: int) -> None:
        self.is_counting = True

    def progress_update(self, _count: int) -> None:
        assert self.is_counting

    def progress_end(self) -> None:
        self.is_counting = False

    def status_text_set(self, text: str | None) -> None:
        self.status.append(text)


@pytest.fixture
def applying(rig, monkeypatch):
    """A started operator, what it sees of Blender, and the rig; each tick is one step."""
    monkeypatch.setattr(retarget, "has_event_loop", lambda _context: True)
    monkeypatch.setattr(retarget, "TICK_S", 0.0)
    manager = Manager()
    operator = SimpleNamespace(
        source="", map_file="", bone_map=retarget.DETECT, place="PERSON", said=[], _count=0, _timer=None
    )
    operator.report = lambda _kind, text: operator.said.append(text)
    for name in ("invoke", "modal", "execute", "cancel", "_begin", "_stop", "_refused", "_finished"):
        method = getattr(retarget.MOCAP_OT_apply_to_rig, name)
        setattr(operator, name, partial(method, operator))
    context = SimpleNamespace(
        scene=bpy.context.scene, object=rig, window_manager=manager, workspace=manager, window=object()
    )
    rig.pose.bones[0].location = (1, 2, 3)
    return operator, context, rig


def ticks(operator, context) -> tuple[int, set[str]]:
    for count in range(1, 5000):
        result = operator.modal(context, TICK)
        if result != {"RUNNING_MODAL"}:
            return count, result
    raise AssertionError("no end")


def test_modal_run_writes_what_the_other_does_a_little_at_a_time(applying) -> None:
    operator, context, rig = applying
    assert operator.invoke(context, TICK) == {"RUNNING_MODAL"} and len(context.window_manager.timers) == 1
    count, result = ticks(operator, context)
    assert result == {"FINISHED"} and count > 12, "a step a frame of the take, and more"
    stepped = values_of(rig)
    assert bpy.ops.mocap.apply_to_rig() == {"FINISHED"}
    assert values_of(rig) == stepped
    manager = context.window_manager
    assert manager.timers == [] and not manager.is_counting and manager.status[-1] is None
    assert manager.status[0].startswith("Apply to my rig: reading the take, frame 2 of 12. Esc")
    assert len(bpy.data.scenes) == 1


def values_of(rig) -> dict[tuple[str, int], list[float]]:
    return {
        (curve.data_path, curve.array_index): [value for point in curve.keyframe_points for value in point.co]
        for curve in existing_curves(rig)
    }


@pytest.mark.parametrize("steps", [1, 5, 14, 20])
def test_esc_leaves_the_rig_as_it_was(applying, steps: int) -> None:
    operator, context, rig = applying
    actions, scenes = sorted(action.name for action in bpy.data.actions), len(bpy.data.scenes)
    operator.invoke(context, TICK)
    for _ in range(steps):
        assert operator.modal(context, TICK) == {"RUNNING_MODAL"}
    assert operator.modal(context, SimpleNamespace(type="G", value="PRESS")) == {"RUNNING_MODAL"}, "swallowed"
    rig.pose.bones[0].location = (9, 9, 9)  # as a viewport that shows the half-keyed rig leaves it
    assert operator.modal(context, ESC) == {"CANCELLED"}
    assert rig.animation_data is None and tuple(rig.pose.bones[0].location) == (1, 2, 3)
    assert (sorted(action.name for action in bpy.data.actions), len(bpy.data.scenes)) == (actions, scenes)
    assert context.window_manager.timers == [] and operator.said == ["Cancelled: the rig is as it was"]


def test_map_that_does_not_fit_starts_no_timer(applying) -> None:
    operator, context, _ = applying
    operator.bone_map = "MPFB default"
    assert operator.invoke(context, TICK) == {"CANCELLED"}
    assert context.window_manager.timers == [] and "lacks root" in operator.said[0]
