import json
from pathlib import Path

import bpy
import pytest

from blender_addon import bridge
from blender_addon.choices import to_request
from blender_addon.engine import session, take_folder
from blender_addon.operators import export
from blender_addon.operators import takes as operators_takes
from blender_addon.panels import takes as panel_takes
from blender_addon.scene import curves, take_records
from blender_addon.scene.build import BuildSettings, build_take
from tests.fixtures import motions
from tests.fixtures.layouts import draw_all


@pytest.fixture
def built(ready):
    """The demo clip's take in the scene, mesh and skeleton."""
    ready("good").mocap.outputs = {"mesh", "armature"}
    bpy.ops.mocap.reconstruct()
    return session.current().built


def record() -> take_records.TakeRecord:
    return operators_takes.active_record(bpy.context)


def test_take_is_known_again_as_it_was_built(built) -> None:
    assert record().built == built
    assert record().outputs == ("mesh", "armature") and record().take.suffix == ".take"


def test_take_is_known_after_saving_and_renaming(built, tmp_path) -> None:
    bpy.data.objects[built.people[0].body].name = "Hero"
    bpy.data.collections[built.collection].name = "Shot 7"
    bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "shot.blend"))
    bpy.ops.wm.read_homefile(use_empty=True)
    bpy.ops.wm.open_mainfile(filepath=str(tmp_path / "shot.blend"))
    assert (record().built.collection, record().built.people[0].body) == ("Shot 7", "Hero")


def test_blend_holds_the_takes_path_and_none_of_its_data(built) -> None:
    held = bpy.data.collections[built.collection][take_records.TAKE]
    assert str(record().take) in held and len(held) < 1000
    assert not bpy.data.texts and not bpy.context.scene.mocap.found


def test_deleted_parts_are_not_missed(built) -> None:
    person = built.people[0]
    bpy.data.objects.remove(bpy.data.objects[person.skinned])
    bpy.data.objects.remove(bpy.data.objects[built.camera])
    assert (record().built.people[0].skinned, record().built.camera) == (None, "")
    bpy.data.objects.remove(bpy.data.objects[person.root])
    assert record() is None


def test_clean_up_replaces_the_objects_where_they_stand(built) -> None:
    scene = bpy.context.scene
    stage = bpy.data.objects[built.stage]
    z = stage.location.z
    stage.location, stage.rotation_euler, stage.scale = (1, 2, z + 3), (0, 0, 0.5), (2, 2, 2)
    counted = [len(block) for block in (bpy.data.objects, bpy.data.meshes, bpy.data.actions, bpy.data.materials)]
    scene.mocap.smooth, scene.mocap.feet = 0.9, "lock"
    assert bpy.ops.mocap.clean_up() == {"FINISHED"}
    command = session.current().plan.commands
    assert len(command) == 1 and command[0][0] == "solve" and "lock" in command[0] and "0.9" in command[0]
    again = bpy.data.objects[built.stage]
    assert record().built == built
    assert tuple(again.location) == pytest.approx((1, 2, z + 3)) and tuple(again.scale) == (2, 2, 2)
    assert [len(b) for b in (bpy.data.objects, bpy.data.meshes, bpy.data.actions, bpy.data.materials)] == counted


def test_clean_up_keeps_what_else_is_in_the_collection(built) -> None:
    hat = bpy.data.objects.new("hat", None)
    bpy.data.collections[built.collection].objects.link(hat)
    bpy.ops.mocap.clean_up()
    assert hat.name in bpy.context.scene.collection.objects


def test_clean_up_changes_the_output_without_the_network(built) -> None:
    bpy.context.scene.mocap.outputs = {"mesh"}
    bpy.ops.mocap.clean_up()
    assert record().outputs == ("mesh",) and not bpy.data.armatures


def test_clean_up_in_place_holds_the_root(built) -> None:
    bpy.context.scene.mocap.is_in_place = True
    bpy.ops.mocap.clean_up()
    across, along, up = curves.existing_curves(bpy.data.objects[record().built.people[0].root])
    values = [{round(point.co.y, 5) for point in curve.keyframe_points} for curve in (across, along, up)]
    assert len(values[0]) == len(values[1]) == 1 < len(values[2])


def test_failed_clean_up_leaves_the_take(built, monkeypatch) -> None:
    names = sorted(item.name for item in bpy.data.objects)
    broken = motions.motion()  # no body that could carry a skeleton
    monkeypatch.setattr(session.bridge.core(), "open_motion", lambda _path: broken, raising=False)
    with pytest.raises(RuntimeError, match="ask for the mesh alone"):
        bpy.ops.mocap.clean_up()
    assert record().built == built
    assert names == sorted(item.name for item in bpy.data.objects)


def test_take_that_is_gone_is_named(built) -> None:
    record().take.rmdir()
    assert str(record().take) in operators_takes.why_not_clean_up(bpy.context)
    assert not bpy.ops.mocap.clean_up.poll()


