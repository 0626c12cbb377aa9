"""A camera that Blender knows already: read for the engine, and built again with the people in its world."""

from dataclasses import replace

import bpy
import numpy as np
import pytest
from bpy_extras.object_utils import world_to_camera_view
from mathutils import Euler, Matrix, Vector

import blender_addon
from blender_addon import axes, bridge
from blender_addon.choices import solved_camera, to_request
from blender_addon.operators import takes as operators_takes
from blender_addon.scene import take_records
from blender_addon.scene.build import BuildSettings, build_take
from core.motion.moving_camera import read_camera, sampled, to_world
from core.types import CameraPath
from tests.fixtures import motions
from tests.fixtures.evaluated import stage_offset, world_vertices
from tests.fixtures.layouts import draw_all
from tests.fixtures.truth import DEMO, true_motion

FRAMES, FOCAL_MM, SENSOR_MM = 40, 45.0, 36.0
PROJECTION_PX = 0.05


def way(frame: int) -> np.ndarray:
    """(4, 4) of a camera that goes to the right and down and turns, in core's axes."""
    turn, matrix = 0.006 * frame, np.eye(4)
    matrix[:3, :3] = [[np.cos(turn), 0, -np.sin(turn)], [0, 1, 0], [np.sin(turn), 0, np.cos(turn)]]
    matrix[:3, 3] = 0.05 * frame, 0.01 * frame, 0
    return matrix


def to_blender(matrix: np.ndarray) -> Matrix:
    return Matrix(axes.cameras_to_blender(matrix[None])[0].tolist())


@pytest.fixture
def clip(ready):
    """The demo clip as Movie Clip, chosen."""
    scene = ready("good")
    scene.mocap.source, scene.mocap.clip = "CLIP", bpy.data.movieclips.load(str(DEMO / "clip.mp4"))
    return scene.mocap.clip


@pytest.fixture
def solved(clip):
    """The clip with a solve by Blender's own solver, of points that a known camera sees."""
    lens, (width, height) = clip.tracking.camera, clip.size
    lens.sensor_width, lens.focal_length = SENSOR_MM, FOCAL_MM
    rng = np.random.default_rng(0)
    points = rng.uniform([-1.2, -1.2, 4], [2.2, 1.2, 8], (40, 3))
    tracks = [clip.tracking.tracks.new(name=f"point {index}", frame=1) for index in range(len(points))]
    for frame in range(FRAMES):
        matrix = way(frame)
        seen = (points - matrix[:3, 3]) @ matrix[:3, :3]
        pixels = lens.focal_length_pixels * seen[:, :2] / seen[:, 2:] + [width / 2, height / 2]
        for track, (x, y) in zip(tracks, pixels, strict=True):
            track.markers.insert_frame(frame + 1, co=(x / width, 1 - y / height))
    tracked = clip.tracking.objects.active
    tracked.keyframe_a, tracked.keyframe_b = 1, 30
    window = bpy.context.window
    area = window.screen.areas[0]
    area.type = "CLIP_EDITOR"
    area.spaces.active.clip = clip
    region = next(region for region in area.regions if region.type == "WINDOW")
    with bpy.context.temp_override(window=window, area=area, region=region, space_data=area.spaces.active):
        assert bpy.ops.clip.solve_camera() == {"FINISHED"}
    assert clip.tracking.reconstruction.is_valid
    return clip


@pytest.fixture
def keyed(clip, scene):
    """A scene's camera with keys on frames 11 to 50; the clip begins at 11."""
    clip.frame_start = 11
    camera = bpy.data.objects.new("Hand held", bpy.data.cameras.new("Hand held"))
    scene.collection.objects.link(camera)
    scene.camera = camera
    camera.data.lens, camera.data.sensor_width, camera.rotation_mode = FOCAL_MM, SENSOR_MM, "QUATERNION"
    for frame in range(FRAMES):
        camera.matrix_world = to_blender(way(frame))
        for path in ("location", "rotation_quaternion"):
            camera.keyframe_insert(path, frame=frame + 11)
    return camera


def read(scene, tmp_path) -> CameraPath:
    solved_camera.write_camera(scene, tmp_path / "camera.npz")
    return read_camera(tmp_path / "camera.npz", (640, 480), 30.0)


