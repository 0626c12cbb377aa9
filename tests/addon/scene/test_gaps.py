"""Gaps that were left empty: no keys, nobody to be seen, everything stands still until somebody is there again."""

from dataclasses import fields, replace

import bpy
import numpy as np
import pytest

from blender_addon import axes
from blender_addon.choices import to_request
from blender_addon.engine.request import request_from_json, request_to_json
from blender_addon.exports import export
from blender_addon.operators import takes as operators_takes
from blender_addon.panels import takes as panel_takes
from blender_addon.scene import curves
from blender_addon.scene.build import BuildSettings, build_take
from core import Motion
from core.motion.report import write_report
from tests.addon.exports.test_export import IMPORT_M, needs
from tests.addon.scene.test_mesh_cache import EXACT_M, built_of, show_always
from tests.fixtures import motions
from tests.fixtures.evaluated import stage_offset, world_vertices
from tests.fixtures.layouts import draw_all
from tests.fixtures.truth import true_motion

KEPT = np.array([0, 1, 2, 3, 8, 9, 10, 11])
"""Rows of twelve: scene frames 1 to 4 and 9 to 12."""


def left_empty(motion: Motion) -> Motion:
    """The first twelve frames of a motion's person without four in the middle."""
    (person,) = motion.persons
    count = len(person.frame_index)
    whole = {field.name: getattr(person, field.name) for field in fields(person) if field.name != "betas"}
    rows = {name: value[KEPT] for name, value in whole.items() if len(value) == count and name != "person_id"}
    return replace(motion, persons=[replace(person, **{**rows, "gap_after": KEPT == 3})])


@pytest.fixture
def motion() -> Motion:
    return left_empty(motions.motion())


def test_body_is_hidden_in_the_gap(scene, motion) -> None:
    built = build_take(scene, motion, BuildSettings("take"))
    body, hidden = bpy.data.objects[built.people[0].body], []
    for frame in range(1, 13):
        scene.frame_set(frame)
        hidden.append(body.hide_render and body.hide_viewport)
    assert [frame for frame, is_hidden in enumerate(hidden, 1) if is_hidden] == [5, 6, 7, 8]


@pytest.mark.parametrize("is_cached", [False, True])
def test_body_and_root_stand_still_in_the_gap(scene, motion, tmp_path, is_cached: bool) -> None:
    built = built_of(scene, motion, tmp_path, BuildSettings("take", is_cached=is_cached))
    person, name = motion.persons[0], built.people[0].body
    show_always(bpy.data.objects[name])
    for frame, row in ((4, 3), (6, 3), (8, 3), (9, 4)):
        expected = axes.camera_to_world(person.vertices[row] + person.transl[row]) + stage_offset(built.stage)
        assert np.abs(world_vertices(name, frame) - expected).max() < EXACT_M, frame


def test_skeleton_has_no_keys_in_the_gap_and_stands_still(scene) -> None:
    built = build_take(scene, left_empty(true_motion()), BuildSettings("take", ("armature",)))
    armature = bpy.data.objects[built.people[0].armature]
    keyed = {tuple(np.round(curves.keys_of(curve)[0]).astype(int)) for curve in curves.existing_curves(armature)}
    poses = []
    for frame in (4, 5, 8, 9):
        scene.frame_set(frame)
        poses.append(np.array([bone.matrix for bone in armature.pose.bones]))
    assert keyed == {(1, 2, 3, 4, 9, 10, 11, 12)}
    assert np.abs(poses[2] - poses[0]).max() == np.abs(poses[1] - poses[0]).max() == 0
    assert np.abs(poses[3] - poses[0]).max() > 0.01


@pytest.mark.parametrize("kind", ["glb", "fbx", "usd", "abc"])
def test_exported_mesh_stands_still_in_the_gap(scene, tmp_path, reader, motion, kind: str) -> None:
    needs(kind)
    built = build_take(scene, motion, BuildSettings("take"))
    scene.frame_end = 12
    person, offset = motion.persons[0], stage_offset(built.stage)
    (path,) = export.export_take(built, tmp_path / f"take.{kind}").files
    reader(path)
    (name,) = [item.name for item in bpy.data.objects if item.type == "MESH"]
    for frame, row in ((2, 1), (4, 3), (6, 3), (8, 3), (9, 4), (12, 7)):
        expected = axes.camera_to_world(person.vertices[row] + person.transl[row]) + offset
        assert np.abs(world_vertices(name, frame) - expected).max() < IMPORT_M, frame


@pytest.mark.parametrize(("choice", "words"), [("all", []), ("short", ["--gaps", "0.75"]), ("none", ["--gaps", "0"])])
def test_choice_reaches_the_engine(ready, choice: str, words: list[str]) -> None:
    scene = ready("good")
    scene.mocap.gaps, scene.mocap.longest_gap_s = choice, 0.75
    request = to_request.request_from(bpy.context)
    command = request.plan().commands[1]
    at = command.index("--gaps") if "--gaps" in command else len(command)
    assert command[at : at + 2] == words
    assert request_from_json(request_to_json(request)) == request


def test_frames_nobody_saw_are_told_with_the_result(ready) -> None:
    ready("good")
    bpy.ops.mocap.reconstruct()
    record = operators_takes.active_record(bpy.context)
    report = record.motion.with_suffix(".report.json")
    write_report(left_empty(motions.motion()), report)
    texts = draw_all(panel_takes.SECTIONS, bpy.context).texts()
    assert "Frames in which nobody saw the person: 4 left empty" in texts
