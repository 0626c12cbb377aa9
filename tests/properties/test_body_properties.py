import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from core.body.mesh_samplers import closest_barycentric
from core.body.model import load_body
from core.geometry.skinning import forward_kinematics, rotation_matrices
from core.motion.mesh_fit import continuous_quaternions

angles = st.floats(-3.1, 3.1)
vectors = hnp.arrays(np.float64, (4, 3), elements=angles)
coordinates = st.floats(-2, 2)
FEW = settings(max_examples=15, deadline=None)
MANY = settings(max_examples=100, deadline=None)


@MANY
@given(vectors)
def test_rotation_matrices_when_any_vector_then_proper_rotations(rotvec: np.ndarray) -> None:
    matrices = rotation_matrices(rotvec)
    np.testing.assert_allclose(
        matrices @ np.swapaxes(matrices, 1, 2), np.tile(np.eye(3), (4, 1, 1)), atol=1e-9
    )
    np.testing.assert_allclose(np.linalg.det(matrices), 1, atol=1e-9)


@MANY
@given(vectors)
def test_rotation_matrices_when_negated_then_inverse(rotvec: np.ndarray) -> None:
    product = rotation_matrices(rotvec) @ rotation_matrices(-rotvec)
    np.testing.assert_allclose(product, np.tile(np.eye(3), (4, 1, 1)), atol=1e-9)


@FEW
@given(
    hnp.arrays(np.float64, (1, 24, 3), elements=st.floats(-0.5, 0.5)),
    hnp.arrays(np.float64, 3, elements=angles),
)
def test_pose_when_root_turns_then_body_turns_rigidly(pose: np.ndarray, turn: np.ndarray) -> None:
    body = load_body()
    matrices = rotation_matrices(pose)
    still = body.pose(matrices)
    rotation = rotation_matrices(turn)
    matrices[:, 0] = rotation @ matrices[:, 0]
    turned = body.pose(matrices)
    expected = (still.vertices - still.joints[:, :1]) @ rotation.T + turned.joints[:, :1]
    np.testing.assert_allclose(turned.vertices, expected, atol=5e-6)


@FEW
@given(hnp.arrays(np.float64, (2, 24, 3), elements=st.floats(-1, 1)))
def test_joints_when_posed_then_bones_keep_their_lengths(pose: np.ndarray) -> None:
    body = load_body()
    joints = body.joint_regressor @ body.v_template
    _, posed = forward_kinematics(rotation_matrices(pose), joints[None].astype(np.float64), body.parents)
    lengths = np.linalg.norm(posed[:, 1:] - posed[:, body.parents[1:]], axis=2)
    expected = np.linalg.norm(joints[1:] - joints[body.parents[1:]], axis=1)
    np.testing.assert_allclose(lengths, np.tile(expected, (2, 1)), atol=1e-6)


@MANY
@given(hnp.arrays(np.float64, (6, 2, 3), elements=angles))
def test_quaternions_when_any_motion_then_unit_and_continuous(rotvec: np.ndarray) -> None:
    quaternions = continuous_quaternions(rotation_matrices(rotvec))
    np.testing.assert_allclose(np.linalg.norm(quaternions, axis=-1), 1, atol=1e-6)
    assert ((quaternions[1:] * quaternions[:-1]).sum(-1) >= -1e-6).all()


@MANY
@given(hnp.arrays(np.float64, 3, elements=coordinates), hnp.arrays(np.float64, (3, 3), elements=coordinates))
def test_closest_barycentric_when_any_triangle_then_inside_and_no_corner_is_nearer(
    point: np.ndarray, triangle: np.ndarray
) -> None:
    share = closest_barycentric(point, triangle)
    assert share.min() >= -1e-9
    np.testing.assert_allclose(share.sum(), 1, atol=1e-9)
    distance = np.linalg.norm(share @ triangle - point)
    assert distance <= np.linalg.norm(triangle - point, axis=1).min() + 1e-6