def moving_motion(motion=None):
    """A motion whose camera moves, seen as by one that stands."""
    motion = motion or motions.motion()
    frames = np.arange(-2, 16) if len(motion.persons[0].frame_index) < 20 else np.arange(90)
    path = CameraPath(
        frame_index=frames,
        time_s=frames / motion.fps,
        camera_to_world=np.array([way(int(frame)) for frame in frames]),
        focal_px=motion.focal_px * np.linspace(1, 1.3, len(frames)),
        centre_px=np.array([motion.width / 2 + 12, motion.height / 2 - 7]),
        scale=2.5,
    )
    return replace(motion, camera=path)


def test_solve_of_the_clip_is_read(solved, scene, tmp_path) -> None:
    """Blender's own points, seen by the camera as it was read, lie on the markers that they were solved from."""
    camera = read(scene, tmp_path)
    assert camera.frame_index.tolist() == list(range(FRAMES))
    assert camera.focal_px[0] == pytest.approx(FOCAL_MM / SENSOR_MM * 640, rel=0.01)
    off = []
    for track in solved.tracking.tracks:
        assert track.has_bundle
        point = axes.world_to_camera(np.array(track.bundle))
        for frame in (0, 13, 39):
            seen = np.linalg.inv(camera.camera_to_world[frame]) @ [*point, 1]
            marker = track.markers.find_frame(frame + 1).co
            pixel = np.array([marker[0] * 640, (1 - marker[1]) * 480])
            off.append(np.linalg.norm(camera.focal_px[frame] * seen[:2] / seen[2] + camera.centre_px - pixel))
    assert np.mean(off) < 2 * solved.tracking.reconstruction.average_error + 0.5


def test_camera_solver_of_the_scene_turns_the_solve_upright(solved, scene, tmp_path) -> None:
    alone = read(scene, tmp_path).camera_to_world
    camera = bpy.data.objects.new("Camera", bpy.data.cameras.new("Camera"))
    scene.collection.objects.link(camera)
    constraint = camera.constraints.new("CAMERA_SOLVER")
    constraint.use_active_clip, constraint.clip = False, solved
    camera.rotation_euler, camera.location, camera.scale = Euler((1.2, 0.1, 0.4)), (1, 2, 3), (2, 2, 2)
    bpy.context.view_layer.update()
    placed = read(scene, tmp_path).camera_to_world
    for frame in (0, 20, 39):
        scene.frame_set(frame + 1)
        shown = np.array(camera.evaluated_get(bpy.context.evaluated_depsgraph_get()).matrix_world)[None]
        np.testing.assert_allclose(placed[frame], axes.cameras_to_core(shown)[0], atol=1e-4)
    assert np.abs(placed - alone).max() > 0.5


def test_keys_of_the_scenes_camera_are_read(keyed, scene, tmp_path) -> None:
    keyed.data.shift_x, keyed.data.shift_y = 0.05, -0.02
    camera = read(scene, tmp_path)
    assert camera.frame_index.tolist() == list(range(FRAMES))
    np.testing.assert_allclose(camera.camera_to_world, [way(frame) for frame in range(FRAMES)], atol=1e-5)
    np.testing.assert_allclose(camera.focal_px, FOCAL_MM / SENSOR_MM * 640, rtol=1e-5)
    point = Vector((0.3, 6.0, -0.2))
    scene.render.resolution_x, scene.render.resolution_y = 640, 480
    scene.frame_set(11 + 20)
    seen = world_to_camera_view(scene, keyed, point)
    there = np.linalg.inv(camera.camera_to_world[20]) @ [*axes.world_to_camera(np.array(point)), 1]
    pixel = camera.focal_px[20] * there[:2] / there[2] + camera.centre_px
    np.testing.assert_allclose([seen.x * 640, (1 - seen.y) * 480], pixel, atol=0.01)


def test_engine_gets_the_camera_only_where_it_moves(keyed, scene) -> None:
    assert "--camera" not in to_request.full_request(bpy.context).plan().commands[1]
    scene.mocap.camera = "SOLVED"
    request = to_request.full_request(bpy.context)
    command = request.plan().commands[1]
    assert command[command.index("--camera") + 1] == str(request.camera_file) and request.camera_file.is_file()
    assert bpy.ops.mocap.queue_add() == {"FINISHED"}
    from blender_addon.engine.request import request_from_json

    assert request_from_json(scene.mocap.queue[0].request) == request


