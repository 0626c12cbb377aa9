import math

import addon_utils
import bpy
import numpy as np
import pytest

from blender_addon import bridge
from blender_addon.rigs.bone_maps import FOLDER, ORDER, detect_map, read_map, shipped_maps, write_map
from blender_addon.rigs.retarget import apply_to_rig
from blender_addon.scene import curves
from blender_addon.scene.armature import BONES
from tests.fixtures import rigs

FRAMES = (1, 6, 12)
SAME_M = 2e-5
"""Float32 quaternions and matrices, nine bones deep."""
SAME_TURN = 2e-5
A_POSE_RAD = math.radians(45)
MIXAMO_OBJECT = np.array([[0.01, 0, 0, 3], [0, 0, -0.01, 1], [0, 0.01, 0, 0], [0, 0, 0, 1.0]])
"""As an imported FBX has it: y up in its own axes, centimetres."""
NEARLY_FRONTAL = 5e-3
"""0.3 degrees: the arms of this person are not quite in the plane in which they are lowered."""
ARMS = {"left_shoulder", "left_elbow", "left_wrist", "right_shoulder", "right_elbow", "right_wrist"}


def names_of(file: str, prefix: str = "") -> dict[str, str]:
    """SMPL's name -> a rig's, in SMPL's order; the first where a map has several for one."""
    by_joint = {joint: prefix + bone for bone, joint in reversed(read_map(FOLDER / f"{file}.json").bones.items())}
    return {joint: by_joint[joint] for joint in BONES if joint in by_joint}


FILES = {
    "metarig": "rigify_bones",
    "DEF- bones": "rigify_bones",
    "mixamo": "mixamo",
    "mixamorig:": "mixamo",
    "mixamorig7:": "mixamo",
    "mpfb": "mpfb",
    "mpfb_game_engine": "mpfb_game_engine",
}
PREFIXES = {"DEF- bones": "DEF-", "mixamorig:": "mixamorig:", "mixamorig7:": "mixamorig7:"}
RIGS = {kind: names_of(file, PREFIXES.get(kind, "")) for kind, file in FILES.items()}


def offsets(source, rig, names: dict[str, str], frame: int) -> np.ndarray:
    """(N, 3) from the take's joints to the rig's, less their mean."""
    there = rigs.world_heads(rig, list(names.values()), frame)
    apart = there - rigs.world_heads(source, list(names), frame)
    return apart - apart.mean(axis=0)


@pytest.mark.parametrize("kind", RIGS)
@pytest.mark.parametrize("arms_down_rad", [0.0, A_POSE_RAD], ids=["T-pose", "A-pose"])
def test_limbs_go_where_the_takes_go(scene, kind: str, arms_down_rad: float) -> None:
    source = rigs.take_skeleton(scene)
    names = RIGS[kind]
    place = MIXAMO_OBJECT if kind.startswith("mixamo") else None
    rig = rigs.make_rig(rigs.rest_joints(arms_down_rad=arms_down_rad), names, roll_seed=3, to_object=place)
    assert apply_to_rig(source, rig).map_name == read_map(FOLDER / f"{FILES[kind]}.json").name
    for frame in FRAMES:
        assert np.abs(offsets(source, rig, names, frame)).max() < SAME_M


@pytest.mark.parametrize("arms_down_rad", [0.0, A_POSE_RAD], ids=["T-pose", "A-pose"])
def test_bones_turn_from_rest_as_the_takes_turn(scene, arms_down_rad: float) -> None:
    source = rigs.take_skeleton(scene)
    rig = rigs.make_rig(rigs.rest_joints(arms_down_rad=arms_down_rad), RIGS["mixamo"], roll_seed=5)
    apply_to_rig(source, rig)
    turning_alike = [joint for joint in RIGS["mixamo"] if arms_down_rad == 0 or joint not in ARMS]
    for frame in FRAMES:
        expected = rigs.world_turns(source, turning_alike, frame)
        found = rigs.world_turns(rig, [RIGS["mixamo"][joint] for joint in turning_alike], frame)
        assert np.abs(found - expected).max() < SAME_TURN


def test_arms_of_an_a_pose_turn_by_what_they_hang_lower(scene) -> None:
    source = rigs.take_skeleton(scene)
    names = RIGS["mixamo"]
    rig = rigs.make_rig(rigs.rest_joints(arms_down_rad=A_POSE_RAD), names, roll_seed=5)
    apply_to_rig(source, rig)
    raised = np.array(
        [[math.cos(A_POSE_RAD), 0, -math.sin(A_POSE_RAD)], [0, 1, 0], [math.sin(A_POSE_RAD), 0, math.cos(A_POSE_RAD)]]
    )
    for joint, turn in (("left_wrist", raised), ("right_wrist", raised.T)):
        expected = rigs.world_turns(source, [joint], 6)[0] @ turn
        assert np.abs(rigs.world_turns(rig, [names[joint]], 6)[0] - expected).max() < NEARLY_FRONTAL


