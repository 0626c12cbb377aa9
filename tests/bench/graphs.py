"""Networks with random weights, as files and as sessions of ONNX Runtime.

Where MOCAP_BENCH_GRAPHS names a folder, exported files stay in it, and measurements that ask for the same network use
them again: empty it when the networks or the exporter change. The exports are most of a measurement's time.
"""

from __future__ import annotations

import logging
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import torch
from onnxruntime.quantization import CalibrationDataReader
from torch import Tensor, nn

from core.nets import Network
from core.types import Float
from training.export.network import probe_crops, write_batched
from training.export.quantise import quantise_both

from .yardstick import YardstickOutput

TOLERANCE = 1e-4


class WholeMesh(nn.Module):
    """A network that answers what the yardstick does, the 6890 vertices among it."""

    def __init__(self, network: Network) -> None:
        super().__init__()
        self.network = network

    def forward(self, image: Tensor) -> YardstickOutput:
        """(B, 3, S, S) normalised RGB."""
        out = self.network(image)
        fine = self.network.fine_vertices(out.intermediate_vertices)
        keypoints = out.keypoints
        assert keypoints is not None
        return YardstickOutput(
            out.weak_camera, out.joints, out.coarse_vertices, out.intermediate_vertices, fine, keypoints
        )


class Pictures(CalibrationDataReader):  # type: ignore[misc]
    """A few smooth random pictures, to measure the range of the convolutions' inputs on."""

    def __init__(self, size: int, count: int = 4) -> None:
        self._left = list(probe_crops(size, count, seed=1)[:, None])

    def get_next(self) -> dict[str, Any] | None:
        """The next input of the graph, or None after the last."""
        return {"image": self._left.pop()} if self._left else None


@contextmanager
def graphs_folder() -> Iterator[Path]:
    """Where exported files lie: MOCAP_BENCH_GRAPHS, or a folder that is deleted at the end."""
    kept = os.environ.get("MOCAP_BENCH_GRAPHS")
    if kept:
        Path(kept).mkdir(parents=True, exist_ok=True)
        yield Path(kept)
        return
    with tempfile.TemporaryDirectory() as folder:
        yield Path(folder)


def export_whole(network: Network, folder: Path) -> Path:
    """The network as it is, folded or not, as one file that answers `YardstickOutput`."""
    config = network.config
    path = folder / f"{config.preset}-{config.pose_backbone}-{config.input_size}.onnx"
    if not path.exists():
        for noisy in ("torch.onnx", "onnxscript", "onnx_ir"):
            logging.getLogger(noisy).setLevel(logging.ERROR)
        unfinished = path.with_suffix(".unfinished")
        write_batched(WholeMesh(network).eval(), YardstickOutput._fields, unfinished, config)
        unfinished.rename(path)
    return path


def int8(path: Path, size: int) -> Path:
    """The same file with convolutions and matrix products in 8 bits, as `training.export.quantise --convolutions`
    makes it.

    Args:
        path: of the file.
        size: of its crops, px.
    """
    target = path.with_name(f"{path.stem}-int8.onnx")
    if not target.exists():
        logging.getLogger().setLevel(logging.ERROR)  # the quantiser's advice
        unfinished = target.with_suffix(".unfinished")
        quantise_both(path, unfinished, Pictures(size))
        unfinished.rename(target)
    return target


def open_session(path: Path) -> Any:
    """A session of one thread."""
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    options.intra_op_num_threads = 1
    return onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])


def largest_difference(ours: list[Float], reference: YardstickOutput) -> float:
    """The largest deviation as a multiple of what is tolerated, 1e-4 and 1e-4 of the largest value of an array."""
    shares = []
    for own, value in zip(ours, reference, strict=True):
        wanted = value.numpy()
        allowed = TOLERANCE * (1 + float(np.abs(wanted).max()))
        shares.append(float(np.abs(own - wanted).max()) / allowed)
    return max(shares)


def random_image(batch: int, size: int) -> Tensor:
    """(B, 3, S, S) noise."""
    return torch.randn(batch, 3, size, size, generator=torch.Generator().manual_seed(1))
