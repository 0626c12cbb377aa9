"""METRO's crop and flips beyond the fixture: inverse, invariance, borders."""

from __future__ import annotations

import numpy as np
import pytest

from training.datasets import metro_operations


def test_flips_undo_themselves() -> None:
    rng = np.random.default_rng(0)
    joints, pose = rng.normal(size=(24, 3)), rng.normal(size=72)
    assert np.array_equal(metro_operations.flip_joints(metro_operations.flip_joints(joints)), joints)
    assert np.array_equal(metro_operations.flip_pose(metro_operations.flip_pose(pose)), pose)


def test_flip_exchanges_the_ankles_and_mirrors_x() -> None:
    joints = np.zeros((24, 3))
    joints[0] = [1, 2, 3]  # right ankle
    assert metro_operations.flip_joints(joints)[5].tolist() == [-1, 2, 3]


def test_frame_to_crop_puts_the_centre_in_the_middle_whatever_the_turn() -> None:
    for rotation in (0, 30, -120):
        matrix = metro_operations.frame_to_crop(np.array([60, 45]), 0.5, 64, rotation)
        assert matrix @ [60, 45, 1] == pytest.approx([32, 32, 1])


def test_crop_of_nothing_but_outside_is_black() -> None:
    assert not metro_operations.crop(np.full((40, 40, 3), 255, np.uint8), np.array([500, 500]), 0.2, 32).any()


def test_crop_keeps_the_colour_of_a_plain_picture() -> None:
    assert (metro_operations.crop(np.full((90, 90, 3), 77, np.uint8), np.array([45, 45]), 0.2, 32) == 77).all()


def test_turning_there_and_back_leaves_an_orientation() -> None:
    axis_angle = np.array([0.3, -0.8, 0.5])
    back = metro_operations.rotate_global_orient(metro_operations.rotate_global_orient(axis_angle, 25), -25)
    assert back == pytest.approx(axis_angle)