def test_panel_says_how_much_is_solved_or_why_nothing_is(clip, scene, keyed) -> None:
    scene.collection.objects.unlink(keyed)
    scene.camera = None
    text = draw_all(blender_addon.SECTIONS, bpy.context).texts()
    assert "Camera: still" in text and "For a moving shot: No camera is solved" in " ".join(text.split())
    scene.mocap.camera = "SOLVED"
    assert "No camera is solved: solve it in the Movie Clip Editor" in to_request.why_not(bpy.context)
    with pytest.raises(RuntimeError, match="No camera is solved"):
        bpy.ops.mocap.reconstruct()
    scene.collection.objects.link(keyed)
    assert "Camera: solved in Blender (40 frames, Hand held)" in draw_all(blender_addon.SECTIONS, bpy.context).texts()
    assert to_request.why_not(bpy.context) == ""
    scene.mocap.frames, scene.mocap.first, scene.mocap.last = "CUSTOM", 60, 80
    assert to_request.why_not(bpy.context) == "The camera is solved in frames 1 to 40, none of the chosen ones"


def test_panel_counts_the_clips_solve_and_says_what_it_leaves_out(solved, scene) -> None:
    scene.mocap.camera = "SOLVED"
    text = draw_all(blender_addon.SECTIONS, bpy.context).texts()
    assert "Camera: solved in Blender (40 frames, the clip's solve)" in text and "distortion" not in text
    solved.tracking.camera.k1 = -0.1
    assert "lens distortion is ignored" in draw_all(blender_addon.SECTIONS, bpy.context).texts()


def test_camera_with_one_key_stands(keyed, scene) -> None:
    keyed.animation_data_clear()
    keyed.keyframe_insert("location", frame=11)
    assert "has keys on one frame only" in solved_camera.find_camera(scene).problem


@pytest.mark.parametrize("frame", [0, 7, 11])
def test_moving_camera_sees_a_vertex_where_core_projects_it(scene, frame: int) -> None:
    motion = moving_motion()
    built = build_take(scene, motion, BuildSettings("take"))
    vertices = world_vertices(built.people[0].body, frame + 1)
    person, path = motion.persons[0], motion.camera
    for index in (0, 1000, 4321, 6889):
        at = person.vertices[frame, index] + person.transl[frame]
        expected = path.focal_px[frame + 2] * at[:2] / at[2] + path.centre_px
        seen = world_to_camera_view(scene, bpy.data.objects[built.camera], Vector(vertices[index]))
        pixel = [seen.x * motion.width, (1 - seen.y) * motion.height]
        assert np.abs(pixel - expected).max() < PROJECTION_PX


def test_people_move_in_the_world(scene) -> None:
    motion = moving_motion()
    built = build_take(scene, motion, BuildSettings("take"))
    person = motion.persons[0]
    matrices = sampled(motion.camera, person.time_s).camera_to_world
    for frame in (0, 11):
        there = to_world(person.vertices[frame][None] + person.transl[frame], matrices[[frame]])[0]
        expected = axes.camera_to_world(there) + stage_offset(built.stage)
        assert np.abs(world_vertices(built.people[0].body, frame + 1) - expected).max() < 1e-5


def test_skeleton_and_mesh_agree_in_the_world(scene) -> None:
    built = build_take(scene, moving_motion(true_motion()), BuildSettings("take", ("mesh", "armature")))
    bpy.data.objects[built.people[0].skinned].hide_viewport = False
    for frame in (1, 45, 90):
        apart = world_vertices(built.people[0].body, frame) - world_vertices(built.people[0].skinned, frame)
        assert np.abs(apart).mean() < 0.01, "an armature has no corrective shapes"


def test_take_of_a_moving_shot_is_cleaned_up_with_its_camera(keyed, scene, tmp_path) -> None:
    motion = tmp_path / "motion.npz"
    bridge.write_motion(moving_motion(true_motion()), motion)
    scene.mocap.camera = "SOLVED"
    assert bpy.ops.mocap.reconstruct() == {"FINISHED"}
    record = take_records.record_of(take_records.active_take(bpy.context))
    assert record.is_moving and scene.camera.name == record.built.camera
    assert solved_camera.find_camera(scene).holder == keyed, "the take's own camera is none to read"
    command = operators_takes.clean_up_plan(bpy.context).commands[0]
    camera = command[command.index("--camera") + 1]
    assert bpy.ops.mocap.clean_up() == {"FINISHED"}
    from pathlib import Path

    Path(camera).unlink()
    assert "is gone: reconstruct the footage again" in operators_takes.why_not_clean_up(bpy.context)
