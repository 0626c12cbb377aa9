from dataclasses import replace

import bpy
import numpy as np
import pytest
from bpy_extras.object_utils import world_to_camera_view
from mathutils import Vector

from blender_addon import axes, bridge
from blender_addon.scene import camera, curves
from blender_addon.scene.armature import BONES
from blender_addon.scene.build import BuildSettings, build_take
from core.body.model import load_body
from tests.fixtures import motions
from tests.fixtures.evaluated import stage_offset, world_vertices
from tests.fixtures.truth import DEMO, true_motion

FLOAT32_M = 2e-6
"""Coordinates of a few metres in float32, through two object matrices."""
PROJECTION_PX = 0.01
MIDDLE_M = 0.02
"""Of the middle of a body with corrective shapes and one without."""
SKIN_M = 2e-5
"""Quaternions and bone matrices in float32, eight bones deep."""


@pytest.mark.parametrize("frame", [0, 5, 11])
def test_evaluated_vertices_are_the_motions(scene, frame: int) -> None:
    motion = motions.motion()
    built = build_take(scene, motion, BuildSettings("take"))
    person = motion.persons[0]
    expected = axes.camera_to_world(person.vertices[frame] + person.transl[frame]) + stage_offset(built.stage)
    assert np.abs(world_vertices(built.people[0].body, frame + 1) - expected).max() < FLOAT32_M


@pytest.mark.parametrize("size", [(640, 360), (360, 640)])
def test_camera_sees_a_vertex_where_core_projects_it(scene, size: tuple[int, int]) -> None:
    motion = replace(motions.motion(), width=size[0], height=size[1])
    built = build_take(scene, motion, BuildSettings("take"))
    vertices = world_vertices(built.people[0].body, 8)
    for index in (0, 1000, 4321, 6889):
        at = motion.persons[0].vertices[7, index] + motion.persons[0].transl[7]
        expected = at[:2] / at[2] * motion.focal_px + np.array(size) / 2
        seen = world_to_camera_view(scene, bpy.data.objects[built.camera], Vector(vertices[index]))
        assert np.abs([seen.x * size[0] - expected[0], (1 - seen.y) * size[1] - expected[1]]).max() < PROJECTION_PX


def test_eval_time_is_exact_on_the_last_of_many_frames(scene) -> None:
    motion = motions.motion([motions.person(frame_count=300)])
    built = build_take(scene, motion, BuildSettings("take"))
    person = motion.persons[0]
    expected = axes.camera_to_world(person.vertices[-1] + person.transl[-1]) + stage_offset(built.stage)
    assert np.abs(world_vertices(built.people[0].body, 300) - expected).max() < FLOAT32_M


def test_shape_keys_are_absolute_with_one_curve(scene) -> None:
    built = build_take(scene, motions.motion(), BuildSettings("take"))
    keys = bpy.data.objects[built.people[0].body].data.shape_keys
    assert not keys.use_relative
    assert [curve.data_path for curve in curves.existing_curves(keys)] == ["eval_time"]
    assert {block.value for block in keys.key_blocks} == {0.0}


def test_variable_frame_rate_is_keyed_at_the_time_stamps(scene) -> None:
    person = motions.person(frame_count=3)
    uneven = replace(person, time_s=np.array([0.0, 0.06, 0.08]))
    built = build_take(scene, motions.motion([uneven]), BuildSettings("take"))
    keys = bpy.data.objects[built.people[0].body].data.shape_keys
    points = curves.existing_curves(keys)[0].keyframe_points
    assert [point.co[0] for point in points] == [1.0, 2.5, 3.0]


def test_people_get_a_root_each_below_the_takes_own_empty(scene) -> None:
    built = build_take(
        scene, motions.motion([motions.person(), motions.person(seed=1, name="b")]), BuildSettings("take")
    )
    parents = {item.name: item.parent.name if item.parent else None for item in bpy.data.objects}
    assert parents == {
        "take": None,
        "take camera": "take",
        "take.1 root": "take",
        "take.1 body": "take.1 root",
        "take.b root": "take",
        "take.b body": "take.b root",
    }
    assert sorted(item.name for item in bpy.data.collections[built.collection].objects) == sorted(parents)


def test_lowest_feet_stand_on_the_grid(scene) -> None:
    built = build_take(scene, motions.motion(), BuildSettings("take"))
    lowest = [world_vertices(built.people[0].body, frame)[:, 2].min() for frame in range(1, 13)]
    assert min(lowest) == pytest.approx(0, abs=0.03)


def test_person_is_hidden_before_coming_and_after_leaving(scene) -> None:
    visitor = motions.person(frame_count=4, first=3, name="b")
    built = build_take(scene, motions.motion([motions.person(), visitor]), BuildSettings("take"))
    body = bpy.data.objects[built.people[1].body]
    hidden = []
    for frame in range(1, 13):
        scene.frame_set(frame)
        hidden.append(body.hide_render and body.hide_viewport)
    assert [frame for frame, is_hidden in enumerate(hidden, 1) if not is_hidden] == [4, 5, 6, 7]


