"""The ablations' command: a cache that resumes, arms that see what they should, tables that tell the numbers."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from functools import lru_cache
from pathlib import Path
from tempfile import mkdtemp

import cv2
import numpy as np
import pytest
import torch

from tests.fixtures.picture_store import small_store
from tests.fixtures.small_run import SIZE, make_run
from training.evaluate.rendered import composer_of
from training.stages import picture_stage
from training.studies.ablation import __main__, cache, report
from training.studies.ablation.arms import ERRORS, ArmModule, ArmStage, arm_config
from training.studies.ablation.cache import FeatureCache, Rows
from training.studies.ablation.settings import ARMS, OCCLUDED, SETS, TRAIN, AblationConfig
from training.trainer.parallel import World

PEOPLE = 32


def config(output: Path, **changes: object) -> AblationConfig:
    store = small_store().folder
    own = AblationConfig(
        output=output, weights=weights(), store=store, test_store=store, samples=4, crops=64, people=PEOPLE, batch=2,
        size=SIZE, processes=1, noise=(4.0,), maps=0, precision="fp32", arms=("image", "both"),
    )  # fmt: skip
    return replace(own, **changes)  # type: ignore[arg-type]


def arguments(of: AblationConfig) -> list[str]:
    return [
        "--output", str(of.output), "--weights", str(of.weights), "--store", str(of.store), "--test-store",
        str(of.test_store), "--samples", str(of.samples), "--crops", str(of.crops), "--people", str(of.people),
        "--batch", str(of.batch), "--size", str(of.size), "--processes", "1", "--noise", "4", "--maps", "0",
        "--precision", "fp32", "--arms", *of.arms,
    ]  # fmt: skip


@lru_cache(maxsize=1)
def weights() -> Path:
    return make_run(Path(mkdtemp(prefix="trunk-")) / "run", seed=3)


@lru_cache(maxsize=1)
def finished() -> AblationConfig:
    """Two arms through the command line."""
    own = config(Path(mkdtemp(prefix="ablations-")) / "run")
    assert __main__.main(arguments(own)) == 0
    return own


def rows(name: str = SETS[0], count: int = 4) -> Rows:
    opened = FeatureCache(finished().cache / name)
    return opened.rows(opened.people[:count])


def module(arm: str) -> ArmModule:
    found = ArmModule(arm_config(finished(), arm)).eval()
    for parameter in found.net.mesh.to_xyz.parameters():
        torch.nn.init.normal_(parameter)  # fresh ones hardly move the template
    return found


def changed(arm: str, **fields: torch.Tensor) -> bool:
    """Whether other rows of the cache move an arm's vertices."""
    own, given = module(arm), rows()
    with torch.no_grad():
        first = own.regress(given).coarse_vertices
        return not torch.allclose(first, own.regress(replace(given, **fields)).coarse_vertices, atol=1e-5)


@pytest.mark.parametrize(
    ("arm", "seen"),
    [
        ("image", {"features"}),
        ("pose", {"tokens", "confidence"}),
        ("both", {"features", "tokens", "confidence"}),
        ("linear", {"features", "tokens", "confidence"}),
        ("mixers-8", {"features", "tokens", "confidence"}),
        ("true-tokens", {"features", "token_ids"}),
        ("coordinates", {"features", "keypoints"}),
    ],
)
def test_arm_sees_what_it_is_named_for(arm: str, seen: set[str]) -> None:
    given = rows()
    other = {
        "features": given.features.flip(0), "tokens": given.tokens.flip(1), "confidence": given.confidence + 3,
        "token_ids": (given.token_ids + 7) % 1024, "keypoints": given.keypoints.flip(1),
    }  # fmt: skip
    assert {name for name, value in other.items() if changed(arm, **{name: value})} == seen


@pytest.mark.parametrize("arm", ARMS)
def test_every_arm_learns_all_that_stands_after_the_trunk_and_nothing_before(arm: str) -> None:
    own = ArmModule(arm_config(finished(), arm))
    own(rows(TRAIN))["vertices"].backward()
    learned = {name for name, p in own.named_parameters() if p.grad is not None and bool(p.grad.any())}
    assert learned and not any(name.startswith(tuple(f"net.{part}" for part in cache.TRUNK)) for name in learned)
    heads = {"net.mesh.to_xyz.weight", "net.mesh.camera_token"}
    assert "net.mesh.to_xyz.weight" in learned and heads <= {n for n, p in own.named_parameters() if p.requires_grad}


def test_arms_have_as_many_mixer_blocks_as_they_say() -> None:
    assert [ARMS[f"mixers-{n}"].network().modulator_layers for n in (1, 4, 8)] == [1, 4, 8]
    assert report.MIXER_BLOCKS[ARMS["both"].network().modulator_layers] == "both"


def test_cache_tells_what_the_network_says_of_the_test_pictures() -> None:
    """The trunk's answers in halves, in the order in which `training.evaluate` draws the set."""
    name = SETS[2]
    batch = composer_of(small_store(), SIZE, name).batch(PEOPLE, 0)
    net = cache.TrunkStage(config(finished().output)).module.net
    with torch.no_grad():
        reading = net.read_pose(picture_stage.normalised(batch.image))
        assert reading.token_logits is not None and net.tokenizer is not None
        keypoints = net.tokenizer.decode(net.tokens(reading.token_logits)[0])
        ids = net.tokenizer.token_ids(batch.coco_2d)
    people = np.flatnonzero(batch.has_person.numpy())
    found = rows(name, len(people))
    assert torch.allclose(found.features, reading.features[people], rtol=2e-3, atol=1e-3)
    assert torch.allclose(found.keypoints, keypoints[people], atol=1e-5)
    assert torch.equal(found.token_ids, ids[people])
    assert torch.equal(found.labels.lsp_3d, batch.lsp_3d[people])
    assert bool(found.labels.has_person.all())


