"""The network as it is shipped: one picture batch in, the nine named arrays of a weights bundle out."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor, nn

from .config import LSP_FROM_HEATMAPS, LSP_JOINTS
from .network import Network
from .postometro import project


class DeployedOutput(NamedTuple):
    """The ONNX outputs, in the file's order.

    Attributes:
        coarse_vertices: (B, 431, 3) metres, camera axes, relative to the mid-hip.
        joints: (B, 14, 3) LSP order, the same.
        weak_camera: (B, 3) s, tx, ty.
        keypoints: (B, 17, 2) COCO, crop units, decoded from the pose tokens.
        joints_2d: (B, 14, 2) LSP order, crop units: heatmap peaks, or projected joints without heatmaps.
        joint_confidence: (B, 14) in [0, 1].
        token_confidence: (B, 34) in [0, 1], the largest probability.
        pose_token_ids: (B, 34) int64.
        person_score: (B,) in [0, 1].
    """

    coarse_vertices: Tensor
    joints: Tensor
    weak_camera: Tensor
    keypoints: Tensor
    joints_2d: Tensor
    joint_confidence: Tensor
    token_confidence: Tensor
    pose_token_ids: Tensor
    person_score: Tensor


class DeployedNetwork(nn.Module):
    """A `Network` that answers the bundle's arrays and nothing else."""

    def __init__(self, network: Network) -> None:
        super().__init__()
        self.network = network

    def forward(self, image: Tensor) -> DeployedOutput:
        """(B, 3, S, S) normalised RGB."""
        out = self.network(image)
        batch, tokens = image.shape[0], self.network.config.tokenizer.tokens
        if out.token_logits is None:
            certainty, ids = image.new_ones(batch, tokens), image.new_zeros(batch, tokens, dtype=torch.int64)
        else:
            certainty, ids = out.token_logits.softmax(-1).max(-1)
        projected = project(out.joints, out.weak_camera, self.network.config.projection)
        joints_2d, confidence = projected, certainty.mean(1, keepdim=True).expand(-1, LSP_JOINTS)
        if out.heatmap_points is not None and out.heatmap_confidence is not None:
            order = list(LSP_FROM_HEATMAPS)
            joints_2d, confidence = out.heatmap_points[:, order], out.heatmap_confidence[:, order]
        keypoints = out.keypoints if out.keypoints is not None else image.new_zeros(batch, 17, 2)
        has_person = out.person_logit is not None
        score = out.person_logit.sigmoid() if has_person else certainty.mean(1)
        return DeployedOutput(
            out.coarse_vertices,
            out.joints,
            out.weak_camera,
            keypoints,
            joints_2d,
            confidence,
            certainty,
            ids,
            score,
        )
