"""Training on a mixture of published sets: masks in the losses, resuming, faults in one sentence, research only."""

from __future__ import annotations

import json
from dataclasses import replace
from functools import lru_cache
from pathlib import Path
from tempfile import mkdtemp

import pytest
import torch
from safetensors.torch import load_file

from tests.fixtures.people import made_up_people
from tests.fixtures.picture_store import small_store
from training.datasets import DatasetError, writers
from training.datasets.mixture import MixSettings
from training.datasets.mixture_file import open_mix, read_mix
from training.export import network
from training.stages.mesh import MeshModule
from training.stages.published_mesh import MixedConfig, MixedStage
from training.train import main
from training.trainer import checkpoint
from training.trainer.parallel import World
from training.trainer.run_log import read_events

ALONE = World(0, 1, torch.device("cpu"))
SIZE = 64


@lru_cache(maxsize=1)
def mix_file() -> Path:
    folder = Path(mkdtemp(prefix="mix-"))
    people = list(made_up_people(5))
    writers.write_cliff(folder / "coco", "coco2014part_cliffGT.npz", people[:3])
    writers.write_eft(folder / "coco", "COCO2014-All-ver01.json", people)
    writers.write_coco(folder / "coco", "train2017", people)
    sets = [
        f"  - {{name: {name}, folder: coco, share: 1}}"
        for name in ("coco-cliff", "coco-eft", "coco-keypoints-train2017")
    ]
    (folder / "mix.yaml").write_text("\n".join(["sets:", *sets, "unique: [coco-cliff, coco-eft]", ""]))
    return folder / "mix.yaml"


def config(**changed: object) -> MixedConfig:
    return replace(MixedConfig(output=Path("unused"), samples=1, mix=mix_file(), size=SIZE, batch=6), **changed)  # type: ignore[arg-type]


@lru_cache(maxsize=1)
def module() -> MeshModule:
    return MixedStage(config(), ALONE).module.eval()


def test_mix_file_is_read_and_duplicates_are_left_out(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO", "training")
    mixed = open_mix(read_mix(mix_file()), MixSettings(size=SIZE))
    assert [len(reader) for reader in mixed.readers] == [3, 2, 5]
    assert "coco-eft: 3 people left out" in caplog.text


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("sets: []", "should hold sets"),
        ("sets: [{name: lsp, folder: x}]\nsmpll: y", "should hold sets"),
        ("sets: [{name: lsp}]", "a set should have name, folder and share"),
        ("sets: [{name: nothing, folder: x}]", "no set is called nothing"),
        ("sets: [{name: lsp, folder: x}]\nunique: [lspet]", "names lspet under unique"),
        ("sets: [unclosed", "no YAML file"),
    ],
)
def test_mix_file_faults(tmp_path: Path, content: str, said: str) -> None:
    path = tmp_path / "mix.yaml"
    path.write_text(content)
    with pytest.raises(DatasetError, match=said):
        read_mix(path)


def test_losses_ignore_what_a_set_lacks() -> None:
    """Whatever stands in a masked label, the terms stay; what is not masked moves them."""
    batch = MixedStage(config(), ALONE).batch(0, 0.0)
    assert batch.has_mesh.any() and not batch.has_mesh.all()
    junk = replace(
        batch,
        lsp_3d=torch.where(batch.lsp_3d_weight[..., None] > 0, batch.lsp_3d, 9.0),
        coarse_vertices=torch.where(batch.has_mesh[:, None, None], batch.coarse_vertices, 9.0),
        intermediate_vertices=torch.where(batch.has_mesh[:, None, None], batch.intermediate_vertices, 9.0),
        coco_2d=torch.where(batch.coco_2d[..., 2:] > 0, batch.coco_2d, torch.tensor([0.7, 0.7, 0.0])),
        lsp_2d=torch.where(batch.lsp_2d[..., 2:] > 0, batch.lsp_2d, torch.tensor([0.7, 0.7, 0.0])),
        parts=batch.parts + 3,
        facing=batch.facing + 2,
    )
    moved = replace(
        batch, lsp_3d=batch.lsp_3d + torch.arange(14)[:, None] / 10, coarse_vertices=batch.coarse_vertices + 0.3
    )
    with torch.no_grad():
        terms, same, other = (module()(each) for each in (batch, junk, moved))
    for name, value in terms.items():
        torch.testing.assert_close(same[name], value, msg=f"{name} reads a masked label")
    assert all(
        float(other[name]) != float(terms[name]) for name in ("joints", "vertices", "token_joints", "regressed_joints")
    )
    assert all(float(terms[name]) == 0 for name in ("parts", "facing", "rest", "person"))


