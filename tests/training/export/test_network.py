"""A run becomes a bundle that both runtimes of core read alike, or nothing."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from safetensors.torch import load_file, save_file

from core.body.model import load_body
from core.errors import WeightsError
from core.inference.runtime import open_runtime
from core.nets import preset
from core.weights.find import find_weights
from tests.fixtures.small_run import SIZE, make_run
from training.export import bundle, network
from training.export.__main__ import main
from training.export.half_numbers import store_halves
from training.export.model_card import lineage

FLOAT32_NOISE = 1e-4
SCORES = {
    "rendered": {"about": "Few.", "people": 3, "rows": {"mesh": {"MPJPE": {"value": 90.0, "low": 80.0, "high": 99.0}}}}
}


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_run(tmp_path_factory.mktemp("runs") / "mesh")


@pytest.fixture(scope="module")
def exported(run: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("weights")
    (folder / "scores.json").write_text(json.dumps(SCORES))
    assert network.export(run, folder / "micro", "micro", [folder / "scores.json"])
    return folder / "micro"


def test_exported_bundle_is_found_and_verified(exported: Path) -> None:
    found = find_weights(exported)
    assert (found.name, found.input_size, found.body_digest) == ("micro", SIZE, load_body().digest)
    assert found.is_commercial and found.scores == SCORES


def test_exported_bundle_fits_into_the_repository(exported: Path) -> None:
    assert sum(file.stat().st_size for file in exported.iterdir()) < network.LARGEST_MB * 1e6


def test_exported_models_answer_alike_in_both_runtimes(exported: Path) -> None:
    found, images = find_weights(exported), network.probe_crops(SIZE, 3, seed=1)
    by_onnx, by_torch = (open_runtime(found, kind, "cpu", 1).run(images) for kind in ("onnx", "torch"))
    assert np.allclose(by_onnx.coarse_vertices, by_torch.coarse_vertices, atol=FLOAT32_NOISE)
    assert np.allclose(by_onnx.joints_2d, by_torch.joints_2d, atol=FLOAT32_NOISE)


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A bundle on MoveNet's trunk, of a run that was taken up again with other settings."""
    folder = tmp_path_factory.mktemp("base")
    run = make_run(folder / "mesh", of="base")
    log = run / "log.jsonl"
    again = json.loads(log.read_text().splitlines()[0]) | {"step": 5, "samples": 80}
    first = again | {"step": 0, "samples": 0, "config": again["config"] | {"posed": 16}}
    again["config"] = again["config"] | {"store": "/elsewhere/stores/more", "posed": 24}
    log.write_text("\n".join([json.dumps(first), *log.read_text().splitlines()[1:], json.dumps(again)]) + "\n")
    assert network.export(run, folder / "base", "base")
    return folder / "base"


def test_bundle_on_movenets_trunk_says_whose_features_they_are(base: Path) -> None:
    found, card = find_weights(base), (base / bundle.CARD).read_text()
    assert (found.licence, found.is_commercial, found.mean, found.std) == ("Apache-2.0", True, (0.5,) * 3, (0.5,) * 3)
    assert "Google's MoveNet Thunder" in card and "no photograph was learned from" not in card
    assert "Never saw a photograph" not in card
    assert "Apache License" in (base / bundle.NOTICE).read_text()
    assert json.loads((base / "config.json").read_text())["training_data"][0] == bundle.MOVENET


def test_card_tells_what_was_set_otherwise_before(base: Path) -> None:
    assert "Until 80 samples: `--store train --posed 16`." in (base / bundle.CARD).read_text()


def test_bundle_on_movenets_trunk_answers_alike_in_both_runtimes(base: Path) -> None:
    found = find_weights(base)
    images = network.probe_crops(SIZE, 3, seed=1, of=preset("base"))
    by_onnx, by_torch = (open_runtime(found, kind, "cpu", 1).run(images) for kind in ("onnx", "torch"))
    assert np.allclose(by_onnx.coarse_vertices, by_torch.coarse_vertices, atol=FLOAT32_NOISE)
    assert np.array_equal(by_onnx.pose_token_ids, by_torch.pose_token_ids)


def test_onnx_file_of_base_takes_two_bytes_a_number(base: Path) -> None:
    assert (base / bundle.ONNX).stat().st_size < 1.2 * (base / bundle.SAFETENSORS).stat().st_size


def test_halves_are_stored_where_they_are_exact_and_answers_stay(tmp_path: Path) -> None:
    exact, other = np.float32([[0.5, 2.0]] * 200), np.float32([[0.1, 1 / 3]] * 200)
    for name, values, is_half in (("exact", exact, True), ("other", other, False)):
        constant = onnx.numpy_helper.from_array(values, "w")
        ends = [
            onnx.helper.make_tensor_value_info(n, onnx.TensorProto.FLOAT, s)
            for n, s in (("x", [1, 200]), ("y", [1, 2]))
        ]
        graph = onnx.helper.make_graph(
            [onnx.helper.make_node("MatMul", ["x", "w"], ["y"])], "g", ends[:1], ends[1:], [constant]
        )
        file = tmp_path / f"{name}.onnx"
        onnx.save(onnx.helper.make_model(graph, opset_imports=[onnx.helper.make_opsetid("", 20)], ir_version=9), file)
        x = np.float32(np.arange(200)[None])
        before = onnxruntime.InferenceSession(file).run(None, {"x": x})[0]
        assert store_halves(file) == (values.size if is_half else 0)
        assert np.array_equal(onnxruntime.InferenceSession(file).run(None, {"x": x})[0], before)


