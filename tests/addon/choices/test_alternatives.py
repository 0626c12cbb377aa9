"""Other readings in Blender: ghosts where the body is, a choice that reaches the engine and lasts, bones to choose."""

import json
from dataclasses import replace
from pathlib import Path

import bpy
import numpy as np
import pytest

from blender_addon import axes
from blender_addon.choices import ghosts, to_request
from blender_addon.choices.alternatives import readings_file
from blender_addon.engine import session, take_folder
from blender_addon.operators import alternatives, timeline_strip
from blender_addon.operators import takes as operators_takes
from blender_addon.panels import takes as panel_takes
from blender_addon.scene import take_records
from blender_addon.scene.build import BuildSettings, build_take
from core.body.model import load_body
from core.geometry.rotations import matrices_of, quaternions_of
from core.geometry.skinning import rotation_matrices
from core.motion.alternatives import KEPT, Readings, write_readings
from core.motion.chosen_alternatives import read_chosen
from core.motion.solver import solve
from core.settings import Bones, SolveSettings
from tests.fixtures.bone_graphs import SIZES
from tests.fixtures.evaluated import stage_offset, world_vertices
from tests.fixtures.known_takes import estimates, with_bones, write_take
from tests.fixtures.layouts import draw_all
from tests.fixtures.truth import true_motion

ROWS = [9, 30, 60]
"""Of the demo clip, frames from 0 that have other readings."""
FLOAT32_M = 1e-5
SKIN_M = 5e-5


def other_poses() -> Readings:
    """In each frame the solved pose itself, and one with another knee; no third."""
    person = true_motion().persons[0]
    poses = np.tile(person.bone_rotations[ROWS, None, 1:22], (1, KEPT, 1, 1))
    bend = quaternions_of(rotation_matrices(np.array([0.9, 0, 0])))
    poses[:, 1, 3] = bend
    chance = np.tile([0.3, 0.1, 0.0], (len(ROWS), 1))
    return Readings(np.array(ROWS), person.time_s[ROWS], poses.astype(np.float32), chance.astype(np.float32))


def record() -> take_records.TakeRecord:
    return operators_takes.active_record(bpy.context)


def say_that_the_take_has_bones() -> None:
    held = {"complete": True, "weights": {"rotation_tokens": {"tokens": SIZES.tokens, "codes": SIZES.codes}}}
    (record().take / "take.json").write_text(json.dumps(held))


@pytest.fixture
def built(ready, tmp_path, monkeypatch):
    """The demo clip's take, of weights that read bones; the engine knows other readings."""
    ready("good")
    bpy.ops.mocap.reconstruct()
    say_that_the_take_has_bones()
    write_readings({"1": other_poses()}, tmp_path / "other.npz")
    monkeypatch.setenv("FAKE_ENGINE_READINGS", str(tmp_path / "other.npz"))
    return session.current().built


@pytest.fixture
def shown(built):
    """Its readings were found, from frame 35: the nearest are shown."""
    bpy.context.scene.frame_set(35)
    assert bpy.ops.mocap.find_readings() == {"FINISHED"}
    return ghosts.ghosts_of(record())


def given() -> dict[str, object]:
    """What the last run was given as chosen readings."""
    (command,) = session.current().plan.commands
    path = Path(command[command.index("--readings") + 1])
    return read_chosen(path, ["1"])


def test_ghosts_of_the_nearest_frame_stand_where_the_body_stands(built, shown) -> None:
    assert bpy.context.scene.frame_current == ROWS[1] + 1
    assert [ghost.name for ghost in shown] == ["clip.1 reading 1", "clip.1 reading 2"]
    body = world_vertices(built.people[0].body, ROWS[1] + 1)
    same, other = (world_vertices(ghost.name, ROWS[1] + 1) for ghost in shown)
    assert np.abs(same - body).max() < FLOAT32_M
    moved = np.linalg.norm(other - body, axis=1)
    assert moved.max() > 0.1 and np.median(moved) < 0.05, "a shin and a foot, less what the hips' middle moves"


def test_ghosts_are_seen_in_their_frame_alone_and_never_rendered(shown) -> None:
    for frame, is_hidden in ((ROWS[1], True), (ROWS[1] + 1, False), (ROWS[1] + 2, True)):
        bpy.context.scene.frame_set(frame)
        assert {ghost.hide_viewport for ghost in shown} == {is_hidden}
    assert all(ghost.hide_render and ghost.show_transparent for ghost in shown)
    assert {round(ghost.active_material.diffuse_color[3], 2) for ghost in shown} == {ghosts.ALPHA}


def test_next_and_last_frame_with_readings(shown) -> None:
    scene = bpy.context.scene
    seen = []
    for direction in (1, 1, -1, -1, -1, 0):
        bpy.ops.mocap.show_readings(direction=direction)
        seen.append(scene.frame_current - 1)
    assert seen == [60, 60, 30, 9, 9, 9]
    assert len(ghosts.ghosts_of(record())) == 2, "the earlier ones are gone"
    assert bpy.ops.mocap.hide_readings() == {"FINISHED"} and ghosts.ghosts_of(record()) == []