def test_batch_with_no_mesh_and_no_joints_has_finite_losses() -> None:
    batch = MixedStage(config(), ALONE).batch(0, 0.0)
    nothing = replace(
        batch, has_mesh=torch.zeros(6, dtype=torch.bool), lsp_3d_weight=torch.zeros(6, 14),
        coco_2d=torch.zeros(6, 17, 3), lsp_2d=torch.zeros(6, 14, 3),
    )  # fmt: skip
    with torch.no_grad():
        terms = module()(nothing)
    assert all(torch.isfinite(value) for value in terms.values())
    assert float(terms["vertices"] + terms["edges"] + terms["token_joints"] + terms["tokens"]) == 0


def test_loaders_read_ahead_the_same_pictures_also_after_a_jump() -> None:
    stages = [
        MixedStage(config(batch=1, loaders=n, rendered_every=3, store=small_store().folder), ALONE) for n in (0, 1)
    ]
    for step in (0, 1, 2, 3, 4, 7, 8):
        first, second = (stage.batch(step, 0.0) for stage in stages)
        assert torch.equal(first.image, second.image)
        assert bool(first.has_dense.any()) == (step % 3 == 0)


def test_stage_trains_and_its_weights_say_research_only(tmp_path: Path) -> None:
    run = tmp_path / "run"
    arguments = ["--samples", "4", "--batch", "2", "--log-steps", "1", "--size", str(SIZE), "--mix", str(mix_file())]
    assert main(["mixed", "--output", str(run), *arguments]) == 0
    steps = [event for event in read_events(run) if event["event"] == "step"]
    assert len(steps) == 2 and {"vertices", "projection", "tokens", "heatmap"} <= steps[0].keys()
    assert network.learned_photographs(run) and network.body_of(run).name == "open"
    data = [entry["name"] for entry in network.research_data(run)]
    assert len(data) == 3 and data[1] == "COCO 2014 with EFT's fits"


def test_resumed_run_equals_one_that_never_stopped(tmp_path: Path) -> None:
    arguments = [
        "--batch",
        "2",
        "--size",
        str(SIZE),
        "--mix",
        str(mix_file()),
        "--schedule",
        "constant",
        "--precision",
        "fp32",
    ]
    for name, samples in (("whole", "8"), ("parts", "4"), ("parts", "8")):
        assert main(["mixed", "--output", str(tmp_path / name), *arguments, "--samples", samples, "--resume"]) == 0
    whole, parts = (load_file(checkpoint.latest(tmp_path / name) / "model.safetensors") for name in ("whole", "parts"))
    assert whole.keys() == parts.keys() and all(torch.equal(value, parts[name]) for name, value in whole.items())


def test_fault_of_a_set_ends_a_run_in_one_sentence(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    people = list(made_up_people(5))
    path = writers.write_eft(tmp_path, "COCO2014-All-ver01.json", people)
    content = json.loads(path.read_text())
    content["data"][3]["bbox_scale"] = float("nan")
    path.write_text(json.dumps(content))
    (tmp_path / "mix.yaml").write_text("sets: [{name: coco-eft, folder: .}]\n")
    arguments = ["--samples", "64", "--batch", "4", "--size", str(SIZE), "--mix", str(tmp_path / "mix.yaml")]
    assert main(["mixed", "--output", str(tmp_path / "run"), *arguments]) == 1
    said = capsys.readouterr().err.strip()
    assert said.startswith("training.train: ") and "record 3" in said and "\n" not in said