def test_rig_that_faces_elsewhere_ends_up_facing_as_the_person(scene) -> None:
    source = rigs.take_skeleton(scene)
    joints = rigs.rest_joints() @ np.array([[0.0, 1, 0], [-1, 0, 0], [0, 0, 1]])
    rig = rigs.make_rig(joints, RIGS["mpfb"], roll_seed=1)
    apply_to_rig(source, rig)
    for frame in FRAMES:
        assert np.abs(offsets(source, rig, RIGS["mpfb"], frame)).max() < SAME_M


def test_small_rig_walks_a_shorter_way_on_the_floor(scene) -> None:
    """Half the size: half the way, half the height of the hips over the ankles, soles on the same grid."""
    source = rigs.take_skeleton(scene, rigs.short_motion(40))
    joints = rigs.rest_joints() * 0.5
    rig = rigs.make_rig(joints, RIGS["mixamo"])
    apply_to_rig(source, rig)
    hips, ankles = ["left_hip", "right_hip"], ["left_ankle", "right_ankle"]
    ways, lows, source_lows = [], [], []
    for frame in range(1, 41):
        person = rigs.world_heads(source, hips + ankles, frame)
        hero = rigs.world_heads(rig, [RIGS["mixamo"][joint] for joint in hips + ankles], frame)
        ways.append([person[:2].mean(0), hero[:2].mean(0)])
        lows.append(hero[2:, 2].min())
        source_lows.append(person[2:, 2].min())
    way = np.array(ways) - np.array(ways)[:1]
    assert np.abs(way[:, 1] - way[:, 0] * 0.5).max() < 1e-4
    ankle = joints[7, 2]
    assert np.percentile(lows, 5) == pytest.approx(ankle, abs=2e-3)
    assert np.abs((np.array(lows) - ankle) - 0.5 * (np.array(source_lows) - np.percentile(source_lows, 5))).max() < 2e-3


def test_motion_begins_where_the_rig_stands_if_asked(scene) -> None:
    source = rigs.take_skeleton(scene)
    place = np.eye(4)
    place[:3, 3] = 7, -2, 1
    joints = rigs.rest_joints() + place[:3, 3]
    rig = rigs.make_rig(joints, RIGS["mixamo"], to_object=place)
    apply_to_rig(source, rig, at_rig=True)
    hips = rigs.world_heads(rig, [RIGS["mixamo"][f"{side}_hip"] for side in ("left", "right")], 1).mean(axis=0)
    assert np.abs(hips[:2] - place[:2, 3]).max() < 1e-4
    assert hips[2] > 1.5


def test_moved_take_brings_its_floor(scene) -> None:
    source = rigs.take_skeleton(scene)
    names = RIGS["mixamo"]
    rig = rigs.make_rig(rigs.rest_joints(), names)
    source.parent.location.z += 4
    apply_to_rig(source, rig)
    hero = rigs.world_heads(rig, [names["left_ankle"]], 6)[0]
    assert hero[2] == pytest.approx(rigs.world_heads(source, ["left_ankle"], 6)[0][2], abs=0.05)


def test_rig_with_its_own_proportions_keeps_the_directions_of_its_limbs(scene) -> None:
    source = rigs.take_skeleton(scene)
    joints = rigs.rest_joints(arms_down_rad=0.6) * np.array([1.2, 1.0, 0.8])
    names = RIGS["mpfb_game_engine"]
    rig = rigs.make_rig(joints, names, roll_seed=2)
    apply_to_rig(source, rig)
    for joint, child in (("left_hip", "left_knee"), ("right_knee", "right_ankle"), ("right_elbow", "right_wrist")):
        person = np.diff(rigs.world_heads(source, [joint, child], 6), axis=0)[0]
        hero = np.diff(rigs.world_heads(rig, [names[joint], names[child]], 6), axis=0)[0]
        assert person @ hero / np.linalg.norm(person) / np.linalg.norm(hero) == pytest.approx(1, abs=1e-6)


