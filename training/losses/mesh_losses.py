"""Losses of the mesh and of the dense heads: means over everything, L1 unless a name says otherwise.

The first half is the published set (FastMETRO, METRO; network.md C1), with their choices kept: a joint of
confidence 0 still counts in the denominator, rows without a label are left out, no rows give 0.
The second half teaches the backbone where things are: heatmaps, parts, rest coordinates, facing.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor
from torch.nn import functional

R_HIP, L_HIP = 2, 3  # of the 14 LSP joints


def mid_hip_centred(joints: Tensor) -> Tensor:
    """Joints relative to their own mid-hip.

    Args:
        joints: (B, 14, 3) metres, LSP order.

    Returns:
        (B, 14, 3) metres.
    """
    return joints - joints[:, [R_HIP, L_HIP]].mean(1, keepdim=True)


def joint_loss_3d(predicted: Tensor, true: Tensor, confidence: Tensor, has_joints: Tensor) -> Tensor:
    """L1 between joints, each relative to its own mid-hip.

    Args:
        predicted: (B, 14, 3) metres.
        true: (B, 14, 3) metres.
        confidence: (B, 14) in [0, 1]; weighs a joint, which counts in the mean all the same.
        has_joints: (B,) bool; other rows are left out.

    Returns:
        Scalar, metres; 0 without rows.
    """
    if not bool(has_joints.any()):
        return predicted.sum() * 0.0
    error = (mid_hip_centred(predicted[has_joints]) - mid_hip_centred(true[has_joints])).abs()
    return (confidence[has_joints][..., None] * error).mean()


def joint_loss_2d(predicted: Tensor, true: Tensor, visibility: Tensor) -> Tensor:
    """L1 between points in crop units, weighed by visibility; invisible points stay in the denominator.

    Args:
        predicted: (B, J, 2) crop units.
        true: (B, J, 2) crop units.
        visibility: (B, J) in [0, 1].
    """
    return (visibility[..., None] * (predicted - true).abs()).mean()


def vertex_loss(predicted: Tensor, true: Tensor, has_mesh: Tensor) -> Tensor:
    """L1 between vertices over the rows that have a mesh; 0 without rows.

    Args:
        predicted: (B, V, 3) metres.
        true: (B, V, 3) metres.
        has_mesh: (B,) bool.
    """
    if not bool(has_mesh.any()):
        return predicted.sum() * 0.0
    return (predicted[has_mesh] - true[has_mesh]).abs().mean()


def _edge_lengths(vertices: Tensor, edges: Tensor) -> Tensor:
    """(B, E) lengths; 1e-8 under the root keeps the gradient of an edge of length zero finite."""
    along = vertices[:, edges[:, 0]] - vertices[:, edges[:, 1]]
    return (along.square().sum(-1) + 1e-8).sqrt()


def edge_length_loss(predicted: Tensor, true: Tensor, edges: Tensor) -> Tensor:
    """L1 between edge lengths.

    Args:
        predicted: (B, V, 3) metres.
        true: (B, V, 3) metres.
        edges: (E, 2) vertex ids.
    """
    return (_edge_lengths(predicted, edges) - _edge_lengths(true, edges)).abs().mean()


def edge_self_loss(predicted: Tensor, edges: Tensor) -> Tensor:
    """Mean edge length of the prediction: a pull against spikes (weight 1e-4 upstream).

    Args:
        predicted: (B, V, 3) metres.
        edges: (E, 2) vertex ids.
    """
    return _edge_lengths(predicted, edges).mean()


def normal_loss(predicted: Tensor, true: Tensor, faces: Tensor) -> Tensor:
    """Mean |cos| between each predicted edge direction and the true normal of its face.

    Args:
        predicted: (B, V, 3) metres.
        true: (B, V, 3) metres.
        faces: (F, 3) vertex ids.
    """
    a, b, c = (true[:, faces[:, i]] for i in range(3))
    normal = functional.normalize(
        torch.cross(functional.normalize(b - a, dim=-1), functional.normalize(c - a, dim=-1), dim=-1), dim=-1
    )
    a, b, c = (predicted[:, faces[:, i]] for i in range(3))
    edges = functional.normalize(torch.stack([b - a, c - a, c - b]), dim=-1)
    return (edges * normal).sum(-1).abs().mean()


def heatmap_targets(points: Tensor, size: int, sigma: float) -> Tensor:
    """Gaussians around points, each summing to one.

    Args:
        points: (B, J, 2) crop units.
        size: cells a side.
        sigma: in cells.

    Returns:
        (B, J, size * size), row-major.
    """
    centres = (torch.arange(size, device=points.device, dtype=torch.float32) + 0.5) * (2 / size) - 1
    spread = 2 * sigma / size
    weight = torch.exp(-0.5 * ((points[..., None].float() - centres) / spread).square())  # (B, J, 2, size)
    weight = weight / weight.sum(-1, keepdim=True).clamp_min(1e-12)
    return (weight[:, :, 1, :, None] * weight[:, :, 0, None, :]).flatten(2)


def heatmap_divergence(logits: Tensor, points: Tensor, sigma: float = 0.7) -> Tensor:
    """Cross-entropy of the spatial softmax against a Gaussian, as excess over the target's own entropy.

    Args:
        logits: (B, J, H, H).
        points: (B, J, 2) crop units.
        sigma: of the target, in cells.

    Returns:
        (B, J) nats; 0 for a perfect map.
    """
    target = heatmap_targets(points, logits.shape[-1], sigma)
    log_probability = functional.log_softmax(logits.flatten(2).float(), -1)
    return functional.kl_div(log_probability, target, reduction="none").sum(-1)


def heatmap_cross_entropy(logits: Tensor, points: Tensor, weight: Tensor, sigma: float = 0.7) -> Tensor:
    """Weighted mean of `heatmap_divergence`.

    Args:
        logits: (B, J, H, H).
        points: (B, J, 2) crop units.
        weight: (B, J); 0 leaves a joint out of the mean.
        sigma: of the target, in cells.

    Returns:
        Scalar, nats; 0 for a perfect map.
    """
    divergence = heatmap_divergence(logits, points, sigma)
    return (weight * divergence).sum() / weight.sum().clamp_min(1.0)


def masked_l1(predicted: Tensor, true: Tensor, weight: Tensor) -> Tensor:
    """L1 over the entries whose weight is not zero, per coordinate.

    Args:
        predicted: (..., C).
        true: (..., C).
        weight: (...,) without the last axis.
    """
    error = (predicted.float() - true).abs().mean(-1)
    return (weight * error).sum() / weight.sum().clamp_min(1.0)


def facing_bins(facing: Tensor, count: int) -> Tensor:
    """Bin of each yaw; bin 0 is centred on "faces the camera".

    Args:
        facing: (B,) radians.
        count: bins in the full circle.

    Returns:
        (B,) int64 in [0, count).
    """
    return torch.round(facing * (count / (2 * math.pi))).long() % count


def smooth_l1_2d(predicted: Tensor, true: Tensor, visibility: Tensor, beta: float = 0.05) -> Tensor:
    """Smooth L1 of PCT: in its units, weighed by visibility, invisible joints in the denominator.

    Args:
        predicted: (B, J, 2).
        true: (B, J, 2).
        visibility: (B, J) in [0, 1].
        beta: where the parabola ends.
    """
    error = functional.smooth_l1_loss(predicted.float(), true, beta=beta, reduction="none")
    return (visibility[..., None] * error).mean()
