"""Where a take stands in the scene: on its lowest foot, on the floor that everybody was solved onto, or as seen."""

from dataclasses import replace

import bpy
import numpy as np
import pytest
from bpy_extras.object_utils import world_to_camera_view
from mathutils import Matrix, Vector
from scipy.spatial.transform import Rotation

from blender_addon import axes, bridge
from blender_addon.choices import to_request
from blender_addon.engine.request import request_from_json, request_to_json
from blender_addon.scene import take_records
from blender_addon.scene.build import BuildSettings, build_take
from core import Motion
from core.types import Floor
from tests.addon.scene.test_build import PROJECTION_PX
from tests.fixtures import motions
from tests.fixtures.evaluated import world_vertices

LEANING = Floor(Rotation.from_euler("xz", [12, -5], degrees=True).apply([0.0, 1.0, 0.0]), 1.3)
"""As a camera sees it that looks down by 12 degrees and is held askew by 5."""
LEVEL_M = 5e-6
"""Float32 through two object matrices, metres away."""


@pytest.fixture
def motion() -> Motion:
    return replace(motions.motion(), floor=LEANING)


def test_floor_of_the_motion_lies_on_the_grid(scene, motion) -> None:
    built = build_take(scene, motion, BuildSettings("take"))
    person = motion.persons[0]
    for frame in (1, 7, 12):
        points = person.vertices[frame - 1] + person.transl[frame - 1]
        over = LEANING.depth_m - points @ LEANING.down
        assert np.abs(world_vertices(built.people[0].body, frame)[:, 2] - over).max() < LEVEL_M


def test_camera_of_a_leaning_take_sees_what_it_saw(scene, motion) -> None:
    built = build_take(scene, motion, BuildSettings("take"))
    vertices = world_vertices(built.people[0].body, 8)
    for index in (0, 1000, 4321, 6889):
        at = motion.persons[0].vertices[7, index] + motion.persons[0].transl[7]
        expected = at[:2] / at[2] * motion.focal_px + np.array([motion.width, motion.height]) / 2
        seen = world_to_camera_view(scene, bpy.data.objects[built.camera], Vector(vertices[index]))
        off = [seen.x * motion.width - expected[0], (1 - seen.y) * motion.height - expected[1]]
        assert np.abs(off).max() < PROJECTION_PX


def test_take_without_a_floor_stays_where_the_camera_saw_it(scene) -> None:
    motion = motions.motion()
    built = build_take(scene, motion, BuildSettings("take", is_grounded=False))
    expected = axes.camera_to_world(motion.persons[0].vertices[4] + motion.persons[0].transl[4])
    assert np.abs(world_vertices(built.people[0].body, 5) - expected).max() < LEVEL_M
    assert tuple(bpy.data.objects[built.camera].matrix_world.translation) == (0, 0, 0)


def test_in_place_stays_on_a_leaning_floor(scene, motion) -> None:
    free, held = (
        build_take(scene, motion, BuildSettings(name, is_in_place=is_held))
        for name, is_held in (("free", False), ("held", True))
    )
    for frame in (1, 12):
        free_m, held_m = (world_vertices(built.people[0].body, frame) for built in (free, held))
        assert np.abs(held_m[:, 2] - free_m[:, 2]).max() < LEVEL_M
    assert np.abs(held_m - free_m)[:, :2].max() > 0.5


@pytest.mark.parametrize("floors", [(LEANING, LEANING), (None, LEANING), (LEANING, None)])
def test_take_that_was_turned_by_hand_is_turned_alike_after_another_solve(scene, tmp_path, floors) -> None:
    before, after = (replace(motions.motion(), floor=floor) for floor in floors)
    built = build_take(scene, before, BuildSettings("take"))
    take_records.mark(built, None, tmp_path / "walk.npz")
    stage = bpy.data.objects[built.stage]
    by_hand = Matrix.Rotation(0.5, 3, "Z")
    stage.rotation_euler = (by_hand @ stage.rotation_euler.to_matrix()).to_euler()
    with take_records.replaced("take") as place:
        again = build_take(scene, after, BuildSettings("take"))
        as_built = bpy.data.objects[again.stage].rotation_euler.to_matrix()
        place.give_to(again)
    turned = bpy.data.objects[again.stage].rotation_euler.to_matrix()
    np.testing.assert_allclose(np.array(turned), np.array(by_hand @ as_built), atol=1e-6)


@pytest.mark.parametrize(
    ("choice", "words", "is_grounded"),
    [("found", [], True), ("solid", ["--floor", "solid"], True), ("off", ["--floor", "off"], False)],
)
def test_choice_reaches_the_engine_and_the_scene(ready, choice: str, words: list[str], is_grounded: bool) -> None:
    scene = ready("good")
    scene.mocap.floor = choice
    request = to_request.request_from(bpy.context)
    command = request.plan().commands[1]
    at = command.index("--floor") if "--floor" in command else len(command)
    assert command[at : at + 2] == words and request.build.is_grounded == is_grounded
    assert request_from_json(request_to_json(request)) == request


def test_floor_comes_with_the_motion_s_file(scene, motion, tmp_path) -> None:
    bridge.write_motion(motion, tmp_path / "m.npz")
    built = build_take(scene, bridge.open_motion(tmp_path / "m.npz"), BuildSettings("take"))
    leant = bpy.data.objects[built.stage].rotation_euler.to_matrix() @ Vector(axes.camera_to_world(LEANING.down))
    np.testing.assert_allclose(leant, [0, 0, -1], atol=1e-6)
