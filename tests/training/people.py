"""Made-up people for the writers of datasets: posed bodies before a camera, dots at their joints in the picture."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

import cv2
import numpy as np

from core.body.model import load_body
from core.geometry.crops import box_of_points
from training.datasets.bodies import mid_hip
from training.datasets.sample import FilePicture, Sample, scale_of_box
from training.datasets.writers import Person, jpeg_of
from training.joint_orders import COCO_FROM_SUPERSET, LSP_FROM_SUPERSET

WIDTH, HEIGHT, FOCAL = 320, 240, 300.0
TOP_OF_HEAD, PELVIS, HEAD = 13, 14, 18


@lru_cache(maxsize=8)
def made_up_people(count: int, seed: int = 0) -> tuple[Person, ...]:
    rng = np.random.default_rng(seed)
    return tuple(_person(rng, number) for number in range(count))


def _person(rng: np.random.Generator, number: int) -> Person:
    body = load_body()
    pose = rng.normal(0, 0.2, 72)
    yaw = cv2.Rodrigues(np.array([0, rng.uniform(-3, 3), 0]))[0]
    pose[:3] = cv2.Rodrigues(cv2.Rodrigues(np.array([np.pi, 0, 0]))[0] @ yaw)[0][:, 0]
    betas = rng.normal(0, 1, 10)
    vertices = body.pose(pose.reshape(1, 24, 3), betas[None]).vertices
    vertices = (vertices - mid_hip(body, vertices))[0].astype(np.float64)
    transl = np.array([rng.uniform(-0.3, 0.3), 0.1, rng.uniform(4, 5)])
    joints_3d = np.zeros((24, 4))
    joints_3d[COCO_FROM_SUPERSET, :3] = body.coco_regressor @ vertices
    joints_3d[LSP_FROM_SUPERSET, :3] = body.lsp_regressor @ vertices
    joints_3d[TOP_OF_HEAD] = joints_3d[HEAD] + [0, -0.1, 0, 0]
    known = [*COCO_FROM_SUPERSET, *LSP_FROM_SUPERSET, TOP_OF_HEAD, PELVIS]
    joints_3d[known, 3] = 1
    joints_2d = np.zeros((24, 3))
    in_camera = joints_3d[known, :3] + transl
    joints_2d[known, :2] = in_camera[:, :2] / in_camera[:, 2:] * FOCAL + [WIDTH / 2, HEIGHT / 2]
    joints_2d[known, 2] = 1
    x, y, width, height = box_of_points(joints_2d[known, :2])
    sample = Sample(
        source="made up",
        key=f"{number:06d}",
        picture=FilePicture(Path(f"{number:06d}.jpg")),
        center_px=np.array([x + width / 2, y + height / 2]),
        scale=scale_of_box(width, height),
        joints_2d=joints_2d,
        joints_3d=joints_3d,
        pose=pose,
        betas=betas,
        image_id=f"{number:06d}",
    )
    picture = rng.integers(0, 60, (HEIGHT, WIDTH, 3), np.uint8)
    for px, py, _ in joints_2d[known]:
        cv2.circle(picture, (int(px), int(py)), 3, (255, 255, 255), -1)
    return Person(sample, jpeg_of(picture), FOCAL, np.array([WIDTH / 2, HEIGHT / 2]), transl)
