"""A sample's crop with its labels, as the product cuts it or, by a switch, as METRO does.

The box factor is in `Sample.scale` already (`core.geometry.crops.BOX_FACTOR`); nothing here widens a box.

METRO's way (`quirks`, training/datasets/metro_operations.py): corners on whole pixels, no averaging when the picture
shrinks, points cut off to whole pixels (up to one pixel to the left and up), points outside the crop kept. Ours:
`core.geometry.crops.cut`, points as they are, points outside the crop marked unseen.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from core.geometry.crops import crop_matrix, cut
from training.datasets import metro_operations
from training.datasets.sample import Bytes, Float, Sample
from training.pictures.crops import opencv_matrix


@dataclass(frozen=True, slots=True)
class Augmentation:
    """What METRO's loader does to a picture; the defaults do nothing.

    Attributes:
        is_flipped: mirrored left to right.
        rotation_deg: counter-clockwise on the screen.
        zoom: factor on the side of the crop: more than 1 shows more.
        gain: of red, green and blue.
    """

    is_flipped: bool = False
    rotation_deg: float = 0.0
    zoom: float = 1.0
    gain: tuple[float, float, float] = (1.0, 1.0, 1.0)


@dataclass(frozen=True, slots=True, eq=False)
class Cropped:
    """A crop and its labels.

    Attributes:
        image: (3, S, S) uint8 RGB.
        joints_2d: (24, 3) crop units and confidence.
        joints_3d: (24, 4) metres, turned and mirrored with the picture, and confidence.
        pose: (72,) likewise, or None.
        augmentation: what was done.
    """

    image: Bytes
    joints_2d: Float
    joints_3d: Float
    pose: Float | None
    augmentation: Augmentation


def draw_augmentation(rng: np.random.Generator) -> Augmentation:
    """METRO's numbers: flip 1/2; gain U(.6, 1.4); turn N(0, 30) within 60 degrees, none for 3 in 5; zoom N(1, .25)."""
    is_flipped = bool(rng.random() <= 0.5)
    red, green, blue = rng.uniform(0.6, 1.4, 3)
    rotation = float(np.clip(rng.normal(0, 30), -60, 60))
    zoom = float(np.clip(rng.normal(1, 0.25), 0.75, 1.25))
    is_upright = rng.random() <= 0.6
    return Augmentation(is_flipped, 0.0 if is_upright else rotation, zoom, (float(red), float(green), float(blue)))


def crop_person(
    sample: Sample, image: Bytes, size: int, augmentation: Augmentation = Augmentation(), quirks: bool = False
) -> Cropped:
    """The person's crop.

    Args:
        sample: labels in frame pixels.
        image: (H, W, 3) BGR, its picture.
        size: pixels a side of the crop; PostoMETRO takes 256, METRO and FastMETRO 224.
        augmentation: nothing by default.
        quirks: METRO's own way.
    """
    scale, rotation = sample.scale * augmentation.zoom, augmentation.rotation_deg
    if quirks:
        pixels = metro_operations.crop(image, sample.center_px, scale, size, rotation)
    else:
        pixels = _cut(image, sample, scale, size, rotation).astype(np.float64)
    pixels = pixels[..., ::-1]
    if augmentation.is_flipped:
        pixels = pixels[:, ::-1]
    pixels = np.clip(pixels * augmentation.gain, 0, 255)
    points = points_in_crop(sample, size, augmentation, quirks)
    joints = turned(sample.joints_3d[:, :3], augmentation)
    joints_3d = np.concatenate([joints, sample.joints_3d[:, 3:]], 1)
    return Cropped(
        image=np.ascontiguousarray(pixels.transpose(2, 0, 1).astype(np.uint8)),
        joints_2d=points,
        joints_3d=metro_operations.flip_joints(joints_3d) if augmentation.is_flipped else joints_3d,
        pose=_turned_pose(sample.pose, augmentation),
        augmentation=augmentation,
    )


def points_in_crop(sample: Sample, size: int, augmentation: Augmentation, quirks: bool) -> Float:
    """(24, 3) 2D joints in crop units with their confidence; without a picture, for whoever needs points alone."""
    scale, rotation = sample.scale * augmentation.zoom, augmentation.rotation_deg
    matrix = metro_operations.frame_to_crop(sample.center_px, scale, size, rotation)
    points = sample.joints_2d.copy()
    if quirks:
        points[:, :2] = metro_operations.transform_points(points[:, :2] + 1, matrix)
    else:
        points[:, :2] = points[:, :2] @ matrix[:2, :2].T + matrix[:2, 2]
    points[:, :2] = 2 * points[:, :2] / size - 1
    if not quirks:
        points[(np.abs(points[:, :2]) >= 1).any(1), 2] = 0
    return metro_operations.flip_joints(points) if augmentation.is_flipped else points


def turned(vectors: Float, augmentation: Augmentation) -> Float:
    """Camera-frame vectors (..., 3) turned with the picture; not yet mirrored."""
    angle = np.deg2rad(-augmentation.rotation_deg)
    turn = np.array([[np.cos(angle), -np.sin(angle), 0], [np.sin(angle), np.cos(angle), 0], [0, 0, 1.0]])
    return np.asarray(vectors @ turn.T)


def _turned_pose(pose: Float | None, augmentation: Augmentation) -> Float | None:
    if pose is None:
        return None
    found = pose.copy()
    found[:3] = metro_operations.rotate_global_orient(found[:3], augmentation.rotation_deg)
    return metro_operations.flip_pose(found) if augmentation.is_flipped else found


def _cut(image: Bytes, sample: Sample, scale: float, size: int, rotation: float) -> Bytes:
    """(S, S, 3) crop through `core.geometry.crops.cut`, or turned; a picture that shrinks twofold is averaged down
    first."""
    side = metro_operations.PERSON_PX * scale
    if rotation == 0:
        box = np.array([*(sample.center_px - side / 2), side, side])
        return np.asarray(cut(image, crop_matrix(box, size, box_factor=1.0), size))
    frame_to_crop = metro_operations.frame_to_crop(sample.center_px, scale, size, rotation)
    shrink = max(1, int(side / size))
    if shrink >= 2:
        height, width = image.shape[:2]
        image = np.asarray(cv2.resize(image, (-(-width // shrink), -(-height // shrink)), interpolation=cv2.INTER_AREA))
        frame_to_crop = frame_to_crop @ np.diag([width / image.shape[1], height / image.shape[0], 1])
    return np.asarray(cv2.warpAffine(image, opencv_matrix(frame_to_crop[:2]), (size, size)), np.uint8)
