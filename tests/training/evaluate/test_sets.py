"""Scores: perfect answers score perfectly, ignorant ones score what is known of them."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from core.body.model import Body, load_body
from core.geometry.crops import crop_matrix, frame_to_crop_units
from core.types import NetworkOutput
from core.weights.bundle import WeightsBundle
from tests.fixtures.everyday import HIDDEN, WHOLE, write_everyday
from tests.fixtures.photographs import write_photographs
from tests.fixtures.picture_store import small_store
from training.datasets.everyday import CROP_FACTOR, load_everyday
from training.datasets.lspet import load_validation
from training.evaluate import baselines, metrics, photographs, rendered
from training.evaluate.__main__ import main
from training.evaluate.report import Score, SetScores
from training.pictures import Composer

SIZE = 64
SAMPLER_MM = 15.0  # what the body's own 431 -> 6890 samplers lose


def make_bundle(tmp_path: Path) -> WeightsBundle:
    return WeightsBundle(
        tmp_path, "fake", "tiny", SIZE, 1.2, (0.0,) * 3, (1.0,) * 3, "open", "", "body", "CC0-1.0", True, {}, {}, ""
    )


def answer(count: int, **known: np.ndarray) -> NetworkOutput:
    """Zeros but for what is known."""
    shapes = {
        "coarse_vertices": (431, 3), "joints": (14, 3), "weak_camera": (3,), "keypoints": (17, 2), "joints_2d": (14, 2),
        "joint_confidence": (14,), "token_confidence": (34,), "pose_token_ids": (34,), "person_score": (),
    }  # fmt: skip
    return NetworkOutput(**{n: known.get(n, np.zeros((count, *s), np.float32)) for n, s in shapes.items()})


class Oracle:
    """A runtime that knows the answers of each batch, in order."""

    name, device, notice = "oracle", "cpu", ""

    def __init__(self, answers: list[NetworkOutput]) -> None:
        self.answers = iter(answers)

    def run(self, images: np.ndarray) -> NetworkOutput:
        found = next(self.answers)
        assert len(found.joints) == len(images)
        return found


def rendered_oracle(body: Body, name: str) -> Oracle:
    composer = Composer(small_store(), SIZE, rendered.SEED, difficulty=rendered.DIFFICULTY[name])
    batch = composer.batch(rendered.BATCH, 0)
    truth = rendered.truth_of(batch, small_store(), body)
    count = len(truth.facing)
    known = {
        "coarse_vertices": truth.vertices[:, body.index_431], "joints": truth.joints, "joints_2d": truth.points
    }  # fmt: skip
    return Oracle([answer(count, **known)])


@pytest.fixture(scope="module")
def scores(tmp_path_factory: pytest.TempPathFactory) -> SetScores:
    body = load_body()
    bundle = make_bundle(tmp_path_factory.mktemp("bundle"))
    return rendered.score_rendered(rendered_oracle(body, "rendered"), bundle, body, small_store(), "rendered", 32)


def test_perfect_joints_score_nothing_in_space(scores: SetScores) -> None:
    row = scores.rows["joint tokens"]
    assert row["MPJPE"].value == pytest.approx(0, abs=0.01) and row["PA-MPJPE"].value == pytest.approx(0, abs=0.01)
    assert row["left-right"].value == row["facing"].value == 100


def test_perfect_coarse_mesh_scores_the_samplers_loss(scores: SetScores) -> None:
    assert 0 < scores.rows["mesh"]["MPVPE"].value < SAMPLER_MM


def test_perfect_points_all_hit(scores: SetScores) -> None:
    assert scores.rows["heatmaps"]["PCK"].value == 100


def test_rows_that_know_nothing_are_far_off(scores: SetScores) -> None:
    for name in ("mean pose of the set", "A-pose"):
        assert scores.rows[name]["PA-MPJPE"].value > 80
    assert scores.rows["chance"]["PCK"].value < 15


def test_people_without_label_are_not_counted(scores: SetScores) -> None:
    batch = Composer(small_store(), SIZE, rendered.SEED, difficulty=rendered.DIFFICULTY["rendered"]).batch(32, 0)
    assert scores.people == int(batch.has_person.sum())


@pytest.mark.parametrize("difficulty", [0.0, 1.0])
def test_fine_vertices_meet_the_labels_of_turned_and_mirrored_people(difficulty: float) -> None:
    body, store = load_body(), small_store()
    batch = Composer(store, SIZE, 3, difficulty=difficulty).batch(24, 0)
    rows = batch.has_person.numpy()
    labels = batch.intermediate_vertices.numpy()[rows]
    fine = rendered.fine_vertices(labels, batch.person_index.numpy()[rows], store, body)
    assert np.abs(fine[:, body.index_1723] - labels).max() < rendered.LARGEST_MISFIT
    assert np.abs(body.lsp_regressor @ fine - batch.lsp_3d.numpy()[rows]).max() < rendered.LARGEST_MISFIT


def test_labels_of_another_body_are_refused() -> None:
    batch = Composer(small_store(), SIZE, 3, difficulty=0.0).batch(4, 0)
    stretched = 1.1 * batch.intermediate_vertices.numpy()
    with pytest.raises(ValueError, match="mm off"):
        rendered.fine_vertices(stretched, batch.person_index.numpy(), small_store(), load_body())


def test_a_pose_faces_the_camera_upright() -> None:
    joints, vertices = baselines.a_pose(load_body())
    assert metrics.yaw(joints[None])[0] == pytest.approx(0, abs=0.05)
    assert joints[13, 1] < joints[12, 1] < joints[0, 1]  # head above neck above ankle: y is down
    assert joints[9, 0] > joints[8, 0]  # the person's left is on the picture's right
    assert vertices.shape == (6890, 3)


def test_a_figure_in_boxes_fills_them() -> None:
    figure, boxes = np.array([[0.0, 0.0], [1.0, 3.0]]), np.array([[10.0, 20.0, 11.0, 22.0]])
    assert np.allclose(baselines.in_boxes(figure, boxes), [[[10.5, 21.0], [20.5, 41.0]]])


def test_chance_hits_a_disc_of_the_box() -> None:
    boxes = np.repeat([[0.0, 0.0, 1.0, 1.0]], 4000, 0)
    points = baselines.anywhere_in_boxes(boxes, 14, np.random.default_rng(0))
    hits = metrics.pck(points, np.full((4000, 14, 2), 0.5), np.ones((4000, 14), bool), np.ones(4000))
    assert hits.mean() == pytest.approx(np.pi * 0.1**2, rel=0.05)


def test_perfect_points_on_photographs_all_hit(tmp_path: Path) -> None:
    labelled = load_validation(write_photographs(tmp_path))
    units = frame_to_crop_units(labelled.joints_px, crop_matrix(labelled.boxes_px, SIZE), SIZE)
    oracle = Oracle([answer(5, joints_2d=units)])
    scores = photographs.score_photographs(oracle, make_bundle(tmp_path), load_body(), tmp_path)
    assert scores.rows["heatmaps"]["PCK"].value == 100
    assert scores.rows["chance"]["PCK"].value < 20


def test_exchanged_sides_hit_with_the_better_assignment_alone(tmp_path: Path) -> None:
    labelled = load_validation(write_photographs(tmp_path))
    units = frame_to_crop_units(labelled.joints_px, crop_matrix(labelled.boxes_px, SIZE), SIZE)
    oracle = Oracle([answer(5, joints_2d=units[:, metrics.LSP_MIRROR])])
    row = photographs.score_photographs(oracle, make_bundle(tmp_path), load_body(), tmp_path).rows["heatmaps"]
    assert row["PCK either"].value == 100 > row["PCK"].value


def test_everyday_people_are_those_with_enough_labels_and_no_crowd(tmp_path: Path) -> None:
    people = load_everyday(write_everyday(tmp_path))
    assert people.files == ("a.jpg", "b.jpg")
    assert people.is_half_hidden.tolist() == [number == HIDDEN for number in (WHOLE, HIDDEN)]
    assert people.visible[:, :12].all() and not people.visible[:, 12:].any()


@pytest.mark.parametrize(("name", "count"), [(photographs.EVERYDAY, 2), (photographs.EVERYDAY_HIDDEN, 1)])
def test_perfect_points_on_everyday_photographs_all_hit(tmp_path: Path, name: str, count: int) -> None:
    people = load_everyday(write_everyday(tmp_path))
    units = frame_to_crop_units(people.joints_px, crop_matrix(people.boxes_px, SIZE, CROP_FACTOR), SIZE)[-count:]
    oracle = Oracle([answer(count, joints_2d=units)])
    scores = photographs.score_everyday(oracle, make_bundle(tmp_path), load_body(), tmp_path, name)
    assert scores.people == count and scores.rows["heatmaps"]["PCK"].value == 100


def test_everyday_folder_without_people_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"lacks images\.tar"):
        load_everyday(tmp_path)


def test_score_weighs_people_and_leaves_out_those_without_a_number() -> None:
    score = Score.of(np.array([1.0, 0.0, np.nan]), np.array([3, 1, 5]), 100)
    assert score.value == 75
    assert score.low <= score.value <= score.high


def test_table_comes_back_from_json_and_shows_every_row(scores: SetScores) -> None:
    again = SetScores.from_dict(scores.name, json.loads(json.dumps(scores.to_dict())))
    assert again.to_dict() == scores.to_dict()
    assert all(name in again.markdown() and name in again.text() for name in scores.rows)


@pytest.mark.parametrize(
    ("name", "option"), [("rendered", "--store"), ("lspet", "--lspet"), ("everyday", "--everyday")]
)
def test_set_without_its_folder_is_one_line_and_exit_1(
    name: str, option: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["--set", name]) == 1
    said = capsys.readouterr().err
    assert said.startswith("training.evaluate: ") and option in said and said.count("\n") == 1


def test_unknown_weights_are_one_line_and_exit_1(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--weights", "no-such-weights", "--set", "lspet", "--lspet", str(tmp_path)]) == 1
    said = capsys.readouterr().err
    assert "no-such-weights" in said and said.count("\n") == 1
