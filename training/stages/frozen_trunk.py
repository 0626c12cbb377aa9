"""A trunk that stays as it is, run by ONNX Runtime inside a training: a third of torch's time on a CPU.

What a trunk learned from photographs is lost when it goes on learning from rendered people alone, so the stages leave
it as it is (`--frozen`), and only what stands on it learns.
"""

from __future__ import annotations

import tempfile
import warnings
from pathlib import Path

import onnxruntime
import torch
from torch import Tensor, nn

from core.nets.movenet import FrozenMaps, MoveNetBackbone, MoveNetHeatmapHead
from core.nets.network import Network

OPSET = 20
LARGEST_BATCH = 256


class _Maps(nn.Module):
    def __init__(self, backbone: MoveNetBackbone) -> None:
        super().__init__()
        self.backbone = backbone

    def forward(self, image: Tensor) -> tuple[Tensor, ...]:
        return tuple(self.backbone.frozen_maps(image))


def freeze(network: Network) -> None:
    """The trunk and MoveNet's own heatmaps learn no more.

    Raises:
        ValueError: the network has no trunk that came from elsewhere.
    """
    backbone, head = network.backbone, network.heatmap_head
    if not isinstance(backbone, MoveNetBackbone) or not isinstance(head, MoveNetHeatmapHead):
        raise ValueError(f"--frozen needs a trunk that was learned elsewhere: preset base, got {network.config.preset}")
    backbone.trunk.requires_grad_(False)
    head.own.requires_grad_(False)


class FrozenTrunk:
    """The maps of a network's trunk as it was when this was made, on one thread."""

    def __init__(self, backbone: MoveNetBackbone, size: int) -> None:
        """Write the trunk as ONNX and open it.

        Args:
            backbone: with the numbers that stay.
            size: pixels a side of the pictures.
        """
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        with tempfile.TemporaryDirectory() as folder:
            file = Path(folder) / "trunk.onnx"
            _write(_Maps(backbone).eval(), size, file)
            self.session = onnxruntime.InferenceSession(file, options, providers=["CPUExecutionProvider"])

    def __call__(self, image: Tensor) -> FrozenMaps:
        """Maps of pictures (B, 3, S, S), normalised."""
        found = self.session.run(None, {"image": image.contiguous().numpy()})
        return FrozenMaps(*(torch.from_numpy(array) for array in found))


def _write(model: nn.Module, size: int, file: Path) -> None:
    with warnings.catch_warnings():  # torch's own: deprecations within the exporter
        warnings.simplefilter("ignore")
        torch.onnx.export(
            model,
            (torch.zeros(2, 3, size, size),),
            file,
            input_names=["image"],
            output_names=list(FrozenMaps._fields),
            dynamo=True,
            dynamic_shapes={"image": {0: torch.export.Dim("batch", min=1, max=LARGEST_BATCH)}},
            opset_version=OPSET,
            external_data=False,
            verbose=False,
        )
