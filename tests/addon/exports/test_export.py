from dataclasses import replace

import bpy
import numpy as np
import pytest

from blender_addon import axes, bridge
from blender_addon.exports import export
from blender_addon.scene.build import BuildSettings, build_take
from tests.fixtures import motions
from tests.fixtures.evaluated import stage_offset, world_vertices
from tests.fixtures.truth import true_motion

IMPORT_M = 5e-6
"""Float32 through a file and through the turn of axes that it brings."""


def needs(kind: str) -> None:
    if kind in export.EXPORT_OPERATORS and export.EXPORT_OPERATORS[kind] not in dir(bpy.ops.wm):
        pytest.skip(f"this Blender was built without {kind}")


@pytest.mark.parametrize("kind", ["glb", "fbx", "usd", "abc"])
def test_mesh_comes_back_as_it_went(scene, tmp_path, reader, kind: str) -> None:
    needs(kind)
    motion = motions.motion([motions.person(), motions.person(frame_count=8, first=3, seed=1, name="b")])
    built = build_take(scene, motion, BuildSettings("take"))
    offset = stage_offset(built.stage)
    (path,) = export.export_take(built, tmp_path / f"take.{kind}").files
    reader(path)
    for person in motion.persons:
        names = [item.name for item in bpy.data.objects if item.type == "MESH" and person.person_id in item.name[4:7]]
        assert len(names) == 1
        for row in (0, len(person.frame_index) // 2, len(person.frame_index) - 1):
            expected = axes.camera_to_world(person.vertices[row] + person.transl[row]) + offset
            found = world_vertices(names[0], person.frame_index[row] + 1)
            assert np.abs(found - expected).max() < IMPORT_M


# Blender's BVH reader leaves its file open.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.parametrize("kind", ["glb", "fbx", "bvh"])
def test_skeleton_comes_back_as_it_went(scene, tmp_path, reader, kind: str) -> None:
    motion = replace(true_motion(), fps=25.0)
    short = {
        name: getattr(motion.persons[0], name)[:20]
        for name in motion.persons[0].__dataclass_fields__
        if name not in {"person_id", "betas"}
    }
    person = replace(motion.persons[0], **{**short, "time_s": np.arange(20) / 25})
    built = build_take(scene, replace(motion, persons=[person]), BuildSettings("take", ("armature",)))
    offset = 0 if kind == "bvh" else stage_offset(built.stage)  # BVH knows no parents of the skeleton
    expected = {frame: _heads(frame) - (stage_offset(built.stage) - offset) for frame in (1, 10, 20)}
    scene.frame_end = 20
    (path,) = export.export_take(built, tmp_path / f"take.{kind}").files
    reader(path)
    for frame, heads in expected.items():
        assert np.abs(_heads(frame) - heads).max() < 1e-4


def _heads(frame: int) -> np.ndarray:
    """(24, 3) where the bones begin in the world, by name."""
    bpy.context.scene.frame_set(frame)
    (armature,) = [item for item in bpy.data.objects if item.type == "ARMATURE"]
    bones = sorted(armature.pose.bones, key=lambda bone: bone.name)
    return np.array([armature.matrix_world @ bone.head for bone in bones])


@pytest.mark.parametrize("kind", ["glb", "fbx"])
def test_export_leaves_the_scene_as_it_was(scene, tmp_path, kind: str) -> None:
    built = build_take(scene, motions.motion(), BuildSettings("take"))
    before = _inventory()
    export.export_take(built, tmp_path / f"take.{kind}")
    assert _inventory() == before
    keys = bpy.data.objects[built.people[0].body].data.shape_keys
    assert not keys.use_relative and keys.animation_data.action is not None


def _inventory() -> list[list[str]]:
    kinds = (bpy.data.objects, bpy.data.meshes, bpy.data.actions, bpy.data.shape_keys, bpy.data.materials)
    return [sorted(item.name for item in kind) for kind in kinds]


def test_bvh_without_a_skeleton_is_one_sentence(scene, tmp_path) -> None:
    built = build_take(scene, motions.motion(), BuildSettings("take"))
    with pytest.raises(bridge.MocapError, match="ask for the armature too"):
        export.export_take(built, tmp_path / "take.bvh")


def test_format_that_is_missing_in_this_blender_is_one_sentence(scene, tmp_path, monkeypatch) -> None:
    built = build_take(scene, motions.motion(), BuildSettings("take"))
    monkeypatch.setitem(export.EXPORT_OPERATORS, "usd", "no_such_operator")
    with pytest.raises(bridge.MocapError, match="built without usd"):
        export.export_take(built, tmp_path / "take.usd")


def test_unknown_format_is_a_callers_mistake(scene, tmp_path) -> None:
    built = build_take(scene, motions.motion(), BuildSettings("take"))
    with pytest.raises(ValueError, match="expected one of"):
        export.export_take(built, tmp_path / "take.obj")