def test_exported_onnx_names_no_file_of_the_machine(exported: Path) -> None:
    model = (exported / bundle.ONNX).read_bytes()
    assert str(Path(network.__file__).parent.parent).encode() not in model
    assert b"site-packages" not in model


def test_damaged_bundle_is_refused(exported: Path, tmp_path: Path) -> None:
    copy = tmp_path / "copy"
    shutil.copytree(exported, copy)
    with (copy / bundle.ONNX).open("r+b") as file:
        file.seek(1000)
        file.write(b"\0\1\2\3")
    with pytest.raises(WeightsError, match="damaged"):
        find_weights(copy)


def test_card_tells_scores_command_and_credit_and_no_path(exported: Path) -> None:
    card = (exported / bundle.CARD).read_text()
    assert "90.0 (80.0-99.0)" in card
    assert "python -m training.train mesh --output runs/mesh" in card and "--store train" in card
    assert "mocap.cs.cmu.edu" in card
    assert "| 112 | 1.0 | 123 |" in card
    assert "/somewhere" not in card


def test_export_of_models_that_disagree_writes_nothing(
    exported: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = make_run(tmp_path / "other", seed=1)
    monkeypatch.setattr(network, "write_onnx", lambda _network, path: shutil.copy(exported / bundle.ONNX, path))
    assert main([str(other), "-o", str(tmp_path / "weights")]) == 1
    assert sorted(path.name for path in tmp_path.iterdir()) == ["other"]


def test_export_with_new_scores_keeps_the_models_of_the_same_weights(
    run: Path, exported: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    copy = tmp_path / "micro"
    shutil.copytree(exported, copy)
    monkeypatch.setattr(network, "write_onnx", lambda *_: pytest.fail("exported again"))
    assert network.export(run, copy, "micro")
    assert find_weights(copy).scores == {}
    assert (copy / bundle.ONNX).read_bytes() == (exported / bundle.ONNX).read_bytes()


def test_export_over_a_folder_that_is_no_bundle_is_refused(tmp_path: Path) -> None:
    (tmp_path / "photos").mkdir()
    (tmp_path / "photos" / "one.jpg").write_text("mine")
    (tmp_path / "new").mkdir()
    with pytest.raises(ValueError, match="not a weights bundle"):
        bundle.put_in_place(tmp_path / "new", tmp_path / "photos")
    assert (tmp_path / "photos" / "one.jpg").read_text() == "mine"


def test_new_bundle_replaces_the_old_one(tmp_path: Path) -> None:
    for name in ("old", "new"):
        (tmp_path / name).mkdir()
        (tmp_path / name / bundle.CONFIG).write_text(name)
    bundle.put_in_place(tmp_path / "new", tmp_path / "old")
    assert [path.name for path in tmp_path.iterdir()] == ["old"]
    assert (tmp_path / "old" / bundle.CONFIG).read_text() == "new"


def test_export_of_a_run_of_another_network_says_what_is_missing(run: Path, tmp_path: Path) -> None:
    short = make_run(tmp_path / "short")
    checkpoint = short / "checkpoints" / "000000007"
    save_file({"net.person.weight": torch.zeros(1, 256)}, checkpoint / "model.safetensors")
    with pytest.raises(ValueError, match="lacks"):
        network.network_of_run(short, load_body())


def test_rounded_weights_are_float16_numbers() -> None:
    value = torch.linspace(-3, 3, 101)
    assert torch.equal(network.rounded(value).half().float(), network.rounded(value))
    assert (network.rounded(value) - value).abs().max() < 2e-3


def test_rounding_refuses_what_float16_cannot_hold() -> None:
    with pytest.raises(ValueError, match="float16"):
        network.rounded(torch.tensor([1e6]))


def test_lineage_lists_each_earlier_run_once_and_first(tmp_path: Path) -> None:
    first = make_run(tmp_path / "first")
    second = make_run(tmp_path / "second", init=(str(first),))
    third = make_run(tmp_path / "third", init=(str(first), str(second), str(tmp_path / "gone")))
    assert lineage(third) == [first, second, third]


def test_mean_with_a_bundle_lies_between_both_and_tells_it(run: Path, exported: Path, tmp_path: Path) -> None:
    other = tmp_path / "other"
    shutil.copytree(exported, other)
    theirs = {name: value + 1 if value.is_floating_point() else value for name, value in _weights(exported).items()}
    save_file(theirs, other / bundle.SAFETENSORS)
    assert network.export(run, tmp_path / "mean", "mean", other=network.Other(other, 0.25))
    own = _weights(exported)
    for name, value in _weights(tmp_path / "mean").items():
        wanted = own[name].float() + (0.25 if value.is_floating_point() else 0)
        assert torch.allclose(value.float(), wanted, atol=2e-3, rtol=2e-3), name
    card = (tmp_path / "mean" / bundle.CARD).read_text()
    assert "0.25 of the weights before mesh" in card and card.count("### mesh:") == 2


@pytest.mark.parametrize(("share", "said"), [("1.5", "--share"), ("0.5", "no weights bundle")])
def test_mean_that_cannot_be_ends_in_one_sentence(
    run: Path, tmp_path: Path, share: str, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    given = [str(run), "-o", str(tmp_path / "out"), "--average", str(tmp_path), "--share", share]
    assert main(given) == 1 and not (tmp_path / "out").exists()
    error = capsys.readouterr().err
    assert error.startswith("training.export: ") and said in error and error.count("\n") == 1


def _weights(folder: Path) -> dict[str, torch.Tensor]:
    return load_file(folder / bundle.SAFETENSORS)
