"""How well a run uses its machine: floating-point operations a sample, of the most that the machine can do, and memory.

MFU (model FLOPs utilisation, Chowdhery et al. 2022, PaLM, App. B): operations that the model needs, forward and
backward, a second, over the machine's peak. The peak is measured, not read from a data sheet: a square product of
matrices in the run's own precision, on the run's own device and threads.
"""

from __future__ import annotations

import resource
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Literal

import torch
from torch.utils.flop_counter import FlopCounterMode

Precision = Literal["bf16", "fp32"]
PrecisionChoice = Literal["auto", "bf16", "fp32"]
SIDE = {"cpu": 1024, "cuda": 8192}
ROUNDS = 5


def has_fast_bf16(device: torch.device) -> bool:
    """Whether products in bfloat16 are no slower than in float32: on GPUs, and on processors for which oneDNN has
    kernels of them (AVX-512 and up, newer Arm). Elsewhere torch's own loops do it: 2 GFLOP/s, not 50, on an AVX2 core.
    """
    return device.type != "cpu" or bool(torch.ops.mkldnn._is_mkldnn_bf16_supported())


def precision_on(device: torch.device, choice: PrecisionChoice) -> Precision:
    """What "auto" stands for on a device; the others are themselves."""
    if choice != "auto":
        return choice
    return "bf16" if has_fast_bf16(device) else "fp32"


def measured_peak(device: torch.device, precision: Precision) -> float:
    """Operations a second of a product of two square matrices, the best of a few; two for each multiply and add.

    Args:
        device: of the run.
        precision: of the run's products.
    """
    side = SIDE[device.type]
    matrix = torch.ones(side, side, dtype=torch.bfloat16 if precision == "bf16" else torch.float32, device=device)
    best = float("inf")
    for _ in range(ROUNDS + 1):  # the first one warms up
        _wait(device)
        start = time.perf_counter()
        torch.mm(matrix, matrix)
        _wait(device)
        best = min(best, time.perf_counter() - start)
    return 2.0 * side**3 / best


def _wait(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize(device)


class Meter:
    """Counts the operations of one step, and tells what share of the machine's peak a rate is."""

    def __init__(self, device: torch.device, precision: Precision) -> None:
        self._device, self._precision = device, precision
        self._flops_per_sample = 0.0
        self._peak = 0.0

    @contextmanager
    def counting(self, samples: int) -> Iterator[None]:
        """Within it, one step on so many samples runs; only the first time is counted, the others cost nothing.

        Attention that ONNX or a vendor's library fuses by itself is not counted; torch's own is.
        """
        if self._flops_per_sample:
            yield
            return
        counter = FlopCounterMode(display=False)
        with counter:
            yield
        self._flops_per_sample = max(1.0, counter.get_total_flops()) / samples
        self._peak = measured_peak(self._device, self._precision)

    def told(self, samples_per_s: float) -> dict[str, float]:
        """For the log.

        Args:
            samples_per_s: of this process.

        Returns:
            GFLOP a sample, MFU in per cent, and the most memory that this process has held, MB.
        """
        mfu = 100 * samples_per_s * self._flops_per_sample / self._peak if self._peak else 0.0
        return {
            "gflop_per_sample": round(self._flops_per_sample / 1e9, 3),
            "mfu_percent": round(mfu, 2),
            "peak_memory_mb": round(peak_memory_mb(self._device)),
        }


def peak_memory_mb(device: torch.device) -> float:
    """The most that this process has held: of the GPU's memory on a GPU, else of the machine's."""
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated(device) / 1e6
    held = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return held / 1e6 if sys.platform == "darwin" else held * 1024 / 1e6
