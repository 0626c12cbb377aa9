"""Public checkpoints, as the rule makes them, through the importer and back into a network."""

from __future__ import annotations

import json
import pickle
import shutil
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from core.nets import NetConfig, build_network
from training.import_checkpoint import import_weights, main
from training.parity.__main__ import deviation, read_fixture
from training.parity.filling_rule import fill, synthetic_adjacency

FIXTURES = Path(__file__).parent / "fixtures"
SMALLEST = "fastmetro_r50_S"


@pytest.fixture
def work(tmp_path: Path) -> Iterator[Path]:
    """A folder that is emptied afterwards: checkpoints are large."""
    yield tmp_path
    shutil.rmtree(tmp_path)


def _hollow(name: str, keep: str = "", without: str = "-") -> dict[str, torch.Tensor]:
    """Names and shapes of a fixture's upstream weights; the values are one shared zero."""
    keys = read_fixture(FIXTURES / name).keys
    zero = {"float32": torch.zeros(()), "int64": torch.zeros((), dtype=torch.int64)}
    return {
        key.removeprefix(keep): zero[kind].expand(tuple(shape))
        for key, (shape, kind, _) in keys.items()
        if key.startswith(keep) and key != without
    }


def _save(content: object, file: Path) -> Path:
    torch.save(content, file)
    return file


def _complaint(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> str:
    assert main(arguments) == 1
    lines = capsys.readouterr().err.strip().split("\n")
    assert len(lines) == 1
    return lines[0]


def test_imported_fastmetro_computes_what_the_reference_computed(work: Path) -> None:
    torch.set_num_threads(1)
    fixture = read_fixture(FIXTURES / SMALLEST)
    gain = float(fixture.meta["gain"])
    weights = {key: fill(key, tuple(shape), fixture.salt, gain) for key, (shape, *_) in fixture.keys.items()}
    state = {f"module.{key}": torch.from_numpy(np.asarray(value)) for key, value in weights.items()}
    file = _save({"state_dict": state}, work / "fastmetro.pth")
    assert main(["--from", "fastmetro", str(file), "-o", str(work / "ours")]) == 0

    config = NetConfig.from_dict(json.loads((work / "ours" / "network.json").read_text()))
    network = build_network(config, synthetic_adjacency()).eval()
    network.load_state_dict(load_file(work / "ours" / "model.safetensors"), strict=False)
    with torch.no_grad():
        coarse = network(fixture.image()).coarse_vertices.numpy()
    assert deviation("coarse", coarse, fixture.expected["coarse"]).agrees


@pytest.mark.parametrize(
    ("kind", "fixture", "prefix", "backbone"),
    [
        ("pct", "postometro_r50_L", "pct.", "resnet50"),
        ("postometro", "postometro_r50_L", "", "resnet50"),
        ("postometro", "postometro_hrw48_L_nopose", "", "hrnet_w48"),
        ("fastmetro", "fastmetro_r50_L", "", "resnet50"),
    ],
)
def test_every_weight_of_a_public_network_has_a_place(
    work: Path, kind: str, fixture: str, prefix: str, backbone: str
) -> None:
    config, found = import_weights(kind, _save(_hollow(fixture, prefix), work / "net.pt"))
    assert (found.missing, found.unknown, found.mismatched) == ([], [], [])
    assert config.backbone == backbone


def test_extra_weights_are_named_and_left_out(work: Path, capsys: pytest.CaptureFixture[str]) -> None:
    weights = {**_hollow(SMALLEST), "colour_head.weight": torch.zeros(3)}
    file = _save(weights, work / "net.pt")
    assert main(["--from", "fastmetro", str(file), "-o", str(work / "ours")]) == 0
    assert "colour_head.weight" in capsys.readouterr().out
    assert json.loads((work / "ours" / "import.json").read_text())["unknown"] == ["colour_head.weight"]


def test_missing_weight_is_named(work: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = _save(_hollow(SMALLEST, without="dim_reduce_dec.weight"), work / "net.pt")
    said = _complaint(["--from", "fastmetro", str(file), "-o", str(work / "ours")], capsys)
    assert "1 weights are missing (mesh.narrow_queries.weight)" in said and str(file) in said
    assert not (work / "ours").exists()


def test_weight_of_another_shape_is_named(work: Path, capsys: pytest.CaptureFixture[str]) -> None:
    weights = {**_hollow(SMALLEST), "xyz_regressor.bias": torch.zeros(4)}
    said = _complaint(["--from", "fastmetro", str(_save(weights, work / "net.pt")), "-o", str(work / "ours")], capsys)
    assert "mesh.to_xyz.bias: expected (3,), got (4,)" in said


def test_checkpoint_of_another_network_is_refused(work: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = _save(_hollow(SMALLEST), work / "net.pt")
    assert "not a pct checkpoint" in _complaint(["--from", "pct", str(file), "-o", str(work / "ours")], capsys)


def test_absent_file_is_named(work: Path, capsys: pytest.CaptureFixture[str]) -> None:
    said = _complaint(["--from", "pct", str(work / "no.pth"), "-o", str(work / "ours")], capsys)
    assert said.startswith(f"{work / 'no.pth'}: no such file")


class _Bomb:
    def __reduce__(self) -> tuple[object, tuple[str]]:
        return Path.touch, (Path("bomb"),)


@pytest.mark.parametrize("content", [b"", b"not a checkpoint", pickle.dumps(_Bomb())], ids=["empty", "text", "code"])
def test_unreadable_file_is_refused_and_runs_nothing(
    work: Path, content: bytes, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(work)
    (work / "net.pth").write_bytes(content)
    said = _complaint(["--from", "pct", "net.pth", "-o", "ours"], capsys)
    assert said.startswith("net.pth: not a checkpoint that can be read safely")
    assert not (work / "bomb").exists()


def test_present_output_folder_is_left_alone(work: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (work / "ours").mkdir()
    file = _save(_hollow(SMALLEST), work / "net.pt")
    said = _complaint(["--from", "fastmetro", str(file), "-o", str(work / "ours")], capsys)
    assert "is there already" in said and list((work / "ours").iterdir()) == []


@pytest.mark.parametrize(
    ("kind", "fixture", "own"),
    [
        ("resnet50", "resnet50", "backbone"),
        ("hrnet_w48", "hrnet_w48", "backbone"),
        ("swin", "swinv2_base", "pose_backbone"),
    ],
)
@pytest.mark.parametrize("prefix", ["", "backbone."])
def test_backbone_goes_where_a_whole_network_has_it(work: Path, kind: str, fixture: str, own: str, prefix: str) -> None:
    weights = {f"{prefix}{name}": value for name, value in _hollow(fixture).items()}
    weights["deconv_layers.0.weight"] = torch.zeros(1)  # the public files end in a head for heatmaps
    config, found = import_weights(kind, _save({"state_dict": weights}, work / "weights.pth"))
    with torch.device("meta"):
        network = build_network(config, np.eye(431, dtype=bool))
    wanted = {name for name in network.state_dict() if name.startswith(f"{own}.")}
    assert {name for name in found.state if not name.endswith("num_batches_tracked")} == {
        name for name in wanted if not name.endswith("num_batches_tracked")
    }
    assert found.unknown == ["deconv_layers.0.weight"]


def test_another_backbone_is_refused(work: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = _save(_hollow("resnet50"), work / "weights.pth")
    said = _complaint(["--from", "hrnet_w48", str(file), "-o", str(work / "ours")], capsys)
    assert "not a hrnet_w48 checkpoint; check --from" in said
