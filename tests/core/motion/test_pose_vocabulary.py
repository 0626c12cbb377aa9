"""The vocabulary of a bundle, and how plausible it finds poses."""

import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
import pytest

from core.body.model import load_body
from core.errors import WeightsError
from core.geometry.rotations import matrices_of
from core.motion.motion_file import read_motion, write_motion
from core.motion.plausibility import plausibility_mm
from core.motion.pose_vocabulary import PoseVocabulary, vocabulary_of
from core.motion.report import write_report
from core.motion.solver import solve
from core.motion.trajectory import LockedBody
from core.take.header import TakeHeader
from core.types import FootageInfo
from core.weights.find import find_weights
from tests.fixtures import bone_graphs
from tests.fixtures.bone_graphs import CODES, JOINTS, SIZES
from tests.fixtures.known_takes import estimates, with_bones, write_take


@pytest.fixture(scope="module")
def vocabulary(bone_weights: Path) -> PoseVocabulary:
    return PoseVocabulary(find_weights(bone_weights))


@pytest.fixture(scope="module")
def ids() -> np.ndarray:
    return np.random.default_rng(0).integers(0, CODES, (70, JOINTS))


def test_tokens_become_poses_and_the_same_tokens_again(vocabulary: PoseVocabulary, ids: np.ndarray) -> None:
    poses = vocabulary.decode(ids)
    np.testing.assert_allclose(poses, bone_graphs.codebook()[ids], atol=1e-6)
    np.testing.assert_array_equal(vocabulary.encode(poses), ids)
    np.testing.assert_allclose(vocabulary.reencoded(poses), poses, atol=1e-6)
    np.testing.assert_allclose(matrices_of(vocabulary.poses_of(ids)), poses, atol=1e-6)


def test_no_pose_is_no_mistake(vocabulary: PoseVocabulary) -> None:
    assert vocabulary.reencoded(np.zeros((0, 21, 3, 3))).shape == (0, 21, 3, 3)
    assert vocabulary.poses_of(np.zeros((0, JOINTS), np.int64)).shape == (0, 21, 4)


@pytest.mark.parametrize("wrong", [np.full((1, JOINTS), CODES), np.full((1, JOINTS), -1), np.zeros((1, 3), np.int64)])
def test_tokens_beyond_the_vocabulary_are_the_callers_mistake(vocabulary: PoseVocabulary, wrong: np.ndarray) -> None:
    with pytest.raises(ValueError, match="expected ids"):
        vocabulary.decode(wrong)


def test_pose_of_the_vocabulary_is_plausible_and_another_is_less(vocabulary: PoseVocabulary) -> None:
    body = load_body()
    _, rest = body.shape(np.zeros((1, 10), np.float32))
    shape = LockedBody(np.zeros(10, np.float32), rest[0].astype(np.float64), body)
    rotations = np.zeros((3, 24, 4))
    rotations[..., 0] = 1
    rotations[1:, 0] = [0, 1, 0, 0]  # which way somebody faces is no matter of the pose
    rotations[2, 4] = [np.cos(0.05), np.sin(0.05), 0, 0]  # between two codes: half their distance off
    told = plausibility_mm(rotations, shape, vocabulary)
    assert told[0] == told[1] == 0 < told[2]
    again = vocabulary.reencoded(matrices_of(rotations[2:, 1:22]))[0, 3]
    knee, shin = rest[0, 4], rest[0, [7, 10]] - rest[0, 4]
    moved = np.linalg.norm(shin @ (again - matrices_of(rotations[2, 4])).T, axis=1).sum() / 24
    assert told[2] == pytest.approx(1e3 * moved, rel=1e-3) and knee[1] < 0


@pytest.mark.parametrize(
    ("model", "said"),
    [
        (bone_graphs.decoder, "can't be loaded|fails on a pose"),
        (lambda: bone_graphs.stretched(bone_graphs.encoder(), "codes", 1.0, repeat=2), "no tokens"),
    ],
)
def test_encoder_that_is_none_is_refused(bone_weights: Path, tmp_path: Path, model, said: str) -> None:
    folder = _with(bone_weights, tmp_path, "bones_encoder.onnx", model())
    with pytest.raises(WeightsError, match=said):
        PoseVocabulary(find_weights(folder)).encode(bone_graphs.codebook()[np.full((2, JOINTS), CODES - 1)])


