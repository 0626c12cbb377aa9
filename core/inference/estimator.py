"""Pictures and boxes -> Estimates: crop, run the network, bring its answer back into the frame's pixels."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ..errors import WeightsError
from ..geometry.crops import crop_side_px, crop_units_to_frame, make_crops
from ..types import Estimates, Float, Image, NetworkOutput
from ..weights.bundle import WeightsBundle
from ..weights.rotation_tokens import network_shapes
from .runtime import Runtime

BATCH = 8
"""Crops in one run of the network: more bring nothing on a CPU (measured), and memory stays bounded."""
LEAST_DETERMINANT = 0.5
"""Of a rotation: 1, but for rounding in half precision."""


class Estimator:
    """The network with the crops that it was trained on.

    Attributes:
        runtime: what runs the network.
        bundle: the weights.
    """

    def __init__(self, runtime: Runtime, bundle: WeightsBundle) -> None:
        self.runtime = runtime
        self.bundle = bundle

    def estimate(self, images: Sequence[Image] | Image, boxes_px: Float) -> Estimates:
        """The network's reading of B people.

        Args:
            images: B pictures (H, W, 3) uint8 BGR, or one in which all boxes are.
            boxes_px: (B, 4) xywh, frame pixels, positive sizes; they may reach outside the picture, and are
                cut at whole pixels.

        Raises:
            ValueError: boxes and pictures don't match, or a box has no size.
        """
        boxes = whole_pixels(np.asarray(boxes_px, np.float64).reshape(-1, 4))
        if isinstance(images, np.ndarray):
            images = [images] * len(boxes)
        if len(images) != len(boxes) or not len(boxes):
            raise ValueError(f"expected one picture a box and one box at least, got {len(images)} and {len(boxes)}")
        parts = [
            self._estimate_batch(images[row : row + BATCH], boxes[row : row + BATCH])
            for row in range(0, len(boxes), BATCH)
        ]
        return join(parts)

    def _estimate_batch(self, images: Sequence[Image], boxes_px: Float) -> Estimates:
        bundle, size = self.bundle, self.bundle.input_size
        crops = make_crops(images, boxes_px, size, bundle.box_factor, bundle.mean, bundle.std)
        out = self.runtime.run(crops.images)
        matrix = crops.crop_to_frame
        estimates = Estimates(
            box_px=crops.boxes_px,
            crop_side_px=crop_side_px(matrix, size),
            coarse_vertices=out.coarse_vertices,
            joints=out.joints,
            weak_camera=out.weak_camera,
            keypoints_px=crop_units_to_frame(out.keypoints, matrix, size),
            joints_px=crop_units_to_frame(out.joints_2d, matrix, size),
            joint_confidence=out.joint_confidence,
            token_confidence=out.token_confidence,
            pose_token_ids=out.pose_token_ids,
            person_score=out.person_score,
            **_bones(out, bundle),
        )
        numbers = [array.ravel() for array in estimates.arrays().values() if array.dtype.kind == "f"]
        with np.errstate(over="ignore"):
            kept = np.concatenate(numbers, dtype=np.float32, casting="same_kind")
        if not np.isfinite(kept).all():
            raise WeightsError(f"{bundle.folder}: the network's answer is not finite; get the weights again")
        return estimates


def _bones(out: NetworkOutput, bundle: WeightsBundle) -> dict[str, Any]:
    """What the rotation head says; {} where the weights have none."""
    if bundle.rotation_tokens is None:
        return {}
    arrays = out.arrays()
    found = {name: arrays[name] for name in network_shapes(bundle.rotation_tokens)}
    ids, rotations = found["bone_token_ids"], found["bone_rotations"]
    if ids.min() < 0 or ids.max() >= bundle.rotation_tokens.codes:
        raise WeightsError(f"{bundle.folder}: names codes that its vocabulary lacks; get the weights again")
    if not (np.linalg.det(rotations) > LEAST_DETERMINANT).all():  # of what is no number neither
        raise WeightsError(f"{bundle.folder}: the network's rotations are none; get the weights again")
    return found


def join(parts: Sequence[Estimates]) -> Estimates:
    """One batch of several, in their order."""
    if len(parts) == 1:
        return parts[0]
    return Estimates(**{name: np.concatenate([getattr(part, name) for part in parts]) for name in parts[0].arrays()})


def whole_pixels(boxes_px: Float) -> Float:
    """(B, 4) boxes moved to whole pixels, their sizes too; a size that is not positive stays as it is.

    A person's next crop hangs on the last one's answer, and that loop makes much of little: between two
    runtimes, whose answers differ by 4e-7, 3e-5 px in the first frame grew to half a pixel in the eighth and
    to other poses in the twentieth. From equal crops the answers stay equal.
    """
    size = np.where(boxes_px[:, 2:] > 0, np.maximum(np.round(boxes_px[:, 2:]), 1), boxes_px[:, 2:])
    return np.concatenate([np.round(boxes_px[:, :2]), size], axis=1)