def test_scene_matches_the_footage(scene) -> None:
    motion = true_motion()
    built = build_take(scene, motion, BuildSettings("take"))
    render = scene.render
    assert (render.resolution_x, render.resolution_y, scene.frame_start, scene.frame_end) == (640, 480, 1, 90)
    assert render.fps / render.fps_base == pytest.approx(motion.fps)
    background = bpy.data.objects[built.camera].data.background_images[0]
    assert built.has_footage and background.clip.frame_duration == 90
    assert scene.camera.name == built.camera


def test_scene_stays_as_it_is_where_asked(scene) -> None:
    scene.render.resolution_x, scene.frame_end = 1234, 77
    build_take(scene, motions.motion(), BuildSettings("take", matches_scene=False))
    assert (scene.render.resolution_x, scene.frame_end, scene.camera) == (1234, 77, None)


def test_footage_that_is_gone_leaves_the_people(scene) -> None:
    built = build_take(scene, motions.motion(), BuildSettings("take"))
    assert (built.has_footage, len(built.people)) == (False, 1)


def test_folder_of_pictures_starts_with_its_first_number(scene, tmp_path) -> None:
    from blender_addon.scene.camera import first_picture

    for name in ("shot10.png", "shot2.png", "notes.txt"):
        (tmp_path / name).touch()
    assert first_picture(tmp_path).name == "shot2.png"


def test_camera_sees_past_what_stands_around_it(scene) -> None:
    built = build_take(scene, motions.motion(), BuildSettings("take"))
    nearest = min(world_vertices(built.people[0].body, frame)[:, 1].min() for frame in range(1, 13))
    assert 1.0 < bpy.data.objects[built.camera].data.clip_start < nearest


def test_nobody_in_the_motion_is_one_sentence(scene) -> None:
    with pytest.raises(bridge.MocapError, match="holds nobody"):
        build_take(scene, motions.motion([]), BuildSettings("take"))
    assert len(bpy.data.objects) == 0


def test_skinned_body_moves_as_the_bodys_own_skinning(scene) -> None:
    motion, body = true_motion(), load_body()
    built = build_take(scene, motion, BuildSettings("take", ("armature",)))
    person = motion.persons[0]
    stiff = replace(body, posedirs=np.zeros_like(body.posedirs))  # an armature has no corrective shapes
    wxyz = person.bone_rotations[[0, 44, 89]]
    from scipy.spatial.transform import Rotation

    matrices = Rotation.from_quat(np.roll(wxyz, -1, axis=-1).reshape(-1, 4)).as_matrix().reshape(3, 24, 3, 3)
    transl = (person.bone_transl + person.transl)[[0, 44, 89]]
    posed = stiff.pose(matrices, person.betas[None], transl)
    for row, frame in enumerate((1, 45, 90)):
        expected = axes.camera_to_world(posed.vertices[row]) + stage_offset(built.stage)
        assert np.abs(world_vertices(built.people[0].skinned, frame) - expected).max() < SKIN_M


@pytest.mark.parametrize(("output", "tolerance_m"), [("mesh", FLOAT32_M), ("armature", MIDDLE_M)])
def test_in_place_a_person_rises_and_falls_where_they_begin(scene, output: str, tolerance_m: float) -> None:
    motion = true_motion()
    built = build_take(scene, motion, BuildSettings("take", (output,), is_in_place=True))
    person, seen = motion.persons[0], built.people[0].body or built.people[0].skinned
    for row in (0, 44, 89):
        at = [person.transl[0, 0], person.transl[row, 1], person.transl[0, 2]]
        expected = axes.camera_to_world(person.vertices[row] + at) + stage_offset(built.stage)
        middle = world_vertices(seen, row + 1).mean(axis=0)
        assert np.abs(middle - expected.mean(axis=0)).max() < tolerance_m
    assert np.ptp(person.transl[:, 0]) > 2 * MIDDLE_M  # or in place and on the way were the same


def test_armature_has_smpls_bones_upright_at_rest(scene) -> None:
    built = build_take(scene, true_motion(), BuildSettings("take", ("armature",)))
    bones = bpy.data.objects[built.people[0].armature].data.bones
    assert sorted(bone.name for bone in bones) == sorted(BONES)
    assert bones["left_elbow"].parent.name == "left_shoulder"
    assert bones["head"].head_local.z > bones["pelvis"].head_local.z > bones["left_foot"].head_local.z
    assert bones["left_hand"].head_local.x > 0.3 > bones["right_hand"].head_local.x


def test_motion_of_another_body_gets_no_armature(scene) -> None:
    with pytest.raises(bridge.MocapError, match="ask for the mesh alone"):
        build_take(scene, motions.motion(), BuildSettings("take", ("armature",)))


def test_demo_clip_is_where_the_truth_says() -> None:
    assert (DEMO / "clip.mp4").is_file()


def test_one_file_is_one_movie_clip_by_whatever_path(scene, tmp_path) -> None:
    (tmp_path / "link").symlink_to(DEMO)
    opened = bpy.data.movieclips.load(str(tmp_path / "link" / "clip.mp4"))
    bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "shot.blend"))  # makes the path a relative one
    assert camera.load_clip(DEMO / "clip.mp4") == opened and len(bpy.data.movieclips) == 1
