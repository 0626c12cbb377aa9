import json

import bpy
import numpy as np
import pytest

from blender_addon import panel_takes, retarget_operator
from blender_addon.bone_maps import FOLDER, read_map
from tests.addon import rigs
from tests.addon.layouts import draw_all
from tests.addon.test_retarget import RIGS, SAME_M, offsets

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
    assert retarget_operator.why_not_retarget(bpy.context).startswith("Make a skeleton first")
    skeleton = rigs.take_skeleton(scene)
    assert retarget_operator.why_not_retarget(bpy.context) == "Select your rig"
    _activate(skeleton)
    assert retarget_operator.why_not_retarget(bpy.context) == "Select your rig, not the take's skeleton"
    assert not bpy.ops.mocap.apply_to_rig.poll()


def test_panel_names_the_map_that_fits(rig) -> None:
    layout = draw_all([panel_takes.OutputSection], bpy.context)
    assert ("label", "Hero: Mixamo") in layout.drawn


def test_panel_wraps_why_nothing_can_be_applied(addon, scene) -> None:
    layout = draw_all([panel_takes.OutputSection], bpy.context)
    assert "Make a skeleton first: choose Skeleton as output" in layout.texts()
    assert ("label", "Make a skeleton first: choose Skeleton as output") not in layout.drawn
