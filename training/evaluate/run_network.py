"""The network over a whole set, and its 2D answers in one joint order."""

from __future__ import annotations

import numpy as np

from core.inference.runtime import Runtime
from core.types import Float, NetworkOutput
from training.joint_orders import LSP_FROM_COCO

BATCH = 32
COCO_SHOULDERS, COCO_NOSE = [5, 6], [0]


def run_all(runtime: Runtime, images: Float) -> NetworkOutput:
    """The network's reading of any number of normalised crops (N, 3, S, S)."""
    parts = [runtime.run(images[start : start + BATCH]) for start in range(0, len(images), BATCH)]
    return joined(parts)


def joined(parts: list[NetworkOutput]) -> NetworkOutput:
    """Readings one after the other as one."""
    names = parts[0].arrays()
    return NetworkOutput(**{name: np.concatenate([getattr(part, name) for part in parts]) for name in names})


def projected(output: NetworkOutput, joints: Float | None = None) -> Float:
    """Joints (N, 14, 2) through the network's weak camera, crop units: its own, or others (N, 14, 3) of its mesh."""
    points = output.joints if joints is None else joints
    scale, shift = output.weak_camera[:, None, :1], output.weak_camera[:, None, 1:]
    return np.asarray(scale * (points[..., :2] + shift))


def lsp_of_coco(keypoints: Float) -> Float:
    """(N, 17, 2) COCO to (N, 14, 2) LSP; neck from the shoulders, head from the nose, which no limb score reads."""
    neck = keypoints[:, COCO_SHOULDERS].mean(1, keepdims=True)
    return np.concatenate([keypoints[:, LSP_FROM_COCO], neck, keypoints[:, COCO_NOSE]], 1)
