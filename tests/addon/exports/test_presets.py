"""Each preset is written, imported again, and compared joint by joint or vertex by vertex over the frames."""

import re
from argparse import Namespace
from dataclasses import replace

import bpy
import numpy as np
import pytest

from blender_addon import axes, bridge, headless
from blender_addon.exports import export
from blender_addon.exports.presets import PRESETS, estimated_bytes, morphs_for
from blender_addon.scene.armature import BONES
from blender_addon.scene.build import BuildSettings, build_take
from tests.addon.exports.test_export import IMPORT_M, needs
from tests.fixtures import motions, rigs
from tests.fixtures.evaluated import stage_offset, world_vertices

ENGINES = [key for key, preset in PRESETS.items() if preset.for_engine]
FRAMES = (1, 5, 10)
JOINTS_M = 1e-4
FOUR_WEIGHTS_M = 3e-3
"""glTF holds four bones a vertex, as engines do; some vertices of the body hang from five or six."""
BOTH = ("mesh", "armature")


def take(scene, outputs: tuple[str, ...], persons=1):
    motion = rigs.short_motion(10)
    motion = replace(motion, persons=[replace(motion.persons[0], person_id=str(n + 1)) for n in range(persons)])
    return build_take(scene, motion, BuildSettings("take", outputs))


def written(built, folder, key: str, morph_count: int = 0) -> export.Exported:
    preset = PRESETS[key]
    return export.export_take(built, folder / f"take.{preset.kind}", preset, morph_count)


def heads(frame: int, names: list[str]) -> np.ndarray:
    """(N, 3) where these bones of the only armature begin in the world."""
    bpy.context.scene.frame_set(frame)
    (armature,) = [item for item in bpy.data.objects if item.type == "ARMATURE"]
    return np.array([armature.matrix_world @ armature.pose.bones[name].head for name in names])


def only_mesh() -> str:
    (name,) = [item.name for item in bpy.data.objects if item.type == "MESH" and len(item.data.vertices) > 100]
    return name


def inventory() -> list:
    kinds = (bpy.data.objects, bpy.data.meshes, bpy.data.armatures, bpy.data.actions, bpy.data.shape_keys)
    names = [sorted(item.name for item in kind) for kind in kinds]
    bones = [sorted(bone.name for bone in armature.bones) for armature in bpy.data.armatures]
    groups = [[group.name for group in item.vertex_groups] for item in bpy.data.objects if item.type == "MESH"]
    return [names, bones, groups]


@pytest.mark.parametrize("outputs", [("armature",), BOTH], ids=["skeleton", "both"])
@pytest.mark.parametrize("key", ENGINES)
def test_engine_gets_the_skeleton_and_its_body(scene, tmp_path, reader, key: str, outputs) -> None:
    built = take(scene, outputs)
    expected = {frame: heads(frame, list(BONES)) for frame in FRAMES}
    skinned = bpy.data.objects[built.people[0].skinned]
    is_hidden, skinned.hide_viewport = skinned.hide_viewport, False  # what is hidden isn't evaluated
    vertices = {frame: world_vertices(skinned.name, frame) for frame in FRAMES}
    skinned.hide_viewport = is_hidden
    before = inventory()
    (path,) = written(built, tmp_path, key).files
    assert inventory() == before and skinned.hide_viewport == is_hidden
    reader(path)
    names = [PRESETS[key].bone_names().get(bone, bone) for bone in BONES]
    for frame in FRAMES:
        assert np.abs(heads(frame, names) - expected[frame]).max() < JOINTS_M
        apart = world_vertices(only_mesh(), frame) - vertices[frame]
        assert np.abs(apart).max() < (FOUR_WEIGHTS_M if PRESETS[key].kind == "glb" else JOINTS_M)


@pytest.mark.parametrize("key", ["godot", "unreal"])
def test_engine_gets_a_few_morphs_where_there_is_no_skeleton(scene, tmp_path, reader, key: str) -> None:
    built = take(scene, ("mesh",))
    vertices = {frame: world_vertices(built.people[0].body, frame) for frame in range(1, 11)}
    before = inventory()
    done = written(built, tmp_path, key, morph_count=1)
    assert inventory() == before
    told = re.search(r"take.1 body: 1 morph, off by ([\d.]+) mm on average and ([\d.]+) mm at most", done.notes[0])
    mean_mm, largest_mm = float(told[1]), float(told[2])
    reader(done.files[0])
    errors = [np.linalg.norm(world_vertices(only_mesh(), frame) - vertices[frame], axis=1) for frame in vertices]
    assert 1000 * np.mean(errors) == pytest.approx(mean_mm, abs=0.1)
    assert 1000 * np.max(errors) == pytest.approx(largest_mm, abs=0.1)
    assert 0.5 < mean_mm < largest_mm / 2


