import numpy as np
import pytest

from core.body.model import Body, load_body
from core.geometry.skinning import rotation_matrices

POSED_TOLERANCE = 2e-6  # metres: float32 products over 24 joints
LEFT_ELBOW, LEFT_WRIST, RIGHT_KNEE, RIGHT_ANKLE = 18, 20, 5, 8


@pytest.fixture(scope="module")
def body() -> Body:
    return load_body()


def rest(frames: int = 1) -> np.ndarray:
    return np.zeros((frames, 24, 3))


def test_pose_when_at_rest_then_template(body: Body) -> None:
    np.testing.assert_allclose(body.pose(rest()).vertices[0], body.v_template, atol=POSED_TOLERANCE)


def test_pose_when_at_rest_then_joints_are_regressed(body: Body) -> None:
    joints = body.joint_regressor @ body.v_template
    np.testing.assert_allclose(body.pose(rest()).joints[0], joints, atol=POSED_TOLERANCE)


def test_pose_when_batched_then_equal_to_single(body: Body) -> None:
    random = np.random.default_rng(0)
    poses, betas = random.normal(0, 0.3, (5, 24, 3)), random.normal(size=(5, 10))
    together = body.pose(poses, betas).vertices
    alone = np.concatenate([body.pose(poses[i : i + 1], betas[i : i + 1]).vertices for i in range(5)])
    np.testing.assert_allclose(together, alone, atol=POSED_TOLERANCE)


def test_pose_when_more_frames_than_a_chunk_then_all_posed(body: Body) -> None:
    posed = body.pose(np.tile(np.random.default_rng(1).normal(0, 0.3, (1, 24, 3)), (70, 1, 1)))
    np.testing.assert_allclose(posed.vertices[69], posed.vertices[0], atol=POSED_TOLERANCE)


def test_pose_when_given_matrices_then_equal_to_vectors(body: Body) -> None:
    poses = np.random.default_rng(2).normal(0, 0.5, (2, 24, 3))
    by_matrix = body.pose(rotation_matrices(poses)).vertices
    np.testing.assert_allclose(by_matrix, body.pose(poses).vertices, atol=POSED_TOLERANCE)


def test_pose_when_translated_then_everything_moves(body: Body) -> None:
    offset = np.array([[1.0, -2.0, 3.0]])
    moved, still = body.pose(rest(), transl=offset), body.pose(rest())
    np.testing.assert_allclose(moved.vertices - still.vertices, np.broadcast_to(offset, (1, 6890, 3)), atol=1e-6)


def test_pose_when_left_elbow_bends_then_wrist_comes_forward(body: Body) -> None:
    pose = rest()
    pose[0, LEFT_ELBOW, 1] = -np.pi / 2
    joints = body.pose(pose).joints[0]
    forearm = np.linalg.norm(joints[LEFT_WRIST] - joints[LEFT_ELBOW])
    assert joints[LEFT_WRIST, 2] - joints[LEFT_ELBOW, 2] == pytest.approx(forearm, rel=0.01)


def test_pose_when_right_knee_bends_then_ankle_goes_back(body: Body) -> None:
    pose = rest()
    pose[0, RIGHT_KNEE, 0] = np.pi / 2
    joints = body.pose(pose).joints[0]
    shin = np.linalg.norm(joints[RIGHT_ANKLE] - joints[RIGHT_KNEE])
    assert joints[RIGHT_KNEE, 2] - joints[RIGHT_ANKLE, 2] == pytest.approx(shin, rel=0.02)


def test_pose_when_mirrored_then_body_is_mirrored(body: Body) -> None:
    swap = [0, 2, 1, 3, 5, 4, 6, 8, 7, 9, 11, 10, 12, 14, 13, 15, 17, 16, 19, 18, 21, 20, 23, 22]
    random = np.random.default_rng(3)
    pose, betas = random.normal(0, 0.4, (1, 24, 3)), random.normal(size=(1, 10))
    mirrored = body.pose(pose[:, swap] * [1, -1, -1], betas).vertices
    expected = body.pose(pose, betas).vertices[:, body.mirror] * [-1, 1, 1]
    np.testing.assert_allclose(mirrored, expected, atol=5e-6)


def test_pose_when_joint_count_is_wrong_then_value_error(body: Body) -> None:
    with pytest.raises(ValueError, match=r"expected rotations \(T, 24, 3\)"):
        body.pose(np.zeros((1, 23, 3)))


def test_pose_when_betas_do_not_fit_then_value_error(body: Body) -> None:
    with pytest.raises(ValueError, match="expected betas"):
        body.pose(rest(3), np.zeros((2, 10)))


def test_betas_when_first_is_positive_then_taller(body: Body) -> None:
    tall, _ = body.shape(np.eye(10)[:1] * 2)
    assert np.ptp(tall[0, :, 1]) > np.ptp(body.v_template[:, 1]) + 0.05


def test_lsp_when_at_rest_then_left_is_positive_x_and_head_on_top(body: Body) -> None:
    joints = body.lsp_regressor @ body.v_template
    assert (joints[[3, 4, 5, 9, 10, 11], 0] > 0.05).all()
    assert (joints[[0, 1, 2, 6, 7, 8], 0] < -0.05).all()
    assert joints[13, 1] == pytest.approx(body.v_template[:, 1].max(), abs=0.005)
    assert joints[13, 1] > joints[12, 1] > joints[[8, 9], 1].max()


def test_coco_when_at_rest_then_face_is_in_front_and_left_is_left(body: Body) -> None:
    nose, left_eye, right_eye, left_ear, right_ear = (body.coco_regressor @ body.v_template)[:5]
    assert nose[2] > left_eye[2] > left_ear[2]
    assert left_ear[0] > left_eye[0] > nose[0] > right_eye[0] > right_ear[0]
    assert left_eye[1] > nose[1]


def test_limb_joints_when_compared_then_lsp_coco_and_skeleton_agree(body: Body) -> None:
    lsp, coco = body.lsp_regressor @ body.v_template, body.coco_regressor @ body.v_template
    skeleton = body.joint_regressor @ body.v_template
    np.testing.assert_allclose(lsp[[5, 4, 11, 10, 9]], skeleton[[7, 4, 20, 18, 16]], atol=1e-5)
    np.testing.assert_allclose(coco[[15, 13, 9, 7, 5]], skeleton[[7, 4, 20, 18, 16]], atol=1e-5)


def test_hips_when_clicked_then_slightly_outside_the_joint(body: Body) -> None:
    outward = (body.lsp_regressor @ body.v_template)[3] - (body.joint_regressor @ body.v_template)[1]
    assert 0.005 < outward[0] < 0.025


def test_load_when_twice_then_same_body(body: Body) -> None:
    assert load_body() is body
