"""Eight bits: a bundle that loads and answers nearly alike, and nothing where it does not."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest

from core.runtimes import open_runtime
from core.weights import find_weights
from tests.training.picture_store import small_store
from training import bundle, quantise
from training.export import probe_crops


@pytest.mark.parametrize("option", [[], ["--convolutions"]])
def test_eight_bits_answer_nearly_alike_from_a_smaller_file(
    option: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(quantise, "score", lambda *_given: 40.0)  # sixteen people would tell little
    target = tmp_path / "int8"
    store = str(small_store().folder)
    command = ["open-tiny", "-o", str(target), "--store", store, *option]
    assert quantise.main(command) == 0
    whole, small = find_weights("open-tiny"), find_weights(target)
    assert small.onnx_file.stat().st_size < 0.9 * whole.onnx_file.stat().st_size
    operations = {node.op_type for node in onnx.load(small.onnx_file).graph.node}
    assert "DynamicQuantizeLinear" in operations and ("QuantizeLinear" in operations) == bool(option)
    images = probe_crops(whole.input_size, 3)
    wanted, got = (open_runtime(each, "onnx", "cpu", 1).run(images).coarse_vertices for each in (whole, small))
    assert 0 < np.abs(wanted - got).mean() < 0.05  # metres, on pictures of nobody


def test_bundle_that_got_worse_is_not_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    errors = iter([40.0, 41.1])
    monkeypatch.setattr(quantise, "score", lambda *_given: next(errors))
    command = ["open-tiny", "-o", str(tmp_path / "int8"), "--store", str(small_store().folder)]
    assert quantise.main(command) == 1
    assert list(tmp_path.iterdir()) == []


def test_store_that_is_none_is_one_sentence(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert quantise.main(["open-tiny", "-o", str(tmp_path / "int8"), "--store", str(tmp_path / "nowhere")]) == 1
    assert capsys.readouterr().err.startswith("training.quantise: ")
    assert bundle.ONNX not in {path.name for path in tmp_path.rglob("*")}
