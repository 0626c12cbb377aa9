import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from blender_addon import axes

EXACT = 1e-12


def test_camera_to_world_by_hand() -> None:
    right, down, forward = np.eye(3)
    turned = axes.camera_to_world(np.array([right, down, forward]))
    assert turned.tolist() == [[1, 0, 0], [0, 0, -1], [0, 1, 0]]


def test_body_to_armature_by_hand() -> None:
    left, up, forward = np.eye(3)
    turned = axes.body_to_armature(np.array([left, up, forward]))
    assert turned.tolist() == [[1, 0, 0], [0, 0, 1], [0, -1, 0]]


def test_height_is_the_worlds_z() -> None:
    points = np.random.default_rng(0).normal(size=(7, 3))
    assert np.array_equal(axes.height(points), axes.camera_to_world(points)[..., 2])


@pytest.mark.parametrize(
    ("matrix", "function"),
    [(axes.CAMERA_TO_WORLD, axes.camera_to_world), (axes.BODY_TO_ARMATURE, axes.body_to_armature)],
)
def test_matrix_says_what_its_function_does(matrix, function) -> None:
    points = np.random.default_rng(0).normal(size=(5, 3))
    assert np.abs(function(points) - points @ matrix.T).max() < EXACT
    assert np.linalg.det(matrix) == pytest.approx(1)


def test_quaternion_product_is_the_product_of_matrices() -> None:
    left, right = Rotation.random(9, random_state=0), Rotation.random(9, random_state=1)

    def wxyz(rotation: Rotation) -> np.ndarray:
        return np.roll(rotation.as_quat(), 1, axis=-1)

    product = Rotation.from_quat(np.roll(axes.quaternion_product(wxyz(left), wxyz(right)), -1, axis=-1))
    assert np.abs(product.as_matrix() - (left * right).as_matrix()).max() < EXACT


def test_bone_rotations_turn_root_from_body_to_world_and_others_within_the_armature() -> None:
    turns = Rotation.random(24, random_state=2)
    wxyz = np.roll(turns.as_quat(), 1, axis=-1)[None]
    turned = Rotation.from_quat(np.roll(axes.bone_rotations_to_armature(wxyz)[0], -1, axis=-1)).as_matrix()
    body_to_armature, camera_to_world = axes.BODY_TO_ARMATURE, axes.CAMERA_TO_WORLD
    assert np.abs(turned[0] - camera_to_world @ turns[0].as_matrix() @ body_to_armature.T).max() < EXACT
    assert np.abs(turned[5] - body_to_armature @ turns[5].as_matrix() @ body_to_armature.T).max() < EXACT


def test_lens_of_a_focal_length_as_wide_as_the_picture_is_the_sensors_width() -> None:
    assert axes.lens_mm(640, 640) == axes.SENSOR_WIDTH_MM


def test_lens_refuses_no_focal_length() -> None:
    with pytest.raises(ValueError, match="positive focal length"):
        axes.lens_mm(0, 640)
