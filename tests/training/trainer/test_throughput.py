"""Operations counted by hand, and a peak that no product beats."""

from __future__ import annotations

import pytest
import torch

from training.trainer import throughput
from training.trainer.throughput import Meter, Precision, measured_peak, precision_on

CPU = torch.device("cpu")


def test_operations_of_a_product_are_those_by_hand() -> None:
    meter = Meter(CPU, "fp32")
    weight = torch.zeros(300, 200, requires_grad=True)
    with meter.counting(samples=50):
        (torch.zeros(50, 300) @ weight).sum().backward()
    told = meter.told(samples_per_s=0.0)
    assert told["gflop_per_sample"] == round(2 * 2 * 300 * 200 / 1e9, 3)  # forward, and the weight's gradient
    assert told["mfu_percent"] == 0


def test_only_the_first_step_is_counted() -> None:
    meter = Meter(CPU, "fp32")
    for rows in (1000, 1):
        with meter.counting(samples=1):
            torch.zeros(rows, 1000) @ torch.zeros(1000, 1000)
    assert meter.told(0.0)["gflop_per_sample"] == 2.0


def test_share_of_the_peak_is_a_hundred_at_the_peak() -> None:
    meter = Meter(CPU, "fp32")
    with meter.counting(samples=1):
        torch.zeros(1000, 1000) @ torch.zeros(1000, 1000)
    at_peak = meter._peak / 2e9
    assert meter.told(at_peak)["mfu_percent"] == 100
    assert meter.told(at_peak / 4)["mfu_percent"] == 25


def test_peak_is_measured() -> None:
    assert measured_peak(CPU, "fp32") > 1e8


@pytest.mark.parametrize(("is_fast", "chosen"), [(True, "bf16"), (False, "fp32")])
def test_auto_takes_bfloat16_where_the_processor_has_it(
    monkeypatch: pytest.MonkeyPatch, is_fast: bool, chosen: Precision
) -> None:
    monkeypatch.setattr(throughput, "has_fast_bf16", lambda _device: is_fast)
    assert precision_on(CPU, "auto") == chosen
    assert precision_on(CPU, "bf16") == "bf16" and precision_on(CPU, "fp32") == "fp32"