def test_interrupted_cache_goes_on_to_the_same_rows(tmp_path: Path) -> None:
    own = config(tmp_path)
    shutil.copytree(finished().cache, own.cache)
    opened = FeatureCache(own.cache / TRAIN)
    expected = np.array(opened.arrays["features"])
    opened.arrays["features"][cache.BATCH :] = 0
    opened.written[1] = False
    assert not cache.is_filled(own)
    cache.prepare(own)
    assert cache.fill(own, World(0, 1, torch.device("cpu"))) == 0
    assert cache.is_filled(own)
    assert np.array_equal(FeatureCache(own.cache / TRAIN).arrays["features"], expected)


def test_every_arm_is_given_the_same_rows_once_a_round() -> None:
    stages = [ArmStage(arm_config(finished(), arm)) for arm in ("image", "both")]
    steps = len(stages[0].people) // 2
    seen = [[stage.batch(step, 0.0).features.sum((1, 2, 3)) for step in range(steps)] for stage in stages]
    assert all(torch.equal(a, b) for a, b in zip(*seen, strict=True))
    assert len(torch.cat(seen[0]).unique()) == 2 * steps


def test_noise_moves_the_tokens_alone_and_more_noise_moves_them_more() -> None:
    own, given = module("both"), rows()
    near, far = (own.with_noise(given, deviation) for deviation in (0.1, 5.0))
    assert torch.equal(near.features, given.features)
    distances = [float((noisy.tokens - given.tokens).norm()) for noisy in (near, far)]
    assert 0 < distances[0] < distances[1]


def test_finished_arms_are_not_trained_again(capsys: pytest.CaptureFixture[str]) -> None:
    own = finished()
    paths = [own.arm_folder(arm) / ERRORS for arm in own.arms]
    before = [path.stat().st_mtime_ns for path in paths]
    assert __main__.main(arguments(own)) == 0
    assert [path.stat().st_mtime_ns for path in paths] == before
    assert "Table 5" in capsys.readouterr().out


def test_files_tell_every_arm_set_and_noise() -> None:
    own = finished()
    told = json.loads((own.output / "ablations.json").read_text())
    assert set(told["arms"]) == set(own.arms) and told["both_beat_either"] is None
    for arm in told["arms"].values():
        assert set(arm["sets"]) == set(SETS)
        assert all(scores["PA-MPJPE"]["low"] <= scores["PA-MPJPE"]["value"] for scores in arm["sets"].values())
    assert set(told["noise"][SETS[0]]) == {"4"}
    text = (own.output / "ablations.md").read_text()
    assert ARMS["image"].about in text and "Fig. 8" in text and "Table 6" not in text
    picture = cv2.imread(str(own.output / "ablations.png"))
    assert picture is not None and picture.shape[:2] == (900, 1400)


def made_up(more: float, people: int = 40) -> dict[str, np.ndarray]:
    """Errors that differ from person to person far more than from arm to arm."""
    errors = np.random.default_rng(0).uniform(0.05, 0.15, (people, 14)) + more
    return {f"{name}/{measure}": errors for name in SETS for measure in report.MEASURES}


@pytest.mark.parametrize(("more", "expected"), [(0.002, True), (0.0, False), (-0.001, False)])
def test_together_beat_either_only_beyond_the_paired_interval(more: float, expected: bool) -> None:
    errors = {"image": made_up(0.002), "pose": made_up(more), "both": made_up(0.0)}
    assert report.is_both_best(errors) is expected
    difference = report.beyond(errors, "pose", f"{OCCLUDED[0]}/PA-MPJPE")
    assert difference.value == pytest.approx(1000 * more, abs=1e-6)
    claim = "beat" if expected else "do NOT beat"
    assert f"Together the tokens {claim}" in report.markdown(errors, "made up")


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (["--arms", "everything"], "--arms"),
        (["--samples", "0"], "--samples"),
        (["--difficulty", "2"], "--difficulty"),
        (["--size", "50"], "--size"),
        (["--store", "/nowhere"], "holds no picture store"),
        (["--weights", "/nowhere"], "/nowhere"),
    ],
)
def test_refusal_is_one_sentence_and_writes_nothing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], given: list[str], said: str
) -> None:
    output = tmp_path / "run"
    assert __main__.main([*arguments(config(output)), *given]) == 1
    error = capsys.readouterr().err.strip()
    assert said in error and len(error.splitlines()) == 1
    assert not output.exists()


@pytest.mark.parametrize(("given", "said"), [(["--samples", "6"], "--samples 4"), (["--seed", "2"], "other settings")])
def test_run_of_other_settings_is_refused(capsys: pytest.CaptureFixture[str], given: list[str], said: str) -> None:
    assert __main__.main([*arguments(finished()), *given]) == 1
    assert said in capsys.readouterr().err
