"""A run as `training.train` leaves it, with weights that nobody trained."""

from __future__ import annotations

import json
from pathlib import Path

import torch
from safetensors.torch import save_file

from core.body.model import load_body
from core.nets import network_for_body, preset

SIZE = 64


def make_run(folder: Path, seed: int = 0, init: tuple[str, ...] = ()) -> Path:
    """A run of stage "mesh" at 64 px with one checkpoint and one evaluation."""
    torch.manual_seed(seed)
    network = network_for_body(preset("tiny"), load_body())
    checkpoint = folder / "checkpoints" / "000000007"
    checkpoint.mkdir(parents=True)
    tensors = {f"net.{name}": value.contiguous() for name, value in network.state_dict().items()}
    save_file(tensors, checkpoint / "model.safetensors")
    save_file({}, checkpoint / "ema.safetensors")
    (folder / "checkpoints" / "latest").write_text(checkpoint.name)
    config = {"preset": "tiny", "size": SIZE, "seed": seed, "store": "/somewhere/stores/train", "init": list(init)}
    events = [
        {"event": "start", "stage": "mesh", "step": 0, "samples": 0, "config": config},
        {"event": "evaluate", "step": 7, "samples": 112, "elapsed_s": 60.0, "hard_pa_joints_mesh": 123.4},
    ]
    (folder / "log.jsonl").write_text("".join(json.dumps(event) + "\n" for event in events))
    return folder
