import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from core.body.model import load_body
from core.errors import WeightsError
from core.inference.runtime import open_runtime
from core.weights.bundle import check_body, read_bundle
from core.weights.find import find_weights
from tests.fixtures.graphs import write_bundle


def _edit(folder: Path, change: Callable[[dict[str, Any]], object]) -> None:
    file = folder / "config.json"
    config = json.loads(file.read_text())
    change(config)
    file.write_text(json.dumps(config))


def test_bundle_in_a_folder_is_read(blob_weights: Path) -> None:
    bundle = find_weights(blob_weights)
    assert (bundle.name, bundle.input_size, bundle.is_commercial, len(bundle.digest)) == ("blob", 64, True, 64)


def test_unknown_name_is_an_error_that_says_what_can_be_given() -> None:
    with pytest.raises(WeightsError, match="no-such: no such weights; give a name, a folder or owner/name@revision"):
        find_weights("no-such")


def test_folder_without_config_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match="no weights in it"):
        find_weights(tmp_path)


def test_config_that_is_no_json_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text("{")
    with pytest.raises(WeightsError, match=r"config\.json: damaged"):
        find_weights(tmp_path)


def test_config_without_a_field_is_an_error_that_names_it(tmp_path: Path) -> None:
    write_bundle(tmp_path)
    _edit(tmp_path, lambda config: config.pop("body_digest"))
    with pytest.raises(WeightsError, match="'body_digest' missing"):
        find_weights(tmp_path)


def test_model_with_a_changed_byte_is_refused(tmp_path: Path) -> None:
    write_bundle(tmp_path)
    content = bytearray((tmp_path / "model.onnx").read_bytes())
    content[-1] ^= 1
    (tmp_path / "model.onnx").write_bytes(content)
    with pytest.raises(WeightsError, match=r"model\.onnx: damaged or changed"):
        find_weights(tmp_path)


def test_missing_model_is_refused(tmp_path: Path) -> None:
    write_bundle(tmp_path)
    (tmp_path / "model.onnx").unlink()
    with pytest.raises(WeightsError, match=r"model\.onnx: missing"):
        find_weights(tmp_path)


def test_missing_parameters_for_torch_are_no_error_until_torch_asks(tmp_path: Path) -> None:
    write_bundle(tmp_path)
    (tmp_path / "model.safetensors").write_bytes(b"parameters")
    _edit(tmp_path, lambda config: config["files"].update({"model.safetensors": {"sha256": "0" * 64, "bytes": 10}}))
    with pytest.raises(WeightsError, match=r"model\.safetensors: damaged or changed"):
        find_weights(tmp_path)
    (tmp_path / "model.safetensors").unlink()
    bundle = find_weights(tmp_path)
    with pytest.raises(WeightsError, match="has no network for torch"):
        open_runtime(bundle, "torch")


def test_file_outside_the_folder_is_refused(tmp_path: Path) -> None:
    write_bundle(tmp_path)
    _edit(tmp_path, lambda config: config["files"].update({"../x": {"sha256": "", "bytes": 0}}))
    with pytest.raises(WeightsError, match="outside its folder"):
        find_weights(tmp_path)


def test_newer_bundle_is_refused(tmp_path: Path) -> None:
    write_bundle(tmp_path, format_version=2)
    with pytest.raises(WeightsError, match="newer version"):
        find_weights(tmp_path)


def test_weights_for_another_body_are_refused_by_name(tmp_path: Path) -> None:
    write_bundle(tmp_path, body_digest="0" * 64)
    with pytest.raises(WeightsError, match=r"for the body 'open' \(00000000\), not for 'open'"):
        find_weights(tmp_path)


def test_weights_are_held_against_the_body_that_is_given(blob_weights: Path) -> None:
    other = replace(load_body(), name="mine", digest="f" * 64)
    with pytest.raises(WeightsError, match="not for 'mine'"):
        check_body(read_bundle(blob_weights), other)


def test_digest_changes_with_the_crops_and_not_with_the_scores(tmp_path: Path, blob_weights: Path) -> None:
    digest = read_bundle(blob_weights).digest
    assert read_bundle(write_bundle(tmp_path / "scores", scores={"pck": 1})).digest == digest
    assert read_bundle(write_bundle(tmp_path / "crops", box_factor=1.4)).digest != digest


def test_learned_sampler_is_read_out_of_the_safetensors(tmp_path: Path) -> None:
    from safetensors.numpy import save_file

    write_bundle(tmp_path, upsampler="learned")
    rng = np.random.default_rng(0)
    weight, bias = rng.normal(size=(1723, 431)).astype(np.float16), rng.normal(size=(1723, 1)).astype(np.float16)
    save_file({"to_intermediate.weight": weight, "to_intermediate.bias": bias}, tmp_path / "model.safetensors")
    sampler = read_bundle(tmp_path).learned_sampler()
    assert sampler is not None
    np.testing.assert_array_equal(sampler.matrix, weight.astype(np.float32))
    np.testing.assert_array_equal(sampler.bias, bias[:, 0].astype(np.float32))
