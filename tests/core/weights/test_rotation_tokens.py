"""Bones of the network's own on their way: bundle, both checks of its answer, take."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from core.body.model import load_body
from core.errors import TakeError, WeightsError
from core.geometry.rotations import matrices_of
from core.inference.estimator import Estimator
from core.inference.runtime import open_runtime
from core.take.chunks import chunk_name
from core.take.take import Take, TakeWriter
from core.types import Estimates
from core.weights.find import find_weights
from core.weights.rotation_tokens import RotationTokens, sizes_from_json, sizes_to_json, take_shapes
from tests.fixtures.bone_graphs import PROBABILITY, SIZES
from tests.fixtures.graphs import blob, write_bundle
from tests.fixtures.known_takes import FPS, write_take

BYTES_A_FRAME = 8192
ROUNDED = 1e-3
"""Probabilities in half precision."""


@pytest.fixture(scope="module")
def estimator(bone_weights: Path) -> Estimator:
    bundle = find_weights(bone_weights)
    return Estimator(open_runtime(bundle, threads=1), bundle)


@pytest.fixture(scope="module")
def seen(estimator: Estimator) -> Estimates:
    boxes = np.tile([60.0, 40, 120, 170], (40, 1)) + np.arange(40)[:, None] % 3
    return estimator.estimate(blob([(110, 125)]), boxes)


@pytest.fixture
def take(seen: Estimates, tmp_path: Path) -> Take:
    return write_take(tmp_path, seen, list(range(40)), rotation_tokens=SIZES)


def test_bones_of_the_head_pose_the_body_that_the_mesh_shows(seen: Estimates) -> None:
    body = load_body()
    posed = body.pose(seen.bone_rotations[:2], seen.bone_betas[:2]).vertices
    hips = np.einsum("jv,tvc->tjc", body.lsp_regressor[[2, 3]], posed).mean(1, keepdims=True)
    np.testing.assert_allclose((posed - hips)[:, body.index_431], seen.coarse_vertices[:2], atol=1e-5)


def test_take_keeps_the_bones_in_eight_kilobytes_a_frame(take: Take, seen: Estimates) -> None:
    again = Take.open(take.path)
    kept = again.person("1").estimates
    assert again.header.rotation_tokens == SIZES
    assert kept.arrays().keys() == seen.arrays().keys()
    np.testing.assert_allclose(matrices_of(kept.bone_rotations), seen.bone_rotations, atol=ROUNDED)
    for name in take_shapes(SIZES).keys() - {"bone_rotations"}:
        np.testing.assert_allclose(getattr(kept, name), getattr(seen, name), atol=ROUNDED, err_msg=name)
    np.testing.assert_allclose(kept.bone_token_probability[5, 7], PROBABILITY, atol=ROUNDED)
    assert {name: kept.arrays()[name].dtype.str for name in take_shapes(SIZES)} == {
        "bone_rotations": "<f4", "bone_betas": "<f4", "bone_token_ids": "<u2", "bone_token_probability": "<f2",
    }  # fmt: skip
    size = sum(file.stat().st_size for file in take.path.glob("*.npz"))
    assert size / 40 < BYTES_A_FRAME


def test_interrupted_take_goes_on_with_its_bones(take: Take, seen: Estimates, tmp_path: Path) -> None:
    header = replace(take.header, footage=replace(take.header.footage, path=Path("clip.mp4")))
    for frames in (range(20), range(20, 40)):
        with TakeWriter.open(tmp_path / "again.take", header) as writer:
            for frame in frames:
                writer.add("1", frame, frame / FPS, seen[[frame]])
            writer.commit(frames[-1] + 1)
    again = Take.open(tmp_path / "again.take").person("1").estimates
    for name, array in take.person("1").estimates.arrays().items():
        np.testing.assert_array_equal(getattr(again, name), array, err_msg=name)


def test_take_without_bones_says_that_it_has_none(seen: Estimates, tmp_path: Path) -> None:
    none = dict.fromkeys(take_shapes(SIZES))
    take = write_take(tmp_path, replace(seen, **none), list(range(40)))
    document = json.loads((take.path / "take.json").read_text())
    del document["weights"]["rotation_tokens"], document["weights"]["folder"]  # as before there were any
    (take.path / "take.json").write_text(json.dumps(document))
    again = Take.open(take.path)
    assert (again.header.rotation_tokens, again.header.weights_folder) == (None, None)
    assert again.person("1").estimates.bone_rotations is None


@pytest.mark.parametrize(
    ("name", "spoilt", "said"),
    [
        ("bone_token_ids", lambda a: a + np.uint16(SIZES.codes), "beyond 512"),
        ("bone_token_ids", lambda a: a[:, :-1], "bone_token_ids is"),
        ("bone_token_ids", lambda a: a.astype(np.float32), "bone_token_ids is"),
        ("bone_rotations", lambda a: 3 * a, "no rotations"),
        ("bone_rotations", lambda a: a * np.nan, "not finite"),
        ("bone_token_probability", lambda a: a[..., :2], "bone_token_probability is"),
    ],
)
def test_damaged_bones_are_refused_by_name(take: Take, name: str, spoilt: object, said: str) -> None:
    file = take.path / chunk_name(0, 0)
    with np.load(file) as held:
        arrays = dict(held)
    np.savez(file, **{**arrays, name: spoilt(arrays[name])})  # type: ignore[operator]
    with pytest.raises(TakeError, match=said):
        take.person("1")


@pytest.mark.parametrize(
    "held", [{"tokens": 0, "codes": 9}, {"tokens": 40}, {"tokens": 40, "codes": 2**20}, {"tokens": True, "codes": 9}, 3]
)
def test_sizes_that_are_none_are_refused(held: object) -> None:
    with pytest.raises((ValueError, KeyError, TypeError)):
        sizes_from_json(held)


def test_sizes_go_to_json_and_back() -> None:
    assert sizes_from_json(sizes_to_json(RotationTokens(40, 512))) == RotationTokens(40, 512)
    assert sizes_from_json(sizes_to_json(None)) is None


def test_bundle_that_names_tokens_brings_their_vocabulary(tmp_path: Path, bone_weights: Path) -> None:
    whole = find_weights(bone_weights)
    assert whole.rotation_tokens == SIZES and all(file.is_file() for file in whole.vocabulary_files)
    write_bundle(tmp_path, has_bones=True, files={"model.onnx": {"sha256": "0" * 64}})
    with pytest.raises(WeightsError, match=r"rotation_tokens without bones_encoder\.onnx"):
        find_weights(tmp_path)


def test_changed_vocabulary_is_refused_and_names_another_bundle(tmp_path: Path, bone_weights: Path) -> None:
    folder = write_bundle(tmp_path, has_bones=True)
    assert find_weights(folder).digest == find_weights(bone_weights).digest
    (folder / "bones_decoder.onnx").write_bytes((folder / "bones_encoder.onnx").read_bytes())
    with pytest.raises(WeightsError, match="damaged or changed"):
        find_weights(folder)
    config = json.loads((folder / "config.json").read_text())
    config["files"]["bones_decoder.onnx"] = config["files"]["bones_encoder.onnx"]
    (folder / "config.json").write_text(json.dumps(config))
    assert find_weights(folder).digest != find_weights(bone_weights).digest


def test_network_without_the_head_that_its_bundle_names_is_refused(tmp_path: Path, blob_weights: Path) -> None:
    folder = write_bundle(tmp_path, has_bones=True)
    (folder / "model.onnx").write_bytes((blob_weights / "model.onnx").read_bytes())
    config = json.loads((folder / "config.json").read_text())
    config["files"]["model.onnx"] = json.loads((blob_weights / "config.json").read_text())["files"]["model.onnx"]
    (folder / "config.json").write_text(json.dumps(config))
    with pytest.raises(WeightsError, match="lacks the outputs bone_betas"):
        open_runtime(find_weights(folder), threads=1)


@pytest.mark.parametrize(
    ("name", "spoilt", "said"),
    [
        ("bone_token_ids", lambda a: a + SIZES.codes, "codes that its vocabulary lacks"),
        ("bone_rotations", lambda a: -a, "rotations are none"),
        ("bone_rotations", lambda a: a * np.nan, "rotations are none"),
        ("bone_betas", lambda a: a * np.inf, "not finite"),
    ],
)
def test_impossible_answer_is_refused(
    estimator: Estimator, monkeypatch: pytest.MonkeyPatch, name: str, spoilt: object, said: str
) -> None:
    run = estimator.runtime.run
    broken = lambda images: replace(run(images), **{name: spoilt(getattr(run(images), name) + 0)})  # type: ignore[operator]  # noqa: E731
    monkeypatch.setattr(estimator.runtime, "run", broken)
    with np.errstate(invalid="ignore"), pytest.raises(WeightsError, match=said):
        estimator.estimate(blob([]), np.array([[60.0, 40, 120, 170]]))