def test_button_of_a_ghost_makes_its_pose_a_key_of_the_next_solve(built, shown) -> None:
    assert bpy.ops.mocap.choose_reading(ghost=shown[1].name) == {"FINISHED"}
    ((pose,),) = given().values()
    assert pose.frame_index == ROWS[1]
    np.testing.assert_allclose(pose.rotations, other_poses().rotations[1, 1], atol=1e-5)
    assert record().built == built and ghosts.ghosts_of(record()) == []
    assert session.current().plan.commands[0][0] == "solve", "the network does not run"


def test_selected_ghost_is_chosen_without_a_name(shown) -> None:
    bpy.context.view_layer.objects.active = shown[1]
    assert "Choose the selected ghost" in draw_all(panel_takes.SECTIONS, bpy.context).texts("operator")
    assert bpy.ops.mocap.choose_reading() == {"FINISHED"}
    np.testing.assert_allclose(given()["1"][0].rotations, other_poses().rotations[1, 1], atol=1e-5)


def test_nothing_selected_chooses_nothing(built, shown) -> None:
    bpy.context.view_layer.objects.active = bpy.data.objects[built.people[0].body]
    with pytest.raises(RuntimeError, match="no ghost is selected; click one"):
        bpy.ops.mocap.choose_reading()
    assert not bpy.context.scene.mocap.readings


def test_choice_is_one_undo_step(built, shown) -> None:
    bpy.ops.ed.undo_push(message="before")
    bpy.ops.mocap.choose_reading(ghost=shown[0].name)
    assert len(bpy.context.scene.mocap.readings) == 1
    bpy.ops.ed.undo_push(message="chosen")  # operators called from Python push no step of their own
    bpy.ops.ed.undo()
    assert not bpy.context.scene.mocap.readings
    assert [ghost.name for ghost in ghosts.ghosts_of(record())] == ["clip.1 reading 1", "clip.1 reading 2"]


def test_choice_lasts_through_clean_ups_and_saving_and_another_of_its_frame_replaces_it(shown, tmp_path) -> None:
    bpy.ops.mocap.choose_reading(ghost=shown[0].name)
    bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "shot.blend"))
    bpy.ops.wm.read_homefile(use_empty=True)
    bpy.ops.wm.open_mainfile(filepath=str(tmp_path / "shot.blend"))
    bpy.context.scene.mocap.smooth = 0.9
    bpy.ops.mocap.clean_up()
    assert [pose.frame_index for pose in given()["1"]] == [ROWS[1]]
    bpy.context.scene.frame_set(ROWS[1] + 1)
    bpy.ops.mocap.show_readings(direction=1)
    bpy.ops.mocap.choose_reading(ghost="clip.1 reading 1")
    assert bpy.context.scene.frame_current == ROWS[2] + 1, "where the animator was"
    bpy.ops.mocap.show_readings(direction=-1)
    bpy.ops.mocap.choose_reading(ghost="clip.1 reading 2")
    assert [pose.frame_index for pose in given()["1"]] == [30, 60]
    np.testing.assert_allclose(given()["1"][0].rotations, other_poses().rotations[1, 1], atol=1e-5)


def test_choice_of_another_take_stays_with_it_and_a_dropped_one_goes(shown) -> None:
    held = bpy.context.scene.mocap.readings
    bpy.ops.mocap.choose_reading(ghost=shown[0].name)
    assert "Chosen for person 1, frame 31" in draw_all(panel_takes.SECTIONS, bpy.context).texts()
    other = held.add()
    other.take, other.person_id, other.frame, other.rotations = "/other.take", "1", 5, held[0].rotations
    bpy.ops.mocap.clean_up()
    assert [pose.frame_index for pose in given()["1"]] == [ROWS[1]]
    bpy.ops.mocap.drop_reading(index=0)
    bpy.ops.mocap.clean_up()
    assert "--readings" not in session.current().plan.commands[0] and len(held) == 1


def test_solve_that_fails_forgets_the_choice(shown, monkeypatch) -> None:
    monkeypatch.setenv("FAKE_ENGINE_MODE", "refuse")
    with pytest.raises(RuntimeError):
        bpy.ops.mocap.choose_reading(ghost=shown[0].name)
    assert not bpy.context.scene.mocap.readings and len(ghosts.ghosts_of(record())) == 2


def test_readings_that_are_gone_or_damaged_are_said(shown) -> None:
    readings_file(record().take).write_bytes(b"PK")
    assert "missing or damaged" in alternatives.why_not_show_readings(bpy.context)
    with pytest.raises(RuntimeError, match="missing or damaged"):
        bpy.ops.mocap.choose_reading(ghost=shown[0].name)
    readings_file(record().take).unlink()
    assert alternatives.why_not_show_readings(bpy.context) == "Find other readings first"
    with pytest.raises(RuntimeError, match="have changed; look for them again"):
        bpy.ops.mocap.choose_reading(ghost=shown[0].name)


