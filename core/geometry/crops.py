"""Boxes to square crops and back: the one place with box factor, mean and std (the margin is `boxes.BOX_MARGIN`).

Pixels are measured from the picture's edge: the left edge is 0, the first pixel's centre 0.5, the right
edge W. OpenCV's affine puts the first pixel's centre at 0 instead; `_to_pixel_centres` is the only place
that knows, and the round trip in the tests fails without it. Crop units are [-1, 1] from edge to edge:
u = 2 * px / S - 1.
"""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np

from ..types import CropBatch, Float, Image

BOX_FACTOR = 1.2
"""The crop's side against the box's longer side."""
IMAGENET_MEAN = (0.485, 0.456, 0.406)
IMAGENET_STD = (0.229, 0.224, 0.225)


def crop_matrix(box_xywh: Float, size: int, box_factor: float = BOX_FACTOR) -> Float:
    """Affine from crop pixels to frame pixels of the square crop about a box.

    Args:
        box_xywh: (..., 4) frame pixels.
        size: side of the crop in crop pixels.
        box_factor: side of the crop against the box's longer side.

    Returns:
        (..., 2, 3) `crop_to_frame`, float64, both sides measured from the edges.

    Raises:
        ValueError: a box has no size.
    """
    box = np.asarray(box_xywh, np.float64)
    side = box_factor * box[..., 2:].max(axis=-1)
    if not np.all(side > 0):
        raise ValueError(f"expected boxes with a positive width or height, got {box.tolist()}")
    crop_to_frame = np.zeros((*box.shape[:-1], 2, 3))
    crop_to_frame[..., 0, 0] = crop_to_frame[..., 1, 1] = side / size
    crop_to_frame[..., :, 2] = box[..., :2] + box[..., 2:] / 2 - side[..., None] / 2
    return crop_to_frame


def crop_side_px(crop_to_frame: Float, size: int) -> Float:
    """Sides (...,) of crops in frame pixels."""
    return np.asarray(crop_to_frame[..., 0, 0] * size)


def crop_units_to_frame(points: Float, crop_to_frame: Float, size: int) -> Float:
    """Points (B, J, 2) in crop units -> frame pixels."""
    crop_px = (points + 1) * (size / 2)
    return np.asarray(crop_px * _scales(crop_to_frame) + crop_to_frame[:, None, :, 2])


def frame_to_crop_units(points_px: Float, crop_to_frame: Float, size: int) -> Float:
    """Points (B, J, 2) in frame pixels -> crop units; inverse of `crop_units_to_frame`."""
    crop_px = (points_px - crop_to_frame[:, None, :, 2]) / _scales(crop_to_frame)
    return np.asarray(crop_px * (2 / size) - 1)


def _scales(crop_to_frame: Float) -> Float:
    """(B, 1, 2) along x and y."""
    return np.diagonal(crop_to_frame, axis1=1, axis2=2)[:, None]


def cut(image: Image, crop_to_frame: Float, size: int) -> Image:
    """Square crop of a picture; what lies outside the picture is black.

    A crop that shrinks the picture twofold or more is averaged down first, since the affine's bilinear
    samples would skip pixels and alias.

    Args:
        image: (H, W, 3) uint8.
        crop_to_frame: (2, 3).
        size: side of the crop.

    Returns:
        (size, size, 3) uint8, channels as given.
    """
    source, matrix = image, np.array(crop_to_frame, np.float64)
    shrink = int(matrix[0, 0])
    if shrink >= 2:
        source, matrix = _averaged(image, matrix, size, shrink)
    return np.asarray(
        cv2.warpAffine(
            source,
            _to_pixel_centres(matrix),
            (size, size),
            flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP,
            borderMode=cv2.BORDER_CONSTANT,
            borderValue=(0, 0, 0),
        ),
        np.uint8,
    )


def make_crops(
    images: Sequence[Image],
    boxes_px: Float,
    size: int,
    box_factor: float = BOX_FACTOR,
    mean: Sequence[float] = IMAGENET_MEAN,
    std: Sequence[float] = IMAGENET_STD,
) -> CropBatch:
    """Cut and normalise B crops.

    Args:
        images: B pictures (H, W, 3) uint8 BGR; the same one may stand several times.
        boxes_px: (B, 4) xywh, frame pixels.
        size: side of the network's input.
        box_factor: side of the crop against the box's longer side.
        mean: RGB mean, 0 to 1.
        std: RGB standard deviation, 0 to 1.
    """
    boxes = np.asarray(boxes_px, np.float64).reshape(-1, 4)
    crop_to_frame = crop_matrix(boxes, size, box_factor)
    crops = np.empty((len(boxes), size, size, 3), np.uint8)
    for row, (image, matrix) in enumerate(zip(images, crop_to_frame, strict=True)):
        crops[row] = cut(image, matrix, size)
    return CropBatch(normalise(crops[..., ::-1], mean, std), boxes, crop_to_frame)


def normalise(crops_rgb: Image, mean: Sequence[float] = IMAGENET_MEAN, std: Sequence[float] = IMAGENET_STD) -> Float:
    """(B, S, S, 3) uint8 RGB -> (B, 3, S, S) float32, zero mean and unit deviation."""
    scale = (1 / (255 * np.asarray(std))).astype(np.float32)
    shift = (-np.asarray(mean) / np.asarray(std)).astype(np.float32)
    planes = np.empty((len(crops_rgb), 3, *crops_rgb.shape[1:3]), np.float32)
    for channel in range(3):  # a plane at a time: the same sums on whole pixels take ten times as long
        np.multiply(crops_rgb[..., channel], scale[channel], out=planes[:, channel])
    planes += shift[:, None, None]
    return planes


def _averaged(image: Image, crop_to_frame: Float, size: int, shrink: int) -> tuple[Image, Float]:
    """The part of the picture under a crop, averaged down by a whole factor, and the crop's new affine."""
    height, width = image.shape[:2]
    low = np.floor(crop_to_frame[:, 2]).astype(int) - shrink
    high = np.ceil(crop_to_frame[:, 2] + crop_to_frame[0, 0] * size).astype(int) + shrink
    left, top = np.clip(low, 0, [width, height])
    right, bottom = np.clip(high, 0, [width, height])
    columns, rows = -(-(right - left) // shrink), -(-(bottom - top) // shrink)
    if columns <= 0 or rows <= 0:
        return image, crop_to_frame
    part = image[top : top + rows * shrink, left : left + columns * shrink]  # whole blocks only
    missing = rows * shrink - part.shape[0], columns * shrink - part.shape[1]
    if any(missing):  # at an edge: black, as everything outside the picture
        part = np.pad(part, ((0, missing[0]), (0, missing[1]), (0, 0)))
    small = cv2.resize(part, (int(columns), int(rows)), interpolation=cv2.INTER_AREA)
    matrix = crop_to_frame / shrink
    matrix[:, 2] = (crop_to_frame[:, 2] - [left, top]) / shrink
    return np.asarray(small, np.uint8), matrix


def _to_pixel_centres(edge_to_edge: Float) -> Float:
    """An affine between edge-based pixels as OpenCV wants it, with pixel centres at whole numbers."""
    matrix = np.array(edge_to_edge, np.float64)
    matrix[:, 2] += matrix[:, :2].sum(axis=1) * 0.5 - 0.5
    return matrix
