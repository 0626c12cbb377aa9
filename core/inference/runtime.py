"""What runs the network: ONNX Runtime by default, torch when asked; one protocol for both."""

from __future__ import annotations

from typing import Protocol

from ..types import Float, NetworkOutput
from ..weights.bundle import WeightsBundle


class Runtime(Protocol):
    """A loaded network.

    Attributes:
        name: of the library, with its version.
        device: where it runs, as the library calls it.
        notice: a sentence for the person where that is not what was asked for; "" otherwise.
    """

    name: str
    device: str
    notice: str

    def run(self, images: Float) -> NetworkOutput:
        """The network's reading of crops (B, 3, S, S), float32, normalised RGB; B >= 1."""


def open_runtime(
    bundle: WeightsBundle, kind: str = "onnx", device: str = "auto", threads: int | None = None
) -> Runtime:
    """Load the network of a bundle.

    Args:
        bundle: the weights.
        kind: "onnx" or "torch".
        device: "auto", "cpu", "cuda", "cuda:1", ...; the runtime falls back to the CPU and says so.
        threads: of the CPU; None leaves it to the library.

    Raises:
        MocapError: the library is missing, or the model can't be loaded.
        ValueError: an unknown kind or device.
    """
    if kind == "onnx":
        from .onnx_runtime import OnnxRuntime

        return OnnxRuntime(bundle, device, threads)
    if kind == "torch":
        from .torch_runtime import TorchRuntime

        return TorchRuntime(bundle, device, threads)
    raise ValueError(f"expected a runtime onnx or torch, got {kind!r}")