def test_person_seen_well_has_no_ghosts(built, tmp_path) -> None:
    none = Readings(*(array[:0] for array in (getattr(other_poses(), n) for n in Readings.__dataclass_fields__)))
    write_readings({"1": none}, tmp_path / "other.npz")
    assert bpy.ops.mocap.find_readings() == {"FINISHED"}
    assert ghosts.ghosts_of(record()) == []
    assert alternatives.why_not_show_readings(bpy.context) == alternatives.NONE_FOUND


def test_take_of_weights_without_bones_says_so_and_offers_no_ghosts(built) -> None:
    (record().take / "take.json").write_text('{"complete": true, "weights": {"name": "w", "digest": "d"}}')
    layout = draw_all(panel_takes.SECTIONS, bpy.context)
    assert alternatives.NO_BONES in layout.texts()
    assert "Find other readings" not in layout.texts("operator")
    assert not bpy.ops.mocap.find_readings.poll()


@pytest.mark.parametrize(("chosen", "words"), [("best", []), ("tokens", ["--bones", "tokens"])])
def test_choice_of_bones_reaches_the_engine_where_there_are_any(built, chosen: str, words: list[str]) -> None:
    bpy.context.scene.mocap.bones = chosen
    bpy.ops.mocap.clean_up()
    command = session.current().plan.commands[0]
    assert [word for word in command if word in ("--bones", "tokens")] == words
    (record().take / "take.json").write_text('{"complete": true, "weights": {}}')
    bpy.ops.mocap.clean_up()
    assert "--bones" not in session.current().plan.commands[0]


def test_new_take_asks_for_bones_only_of_weights_that_read_them(ready) -> None:
    ready("good").mocap.bones = "both"
    assert to_request.request_from(bpy.context).clean_up.bones == ""
    known = replace(to_request.readiness_now(), reads_bones=True)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(to_request, "readiness_now", lambda: known)
        assert to_request.request_from(bpy.context).clean_up.bones == "both"


def test_plausibility_has_a_thin_row_above_the_run_s_own(built) -> None:
    frames = {"time_s": [0.0, 1 / 30, 2 / 30, 3 / 30], "mm": [4.0, 14.9, 30.0, 200.0]}
    take_folder.report_of(record().motion).write_text(json.dumps({"plausibility": {"1": frames}}))
    ((runs, height),) = timeline_strip.rows_of(bpy.context, None)
    assert height == timeline_strip.THIN_PX < timeline_strip.ROW_PX
    top = timeline_strip.LEVELS - 1
    assert [(pytest.approx(first), pytest.approx(last), level) for first, last, level in runs] == [
        (0.5, 2.5, top), (2.5, 3.5, 5), (3.5, 4.5, 0),
    ]  # fmt: skip
    rows = [([(0.5, 4.5, 1)], timeline_strip.ROW_PX), (runs, height)]
    corners, _, _ = timeline_strip.rectangles(rows, lambda x: x, 10.0, 1.0)
    assert sorted({y for _, y in corners}) == [10.0, 14.0, 15.0, 17.0]


@pytest.mark.parametrize("held", ["", "[]", '{"plausibility": 3}', '{"plausibility": {"1": {"mm": [1]}}}'])
def test_report_without_plausibility_draws_no_row(built, held: str) -> None:
    take_folder.report_of(record().motion).write_text(held)
    assert timeline_strip.rows_of(bpy.context, None) == []


@pytest.mark.parametrize("bones", ["fit", "tokens", "both"])
def test_bones_of_each_kind_move_the_skinned_body_as_they_were_solved(scene, tmp_path, bones: Bones) -> None:
    rotvec = np.zeros((10, 24, 3))
    rotvec[:, 0, 0] = np.pi
    rotvec[:, 18, 1] = np.linspace(-1.2, -0.2, 10)
    wrong = rotvec.copy()
    wrong[:, 18, 1] -= 0.7
    seen = with_bones(estimates(rotvec, np.tile([0.1, 0.1, 5.0], (10, 1))), wrong)
    seen.joint_confidence[:, [10, 11]] = 0.0
    take = write_take(tmp_path, seen, list(range(10)), rotation_tokens=SIZES)
    motion = solve(take, SolveSettings(bones=bones, feet="off"))
    built = build_take(scene, motion, BuildSettings("take", ("armature",)))
    solved, stiff = motion.persons[0], replace(load_body(), posedirs=np.zeros_like(load_body().posedirs))
    matrices, transl = matrices_of(solved.bone_rotations[[5]]), (solved.bone_transl + solved.transl)[[5]]
    posed = stiff.pose(matrices, solved.betas[None], transl).vertices[0]  # an armature has no corrective shapes
    expected = axes.camera_to_world(posed) + stage_offset(built.stage)
    assert np.abs(world_vertices(built.people[0].skinned, 6) - expected).max() < SKIN_M
    bone = bpy.data.objects[built.people[0].armature].pose.bones["left_elbow"]
    turned = 2 * np.arccos(min(1.0, abs(bone.matrix_basis.to_quaternion().w)))
    true = abs(rotvec[5, 18, 1])
    wrong_by = {"fit": (0, 0.06), "tokens": (0.64, 0.76), "both": (0.02, 0.6)}[bones]
    assert wrong_by[0] <= turned - true + 0.03 <= wrong_by[1] + 0.03