def test_as_many_morphs_as_frames_are_the_motion(scene, tmp_path, reader) -> None:
    built = take(scene, ("mesh",))
    vertices = {frame: world_vertices(built.people[0].body, frame) for frame in FRAMES}
    (path,) = written(built, tmp_path, "godot").files
    reader(path)
    for frame in FRAMES:
        assert np.abs(world_vertices(only_mesh(), frame) - vertices[frame]).max() < 2 * IMPORT_M


@pytest.mark.parametrize("key", ["usd", "abc"])
def test_skinned_body_comes_back_from_what_film_programs_read(scene, tmp_path, reader, key: str) -> None:
    needs(key)
    built = take(scene, ("armature",))
    vertices = {frame: world_vertices(built.people[0].skinned, frame) for frame in FRAMES}
    (path,) = written(built, tmp_path, key).files
    reader(path)
    for frame in FRAMES:
        assert np.abs(world_vertices(only_mesh(), frame) - vertices[frame]).max() < JOINTS_M


@pytest.mark.parametrize("key", ["unreal", "godot", "bvh"])
def test_two_people_get_a_file_each(scene, tmp_path, key: str) -> None:
    files = written(take(scene, ("armature",), persons=2), tmp_path, key).files
    assert [file.stem for file in files] == ["take_1", "take_2"]
    assert all(file.stat().st_size > 1000 for file in files)


@pytest.mark.parametrize(
    ("key", "outputs"),
    [(key, (part,)) for key in PRESETS for part in ("mesh", "armature") if (key, part) != ("bvh", "mesh")],
)
def test_size_is_told_before(scene, tmp_path, key: str, outputs) -> None:
    needs(PRESETS[key].kind)
    built = take(scene, outputs)
    scene.frame_end = 10
    size = sum(file.stat().st_size for file in written(built, tmp_path, key).files)
    assert estimated_bytes(built, PRESETS[key]) == pytest.approx(size, rel=0.25)


def test_size_of_a_few_morphs_is_told_before(scene, tmp_path) -> None:
    built = take(scene, ("mesh",))
    size = written(built, tmp_path, "godot", morph_count=3).files[0].stat().st_size
    assert estimated_bytes(built, PRESETS["godot"], 3) == pytest.approx(size, rel=0.25)


def test_only_gltf_and_fbx_have_morphs() -> None:
    assert {key for key, preset in PRESETS.items() if morphs_for(preset, 5)} == {*ENGINES, "glb", "fbx"}


def test_names_of_other_programs_are_complete_and_different() -> None:
    for key in ("unreal", "unity", "mixamo"):
        names = PRESETS[key].bone_names()
        assert set(BONES) - set(names) == {"left_hand", "right_hand"}
        assert len(set(names.values())) == len(names)
    assert PRESETS["mixamo"].bone_names()["left_knee"] == "mixamorig:LeftLeg"
    assert PRESETS["unreal"].bone_names()["left_knee"] == "calf_l"


def test_failure_of_an_exporter_leaves_the_scene(scene, tmp_path, monkeypatch) -> None:
    built = take(scene, BOTH)
    before = inventory()
    for key in ("unreal", "glb"):
        monkeypatch.setitem(export._WRITERS, PRESETS[key].kind, lambda *_: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            written(built, tmp_path, key)
        assert inventory() == before


def test_preset_of_another_format_is_a_callers_mistake(scene, tmp_path) -> None:
    built = build_take(scene, motions.motion(), BuildSettings("take"))
    with pytest.raises(ValueError, match="expected one of fbx"):
        export.export_take(built, tmp_path / "take.glb", PRESETS["unreal"])


def test_capsule_through_every_preset_that_holds_all(scene, tmp_path, reader) -> None:
    motion = motions.motion()
    built = build_take(scene, motion, BuildSettings("take"))
    offset = stage_offset(built.stage)
    with pytest.raises(bridge.MocapError, match="BVH holds skeletons"):
        written(built, tmp_path, "bvh")
    (path,) = written(built, tmp_path, "glb").files
    reader(path)
    person = motion.persons[0]
    expected = axes.camera_to_world(person.vertices[7] + person.transl[7]) + offset
    assert np.abs(world_vertices(only_mesh(), 8) - expected).max() < IMPORT_M


def test_batch_writes_presets_beside_the_plain_files(scene, tmp_path) -> None:
    built = take(scene, ("mesh",))
    report = headless.ClipReport("clip.mp4", "clip")
    headless._export(built, report, Namespace(export=("fbx", "unreal"), output_folder=tmp_path))
    assert report.files == {"fbx": str(tmp_path / "clip.fbx"), "unreal": str(tmp_path / "clip_unreal.fbx")}
    assert len(report.notes) == 1 and "mm on average" in report.notes[0]
