"""Where things are on the body's rest pose: what clothes, hair and faces are measured from."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from core.body.model import Body
from training.pictures.raster import Float


@dataclass(frozen=True, slots=True, eq=False)
class Landmarks:
    """Heights, widths and points of the mean body in its T-pose, metres: y up, x to its left, z to its front.

    `*_y` are heights, `*_x` distances from the middle plane, the others points (3,) of the left side.
    """

    floor_y: float
    ankle_y: float
    knee_y: float
    crotch_y: float
    hip_y: float
    waist_y: float
    chest_y: float
    armpit_y: float
    shoulder_y: float
    neck_y: float
    chin_y: float
    mouth_y: float
    top_y: float
    shoulder_x: float
    elbow_x: float
    wrist_x: float
    neck: Float
    head: Float
    nose: Float
    eye: Float
    ear: Float
    foot: Float
    chest_depth: float


def find_landmarks(body: Body) -> Landmarks:
    """The landmarks of a body, from its joints, face points and mean shape."""
    vertices = np.asarray(body.v_template, np.float32)
    joints = np.asarray(body.joint_regressor @ vertices)
    points = np.asarray(body.coco_regressor @ vertices)
    middle = np.abs(vertices[:, 0]) < 0.012
    below = middle & (vertices[:, 1] < joints[1, 1] + 0.05)
    nose, eye, ear = points[0], points[1], points[3]
    drop = float(eye[1] - nose[1])
    trunk = np.abs(vertices[:, 0]) < 0.8 * joints[16, 0]
    chest_y = float(joints[16, 1] - 0.13)
    at_chest = trunk & (np.abs(vertices[:, 1] - chest_y) < 0.03)
    return Landmarks(
        floor_y=float(vertices[:, 1].min()),
        ankle_y=float(joints[7, 1]),
        knee_y=float(joints[4, 1]),
        crotch_y=float(vertices[below, 1].min()),
        hip_y=float(joints[1, 1]),
        waist_y=float(joints[0, 1] + 0.06),
        chest_y=chest_y,
        armpit_y=float(joints[16, 1] - 0.09),
        shoulder_y=float(joints[16, 1]),
        neck_y=float(joints[12, 1]),
        chin_y=float(nose[1] - 1.75 * drop),
        mouth_y=float(nose[1] - 0.75 * drop),
        top_y=float(vertices[:, 1].max()),
        shoulder_x=float(joints[16, 0]),
        elbow_x=float(joints[18, 0]),
        wrist_x=float(joints[20, 0]),
        neck=joints[12].astype(np.float32),
        head=joints[15].astype(np.float32),
        nose=nose.astype(np.float32),
        eye=eye.astype(np.float32),
        ear=ear.astype(np.float32),
        foot=joints[10].astype(np.float32),
        chest_depth=float(vertices[at_chest, 2].max()),
    )
