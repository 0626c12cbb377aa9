"""The network in ONNX Runtime: CPU by default, a GPU where that build is installed."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import MocapError, WeightsError, first_line
from ..types import Float, NetworkOutput
from ..weights.bundle import WeightsBundle
from ..weights.rotation_tokens import network_shapes
from .onnx_check import check_onnx

CPU = "CPUExecutionProvider"
PROVIDERS = {
    "cpu": CPU,
    "cuda": "CUDAExecutionProvider",
    "directml": "DmlExecutionProvider",
    "coreml": "CoreMLExecutionProvider",
}
AUTO = ("CUDAExecutionProvider",)
"""What `auto` tries before the CPU; the others have not been measured and run when asked for."""
ROW_SHAPES: dict[str, tuple[int, ...]] = {
    "coarse_vertices": (431, 3),
    "joints": (14, 3),
    "weak_camera": (3,),
    "keypoints": (17, 2),
    "joints_2d": (14, 2),
    "joint_confidence": (14,),
    "token_confidence": (34,),
    "pose_token_ids": (34,),
    "person_score": (),
}
"""Of one crop, without a rotation head."""
ERRORS_ONLY = 3
WAIT = ("session.intra_op.allow_spinning", "0")
"""Threads that have nothing to do sleep: by default they spin, and take the core from decoding, from Blender and from
other runs. With 2 threads, one crop of `open-tiny`: 31 ms of CPU spinning, 19 ms sleeping (`bench stream`)."""


class OnnxRuntime:
    """A `Runtime`; see there."""

    def __init__(self, bundle: WeightsBundle, device: str = "auto", threads: int | None = None) -> None:
        """Load `model.onnx` on the device, or on the CPU with a notice."""
        try:
            import onnxruntime
        except ImportError as error:
            raise MocapError(
                "onnxruntime is not installed; install onnxruntime or onnxruntime-gpu, or use --runtime torch"
            ) from error
        provider, options = _provider(device, onnxruntime.get_available_providers())
        self._file = bundle.onnx_file
        self._shapes = {**ROW_SHAPES, **network_shapes(bundle.rotation_tokens)}
        self._session = _session(onnxruntime, bundle.onnx_file, [(provider, options), (CPU, {})], threads)
        used = self._session.get_providers()[0]
        self.name = f"onnxruntime {onnxruntime.__version__}"
        self.device = next(name for name, known in PROVIDERS.items() if known == used)
        self.notice = ""
        wanted = PROVIDERS.get(device.partition(":")[0], used)
        if wanted != used:
            self.notice = (
                f"{device} was asked for, but this onnxruntime can't use it "
                f"(it has {', '.join(onnxruntime.get_available_providers())}): running on the CPU; "
                "for NVIDIA cards install onnxruntime-gpu[cuda,cudnn] in the engine's Python"
            )
        elif bundle.is_half and used == CPU:
            self.notice = f"{bundle.name} is float16, made for GPUs: on a CPU the float32 weights are faster"
        missing = set(self._shapes) - {output.name for output in self._session.get_outputs()}
        if missing:
            raise WeightsError(
                f"{bundle.onnx_file}: lacks the outputs {', '.join(sorted(missing))}; export it again"
            )

    def run(self, images: Float) -> NetworkOutput:
        """The network's reading of crops (B, 3, S, S), float32."""
        try:
            arrays = self._session.run(list(self._shapes), {"image": np.ascontiguousarray(images, np.float32)})
        except Exception as error:  # its errors share no base class of their own
            raise WeightsError(f"{self._file}: fails on a picture ({first_line(error)}); export it again") from error
        for name, array in zip(self._shapes, arrays, strict=True):
            kind, shape = getattr(array, "dtype", np.dtype(object)).kind, np.shape(array)
            if kind not in "fiu" or shape != (len(images), *self._shapes[name]):
                raise WeightsError(f"{self._file}: gives {name} as {shape} of kind {kind!r}; export it again")
        return NetworkOutput(**dict(zip(self._shapes, arrays, strict=True)))



def _provider(device: str, available: list[str]) -> tuple[str, dict[str, Any]]:
    """The provider to try, and its options."""
    match = re.fullmatch(rf"(auto|{'|'.join(PROVIDERS)})(?::(\d+))?", device)
    if match is None:
        raise ValueError(f"expected a device auto, {', '.join(PROVIDERS)} or cuda:N, got {device!r}")
    name, number = match.groups()
    wanted = [known for known in AUTO if known in available] if name == "auto" else [PROVIDERS[name]]
    provider = next((known for known in wanted if known in available), CPU)
    return provider, {"device_id": int(number)} if number and provider != CPU else {}


def _session(
    onnxruntime: Any, file: Path, providers: list[tuple[str, dict[str, Any]]], threads: int | None
) -> Any:
    if providers[0][0] == "CUDAExecutionProvider" and hasattr(onnxruntime, "preload_dlls"):
        onnxruntime.preload_dlls()
    chosen = providers[:1] if providers[0][0] == CPU else providers
    return open_session(onnxruntime, file, cpu_options(onnxruntime, threads), chosen)


def cpu_options(onnxruntime: Any, threads: int | None) -> Any:
    """Options of a session: quiet, so many threads (None leaves it to the library), asleep where there is no work."""
    options = onnxruntime.SessionOptions()
    options.log_severity_level = ERRORS_ONLY
    options.intra_op_num_threads = threads or 0
    options.add_session_config_entry(*WAIT)
    return options


def open_session(onnxruntime: Any, file: Path, options: Any, providers: list[Any]) -> Any:
    """A session of a graph that was looked through first.

    Raises:
        WeightsError: missing, damaged, or more than a network.
    """
    check_onnx(file)
    try:
        return onnxruntime.InferenceSession(str(file), options, providers=providers)
    except Exception as error:  # as above
        raise WeightsError(f"{file}: can't be loaded ({first_line(error)}); export it again") from error
