"""A run of the paper's stages becomes a bundle: both runtimes alike, both protocols in its card, 8 bits and float16."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import onnx
import pytest

from core.inference.runtime import open_runtime
from core.weights.find import find_weights
from tests.fixtures.paper_sets import mix, runs
from tests.fixtures.picture_store import small_store
from training import evaluate_paper
from training.export import bundle, publish, quantise
from training.export.__main__ import main
from training.export.network import probe_crops

FLOAT32_NOISE = 1e-4
FEW_BITS = 0.13  # metres, on pictures of nobody, after two steps of training; matrices in whole and in part


@pytest.fixture(scope="module")
def exported(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("weights")
    given = ["--weights", str(runs() / "mesh"), "--places", mix("places"), "--set", "3DPW-TEST", "--people", "3"]
    assert evaluate_paper.main([*given, "--json", str(folder / "scores.json")]) == 0
    command = [str(runs() / "mesh"), "-o", str(folder / "debug"), "--scores", str(folder / "scores.json")]
    assert main(command) == 0
    return folder / "debug"


@pytest.mark.slow
def test_bundle_of_the_paper_answers_alike_in_both_runtimes(exported: Path) -> None:
    found, images = find_weights(exported), probe_crops(256, 2, seed=1)
    assert (found.preset, found.input_size, found.upsampler) == ("resnet50-debug", 256, "learned")
    assert not found.is_commercial and found.learned_sampler() is not None
    by_onnx, by_torch = (open_runtime(found, kind, "cpu", 1).run(images) for kind in ("onnx", "torch"))
    assert np.allclose(by_onnx.coarse_vertices, by_torch.coarse_vertices, atol=FLOAT32_NOISE)


@pytest.mark.slow
def test_card_tells_both_protocols_what_was_learned_and_commands_that_run(exported: Path) -> None:
    card = (exported / bundle.CARD).read_text()
    assert "| 3dpw-test | METRO | 3 |" in card and "| 3dpw-test | SPIN | 3 |" in card
    assert "Trained on published sets that may serve research alone" in card and "training/pictures" not in card
    assert "python -m training.train paper-mesh --output runs/mesh" in card
    assert "python -m training.train paper-tokenizer" in card and "COCO" in card
    publish.checked_files(exported)  # nothing that it asks for is missing


@pytest.mark.slow
@pytest.mark.parametrize("option", [[], ["--convolutions"], ["--half"]])
def test_smaller_numbers_answer_nearly_alike_from_a_smaller_file(
    exported: Path, option: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(quantise, "score", lambda *_given: 40.0)  # sixteen people would tell little
    target = tmp_path / "small"
    assert quantise.main([str(exported), "-o", str(target), "--store", str(small_store().folder), *option]) == 0
    whole, small = find_weights(exported), find_weights(target)
    assert small.onnx_file.stat().st_size < 0.9 * whole.onnx_file.stat().st_size
    images = probe_crops(256, 2)
    runtimes = [open_runtime(each, "onnx", "cpu", 1) for each in (whole, small)]
    wanted, got = (each.run(images).coarse_vertices for each in runtimes)
    assert 0 < np.abs(wanted - got).mean() < FEW_BITS
    assert ("made for GPUs" in runtimes[1].notice) == (option == ["--half"])
    card = (target / bundle.CARD).read_text()
    assert card.count("Made smaller") == 1 and "40.00 mm before, 40.00 mm after" in card
    if option == ["--half"]:
        tensors = onnx.load(small.onnx_file).graph.initializer
        assert sum(np.prod(each.dims) for each in tensors if each.data_type == onnx.TensorProto.FLOAT) < 100


def test_run_without_a_mesh_is_one_sentence(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "paper.json").write_text(json.dumps({"preset": "resnet50-debug", "learned_from": []}))
    assert main([str(tmp_path), "-o", str(tmp_path / "bundle")]) == 1
    error = capsys.readouterr().err
    assert error.startswith("training.export: ") and "export a run of paper-mesh" in error
    assert not (tmp_path / "bundle").exists()