def test_quaternions_are_continuous_and_of_length_one(scene) -> None:
    source = rigs.take_skeleton(scene, rigs.short_motion(40))
    twice_round = np.array([0.0, 4 * math.pi])
    curves.write_curve(
        curves.curves_of(source.parent, "pirouette"), "rotation_euler", np.array([1.0, 40.0]), twice_round, index=2
    )
    rig = rigs.make_rig(rigs.rest_joints(), RIGS["mixamo"], roll_seed=9)
    apply_to_rig(source, rig)
    values: dict[str, dict[int, np.ndarray]] = {}
    for curve in curves.existing_curves(rig):
        if curve.data_path.endswith("rotation_quaternion"):
            values.setdefault(curve.data_path, {})[curve.array_index] = np.array(
                [point.co[1] for point in curve.keyframe_points]
            )
    assert len(values) == len(RIGS["mixamo"])
    for parts in values.values():
        wxyz = np.stack([parts[index] for index in range(4)], axis=1)
        assert np.abs(np.linalg.norm(wxyz, axis=1) - 1).max() < 1e-5
        assert ((wxyz[1:] * wxyz[:-1]).sum(axis=1) > 0).all()


@pytest.mark.parametrize("mode", ["XYZ", "YZX", "AXIS_ANGLE"])
def test_rotation_mode_of_the_rig_stays_and_works(scene, mode: str) -> None:
    source = rigs.take_skeleton(scene)
    rig = rigs.make_rig(rigs.rest_joints(), RIGS["mixamo"], roll_seed=4)
    for bone in rig.pose.bones:
        bone.rotation_mode = mode
    apply_to_rig(source, rig)
    assert {bone.rotation_mode for bone in rig.pose.bones} == {mode}
    for frame in FRAMES:
        assert np.abs(offsets(source, rig, RIGS["mixamo"], frame)).max() < SAME_M


def test_bones_between_and_leftovers_of_an_older_pose_do_not_matter(scene) -> None:
    source = rigs.take_skeleton(scene)
    names = RIGS["mpfb"]
    rig = rigs.make_rig(rigs.rest_joints(), names, roll_seed=4, parents={"upperarm02.L": "left_elbow"})
    rig.pose.bones["upperarm02.L"].rotation_quaternion = (0.8, 0.6, 0, 0)
    rig.pose.bones[names["left_hip"]].location = (0.3, 0, 0)
    rig.pose.bones[names["spine1"]].scale = (2, 2, 2)
    apply_to_rig(source, rig)
    for frame in FRAMES:
        assert np.abs(offsets(source, rig, names, frame)).max() < SAME_M


def test_mechanism_bones_with_constraints_are_seen_through(scene) -> None:
    """As in Rigify: what a control hangs from is turned by a constraint."""
    source = rigs.take_skeleton(scene)
    names = RIGS["mixamo"]
    extra = {"MCH-arm": "left_shoulder", "MCH-spine": "spine2"}
    rig = rigs.make_rig(rigs.rest_joints(), names, roll_seed=4, parents=extra)
    for name in extra:
        copy = rig.pose.bones[name].constraints.new("COPY_ROTATION")
        copy.target, copy.subtarget, copy.influence = rig, names["pelvis"], 0.4
    apply_to_rig(source, rig)
    for frame in FRAMES:
        assert (
            np.abs(
                rigs.world_turns(rig, list(names.values()), frame) - rigs.world_turns(source, list(names), frame)
            ).max()
            < 1e-4
        )


def test_take_that_is_keyed_between_frames_is_keyed_there(scene) -> None:
    source = rigs.take_skeleton(scene)
    rig = rigs.make_rig(rigs.rest_joints(), RIGS["mixamo"])
    for curve in curves.existing_curves(source):
        for point in curve.keyframe_points:
            point.co[0] += 0.5
    apply_to_rig(source, rig)
    frames = {point.co[0] for curve in curves.existing_curves(rig) for point in curve.keyframe_points}
    assert frames == {frame + 0.5 for frame in range(1, 13)}


def test_thinned_out_take_is_keyed_on_every_frame(scene) -> None:
    source = rigs.take_skeleton(scene)
    for curve in curves.existing_curves(source):
        for index in range(10, 0, -1):
            curve.keyframe_points.remove(curve.keyframe_points[index])
    rig = rigs.make_rig(rigs.rest_joints(), RIGS["mixamo"])
    apply_to_rig(source, rig)
    assert [point.co[0] for point in curves.existing_curves(rig)[0].keyframe_points] == list(range(1, 13))
    assert np.abs(offsets(source, rig, RIGS["mixamo"], 6)).max() < 1e-4


def test_older_action_of_the_rig_is_kept(scene) -> None:
    source = rigs.take_skeleton(scene)
    rig = rigs.make_rig(rigs.rest_joints(), RIGS["mixamo"])
    old = curves.curves_of(rig, "my own work")
    curves.write_curve(old, "location", np.array([1.0, 12.0]), np.array([0.0, 5.0]))
    done = apply_to_rig(source, rig)
    assert rig.animation_data.action.name == done.action != "my own work"
    assert bpy.data.actions["my own work"].use_fake_user


