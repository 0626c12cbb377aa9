"""Pseudo-ground truth for cached people, and how far it is from the truth.

    python -m training.stages.bones_pseudo_truth --cache CACHE [--thresholds FILE]

Labels of photographs are bodies that were bent until a weak-perspective camera projects them onto 2D joints. Here the
true pose is known, so that the mildest such label is too: from the true pose, a few steps of Adam on all rotations and
the camera, with a pull back to the truth. It is the lower bound of what such a label gets wrong, as in
`training.studies.tals_thresholds`, and what --thresholds writes is its 90th percentile for each joint, left and
right together.

    python -m training.stages.bones_pseudo_truth --cache runs/bones/cache_a --thresholds
    training/stages/bones_thresholds.json
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from core.body.model import load_body
from core.errors import MocapError
from core.nets import project
from core.nets.posed_body import PosedBody
from core.nets.rotation_tokenizer import geodesic, matrices_of_six, no_turn
from training.losses import mesh_losses
from training.motions.rotation_vectors import MIRROR
from training.stages.bones_cache import TRAIN, BoneCache, BoneRows

PSEUDO = "pseudo.npy"
SHIPPED = Path(__file__).with_name("bones_thresholds.json")
STEPS, LEARNING_RATE = 60, 0.02
PULL = 2e-3
"""On the mean squared six-number turn of a joint, against the mean squared error in crop units."""
QUANTILE = 0.9
TURNED = 22
AT_ONCE = 128


class Bender:
    """Bends true poses until weak-perspective cameras fit."""

    def __init__(self) -> None:
        body = load_body()
        self.posed = PosedBody(body, body.index_431)
        self.regressor = torch.from_numpy(np.asarray(body.lsp_regressor @ body.up_1723 @ body.up_431, np.float32))

    def joints(self, rotations: Tensor, betas: Tensor) -> Tensor:
        """LSP joints (B, 14, 3) about mid-hip, metres."""
        return mesh_losses.mid_hip_centred(self.regressor @ self.posed(rotations, betas)[1])

    def bend(self, rows: BoneRows) -> tuple[Tensor, Tensor]:
        """Pseudo-true rotations (B, 24, 3, 3), and the cameras (B, 3) that project them."""
        true, inside = rows.rotations, (rows.lsp_2d[..., 2:] > 0).float()
        turn = torch.zeros(len(true), TURNED, 6, requires_grad=True)
        camera = rows.evidence.weak_camera.clone().requires_grad_()
        adam = torch.optim.Adam([turn, camera], LEARNING_RATE)
        for _ in range(STEPS):
            adam.zero_grad()
            points = project(self.joints(self._turned(true, turn), rows.betas), camera)
            miss = (inside * (points - rows.lsp_2d[..., :2]).square()).sum((1, 2)) / inside.sum((1, 2)).clamp_min(1)
            total = (miss + PULL * turn.square().mean((1, 2)) * TURNED).sum()
            total.backward()  # type: ignore[no-untyped-call]
            adam.step()
        return self._turned(true, turn).detach(), camera.detach()

    def _turned(self, true: Tensor, turn: Tensor) -> Tensor:
        turned = true[:, :TURNED] @ matrices_of_six(turn + no_turn(turn))
        return torch.cat([turned, true[:, TURNED:]], 1)


def bend_all(folder: Path) -> tuple[Tensor, Tensor]:
    """Writes the labels of a cache's training people; returns errors: (N, 22) radians, (N,) mean of joints, metres."""
    cache, bender = BoneCache(folder / TRAIN), Bender()
    people = cache.people
    found = np.tile(np.eye(3, dtype=np.float32), (len(cache.arrays["has_person"]), 24, 1, 1))
    angles, apart = [], []
    for start in range(0, len(people), AT_ONCE):
        index = people[start : start + AT_ONCE]
        rows = cache.rows(index)
        bent, _ = bender.bend(rows)
        found[index] = bent.numpy()
        angles.append(geodesic(bent, rows.rotations)[:, :TURNED])
        joints = [bender.joints(each, rows.betas) for each in (bent, rows.rotations)]
        apart.append((joints[0] - joints[1]).norm(dim=-1).mean(1))
    np.save(folder / TRAIN / PSEUDO, found)
    return torch.cat(angles), torch.cat(apart)


def thresholds_of(angles: Tensor) -> list[float]:
    """(22,) radians: the quantile of each joint's error, left and right pooled."""
    pooled = torch.cat([angles, angles[:, torch.from_numpy(MIRROR[:TURNED].copy())]])
    return [round(float(value), 5) for value in pooled.quantile(QUANTILE, dim=0)]


def load_rotation_thresholds(path: Path = SHIPPED) -> Tensor:
    """(22,) radians, the root's first.

    Raises:
        MocapError: the file holds something else.
    """
    try:
        values = torch.tensor(json.loads(path.read_text())["rotations_rad"], dtype=torch.float32)
    except (OSError, ValueError, TypeError, KeyError) as error:
        made_by = "training.stages.bones_pseudo_truth"
        raise MocapError(f"{path} holds no thresholds of rotations: make it with {made_by}") from error
    if values.shape != (TURNED,) or not bool((values >= 0).all()):
        raise MocapError(f"{path} should hold {TURNED} thresholds, none negative")
    return values


def main(arguments: list[str] | None = None) -> int:
    """Runs the command line and returns its exit code."""
    parser = argparse.ArgumentParser(
        prog="python -m training.stages.bones_pseudo_truth",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--cache", type=Path, required=True, help="folder of training.stages.bones_cache")
    parser.add_argument("--thresholds", type=Path, help="write the 90th percentiles there")
    given = parser.parse_args(arguments)
    try:
        angles, apart = bend_all(given.cache)
    except (MocapError, ValueError, OSError) as error:
        print(f"training.stages.bones_pseudo_truth: {error}", file=sys.stderr)
        return 1
    degrees = angles.rad2deg()
    print(
        f"{len(angles)} people: {float(degrees.mean()):.2f} degrees, {1000 * float(apart.mean()):.1f} mm of 14 joints"
    )
    if given.thresholds:
        told = {"quantile": QUANTILE, "people": len(angles), "rotations_rad": thresholds_of(angles)}
        given.thresholds.write_text(json.dumps(told, indent=1) + "\n")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
