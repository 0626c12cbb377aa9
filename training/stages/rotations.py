"""The codebook of 3D poses (TokenHMR, Sec. 3.2). No pictures, minutes on one core."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from core.body.model import load_body
from core.nets.posed_body import PosedBody
from core.nets.rotation_tokenizer import BODY_JOINTS, ROTATION_PRESETS, RotationTokenizer, geodesic
from training.motions import MotionLibrary, PoseSampler
from training.motions.rotation_vectors import to_matrix
from training.trainer.loop import LoopConfig
from training.trainer.parallel import World

BODY = slice(1, 1 + BODY_JOINTS)
STARTED_ON = 8_192
"""Poses whose principal components the tokenizer begins with."""
OWN_LEVER = 0.3
"""Metres: what a joint's turn counts where nothing hangs on it."""
USED_FROM = 1e-4
"""A code counts as used from one in ten thousand test tokens on, a twentieth of what it had if all were used alike."""


@dataclass(frozen=True)
class RotationsConfig(LoopConfig):
    """The codebook of 3D poses."""

    preset: str = "tiny"
    """Sizes: "tiny" (40 tokens of 512 codes) or "paper" (160 of 2048)."""
    motions: Path | None = None
    """Motion file; without one all poses come from joint limits."""
    body: Path | None = None
    """Body file; the open body where none is given."""
    bank: int = 60_000
    """Poses drawn at the start, mirrored, recombined and jittered."""
    test_bank: int = 2_000
    """Poses of the test, captured, from held-out subjects, as they are."""
    rotation_weight: float = 1.0
    """On the rotations' difference, entries of the matrices."""
    joint_weight: float = 20.0
    """On the posed joints' L1, metres."""
    vertex_weight: float = 10.0
    """On the posed coarse vertices' L1, metres."""
    commitment_weight: float = 0.1
    """On the latents' squared distance to their codes."""


class RotationsModule(nn.Module):
    """The tokenizer and its losses."""

    def __init__(self, config: RotationsConfig) -> None:
        super().__init__()
        if config.preset not in ROTATION_PRESETS:
            raise ValueError(f"expected a preset among {', '.join(ROTATION_PRESETS)}, got {config.preset!r}")
        self.config = config
        self.tokenizer = RotationTokenizer(ROTATION_PRESETS[config.preset])
        body = load_body(config.body)
        self.posed = PosedBody(body, body.index_431)

    def forward(self, rotations: Tensor) -> dict[str, Tensor]:
        """Loss terms on (B, 21, 3, 3); the codebook learns on the way."""
        config, said = self.config, self.tokenizer(rotations)
        true, decoded = self.pose(rotations), self.pose(said.rotations)
        return {
            "rotations": config.rotation_weight * (said.rotations - rotations).abs().mean(),
            "joints": config.joint_weight * (decoded[0] - true[0]).abs().mean(),
            "vertices": config.vertex_weight * (decoded[1] - true[1]).abs().mean(),
            "commitment": config.commitment_weight * said.commitment,
        }

    def levers(self) -> Tensor:
        """(21,) metres: how far each joint moves those below it (root of the sum of squares), and itself a little."""
        joints, parents = self.posed.rest_joints, self.posed.parents
        squares = torch.full((len(joints),), OWN_LEVER**2, device=joints.device)
        for below in range(1, len(joints)):
            joint = parents[below]
            while joint > 0:
                squares[joint] += (joints[below] - joints[joint]).square().sum()
                joint = parents[joint]
        return squares.sqrt()[BODY]

    def pose(self, rotations: Tensor) -> tuple[Tensor, Tensor]:
        """Joints (B, 24, 3) and coarse vertices (B, 431, 3) of the mean body, the pelvis and the hands unturned."""
        whole = torch.eye(3, device=rotations.device).repeat(len(rotations), 24, 1, 1)
        whole[:, BODY] = rotations.float()
        with torch.autocast(rotations.device.type, enabled=False):
            joints, vertices = self.posed(whole)
        return joints, vertices


class RotationsStage:
    """Poses from the bank, reconstruction of held-out ones."""

    def __init__(self, config: RotationsConfig, world: World) -> None:
        torch.manual_seed(config.seed)
        self.config, self.world = config, world
        self.module = RotationsModule(config).to(world.device)
        self.bank = rotations_of(config.motions, "train", config.bank, config.seed)
        self.module.tokenizer.start_from(self.bank[:STARTED_ON].to(world.device), self.module.levers())
        self.test = self.bank  # the other processes score nothing
        if world.is_first:
            self.test = rotations_of(config.motions, "test", config.test_bank, 10_000, is_mixed=False)

    def batch(self, step: int, progress: float) -> Tensor:
        """This process's part of the step's poses: two processes draw what one with twice the batch draws."""
        del progress
        size = self.config.batch
        generator = torch.Generator().manual_seed(self.config.seed * 1_000_003 + step)
        rows = torch.randint(len(self.bank), (size * self.world.size,), generator=generator)
        return self.bank[rows[self.world.rank * size :][:size]].to(self.world.device)

    def evaluate(self) -> Mapping[str, float]:
        """Joint and rotation errors of held-out poses, and how much of the codebook they use."""
        parts = torch.split(self.test.to(self.world.device), 256)
        said = [self.module.tokenizer(part) for part in parts]
        joints = [self._joint_error_mm(part, one.rotations) for part, one in zip(parts, said, strict=True)]
        angles = [geodesic(part, one.rotations).mean(1) for part, one in zip(parts, said, strict=True)]
        ids = torch.cat([one.indices for one in said]).flatten()
        share = torch.bincount(ids, minlength=self.module.tokenizer.config.quantiser.codes) / len(ids)
        return {
            "joint_error_mm": float(torch.cat(joints).mean()),
            "joint_error_mm_p90": float(torch.cat(joints).quantile(0.9)),
            "rotation_error_deg": float(torch.cat(angles).mean().rad2deg()),
            "codes_used_percent": 100 * float((share > USED_FROM).float().mean()),
            "perplexity": float(torch.exp(-(share * torch.log(share + 1e-10)).sum())),
        }

    def _joint_error_mm(self, true: Tensor, decoded: Tensor) -> Tensor:
        """(B,) mean distance of the 23 joints below the pelvis."""
        apart = self.module.pose(true)[0] - self.module.pose(decoded)[0]
        error: Tensor = 1000 * apart[:, 1:].norm(dim=-1).mean(1)
        return error


def rotations_of(motions: Path | None, split: str, count: int, seed: int, is_mixed: bool = True) -> Tensor:
    """Local rotations (N, 21, 3, 3) of poses.

    Args:
        motions: motion file; None draws from joint limits alone.
        split: "train" or "test", whole subjects.
        count: how many.
        seed: of the draws.
        is_mixed: also recombined, jittered and from joint limits; False takes captured poses as they are.
    """
    library = MotionLibrary.load(motions, split) if motions else None
    sampler = PoseSampler(library) if is_mixed else PoseSampler(library, limits_share=0.0, is_mixed=False)
    rng = np.random.default_rng(seed)
    poses = np.stack([sampler.sample(rng)[BODY] for _ in range(count)])
    return torch.from_numpy(to_matrix(poses.astype(np.float32)))
