"""Boxes in a picture: the two ways to write one, the box of a person's joints, and how far two boxes overlap.

Two forms: xywh is left, top, width, height; xyxy is left, top, right, bottom.
"""

from __future__ import annotations

import numpy as np

from ..types import Bool, Float

BOX_MARGIN = 1.1
"""A person's box is the tight box of the 2D joints with each side times this."""


def box_of_points(points_px: Float, is_used: Bool | None = None) -> Float:
    """Boxes around people's 2D joints, with the margin.

    Args:
        points_px: (..., J, 2) frame pixels.
        is_used: (..., J) which joints count; all where None. At least one must.

    Returns:
        (..., 4) xywh.
    """
    if is_used is None:
        low, high = points_px.min(axis=-2), points_px.max(axis=-2)
    else:
        low = np.where(is_used[..., None], points_px, np.inf).min(axis=-2)
        high = np.where(is_used[..., None], points_px, -np.inf).max(axis=-2)
    centre, size = (low + high) / 2, (high - low) * BOX_MARGIN
    return np.concatenate([centre - size / 2, size], axis=-1)


def xywh_to_xyxy(boxes: Float) -> Float:
    """(..., 4) left, top, width, height to left, top, right, bottom."""
    return np.concatenate([boxes[..., :2], boxes[..., :2] + boxes[..., 2:]], axis=-1)


def xyxy_to_xywh(boxes: Float) -> Float:
    """The inverse of `xywh_to_xyxy`."""
    return np.concatenate([boxes[..., :2], boxes[..., 2:] - boxes[..., :2]], axis=-1)


def overlap(a: Float, b: Float) -> Float:
    """(...,) IoU of the squares about two boxes (..., 4) xywh: what the network sees is square."""
    a_side, b_side = a[..., 2:].max(-1), b[..., 2:].max(-1)
    apart = np.abs((a[..., :2] + a[..., 2:] / 2) - (b[..., :2] + b[..., 2:] / 2))
    common = np.minimum(np.minimum(a_side, b_side)[..., None], (a_side + b_side)[..., None] / 2 - apart)
    inner = np.clip(common, 0, None).prod(-1)
    return np.asarray(inner / (a_side**2 + b_side**2 - inner))


def box_overlap(a: Float, b: Float) -> Float:
    """(...,) IoU of two boxes (..., 4) xywh themselves."""
    low = np.maximum(a[..., :2], b[..., :2])
    high = np.minimum(a[..., :2] + a[..., 2:], b[..., :2] + b[..., 2:])
    inner = np.clip(high - low, 0, None).prod(-1)
    return np.asarray(inner / (a[..., 2:].prod(-1) + b[..., 2:].prod(-1) - inner))


def share_inside(box: Float, others: Float) -> Float:
    """(...,) share of a box (4,) xywh that lies in others (..., 4)."""
    low = np.maximum(box[:2], others[..., :2])
    high = np.minimum(box[:2] + box[2:], others[..., :2] + others[..., 2:])
    return np.asarray(np.clip(high - low, 0, None).prod(-1) / box[2:].prod())
