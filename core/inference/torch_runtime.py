"""The network in torch, from `model.safetensors`: for research, and for GPUs that ONNX Runtime can't use.

The only file of the inference path that imports torch; it is loaded when `--runtime torch` asks for it.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ..body.model import load_body
from ..errors import MocapError, WeightsError
from ..types import Float, NetworkOutput
from ..weights.bundle import WeightsBundle


class TorchRuntime:
    """A `Runtime`; see there."""

    def __init__(self, bundle: WeightsBundle, device: str = "auto", threads: int | None = None) -> None:
        """Build the network of the bundle's configuration and fill it."""
        try:
            import torch
        except ImportError as error:
            raise MocapError(
                "torch is not installed; install it in the engine's Python, or leave out --runtime torch"
            ) from error
        self._torch = torch
        if threads:
            torch.set_num_threads(threads)
        self.name = f"torch {torch.__version__}"
        self.device, self.notice = _device(torch, device)
        self._network = _network(bundle).to(self.device)

    def run(self, images: Float) -> NetworkOutput:
        """The network's reading of crops (B, 3, S, S), float32."""
        torch = self._torch
        with torch.inference_mode():
            batch = torch.from_numpy(np.ascontiguousarray(images, np.float32)).to(self.device)
            out = self._network(batch)
        names = NetworkOutput.__dataclass_fields__  # a network without a rotation head gives the first of them, or None
        parts = {name: part.cpu().numpy() for name, part in zip(names, out, strict=False) if part is not None}
        return NetworkOutput(**parts)


def _device(torch: Any, device: str) -> tuple[str, str]:
    """The device, and what to tell where it is not the one that was asked for."""
    has_cuda = torch.cuda.is_available()
    if device == "auto":
        return ("cuda" if has_cuda else "cpu"), ""
    if device == "cpu" or (device.partition(":")[0] == "cuda" and has_cuda):
        return device, ""
    if device.partition(":")[0] != "cuda":
        raise ValueError(f"expected a device auto, cpu, cuda or cuda:N for torch, got {device!r}")
    return "cpu", f"{device} was asked for, but this torch finds no CUDA device: running on the CPU"


def _network(bundle: WeightsBundle) -> Any:
    from safetensors import SafetensorError
    from safetensors.numpy import load_file

    from ..nets import DeployedNetwork, NetConfig, fold, network_for_body

    try:
        config = NetConfig.from_dict(bundle.network)
        tensors = load_file(bundle.torch_file)
    except (KeyError, TypeError, ValueError, OSError, SafetensorError) as error:
        raise WeightsError(
            f"{bundle.folder}: has no network for torch ({error}); leave out --runtime torch, or export again"
        ) from error
    network = network_for_body(config, load_body())
    _fill(network, tensors, bundle)
    return DeployedNetwork(fold(network.eval())).eval()


def _fill(network: Any, tensors: dict[str, Any], bundle: WeightsBundle) -> None:
    """Load all parameters, those in float16 as float32."""
    import torch

    state = {key: torch.from_numpy(value) for key, value in tensors.items()}
    state = {key: value.float() if value.is_floating_point() else value for key, value in state.items()}
    try:
        network.load_state_dict(state)
    except RuntimeError as error:
        raise WeightsError(
            f"{bundle.torch_file}: doesn't fit the network of its config.json; export the weights again"
        ) from error