def test_scene_and_take_stay_as_they_were(scene) -> None:
    source = rigs.take_skeleton(scene)
    rig = rigs.make_rig(rigs.rest_joints(), RIGS["mixamo"])
    scene.frame_set(4)
    source.hide_viewport = True
    before = {
        name: len(getattr(bpy.data, name)) for name in ("scenes", "objects", "armatures", "collections", "meshes")
    }
    apply_to_rig(source, rig)
    assert before == {name: len(getattr(bpy.data, name)) for name in before}
    assert (scene.frame_current, source.hide_viewport, bpy.context.scene.name) == (4, True, scene.name)


def test_rig_without_bones_of_the_map_names_them(scene) -> None:
    source = rigs.take_skeleton(scene)
    names = {joint: name for joint, name in RIGS["mixamo"].items() if joint not in {"left_knee", "right_elbow"}}
    rig = rigs.make_rig(rigs.rest_joints(), names)
    before = len(bpy.data.actions)
    with pytest.raises(bridge.MocapError, match="Hero: the rig lacks LeftLeg, RightForeArm of the bone map Mixamo"):
        apply_to_rig(source, rig)
    assert rig.animation_data is None and len(bpy.data.actions) == before


def test_rig_may_lack_what_can_be_done_without(scene) -> None:
    source = rigs.take_skeleton(scene)
    names = {joint: name for joint, name in RIGS["mixamo"].items() if joint not in {"spine2", "left_foot"}}
    done = apply_to_rig(source, rigs.make_rig(rigs.rest_joints(), names))
    assert done.left_out == ("spine2", "left_foot")


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda rig: setattr(rig.data, "pose_position", "REST"), "rest position; choose Pose Position"),
        (lambda rig: setattr(rig, "scale", (-1, 1, 1)), "apply its scale"),
    ],
)
def test_rig_that_cannot_be_animated_is_one_sentence(scene, change, said: str) -> None:
    source = rigs.take_skeleton(scene)
    rig = rigs.make_rig(rigs.rest_joints(), RIGS["mixamo"])
    change(rig)
    bpy.context.view_layer.update()
    with pytest.raises(bridge.MocapError, match=said):
        apply_to_rig(source, rig)


def test_rig_in_edit_mode_is_one_sentence(scene) -> None:
    source = rigs.take_skeleton(scene)
    rig = rigs.make_rig(rigs.rest_joints(), RIGS["mixamo"])
    bpy.ops.object.mode_set(mode="EDIT")
    with pytest.raises(bridge.MocapError, match="edit mode; leave it"):
        apply_to_rig(source, rig)
    bpy.ops.object.mode_set(mode="POSE")
    assert apply_to_rig(source, rig).frame_count == 12


def test_root_that_cannot_move_is_one_sentence(scene) -> None:
    source = rigs.take_skeleton(scene)
    rig = rigs.make_rig(rigs.rest_joints(), RIGS["mixamo"], parents={"ground": "pelvis"})
    bpy.ops.object.mode_set(mode="EDIT")
    hips = rig.data.edit_bones["Hips"]
    below = hips.head.copy()
    below.z -= 0.5
    hips.parent.head, hips.parent.tail = below, hips.head  # a bone left without length would be dropped
    hips.use_connect = True
    bpy.ops.object.mode_set(mode="OBJECT")
    with pytest.raises(bridge.MocapError, match="Hips is connected to its parent and can't move"):
        apply_to_rig(source, rig)


def test_rig_in_the_nlas_tweak_mode_is_one_sentence(scene) -> None:
    source = rigs.take_skeleton(scene)
    rig = rigs.make_rig(rigs.rest_joints(), RIGS["mixamo"])
    apply_to_rig(source, rig)
    animation = rig.animation_data
    action, animation.action = animation.action, None
    strip = animation.nla_tracks.new().strips.new("walk", 1, action)
    strip.select = True
    animation.nla_tracks[0].select = True
    animation.use_tweak_mode = True
    if not animation.use_tweak_mode:
        pytest.skip("this Blender does not enter tweak mode without a window")
    with pytest.raises(bridge.MocapError, match="tweak mode"):
        apply_to_rig(source, rig)


