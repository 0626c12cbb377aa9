"""What a vocabulary of poses is worth.

    python -m training.studies.pose_vocabulary RUN --motions MOTIONS.npz [--sheet PNG] [--json F]

On captured poses of held-out subjects: the error of a pose that went through its tokens, the share of the codes in use,
and what happens when a share of a pose's tokens is replaced by others at random. The sheet shows what random tokens
decode to: above, every token drawn by how often that token has each code; below, all codes alike.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Mapping
from pathlib import Path

import cv2
import numpy as np
import torch
from torch import Tensor

from core.body.model import Body, load_body
from core.errors import MocapError
from core.nets.config import ROTATION_PRESETS
from core.nets.posed_body import PosedBody
from core.nets.rotation_head import BODY
from core.nets.rotation_tokenizer import RotationTokenizer, geodesic
from training.pictures.body_preview import View, draw
from training.stages.rotations import USED_FROM, rotations_of
from training.trainer import checkpoint
from training.trainer.run_log import first_line

SHARES = (0.0, 0.025, 0.05, 0.1, 0.2, 0.4, 1.0)
COLUMNS, TILE, HALF = 8, 200, 1.15
SEED = 10_000


def tokenizer_of_run(run: Path) -> RotationTokenizer:
    """The averaged tokenizer of a run of the stage `rotations`, ready to answer.

    Raises:
        ValueError: the run is of another stage or has no checkpoint.
    """
    start = first_line(run)
    if start.get("stage") != "rotations":
        raise ValueError(f"{run} is no run of the stage rotations")
    tokenizer = RotationTokenizer(ROTATION_PRESETS[start["config"]["preset"]])
    found = checkpoint.averaged_weights(run)
    tensors = {name.removeprefix("tokenizer."): value for name, value in found.items() if name.startswith("tokenizer.")}
    tokenizer.load_state_dict(tensors)
    return tokenizer.eval()


class Measure:
    """A vocabulary on held-out poses."""

    def __init__(self, tokenizer: RotationTokenizer, poses: Tensor, body: Body) -> None:
        """Encode the poses.

        Args:
            tokenizer: ready to answer.
            poses: (N, 21, 3, 3).
            body: whose joints are compared.
        """
        self.tokenizer, self.poses, self.body = tokenizer, poses, body
        self.posed = PosedBody(body, body.index_431[:1])
        self.ids = tokenizer.token_ids(poses)
        self.joints = self._joints(poses)

    @torch.no_grad()
    def errors(self, ids: Tensor) -> dict[str, float]:
        """Of what ids (N, M) decode to: degrees of the 21 rotations, mm of the 23 joints below the pelvis."""
        decoded = self.tokenizer.decode(self.tokenizer.codes_of(ids))
        apart = (self._joints(decoded) - self.joints).norm(dim=-1)
        return {
            "rotation_error_deg": float(geodesic(decoded, self.poses).rad2deg().mean()),
            "joint_error_mm": 1000 * float(apart.mean()),
        }

    def codes_used_percent(self) -> float:
        """Of all codes, those that held-out poses use."""
        codes = self.tokenizer.config.quantiser.codes
        share = torch.bincount(self.ids.flatten(), minlength=codes) / self.ids.numel()
        return 100 * float((share > USED_FROM).float().mean())

    def noise(self) -> dict[str, dict[str, float]]:
        """Errors by the share of tokens that are replaced by any other code."""
        generator = torch.Generator().manual_seed(SEED)
        found = {}
        for share in SHARES:
            other = torch.randint(self.tokenizer.config.quantiser.codes, self.ids.shape, generator=generator)
            is_replaced = torch.rand(self.ids.shape, generator=generator) < share
            found[f"{share:g}"] = self.errors(torch.where(is_replaced, other, self.ids))
        return found

    @torch.no_grad()
    def random_poses(self, count: int, by_frequency: bool) -> Tensor:
        """Rotations (count, 21, 3, 3) of random tokens, each token by its own codes' frequency or all codes alike."""
        generator = torch.Generator().manual_seed(SEED)
        tokens, codes = self.ids.shape[1], self.tokenizer.config.quantiser.codes
        if by_frequency:
            rows = torch.randint(len(self.ids), (count, tokens), generator=generator)
            ids = self.ids.gather(0, rows)
        else:
            ids = torch.randint(codes, (count, tokens), generator=generator)
        return self.tokenizer.decode(self.tokenizer.codes_of(ids))

    def _joints(self, poses: Tensor) -> Tensor:
        whole = torch.eye(3).repeat(len(poses), 24, 1, 1)
        whole[:, BODY] = poses
        joints: Tensor = self.posed(whole)[0][:, 1:]
        return joints


def sheet(measure: Measure) -> np.ndarray[tuple[int, ...], np.dtype[np.uint8]]:
    """Four rows of bodies from random tokens, BGR."""
    poses = torch.cat([measure.random_poses(2 * COLUMNS, by_frequency) for by_frequency in (True, False)])
    whole = np.tile(np.eye(3, dtype=np.float32), (len(poses), 24, 1, 1))
    whole[:, BODY] = poses.numpy()
    vertices = measure.body.pose(whole).vertices
    view = View((0.0, -0.1, 0.0), HALF, 20.0, 5.0, TILE)
    tiles = [draw(each - each.mean(0) + [0, -0.1, 0], measure.body.faces, view) for each in vertices]
    rows = [np.hstack(tiles[n : n + COLUMNS]) for n in range(0, len(tiles), COLUMNS)]
    return np.asarray(np.vstack(rows), np.uint8)


def told(found: Mapping[str, object]) -> str:
    """The numbers for a terminal."""
    noise = found["replaced"]
    assert isinstance(noise, dict)
    lines = [f"{key}: {value:.2f}" for key, value in found.items() if isinstance(value, float)]
    lines += ["tokens replaced, %   degrees   mm"]
    lines += [
        f"{100 * float(share):19.1f} {each['rotation_error_deg']:9.2f} {each['joint_error_mm']:6.1f}"
        for share, each in noise.items()
    ]
    return "\n".join(lines)


def main(arguments: list[str] | None = None) -> int:
    """Runs the command line and returns its exit code."""
    parser = argparse.ArgumentParser(
        prog="python -m training.studies.pose_vocabulary",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("run", type=Path, help="folder of a run of the stage rotations")
    parser.add_argument("--motions", type=Path, help="motion file; its held-out subjects are the test")
    parser.add_argument("--poses", type=int, default=2000, help="test poses; default 2000")
    parser.add_argument("--sheet", type=Path, help="picture of bodies from random tokens")
    parser.add_argument("--json", type=Path, help="write the numbers there as well")
    given = parser.parse_args(arguments)
    try:
        poses = rotations_of(given.motions, "test", given.poses, SEED, is_mixed=False)
        measure = Measure(tokenizer_of_run(given.run), poses, load_body())
        found = {
            **measure.errors(measure.ids),
            "codes_used_percent": measure.codes_used_percent(),
            "replaced": measure.noise(),
        }
        print(told(found))
        if given.json:
            given.json.write_text(json.dumps(found, indent=1) + "\n")
        if given.sheet and not cv2.imwrite(str(given.sheet), sheet(measure)):
            raise ValueError(f"{given.sheet} could not be written: name a .png or .jpg in a folder that exists")
    except (MocapError, ValueError, OSError) as error:
        print(f"training.studies.pose_vocabulary: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
