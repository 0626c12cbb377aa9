"""The network as it is shipped: one picture batch in, the nine named arrays of a weights bundle out, or thirteen."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor, nn

from .config import LSP_FROM_HEATMAPS, LSP_JOINTS, NetConfig
from .network import NetOutput, Network
from .postometro import project
from .rotation_head import Bones


class DeployedOutput(NamedTuple):
    """The ONNX outputs, in the file's order.

    Attributes:
        coarse_vertices: (B, 431, 3) metres, camera axes, relative to the mid-hip.
        joints: (B, 14, 3) LSP order, the same.
        weak_camera: (B, 3) s, tx, ty.
        keypoints: (B, 17, 2) COCO, crop units, decoded from the pose tokens.
        joints_2d: (B, 14, 2) LSP order, crop units: heatmap peaks, or projected joints without heatmaps.
        joint_confidence: (B, 14) in [0, 1].
        token_confidence: (B, 34) in [0, 1], the largest probability, or that of the points that a token is made of.
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


class DeployedBones(NamedTuple):
    """Further outputs of a network with a rotation head.

    Attributes:
        bone_rotations: (B, 24, 3, 3) local, the root's in the camera's axes, the hands' the identity.
        bone_betas: (B, 10) shape of that body.
        bone_token_ids: (B, M, 4) int64, the most likely codes of each token, best first.
        bone_token_probability: (B, M, 4) theirs.
    """

    bone_rotations: Tensor
    bone_betas: Tensor
    bone_token_ids: Tensor
    bone_token_probability: Tensor


CANDIDATES = 4
"""Codes told of each token."""


def output_names(config: NetConfig) -> tuple[str, ...]:
    """Names of what a `DeployedNetwork` answers, in order."""
    return DeployedOutput._fields + (() if config.rotation_head is None else DeployedBones._fields)


class DeployedNetwork(nn.Module):
    """A `Network` that answers the bundle's arrays and nothing else."""

    def __init__(self, network: Network) -> None:
        super().__init__()
        self.network = network

    def forward(self, image: Tensor) -> tuple[Tensor, ...]:
        """`DeployedOutput` of (B, 3, S, S) normalised RGB, followed by `DeployedBones` where there is a head."""
        out: NetOutput = self.network(image)
        found = self._mesh(out, image)
        return found if out.bones is None else (*found, *_bones(out.bones))

    def _mesh(self, out: NetOutput, image: Tensor) -> DeployedOutput:
        batch, tokens = image.shape[0], self.network.config.tokenizer.tokens
        certainty, ids = out.token_certainty, out.token_ids
        if certainty is None or ids is None:
            certainty, ids = image.new_ones(batch, tokens), image.new_zeros(batch, tokens, dtype=torch.int64)
        projected = project(out.joints, out.weak_camera, self.network.config.projection)
        joints_2d, confidence = projected, certainty.mean(1, keepdim=True).expand(-1, LSP_JOINTS)
        if out.heatmap_points is not None and out.heatmap_confidence is not None:
            order = list(LSP_FROM_HEATMAPS)
            joints_2d, confidence = out.heatmap_points[:, order], out.heatmap_confidence[:, order]
        keypoints = out.keypoints if out.keypoints is not None else image.new_zeros(batch, 17, 2)
        score = certainty.mean(1) if out.person_logit is None else out.person_logit.sigmoid()
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


def _bones(bones: Bones) -> DeployedBones:
    if bones.token_logits is None:
        raise ValueError("a bundle's rotation head answers tokens: expected token logits, got None")
    probability, ids = bones.token_logits.softmax(-1).topk(CANDIDATES, dim=-1)
    return DeployedBones(bones.rotations, bones.betas, ids, probability)