def test_motion_lies_above_the_nlas_strips(scene) -> None:
    source = rigs.take_skeleton(scene)
    names = RIGS["mixamo"]
    rig = rigs.make_rig(rigs.rest_joints(), names, roll_seed=6, parents={"spare": "left_elbow"})
    nod = curves.curves_of(rig, "nod")
    for index, value in enumerate((0.9, 0.3, 0.3, 0.1)):
        curves.write_curve(
            nod, 'pose.bones["spare"].rotation_quaternion', np.array([1.0]), np.array([value]), index=index
        )
    action, rig.animation_data.action = rig.animation_data.action, None
    rig.animation_data.nla_tracks.new().strips.new("nod", 1, action)
    apply_to_rig(source, rig)
    for frame in FRAMES:
        assert np.abs(offsets(source, rig, names, frame)).max() < 1e-4


def test_failure_leaves_the_rigs_own_action(scene, monkeypatch) -> None:
    source = rigs.take_skeleton(scene)
    rig = rigs.make_rig(rigs.rest_joints(), RIGS["mixamo"])
    curves.curves_of(rig, "my own work")
    before = len(bpy.data.actions)
    monkeypatch.setattr("blender_addon.rigs.retarget.RigPosing.pose", lambda *_: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        apply_to_rig(source, rig)
    assert rig.animation_data.action.name == "my own work"
    assert len(bpy.data.actions) == before


def test_every_shipped_map_is_found_by_its_own_names() -> None:
    for bone_map, file in zip(shipped_maps(), ORDER, strict=True):
        assert detect_map(bone_map.bones).name == bone_map.name == read_map(FOLDER / f"{file}.json").name
        assert bone_map.missing_in(bone_map.bones) == []


def test_map_survives_its_file(tmp_path) -> None:
    path = tmp_path / "mine.json"
    for bone_map in shipped_maps():
        write_map(bone_map, path)
        again = read_map(path)
        assert all(getattr(again, name) == getattr(bone_map, name) for name in type(bone_map).__slots__)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("{", "can't be read as a bone map"),
        ("[]", '"bones" is missing'),
        ('{"bones": {"a": "pelvis", "b": "tail"}, "root": "a"}', "unknown bones of SMPL: tail"),
        ('{"bones": {"a": "pelvis"}}', '"root" has to be'),
        ('{"bones": {"a": "pelvis"}, "root": "a", "prefix": "("}', '"prefix" is no regular expression'),
        ('{"bones": {"a": "pelvis"}, "root": "a", "properties": {"a": 1}}', '"properties" has to be'),
    ],
)
def test_faulty_map_file_is_one_sentence(tmp_path, text: str, said: str) -> None:
    path = tmp_path / "mine.json"
    path.write_text(text)
    with pytest.raises(bridge.MocapError, match=said) as refused:
        read_map(path)
    assert str(path) in str(refused.value)


@pytest.fixture
def rigify():
    """Blender's own Rigify."""
    if addon_utils.enable("rigify", default_set=True) is None:
        pytest.skip("this Blender came without Rigify")
    yield
    addon_utils.disable("rigify", default_set=True)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.skipif(bpy.app.version < (5, 0), reason="Rigify's own callbacks crash bpy 4.2 on leaving, and hang 4.5")
def test_generated_rigify_rig_follows_the_take(scene, rigify) -> None:
    source = rigs.take_skeleton(scene)
    bpy.ops.object.armature_basic_human_metarig_add()
    bpy.ops.pose.rigify_generate()
    rig = bpy.context.object
    assert apply_to_rig(source, rig).map_name == "Rigify"
    limbs = [
        ("left_hip", "left_knee", "DEF-thigh.L", "DEF-shin.L"),
        ("right_knee", "right_ankle", "DEF-shin.R", "DEF-foot.R"),
    ]
    limbs += [("left_elbow", "left_wrist", "DEF-forearm.L", "DEF-hand.L")]
    same = {"pelvis": "DEF-spine", "spine3": "DEF-spine.003", "head": "DEF-spine.006", "left_ankle": "DEF-foot.L"}
    for frame in FRAMES:
        for joint, child, bone, below in limbs:
            person = np.diff(rigs.world_heads(source, [joint, child], frame), axis=0)[0]
            hero = np.diff(rigs.world_heads(rig, [bone, below], frame), axis=0)[0]
            assert person @ hero / np.linalg.norm(person) / np.linalg.norm(hero) > math.cos(math.radians(0.1))
        apart = rigs.world_turns(rig, list(same.values()), frame) - rigs.world_turns(source, list(same), frame)
        assert np.abs(apart).max() < 1e-3
        hips = rigs.world_heads(rig, ["thigh_fk.L", "thigh_fk.R"], frame).mean(axis=0)
        assert np.isfinite(hips).all() and rig.pose.bones["thigh_parent.L"]["IK_FK"] == 1.0
