"""2D poses without pictures: what the pose tokenizer learns from.

Poses of the motion library are posed once (only the few hundred vertices that the joint regressor reads); every
step then looks at them with new cameras, crops and flips, which costs microseconds.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from core.body.model import Body
from core.geometry.boxes import BOX_MARGIN
from core.geometry.crops import BOX_FACTOR
from training.joint_orders import COCO_MIRROR
from training.motions import PoseSampler
from training.motions.rotation_vectors import PARENTS, to_matrix

Float = npt.NDArray[np.floating[Any]]

L_HIP, R_HIP = 11, 12
CHUNK = 2000


def posed_points(body: Body, regressor: Float, pose: Float, betas: Float) -> Float:
    """Regressed points of posed bodies, without skinning the vertices that no point reads.

    Args:
        body: whose mesh it is.
        regressor: (J, 6890), rows sum to one.
        pose: (N, 24, 3) rotation vectors.
        betas: (N, 10).

    Returns:
        (N, J, 3) metres, the body's axes (y up).
    """
    used = np.flatnonzero(np.abs(regressor).sum(0) > 0)
    rest_joints = body.joint_regressor @ body.v_template
    joint_dirs = np.einsum("jv,vck->jck", body.joint_regressor, body.shapedirs)
    parts = []
    for start in range(0, len(pose), CHUNK):
        rows = slice(start, start + CHUNK)
        rotations = to_matrix(pose[rows].astype(np.float32))
        joints = rest_joints + np.einsum("jck,nk->njc", joint_dirs, betas[rows])
        feature = (rotations[:, 1:] - np.eye(3, dtype=np.float32)).reshape(len(rotations), -1)
        rest = body.v_template[used] + np.einsum("vck,nk->nvc", body.shapedirs[used], betas[rows])
        rest = rest + (feature @ body.posedirs[used].reshape(-1, feature.shape[1]).T).reshape(rest.shape)
        turn, shift = _bone_transforms(rotations, joints)
        weights = body.skin_weights[used]
        vertices = np.einsum("vj,njab,nvb->nva", weights, turn, rest, optimize=True)
        vertices = vertices + np.einsum("vj,nja->nva", weights, shift)
        parts.append(np.einsum("kv,nvc->nkc", regressor[:, used], vertices).astype(np.float32))
    return np.concatenate(parts)


def _bone_transforms(rotations: Float, joints: Float) -> tuple[Float, Float]:
    """Turn (N, 24, 3, 3) and shift (N, 24, 3) that carry rest points to posed ones."""
    turn, place = np.empty_like(rotations), np.empty_like(joints)
    turn[:, 0], place[:, 0] = rotations[:, 0], joints[:, 0]
    for joint, parent in enumerate(PARENTS[1:], start=1):
        turn[:, joint] = turn[:, parent] @ rotations[:, joint]
        bone = joints[:, joint] - joints[:, parent]
        place[:, joint] = place[:, parent] + np.einsum("nab,nb->na", turn[:, parent], bone)
    return turn, place - np.einsum("njab,njb->nja", turn, joints)


def sample_poses(body: Body, poses: PoseSampler, count: int, seed: int) -> Tensor:
    """COCO points of random bodies in random poses.

    Args:
        body: whose mesh it is.
        poses: where the poses come from.
        count: how many.
        seed: of poses and shapes.

    Returns:
        (N, 17, 3) metres, y up, relative to mid-hip.
    """
    rng = np.random.default_rng(seed)
    pose = np.stack([poses.sample(rng) for _ in range(count)])
    betas = rng.normal(0, 1, (count, body.shapedirs.shape[-1])).astype(np.float32)
    points = posed_points(body, np.asarray(body.coco_regressor), pose, betas)
    return torch.from_numpy(points - points[:, [L_HIP, R_HIP]].mean(1, keepdims=True))


@dataclass(frozen=True, slots=True)
class PoseBank:
    """Posed points that are looked at with new cameras at every draw.

    Attributes:
        points: (N, 17, 3) metres, y up, relative to mid-hip.
        seed: of the draws.
    """

    points: Tensor
    seed: int

    def draw(self, count: int, step: int) -> Tensor:
        """Poses as a crop sees them, a function of (seed, step).

        Returns:
            (count, 17, 3) x, y in crop units and visibility: 1 inside the crop, 0 outside.
        """
        generator = torch.Generator().manual_seed(self.seed * 1_000_003 + step)

        def uniform(*shape: int) -> Tensor:
            return torch.rand(*shape, generator=generator)

        rows = torch.randint(len(self.points), (count,), generator=generator)
        points = self.points[rows]
        is_flipped = uniform(count) < 0.5
        points = torch.where(is_flipped[:, None, None], _mirror(points), points)
        tilt = torch.randn(count, 2, generator=generator) * torch.tensor([0.23, 0.12]) + torch.tensor([0.12, 0.0])
        points = _look_at(points, uniform(count) * 2 * math.pi, tilt[:, 0], tilt[:, 1])
        distance = 1.5 + 5.0 * uniform(count) ** 2
        xy = points[..., :2] / (points[..., 2:] + 1.1 + distance[:, None, None]).clamp_min(0.3)
        return _crop(xy, uniform(count, 4))


def _mirror(points: Tensor) -> Tensor:
    return points[:, COCO_MIRROR] * torch.tensor([-1.0, 1.0, 1.0])


def _look_at(points: Tensor, yaw: Tensor, pitch: Tensor, roll: Tensor) -> Tensor:
    """Points in camera axes (x right, y down, z forward); yaw 0 shows a body its front."""

    def turn(angle: Tensor, first: int, second: int) -> Tensor:
        matrix = torch.eye(3).repeat(len(angle), 1, 1)
        matrix[:, first, first] = matrix[:, second, second] = angle.cos()
        matrix[:, first, second], matrix[:, second, first] = -angle.sin(), angle.sin()
        return matrix

    to_camera = torch.diag(torch.tensor([1.0, -1.0, -1.0]))
    body_to_camera = turn(roll, 0, 1) @ turn(pitch, 1, 2) @ to_camera @ turn(yaw, 2, 0)
    return points @ body_to_camera.transpose(1, 2)


def _crop(xy: Tensor, uniform: Tensor) -> Tensor:
    """Points in the units of a jittered crop; one in five is shifted or zoomed so that joints fall outside."""
    low, high = xy.amin(1), xy.amax(1)
    side = (high - low).amax(1) * BOX_MARGIN * BOX_FACTOR
    is_cut = uniform[:, 3] < 0.2
    reach = torch.where(is_cut, 0.6, 0.12)[:, None]
    zoom = torch.where(is_cut, 1.0 + 0.8 * uniform[:, 2], 0.85 + 0.3 * uniform[:, 2])
    shift = (uniform[:, :2] * 2 - 1) * reach
    units = (xy - ((low + high) / 2)[:, None]) * (2 / side * zoom)[:, None, None] + shift[:, None]
    visible = (units.abs() <= 1).all(-1, keepdim=True)
    return torch.cat([units, visible.float()], -1)