def test_motion_file_can_not_be_solved_again(addon, scene, tmp_path) -> None:
    bridge.write_motion(motions.motion(), tmp_path / "walk.npz")
    bpy.ops.mocap.build_motion(filepath=str(tmp_path / "walk.npz"))
    assert "built from a motion file" in operators_takes.why_not_clean_up(bpy.context)


def test_active_object_chooses_the_take(built) -> None:
    scene = bpy.context.scene
    other = build_take(scene, motions.motion(), BuildSettings("other", matches_scene=False))
    take_records.mark(other, None, record().motion)
    assert record().built.collection == "other"
    assert bpy.ops.mocap.select_take(name=built.collection) == {"FINISHED"}
    assert record().built.collection == built.collection


def test_unsure_frames_are_marked_once(addon, scene, tmp_path) -> None:
    person = motions.person(frame_count=12)
    person.confidence[3:5] = 0.1
    person.is_filled[9] = True
    bridge.write_motion(motions.motion([person]), tmp_path / "walk.npz")
    bpy.ops.mocap.build_motion(filepath=str(tmp_path / "walk.npz"))
    scene.timeline_markers.new("mine", frame=2)
    for _ in range(2):
        bpy.ops.mocap.mark_unsure()
    marked = sorted((marker.frame, marker.name) for marker in scene.timeline_markers)
    assert marked == [(2, "mine"), (4, "unsure 1 to 5"), (10, "unsure 1 to 10")]


def test_export_writes_the_chosen_format_and_keeps_the_folder(built, tmp_path) -> None:
    scene = bpy.context.scene
    names = sorted(item.name for item in bpy.data.objects)
    assert bpy.ops.mocap.export_take(filepath=str(tmp_path / "walk.bvh"), preset="bvh") == {"FINISHED"}
    assert (tmp_path / "walk.bvh").stat().st_size > 1000
    assert scene.mocap.export_folder == str(tmp_path) and names == sorted(item.name for item in bpy.data.objects)


def test_export_of_a_skeleton_that_is_not_there_says_so(ready) -> None:
    scene = ready("good")
    bpy.ops.mocap.reconstruct()
    scene.mocap.export_preset = "bvh"
    assert export.why_not_export(bpy.context) == "BVH holds skeletons: make the skeleton too"


def test_size_is_told_before_the_export(built) -> None:
    text = draw_all(panel_takes.SECTIONS, bpy.context).texts()
    assert float(text.split("About ")[1].split(" MB")[0]) > 0.1


def test_buttons_of_takes_say_that_there_is_none(addon, scene) -> None:
    for why_not in (operators_takes.why_not_clean_up, export.why_not_export):
        assert why_not(bpy.context) == operators_takes.NO_TAKE
    assert to_request.why_not(bpy.context) == "Choose the footage first"


def test_self_check_is_shown_with_the_result(built) -> None:
    layout = draw_all(panel_takes.SECTIONS, bpy.context)
    assert "foot slide: 3.21 cm/s jitter: nothing to measure" in layout.texts()
    for sentence in ("left forearm, frames 4 to 15: 41 px off", "left shin, frames 3 to 9: 31 px off"):
        assert sentence in layout.texts()
    assert "1 frame was mended" in layout.texts()


def test_found_contacts_are_edited_and_given_to_the_next_solve(built) -> None:
    scene = bpy.context.scene
    scene.mocap.is_contact_own = True
    assert bpy.ops.mocap.get_contacts() == {"FINISHED"}
    held = [(contact.foot, contact.first, contact.last) for contact in scene.mocap.contacts]
    assert held == [("right", 12, 25), ("left", 41, 53)]
    scene.mocap.contacts[0].last = 30
    bpy.ops.mocap.remove_contact(index=1)
    scene.frame_set(60)
    bpy.ops.mocap.add_contact()
    bpy.ops.mocap.clean_up()
    (command,) = session.current().plan.commands
    given = json.loads(Path(command[command.index("--contacts") + 1]).read_text())
    assert given == {"1": {"left": [[59, 69]], "right": [[11, 29]]}}


def test_contacts_far_from_the_frame_are_counted(built) -> None:
    scene = bpy.context.scene
    scene.mocap.is_contact_own = True
    bpy.ops.mocap.get_contacts()
    scene.frame_set(83)
    layout = draw_all(panel_takes.SECTIONS, bpy.context)
    assert "1 more away from this frame" in layout.texts()


def test_contact_that_ends_before_it_begins_is_named(built) -> None:
    scene = bpy.context.scene
    scene.mocap.is_contact_own = True
    bpy.ops.mocap.add_contact()
    scene.mocap.contacts[0].first = 80
    with pytest.raises(RuntimeError, match="ends at 11, before it begins at 80"):
        bpy.ops.mocap.clean_up()


@pytest.mark.parametrize("held", ["", "[]", '{"people": 3, "contacts": 3}', '{"people": [{}]}'])
def test_damaged_report_is_no_report(tmp_path, held: str) -> None:
    take_folder.report_of(tmp_path / "walk.npz").write_text(held)
    assert take_folder.self_check(tmp_path / "walk.npz") == take_folder.contacts(tmp_path / "walk.npz") == []
