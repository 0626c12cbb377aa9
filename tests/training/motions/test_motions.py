"""Motions: split, mirror, joint limits, importers."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation

from core.body.model import load_body
from core.errors import MocapError
from training.motions import MotionLibrary, PoseSampler, sample_limits
from training.motions.__main__ import main
from training.motions.bvh import read_bvh
from training.motions.library import activity_of, subjects_of
from training.motions.retarget import BONE_END, match_names, retarget
from training.motions.rotation_vectors import SMPL_NAMES, mirror_pose, smallest_rotation, to_matrix, to_rotvec
from training.motions.weighted_choice import pick

ANGLE_TOLERANCE = 2e-3  # radians; float32 and a round trip through matrices
vectors = st.lists(st.floats(-1.7, 1.7), min_size=3, max_size=3).map(lambda v: np.array(v, np.float32))


def _file(tmp_path: Path, names: list[str]) -> Path:
    count = 4 * len(names)
    rng = np.random.default_rng(0)
    np.savez(
        tmp_path / "m.npz",
        pose=rng.normal(0, 0.2, (count, 24, 3)).astype(np.float16),
        root=np.zeros((count, 3), np.float32),
        clip=np.repeat(np.arange(len(names)), 4).astype(np.int16),
        names=np.array(names),
    )
    return tmp_path / "m.npz"


@settings(deadline=None, max_examples=50)
@given(vectors)
def test_rotation_vector_survives_the_matrix(vector: np.ndarray) -> None:
    assert np.abs(to_rotvec(to_matrix(vector)) - vector).max() < ANGLE_TOLERANCE


@settings(deadline=None, max_examples=50)
@given(vectors, vectors)
def test_smallest_rotation_turns_one_direction_into_the_other(a: np.ndarray, b: np.ndarray) -> None:
    if min(np.linalg.norm(a), np.linalg.norm(b)) < 0.1:
        return
    turned = smallest_rotation(a, b) @ (a / np.linalg.norm(a))
    assert np.abs(turned - b / np.linalg.norm(b)).max() < 5e-3


def test_mirror_of_a_pose_twice_is_the_pose() -> None:
    pose = np.random.default_rng(0).normal(size=(24, 3)).astype(np.float32)
    assert np.array_equal(mirror_pose(mirror_pose(pose)), pose)


def test_mirrored_pose_moves_the_body_to_its_mirror_image() -> None:
    body = load_body()
    pose = np.random.default_rng(1).normal(0, 0.4, (24, 3)).astype(np.float32)
    vertices = body.pose(np.stack([pose, mirror_pose(pose)])).vertices
    mirrored = vertices[1][body.mirror] * [-1, 1, 1]
    assert np.abs(mirrored - vertices[0]).max() < 2e-3


def test_subjects_are_told_by_number_by_run_or_by_name() -> None:
    names = ["amc/02_05", "ce/walk_1", "ce/walk_2", "ce/walk_1", "m2m/bow"]
    assert subjects_of(names) == ["amc/02", "ce/run0", "ce/run0", "ce/run1", "m2m/bow"]
    assert [activity_of(name) for name in names] == ["amc/02", "ce/walk", "ce/walk", "ce/walk", "m2m/bow"]


def test_splits_share_no_subject_and_lose_no_clip(tmp_path: Path) -> None:
    path = _file(tmp_path, [f"a/{n:02d}_01" for n in range(40)])
    train, test, both = (MotionLibrary.load(path, split) for split in ("train", "test", "all"))
    assert not {c.subject for c in train.clips} & {c.subject for c in test.clips}
    assert len(train.clips) + len(test.clips) == len(both.clips) == 40


def test_sampling_weighs_activities_not_clips(tmp_path: Path) -> None:
    path = _file(tmp_path, [f"a/walk_{n}" for n in range(16)] + ["a/flip"])
    library = MotionLibrary.load(path)
    flip = [c.activity for c in library.clips].index("a/flip")
    assert library.chance[flip] == pytest.approx(1 / (1 + 4), rel=1e-4)


def test_file_without_an_array_is_refused(tmp_path: Path) -> None:
    np.savez(tmp_path / "bad.npz", pose=np.zeros((1, 24, 3)))
    with pytest.raises(ValueError, match="lacks clip, names, root"):
        MotionLibrary.load(tmp_path / "bad.npz")


def test_limits_keep_knees_and_elbows_within_their_range() -> None:
    rng = np.random.default_rng(0)
    poses = np.stack([sample_limits(rng) for _ in range(200)])
    knees = poses[:, [4, 5]]
    assert knees[..., 0].min() >= 0
    assert knees[..., 0].max() < np.radians(150)
    assert np.abs(knees[..., 1:]).max() < 1e-3
    # The forearm lies along +x in the T-pose and folds towards the front: z of the turned axis is positive.
    left = to_matrix(poses[:, 18]) @ np.array([1, 0, 0], np.float32)
    right = to_matrix(poses[:, 19]) @ np.array([-1, 0, 0], np.float32)
    assert left[:, 2].min() > -1e-3
    assert right[:, 2].min() > -1e-3


def test_poses_follow_from_the_seed() -> None:
    sampler = PoseSampler(None)
    first, again = (sampler.sample(np.random.default_rng(3)) for _ in range(2))
    assert np.array_equal(first, again)


BVH = """HIERARCHY
ROOT Hips
{{
 OFFSET 0 90 0
 CHANNELS 6 Xposition Yposition Zposition Zrotation Xrotation Yrotation
 JOINT Spine {{ OFFSET 0 10 0 CHANNELS 3 Zrotation Xrotation Yrotation
  JOINT LeftArm {{ OFFSET 18 30 0 CHANNELS 3 Zrotation Xrotation Yrotation
   JOINT LeftForeArm {{ OFFSET 25 0 0 CHANNELS 3 Zrotation Xrotation Yrotation End Site {{ OFFSET 22 0 0 }} }} }}
  JOINT RightArm {{ OFFSET -18 30 0 CHANNELS 3 Zrotation Xrotation Yrotation End Site {{ OFFSET -25 0 0 }} }} }}
 JOINT LeftUpLeg {{ OFFSET 10 0 0 CHANNELS 3 Zrotation Xrotation Yrotation
  JOINT LeftLeg {{ OFFSET {splay} -40 0 CHANNELS 3 Zrotation Xrotation Yrotation End Site {{ OFFSET 0 -40 0 }} }} }}
 JOINT RightUpLeg {{ OFFSET -10 0 0 CHANNELS 3 Zrotation Xrotation Yrotation
  JOINT RightLeg {{ OFFSET 0 -40 0 CHANNELS 3 Zrotation Xrotation Yrotation End Site {{ OFFSET 0 -40 0 }} }} }}
}}
MOTION
Frames: 2
Frame Time: 0.0333333
0 90 0 0 0 0  0 0 0  0 0 0  0 0 0  0 0 0  0 0 0  0 0 0  0 0 0  0 0 0
0 90 0 0 0 0  0 0 0  {arm} 0 0  0 0 0  0 0 0  0 0 0  0 {knee} 0  0 0 0  0 0 0
"""


def _bvh(tmp_path: Path, splay: float = 0, arm: float = 0, knee: float = 0) -> Path:
    path = tmp_path / "clip.bvh"
    path.write_text(BVH.format(splay=splay, arm=arm, knee=knee))
    return path


def test_bvh_arm_turned_down_is_our_arm_turned_down(tmp_path: Path) -> None:
    pose, root = retarget(read_bvh(_bvh(tmp_path, arm=-80)))
    left = SMPL_NAMES.index("left_shoulder")
    assert pose[1, left] == pytest.approx([0, 0, np.radians(-80)], abs=0.02)
    assert np.abs(pose[0, SMPL_NAMES.index("spine1")]).max() < 1e-3
    assert root[0, 1] == pytest.approx(0.9, abs=0.06)  # our leg is about 0.82 m, the file's 0.8


def test_bvh_knee_bends_backwards_by_its_angle(tmp_path: Path) -> None:
    pose, _ = retarget(read_bvh(_bvh(tmp_path, knee=60)))
    body = load_body()
    joints = body.pose(pose).joints[1]
    assert joints[7, 2] < joints[4, 2] - 0.2  # the ankle goes behind the knee


def test_splayed_rest_pose_is_taken_into_account(tmp_path: Path) -> None:
    source = read_bvh(_bvh(tmp_path, splay=15))
    pose, _ = retarget(source)
    joints = load_body().pose(pose).joints[0]
    direction = (joints[4] - joints[1]) / np.linalg.norm(joints[4] - joints[1])
    wanted = np.array([15, -40, 0]) / np.hypot(15, 40)
    assert np.abs(direction - wanted).max() < 0.02


@pytest.mark.parametrize("names", [
    ["mixamorig:Hips", "mixamorig:LeftUpLeg", "mixamorig:LeftLeg", "mixamorig:RightUpLeg", "mixamorig:RightLeg",
     "mixamorig:LeftShoulder", "mixamorig:LeftArm", "mixamorig:RightArm", "mixamorig:LeftHand"],
    ["root", "lfemur", "ltibia", "rfemur", "rtibia", "lclavicle", "lhumerus", "rhumerus", "lwrist", "lhand"],
])  # fmt: skip
def test_names_of_known_skeletons_are_found(names: list[str]) -> None:
    found = match_names(names)
    assert set(BONE_END) & set(found) >= {"left_hip", "left_knee", "left_shoulder"}
    assert found["left_wrist"] == names[-1]
    assert found["left_collar"] in names


def test_skeleton_without_legs_is_refused() -> None:
    with pytest.raises(MocapError, match="left_hip"):
        match_names(["Hips", "LeftArm", "RightArm"])


ASF = """:version 1.10
:root
 order TX TY TZ RX RY RZ