@pytest.mark.parametrize("factor", [0.0, -1.0, np.nan])
def test_decoder_that_gives_no_rotations_is_refused(bone_weights: Path, tmp_path: Path, factor: float) -> None:
    spoilt = bone_graphs.stretched(bone_graphs.decoder(), "codes", factor)
    folder = _with(bone_weights, tmp_path, "bones_decoder.onnx", spoilt)
    with pytest.raises(WeightsError, match="gives no rotations"):
        PoseVocabulary(find_weights(folder)).decode(np.zeros((2, JOINTS), np.int64))


def test_weights_without_a_head_have_no_vocabulary(blob_weights: Path) -> None:
    with pytest.raises(WeightsError, match="has no vocabulary of poses"):
        PoseVocabulary(find_weights(blob_weights))


def _with(bundle: Path, folder: Path, name: str, model: onnx.ModelProto) -> Path:
    """A copy of a bundle with another graph."""
    copy = folder / "bundle"
    shutil.copytree(bundle, copy)
    onnx.save(model, copy / name)
    config = json.loads((copy / "config.json").read_text())
    config["files"][name] = bone_graphs.sum_of(copy / name)
    (copy / "config.json").write_text(json.dumps(config))
    return copy


@pytest.fixture
def header(bone_weights: Path) -> TakeHeader:
    bundle = find_weights(bone_weights)
    clip = FootageInfo(Path("clip.mp4"), "video", 640, 480, 25.0, 100)
    known = {"rotation_tokens": SIZES, "weights_folder": bone_weights, "body_digest": "b", "focal_px": 900.0}
    return TakeHeader(clip, 1, {}, bundle.name, bundle.digest, "open", **known)  # type: ignore[arg-type]


def test_vocabulary_of_a_take_is_found_by_its_digest(header: TakeHeader, caplog: pytest.LogCaptureFixture) -> None:
    assert vocabulary_of(header) is not None
    assert vocabulary_of(replace(header, rotation_tokens=None)) is None and not caplog.messages
    for other in (replace(header, weights_digest="other"), replace(header, weights_folder=Path("gone"))):
        caplog.clear()
        assert vocabulary_of(other) is None
        assert "the weights blob of this take are not here any more" in caplog.text


def test_damaged_vocabulary_is_said_and_the_take_is_solved_without(
    header: TakeHeader, bone_weights: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    shutil.copytree(bone_weights, tmp_path / "w")
    (tmp_path / "w" / "bones_encoder.onnx").write_bytes(b"no graph")
    assert vocabulary_of(replace(header, weights_folder=tmp_path / "w")) is None
    assert "bones_encoder.onnx: damaged or changed" in caplog.text


def test_plausibility_is_in_the_motion_the_self_check_and_the_report(bone_weights: Path, tmp_path: Path) -> None:
    rotvec = np.zeros((12, 24, 3))
    rotvec[:, 0, 0] = np.pi
    rotvec[6:, 18, 1] = -0.9
    seen = with_bones(estimates(rotvec, np.tile([0.1, 0.1, 5.0], (12, 1))), rotvec)
    known = {
        "rotation_tokens": SIZES,
        "weights_folder": bone_weights,
        "weights_digest": find_weights(bone_weights).digest,
    }
    motion = solve(write_take(tmp_path, seen, list(range(12)), **known))
    told = motion.persons[0].plausibility_mm
    assert told.shape == (12,) and (told > 0).any()
    check = motion.self_check[0].checks[-1]
    assert (check.name, check.unit) == ("plausibility", "mm") and check.value == pytest.approx(told.mean())
    write_motion(motion, tmp_path / "motion.npz")
    np.testing.assert_array_equal(read_motion(tmp_path / "motion.npz").persons[0].plausibility_mm, told)
    write_report(motion, tmp_path / "report.json")
    report = json.loads((tmp_path / "report.json").read_text())["plausibility"]["1"]
    np.testing.assert_allclose(report["mm"], told, atol=0.051)
    np.testing.assert_allclose(report["time_s"], motion.persons[0].time_s, atol=1e-3)


def test_take_without_a_vocabulary_tells_no_plausibility(tmp_path: Path) -> None:
    rotvec = np.zeros((4, 24, 3))
    rotvec[:, 0, 0] = np.pi
    motion = solve(write_take(tmp_path, estimates(rotvec, np.tile([0.1, 0.1, 5.0], (4, 1))), list(range(4))))
    assert motion.persons[0].plausibility_mm.shape == (0,)
    assert "plausibility" not in [check.name for check in motion.self_check[0].checks]
