"""Networks with random weights, as files and as sessions of ONNX Runtime."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import torch
from torch import Tensor, nn

from core.nets import Network
from core.types import Float
from training.export import write_batched
from training.quantise import quantise_linear

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


def export_whole(network: Network, path: Path) -> Path:
    """The network as it is, folded or not, as one file that answers `YardstickOutput`."""
    for noisy in ("torch.onnx", "onnxscript", "onnx_ir"):
        logging.getLogger(noisy).setLevel(logging.ERROR)
    write_batched(WholeMesh(network).eval(), YardstickOutput._fields, path, network.config)
    return path


def int8(path: Path) -> Path:
    """The same file with its matrix products in 8 bits."""
    target = path.with_name(f"{path.stem}-int8.onnx")
    quantise_linear(path, target)
    return target


def open_session(path: Path, optimised: Path | None = None) -> Any:
    """A session of one thread; the graph that it runs goes to `optimised`."""
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    options.intra_op_num_threads = 1
    if optimised is not None:
        options.optimized_model_filepath = str(optimised)
    return onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])


def node_count(path: Path) -> int:
    """Nodes of a graph."""
    return len(onnx.load(path, load_external_data=False).graph.node)


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
