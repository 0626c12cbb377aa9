"""A vocabulary that nobody trained, and a cache of made-up evidence: what the rotation head's stage starts from."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import save_file

from core.body.model import load_body
from core.nets.config import ROTATION_PRESETS
from core.nets.rotation_tokenizer import RotationTokenizer
from training.motions.limits import sample_limits
from training.motions.rotation_vectors import to_matrix
from training.stages.bones_cache import SETS, TRAIN, BoneCache
from training.trainer.cached_arrays import make_room

PEOPLE = 24
STATES, MEMORY = 96, 135


def make_vocabulary(folder: Path) -> Path:
    """A run of the stage `rotations` with one checkpoint."""
    torch.manual_seed(0)
    tokenizer = RotationTokenizer(ROTATION_PRESETS["tiny"])
    checkpoint = folder / "checkpoints" / "000000003"
    checkpoint.mkdir(parents=True)
    tensors = {f"tokenizer.{name}": value.contiguous() for name, value in tokenizer.state_dict().items()}
    save_file(tensors, checkpoint / "model.safetensors")
    save_file({}, checkpoint / "ema.safetensors")
    (folder / "checkpoints" / "latest").write_text(checkpoint.name)
    start = {"event": "start", "stage": "rotations", "step": 0, "samples": 0, "config": {"preset": "tiny"}}
    (folder / "log.jsonl").write_text(json.dumps(start) + "\n")
    return folder


def made_up_rows(count: int, seed: int) -> dict[str, np.ndarray]:
    """Evidence whose points are those of the true bodies, and states that say nothing."""
    body, rng = load_body(), np.random.default_rng(seed)
    rotations = to_matrix(np.stack([sample_limits(rng) for _ in range(count)]).astype(np.float32))
    betas = rng.normal(0, 1, (count, 10)).astype(np.float32)
    vertices = body.pose(rotations, betas).vertices
    joints = body.lsp_regressor @ vertices
    root = joints[:, [2, 3]].mean(1, keepdims=True)
    points = np.concatenate([joints, vertices[:, body.index_431]], 1) - root
    camera = np.tile(np.array([0.9, 0.0, 0.0], np.float32), (count, 1))
    flat = 0.9 * points[:, :14, :2]
    return {
        "points": points.astype(np.float32),
        "queries": rng.normal(size=(count, 445, STATES)).astype(np.float16),
        "memory": rng.normal(size=(count, MEMORY, STATES)).astype(np.float16),
        "weak_camera": camera,
        "confidence": rng.random((count, 19)).astype(np.float32),
        "rotations": rotations,
        "betas": betas,
        "lsp_2d": np.concatenate([flat, np.ones((count, 14, 1))], 2).astype(np.float32),
        "has_person": np.arange(count) % 8 > 0,
    }


def make_cache(folder: Path) -> Path:
    """Every set of a cache, `PEOPLE` rows each, one in eight of them nobody."""
    for seed, name in enumerate((TRAIN, *SETS)):
        rows = made_up_rows(PEOPLE, seed)
        make_room(folder / name, 1, rows, {"set": name})
        BoneCache(folder / name).put(0, rows)
    return folder
