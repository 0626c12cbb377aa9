"""The trunk against MoveNet's own outputs, which TensorFlow.js computed once (CPU backend, @tensorflow/tfjs in node).

`movenet_thunder/expected.npz` holds slices of them for three pictures of ours. The numbers of the trunk are those of
the bundle `open-base`, which leaves them as Google published them.
"""

from __future__ import annotations

import math
from functools import lru_cache
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from safetensors.torch import load_file
from torch import Tensor

from core.nets.movenet import MoveNetTrunk

FOLDER = Path(__file__).parent / "movenet_thunder"
WEIGHTS = Path(__file__).parents[2] / "assets" / "weights" / "open-base" / "model.safetensors"
PICTURES = ("rendered_a", "rendered_b", "demo")
TOLERANCE = 2e-4
"""Of an array's largest value: TensorFlow.js works in float32 with 1 / 127.5 in float16, which alone is 1.5e-5 off."""


@lru_cache(maxsize=1)
def _trunk() -> MoveNetTrunk:
    torch.set_num_threads(1)
    tensors, prefix = load_file(WEIGHTS), "backbone.trunk."
    trunk = MoveNetTrunk()
    trunk.load_state_dict({k.removeprefix(prefix): v.float() for k, v in tensors.items() if k.startswith(prefix)})
    return trunk.eval()


@lru_cache(maxsize=1)
@torch.no_grad()
def _answers() -> dict[str, Tensor]:
    """Of all pictures, in TensorFlow's order of axes."""
    trunk = _trunk()
    pictures = [cv2.imread(str(FOLDER / f"{name}.jpg"))[..., ::-1] for name in PICTURES]
    image = torch.from_numpy(np.stack(pictures).transpose(0, 3, 1, 2).astype(np.float32)) / 127.5 - 1
    maps = trunk(image)
    return {
        "heatmaps": trunk.heat_out(trunk.heat(maps.pyramid4)).permute(0, 2, 3, 1),
        "centre": trunk.centre_out(trunk.centre(maps.pyramid4))[:, 0],
        "regression": trunk.regress_out(trunk.regress(maps.pyramid4)).permute(0, 2, 3, 1),
        "pyramid4": maps.pyramid4.permute(0, 2, 3, 1),
        "pyramid16": maps.pyramid16.permute(0, 2, 3, 1),
        "expected": trunk.expected_joints(maps.pyramid4, middle_cells=math.inf)[:, :17],
    }


def _expected(name: str) -> np.ndarray:
    with np.load(FOLDER / "expected.npz") as file:
        return np.stack([file[f"{picture}.{name}"] for picture in PICTURES])


@pytest.mark.parametrize(
    ("name", "stride"),
    [("heatmaps", 4), ("centre", 2), ("regression", 8), ("pyramid4", 8), ("pyramid16", 4)],
)
def test_maps_agree_with_movenet(name: str, stride: int) -> None:
    wanted = _expected(name)
    found = _answers()[name][:, ::stride, ::stride].numpy()
    assert np.abs(found - wanted).max() < TOLERANCE * np.abs(wanted).max()


def test_expected_joints_agree_with_movenet() -> None:
    wanted = _expected("expected")
    assert np.abs(_answers()["expected"].numpy() - wanted).max() < TOLERANCE * np.abs(wanted).max()


def test_peaks_lie_in_the_same_cells() -> None:
    heatmaps = _answers()["heatmaps"]
    assert np.array_equal(heatmaps.flatten(1, 2).argmax(1).numpy(), _expected("peaks"))