:bonedata
 begin
 name lfemur
 direction 0.34 -0.94 0
 length 7
 axis 0 0 20 XYZ
 dof rx ry rz
 end
{others}
:hierarchy
 begin
 root lfemur rfemur lhumerus rhumerus
 lfemur ltibia
 rfemur rtibia
 end
"""
BONE = " begin\n name {}\n direction {}\n length 7\n axis 0 0 0 XYZ\n dof rx\n end\n"


def _asf(tmp_path: Path) -> tuple[Path, Path]:
    down, left, right = "0 -1 0", "1 0 0", "-1 0 0"
    bones = {"ltibia": down, "rfemur": down, "rtibia": down, "lhumerus": left, "rhumerus": right}
    (tmp_path / "01.asf").write_text(ASF.format(others="".join(BONE.format(*bone) for bone in bones.items())))
    frame = "root 0 16 0 0 0 0\nlfemur {} 0 0\nltibia 0\nrfemur 0\nrtibia 0\nlhumerus 0\nrhumerus 0\n"
    frames = "".join(f"{n + 1}\n" + frame.format(-30 * n) for n in range(5))
    (tmp_path / "01_02.amc").write_text("#!\n:DEGREES\n" + frames)
    return tmp_path / "01.asf", tmp_path / "01_02.amc"


def test_asf_amc_becomes_a_motion_file_that_the_library_reads(tmp_path: Path) -> None:
    asf, amc = _asf(tmp_path)
    assert main([str(asf), str(amc), "--amc-fps", "30", "-o", str(tmp_path / "out.npz")]) == 0
    clip = MotionLibrary.load(tmp_path / "out.npz").clips[0]
    assert (clip.name, clip.subject, len(clip.pose)) == ("my/01_02", "my/01", 5)


def test_asf_bone_axis_is_the_frame_of_its_angles(tmp_path: Path) -> None:
    main([*map(str, _asf(tmp_path)), "--amc-fps", "30", "-o", str(tmp_path / "out.npz")])
    clip = MotionLibrary.load(tmp_path / "out.npz").clips[0]
    joints = load_body().pose(clip.pose).joints
    thigh = joints[:, 4] - joints[:, 1]
    thigh /= np.linalg.norm(thigh, axis=1, keepdims=True)
    assert thigh[0] == pytest.approx([0.34, -0.94, 0], abs=0.02)
    # A negative turn about the bone's own x (which lies 20 degrees off the world's) lifts the knee forwards.
    assert thigh[2, 2] == pytest.approx(np.sin(np.radians(60)), abs=0.03)


def test_damaged_bvh_ends_in_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = _bvh(tmp_path)
    path.write_text(path.read_text()[:700])
    assert main([str(path), "-o", str(tmp_path / "out.npz")]) == 1
    assert capsys.readouterr().err.count("\n") == 1
    assert not (tmp_path / "out.npz").exists()


def test_shared_motions_split_by_subject() -> None:
    shared = Path(os.environ.get("MOCAP_SHARED", "../shared")) / "data" / "motions.npz"
    if not shared.exists():
        pytest.skip("the shared motion file is not here (set MOCAP_SHARED)")
    train, test = (MotionLibrary.load(shared, split) for split in ("train", "test"))
    assert not {c.subject for c in train.clips} & {c.subject for c in test.clips}
    sources = {c.subject.split("/")[0] for c in test.clips}
    assert {"dm", "m2m"} <= sources
    assert 0.05 < len(test.clips) / (len(test.clips) + len(train.clips)) < 0.3


def test_pick_draws_what_numpys_choice_draws() -> None:
    chances = np.array([0.2, 0.5, 0.3])
    ours, theirs = np.random.default_rng(4), np.random.default_rng(4)
    assert [pick(ours, chances) for _ in range(50)] == [int(theirs.choice(3, p=chances)) for _ in range(50)]


@pytest.mark.parametrize("angle", [0.0, 1e-5, 1.0, np.pi - 1e-4, np.pi])
def test_rotation_vectors_agree_with_scipy_up_to_a_half_turn(angle: float) -> None:
    axis = np.array([[1, 2, -3], [-1, 0, 0], [0, 1, 0], [0, 0, -1]], float)
    vectors = axis / np.linalg.norm(axis, axis=1, keepdims=True) * angle
    matrices = Rotation.from_rotvec(vectors).as_matrix()
    again = Rotation.from_rotvec(to_rotvec(matrices)).as_matrix()
    assert np.abs(again - matrices).max() < 1e-6
