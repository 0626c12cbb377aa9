"""Threshold-adaptive scaling: plain above, small below, a true gradient; thresholds that a camera explains."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch

from core.errors import MocapError
from core.nets import project
from tests.fixtures.picture_store import small_store
from training.joint_orders import LSP_MIRROR
from training.losses import tals
from training.pictures import Composer
from training.stages.mesh import MeshConfig, MeshModule
from training.stages.picture_stage import normalised
from training.studies import tals_thresholds

SHAPES: tuple[tals.Shape, ...] = ("hard", "ramp")
POWERS: tuple[tals.Power, ...] = (1, 2)
THRESHOLD = torch.tensor([0.1, 0.4], dtype=torch.float64)
ABOVE = torch.tensor([[0.11, 0.41], [0.5, 3.0]], dtype=torch.float64)
UNDER = torch.tensor([[0.0, 0.02], [0.03, 0.12]], dtype=torch.float64)  # below the ramp as well


def slope(distance: torch.Tensor, shape: tals.Shape, power: tals.Power, below: float = 0.1) -> torch.Tensor:
    distance = distance.clone().requires_grad_()
    value = tals.scaled(distance, THRESHOLD, shape, power, below).sum()
    return torch.autograd.grad(value, distance)[0]


@pytest.mark.parametrize("power", POWERS)
def test_hard_loss_above_the_threshold_is_the_plain_loss(power: tals.Power) -> None:
    assert torch.equal(tals.scaled(ABOVE, THRESHOLD, "hard", power), ABOVE**power)


@pytest.mark.parametrize("power", POWERS)
@pytest.mark.parametrize("shape", SHAPES)
def test_loss_below_the_threshold_is_the_plain_loss_times_the_small_weight(
    shape: tals.Shape, power: tals.Power
) -> None:
    torch.testing.assert_close(tals.scaled(UNDER, THRESHOLD, shape, power, 0.2), 0.2 * UNDER**power)


@pytest.mark.parametrize("power", POWERS)
@pytest.mark.parametrize("shape", SHAPES)
def test_gradient_above_the_threshold_is_the_plain_one(shape: tals.Shape, power: tals.Power) -> None:
    torch.testing.assert_close(slope(ABOVE, shape, power), power * ABOVE ** (power - 1))


@pytest.mark.parametrize("power", POWERS)
def test_ramp_above_the_threshold_is_the_plain_loss_less_a_constant(power: tals.Power) -> None:
    missing = ABOVE**power - tals.scaled(ABOVE, THRESHOLD, "ramp", power)
    torch.testing.assert_close(missing[0], missing[1])
    assert bool((missing > 0).all())


@pytest.mark.parametrize("power", POWERS)
@pytest.mark.parametrize("shape", SHAPES)
def test_full_weight_below_is_the_plain_loss(shape: tals.Shape, power: tals.Power) -> None:
    distance = torch.rand(50, 2, dtype=torch.float64)
    torch.testing.assert_close(tals.scaled(distance, THRESHOLD, shape, power, 1.0), distance**power)


@pytest.mark.parametrize("shape", SHAPES)
def test_threshold_of_zero_is_the_plain_loss(shape: tals.Shape) -> None:
    distance = torch.rand(5, 2)
    for power in POWERS:
        torch.testing.assert_close(tals.scaled(distance, torch.zeros(2), shape, power), distance**power)


@pytest.mark.parametrize("power", POWERS)
@pytest.mark.parametrize("edge", [1.0, tals.RAMP_FROM])
def test_ramp_is_continuous_in_value_and_gradient(power: tals.Power, edge: float) -> None:
    before, after = ((edge + step) * THRESHOLD[None] for step in (-1e-7, 1e-7))
    for function in (lambda d: tals.scaled(d, THRESHOLD, "ramp", power), lambda d: slope(d, "ramp", power)):
        torch.testing.assert_close(function(before), function(after), rtol=0, atol=1e-6)


@pytest.mark.parametrize("power", POWERS)
def test_ramp_never_pulls_harder_than_the_plain_loss_and_rises_with_distance(power: tals.Power) -> None:
    distance = torch.linspace(0.001, 0.6, 400, dtype=torch.float64)[:, None].expand(-1, 2)
    share = slope(distance, "ramp", power) / (power * distance ** (power - 1))
    assert share.min().item() == pytest.approx(0.1) and share.max().item() == pytest.approx(1)
    assert bool((share.diff(dim=0) >= -1e-9).all())


def test_hard_value_jumps_at_the_threshold() -> None:
    around = torch.tensor([[0.1, 0.4], [0.1 + 1e-9, 0.4 + 1e-9]], dtype=torch.float64)
    low, high = tals.scaled(around, THRESHOLD, "hard", 1)
    torch.testing.assert_close(high / low, torch.full((2,), 10.0, dtype=torch.float64))


@pytest.mark.parametrize("power", POWERS)
@pytest.mark.parametrize("shape", SHAPES)
def test_gradient_is_that_of_the_value(shape: tals.Shape, power: tals.Power) -> None:
    distance = torch.cat([UNDER + 0.004, ABOVE, 0.7 * THRESHOLD[None]]).requires_grad_()  # off the jump
    assert torch.autograd.gradcheck(lambda d: tals.scaled(d, THRESHOLD, shape, power), (distance,))


@pytest.mark.parametrize("shape", SHAPES)
def test_gradient_at_the_truth_is_finite(shape: tals.Shape) -> None:
    points = torch.zeros(1, 2, 2, requires_grad=True)
    tals.tals_loss(points, torch.zeros(1, 2, 2), torch.ones(1, 2), THRESHOLD.float(), shape).backward()
    assert points.grad is not None and not points.grad.any()


@pytest.mark.parametrize("shape", SHAPES)
def test_each_joint_has_its_own_threshold(shape: tals.Shape) -> None:
    predicted = torch.zeros(3, 2, 2)
    predicted[..., 0] = 0.11  # above the first threshold, under .3 of the second
    by_joint = tals.scaled(predicted.norm(dim=-1), THRESHOLD.float(), shape)
    by_row = tals.scaled(predicted.norm(dim=-1), THRESHOLD.float().expand(3, 2), shape)
    assert torch.equal(by_joint, by_row)
    assert by_joint[:, 1].tolist() == pytest.approx([0.011] * 3)
    assert bool((by_joint[:, 0] > 0.05).all())


@pytest.mark.parametrize("dimensions", [2, 3])
def test_loss_by_hand_leaves_uncounted_joints_out(dimensions: int) -> None:
    predicted, true = torch.zeros(1, 3, dimensions), torch.zeros(1, 3, dimensions)
    predicted[0, 0, :2] = torch.tensor([0.3, 0.4])  # .5 away, above
    predicted[0, 1, 1] = -0.05  # under
    predicted[0, 2] = float("nan")
    weight, threshold = torch.tensor([[1.0, 1.0, 0.0]]), torch.full((3,), 0.2)
    loss = tals.tals_loss(predicted.requires_grad_(), true, weight, threshold, "hard", 1, 0.1)
    loss.backward()
    assert loss.item() == pytest.approx((0.5 + 0.1 * 0.05) / 2)
    assert predicted.grad is not None and bool(predicted.grad.isfinite().all())


def test_loss_without_a_counted_joint_is_zero() -> None:
    apart = torch.ones(2, 3, 2)
    assert tals.tals_loss(apart, -apart, torch.zeros(2, 3), torch.ones(3), "ramp") == 0


def test_scaling_refuses_what_it_cannot_do() -> None:
    distance = torch.ones(2)
    with pytest.raises(ValueError, match=r"\[0, 1\], got 1.5"):
        tals.scaled(distance, distance, "hard", 1, 1.5)
    with pytest.raises(ValueError, match="power 1 or 2"):
        tals.scaled(distance, distance, "hard", 3)  # type: ignore[arg-type]


def perspective(transl_z: float, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """(8, 14, 2) points of (8, 14, 3) joints through a pinhole camera; the size in the picture does not change."""
    joints = np.random.default_rng(seed).normal(0, 0.3, (8, 14, 3))
    return joints[..., :2] / (joints[..., 2:] + transl_z) * transl_z, joints


def test_weak_camera_is_found_again() -> None:
    _, joints = perspective(3)
    camera = np.tile([0.8, 0.1, -0.2], (8, 1))
    points = project(torch.from_numpy(joints), torch.from_numpy(camera)).numpy()
    weight = np.ones((8, 14))
    np.testing.assert_allclose(tals_thresholds.best_weak_camera(points, joints, weight), camera, atol=1e-12)
    np.testing.assert_allclose(tals_thresholds.least_bend(points, joints, weight), 0, atol=1e-12)


def test_no_weak_camera_is_nearer_than_the_best() -> None:
    points, joints = perspective(2)
    weight = np.random.default_rng(1).uniform(0, 1, (8, 14))
    best = tals_thresholds.best_weak_camera(points, joints, weight)
    least = (weight * tals_thresholds.camera_residual(points, joints, weight) ** 2).sum(1)
    for axis in range(3):
        for step in (-1e-3, 1e-3):
            other = best + step * np.eye(3)[axis]
            apart = other[:, None, :1] * (joints[..., :2] + other[:, None, 1:]) - points
            assert np.all((weight[..., None] * apart**2).sum((1, 2)) > least)


@pytest.mark.parametrize("measured", [tals_thresholds.camera_residual, tals_thresholds.least_bend])
def test_what_a_weak_camera_misses_halves_at_twice_the_distance(measured: object) -> None:
    near, far = (measured(*perspective(z), np.ones((8, 14))).mean() for z in (20.0, 40.0))  # type: ignore[operator]
    assert far / near == pytest.approx(0.5, rel=0.05)


def test_bent_joints_fit_a_weak_camera_exactly() -> None:
    """The bend is told as lengths; the pose that it stands for is the points themselves, at some scale."""
    points, joints = perspective(2)
    weight = np.ones((8, 14))
    bent = np.concatenate([points, joints[..., 2:]], -1)
    assert tals_thresholds.camera_residual(points, bent, weight).max() < 1e-12
    centred = [each[..., :2] - each[..., :2].mean(1, keepdims=True) for each in (joints, points)]
    scale = (centred[0] * centred[1]).sum((1, 2)) / (centred[1] ** 2).sum((1, 2))
    move = scale[:, None, None] * centred[1] - centred[0]
    expected = np.linalg.norm(move - move[:, 2:4].mean(1, keepdims=True), axis=-1)
    np.testing.assert_allclose(tals_thresholds.least_bend(points, joints, weight), expected, atol=1e-12)


def test_joints_outside_the_crop_do_not_move_the_camera() -> None:
    points, joints = perspective(2)
    weight = np.ones((8, 14))
    weight[:, 5] = 0
    moved = points.copy()
    moved[:, 5] += 9
    first, second = (tals_thresholds.best_weak_camera(each, joints, weight) for each in (points, moved))
    np.testing.assert_array_equal(first, second)


def test_thresholds_pool_left_and_right_and_skip_unseen_joints() -> None:
    distances = np.full((4, 14), np.nan)
    distances[:3] = 1.0
    distances[0, 0], distances[0, 5] = 3.0, 5.0  # both ankles
    found = tals_thresholds.thresholds(distances, 0.5)
    assert found[0] == found[5] == 1
    assert tals_thresholds.table(distances)["R_Ankle"]["count"] == 6
    assert tals_thresholds.thresholds(distances, 0.999)[0] == pytest.approx(5, abs=0.05)
    assert tals_thresholds.table(distances)["Head"]["count"] == 3


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("tals") / "thresholds.json"
    store = str(small_store().folder)
    assert tals_thresholds.main(["--store", store, "--people", "80", "--quantile", "0.5", "-o", str(path)]) == 0
    return path


def test_command_writes_thresholds_that_can_be_loaded(written: Path, capsys: pytest.CaptureFixture[str]) -> None:
    stored = json.loads(written.read_text())
    found = tals.load_thresholds(written)
    assert stored["store"]["seed"] == small_store().meta["seed"] and stored["store"]["people"] == 40
    assert 0 < stored["people"] <= stored["crops"] == 80
    assert torch.equal(found.points, found.points[LSP_MIRROR])
    medians = [row["median"] for row in stored["table"]["points"].values()]
    assert found.points.tolist() == pytest.approx(medians, abs=1e-5)
    again = written.with_name("again.json")
    arguments = ["--store", str(small_store().folder), "--people", "80", "--quantile", "0.5", "-o", str(again)]
    assert tals_thresholds.main(arguments) == 0
    assert again.read_text() == written.read_text()
    assert "R_Ankle" in capsys.readouterr().out


def test_command_refuses_in_one_sentence(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert tals_thresholds.main(["--store", str(tmp_path), "-o", str(tmp_path / "t.json")]) == 1
    said = capsys.readouterr().err
    assert "holds no picture store" in said and len(said.strip().splitlines()) == 1


@pytest.mark.parametrize("content", ["{", "[]", '{"points": [1], "joints_m": [1]}', '{"points": "a", "joints_m": []}'])
def test_broken_threshold_file_is_refused_by_name(tmp_path: Path, content: str) -> None:
    path = tmp_path / "broken.json"
    path.write_text(content)
    with pytest.raises(MocapError, match=r"broken\.json.*tals_thresholds"):
        tals.load_thresholds(path)
    with pytest.raises(MocapError, match="cannot be read"):
        tals.load_thresholds(tmp_path / "missing.json")


def test_shipped_thresholds_are_the_quantile_of_their_own_table() -> None:
    stored, found = json.loads(tals.SHIPPED.read_text()), tals.load_thresholds()
    for name, values in (("points", found.points), ("joints_m", found.joints_m)):
        assert stored["quantile"] == 0.9
        assert values.tolist() == pytest.approx([row["p90"] for row in stored["table"][name].values()], abs=1e-5)


@pytest.mark.parametrize("shape", SHAPES)
def test_mesh_stage_scales_the_projection_loss_alone(shape: tals.Shape) -> None:
    batch = Composer(small_store(), 64, 0, difficulty=0.0).batch(4, 0)
    torch.manual_seed(0)
    module = MeshModule(MeshConfig(output=Path("unused"))).eval()
    out = module.net.regress(module.net.read_pose(normalised(batch.image)))
    terms = {}
    for name, config in {
        "off": MeshConfig(output=Path("unused")),
        "same": MeshConfig(output=Path("unused"), tals=shape, tals_below=1.0),
        "scaled": MeshConfig(output=Path("unused"), tals=shape),
    }.items():
        module.config = config
        terms[name] = module.mesh_terms(out, batch)
    for name in terms["off"].keys() - {"projection"}:
        assert torch.equal(terms["off"][name], terms["scaled"][name]), name
    inside = (batch.lsp_2d[..., 2] > 0).float()
    flat = [project(joints, out.weak_camera) for joints in (out.joints, module.regressed(out))]
    distances = [torch.linalg.vector_norm(points - batch.lsp_2d[..., :2], dim=-1) for points in flat]
    plain = sum((inside * distance).sum() / inside.sum() for distance in distances)
    torch.testing.assert_close(terms["same"]["projection"], 2 * plain)
    assert terms["scaled"]["projection"] < terms["same"]["projection"]
    limbs = [each[:, :12] for each in (flat[0], batch.lsp_2d[..., :2], inside)]  # photographs have no more labels
    assert module.projection_loss(*limbs) < (inside * distances[0])[:, :12].sum() / inside[:, :12].sum()
