"""The detector: crowds with true boxes, targets where people are, losses that know the truth, a graph that agrees."""

from __future__ import annotations

import io
import json
import tarfile
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from core.detection import own
from core.detection.detector import Detections
from core.nets.detector import DeployedDetector, PersonDetector, boxes_of_sides, cell_middles
from core.nets.small import SmallBackbone, SmallTrunk
from tests.fixtures.detector_graphs import own_graph
from tests.fixtures.picture_store import small_store
from training.evaluate import detection_scores
from training.evaluate import detector as evaluate_detector
from training.export import detector as export_detector
from training.pictures.crowds import CrowdBatch, Crowds
from training.stages.detector import DetectorModule, box_loss, peak_loss, start_from, targets


@pytest.fixture(scope="module")
def crowds() -> CrowdBatch:
    return Crowds(small_store(), 128, seed=3).batch(48, 0)


def one_person(box: tuple[float, float, float, float], kind: int = 1) -> CrowdBatch:
    return CrowdBatch(torch.zeros(1, 3, 128, 128), torch.tensor([[box]]), torch.tensor([[kind]]))


def test_crowds_follow_from_seed_rank_and_step(crowds: CrowdBatch) -> None:
    again = Crowds(small_store(), 128, seed=3).batch(48, 0)
    other = Crowds(small_store(), 128, seed=3, rank=1).batch(48, 0)
    assert torch.equal(crowds.image, again.image) and torch.equal(crowds.boxes, again.boxes)
    assert not torch.equal(crowds.image, other.image)


def test_boxes_lie_in_the_picture_and_some_pictures_are_empty(crowds: CrowdBatch) -> None:
    boxes = crowds.boxes[crowds.kind == 1]
    assert boxes.min() >= 0 and boxes.max() <= 128
    assert ((boxes[:, 2:] - boxes[:, :2]) > 0).all()
    people = (crowds.kind == 1).sum(1)
    assert (people == 0).any() and people.max() > 2


def test_a_box_holds_what_the_person_changed() -> None:
    """The same picture with and without people differs inside the boxes far more than outside."""
    store, size = small_store(), 128
    inside, outside = [], []
    for step in range(12):
        batch = Crowds(store, size, seed=9).batch(4, step)
        for n in range(4):
            rows = batch.kind[n] != 0
            mask = torch.zeros(size, size, dtype=torch.bool)
            for x0, y0, x1, y1 in batch.boxes[n][rows].round().long().tolist():
                mask[y0:y1, x0:x1] = True
            if not mask.any() or mask.all():
                continue
            edges = batch.image[n].float().mean(0).diff(dim=1).abs()
            inside.append(edges[mask[:, 1:]].mean())
            outside.append(edges[~mask[:, 1:]].mean())
    assert torch.stack(inside).mean() > 1.2 * torch.stack(outside).mean()


def test_targets_peak_at_the_centre_and_learn_the_right_box() -> None:
    batch = CrowdBatch(
        torch.zeros(1, 3, 128, 128), torch.tensor([[[8.0, 8, 56, 120], [72, 40, 120, 72]]]), torch.ones(1, 2).long()
    )
    peaks, whose, counts = targets(batch, 16, 16)
    assert peaks[0, 8, 4] == 1 and peaks[0, 7, 12] == 1 and counts.all()
    assert whose[0, 8, 4] == 0 and whose[0, 7, 12] == 1 and whose[0, 0, 0] == -1


def test_cells_of_people_too_hidden_to_ask_for_do_not_count() -> None:
    peaks, whose, counts = targets(one_person((32, 32, 96, 96), -1), 16, 16)
    assert peaks.max() == 0 and (whose == -1).all()
    assert not counts[0, 8, 8] and counts[0, 0, 0]


def test_peak_loss_is_least_for_the_truth() -> None:
    peaks, _, counts = targets(one_person((32, 32, 96, 96)), 16, 16)
    right = torch.where(peaks == 1, 12.0, -12.0)
    assert peak_loss(right, peaks, counts.float()) < 1e-3
    assert peak_loss(torch.full_like(right, -12.0), peaks, counts.float()) > 1
    assert peak_loss(torch.full_like(right, 12.0), peaks, counts.float()) > 100


def test_box_loss_is_zero_for_the_truth_and_sees_boxes_that_do_not_meet() -> None:
    true = torch.tensor([[0.0, 0, 10, 10]])
    weight = torch.ones(1)
    assert box_loss(true, true, weight) == 0
    near, far = box_loss(true + 20, true, weight), box_loss(true + 80, true, weight)
    assert 1 < near < far < 2


def test_sides_and_boxes_are_each_others_inverse() -> None:
    x, y = cell_middles(4, 6, torch.zeros(1))
    sides = torch.stack([x - 3 + 0 * y, y - 2 + 0 * x, 40 - x + 0 * y, 30 - y + 0 * x])[None]
    boxes = boxes_of_sides(sides)
    assert torch.allclose(boxes[0].flatten(1).T, torch.tensor([3.0, 2, 40, 30]).expand(24, 4))


def test_scores_count_each_person_once_and_boxes_where_nobody_is() -> None:
    person = np.array([[0, 0, 10, 10.0]])
    twice = Detections(np.array([[0, 0, 10, 10], [0, 1, 10, 10], [50, 50, 60, 60.0]]), np.array([0.9, 0.8, 0.7]))
    unsure = Detections(np.array([[0, 0, 9, 9.0]]), np.array([0.1]))
    scores = detection_scores.detection_scores([twice, unsure, twice], [person, person, np.zeros((0, 4))])
    assert scores == {"recall": 50.0, "precision": pytest.approx(100 / 6), "false_where_nobody": 3.0}


def test_boxes_in_a_crowd_are_not_counted_and_small_people_are_not_asked_for() -> None:
    large, small = [0, 0, 100, 200.0], [300, 0, 320, 40.0]
    found = Detections(np.array([large, small, [500, 0, 520, 40], [700, 0, 720, 40.0]]), np.array([0.9, 0.8, 0.7, 0.6]))
    crowds = [np.array([[490, 0, 530, 60.0]]), np.zeros((0, 4)), np.array([[0, 0, 9, 9.0]])]
    true = [np.array([large, small, [0, 300, 90, 350]]), np.zeros((0, 4)), np.zeros((0, 4))]
    nothing = Detections(np.zeros((0, 4)), np.zeros(0))
    scores = detection_scores.detection_scores([found, found, nothing], true, 0.5, crowds, 96)
    assert scores == {"recall": 100.0, "precision": pytest.approx(100 * 2 / 7), "false_where_nobody": 4.0}


def test_letterbox_keeps_the_picture_top_left_and_its_scale() -> None:
    image = np.zeros((100, 400, 3), np.uint8)
    image[:, :, 0] = 200  # blue
    planes, scale = detection_scores.letterboxed(image, 200)
    assert planes.shape == (3, 64, 224) and scale == 0.5
    assert (planes[2, :50, :200] == 200).all() and planes[2, 50:].max() == 0 and planes[0].max() == 0


def test_graph_answers_as_torch_for_any_size(tmp_path: Path) -> None:
    torch.manual_seed(0)
    detector = DeployedDetector(PersonDetector()).eval()
    export_detector.write_onnx(detector, tmp_path / "detector.onnx")
    assert export_detector.is_equal(detector, tmp_path / "detector.onnx")
    with torch.no_grad():
        detector.detector.centre.bias.add_(1.0)
    assert not export_detector.is_equal(detector, tmp_path / "detector.onnx")


def detector_run(folder: Path) -> Path:
    """A run of `training.train detector` with weights that nobody trained."""
    checkpoint = folder / "checkpoints" / "000000001"
    checkpoint.mkdir(parents=True)
    tensors = {f"net.{name}": value.contiguous() for name, value in PersonDetector().state_dict().items()}
    save_file(tensors, checkpoint / "model.safetensors")
    save_file({}, checkpoint / "ema.safetensors")
    (folder / "checkpoints" / "latest").write_text(checkpoint.name)
    config = {"size": 224, "batch": 8, "lr": 1e-3, "minutes": 1.0, "seed": 1}
    (folder / "log.jsonl").write_text(json.dumps({"event": "start", "stage": "detector", "config": config}) + "\n")
    return folder


@pytest.mark.parametrize(("given", "expected"), [([], own.THRESHOLD), (["--threshold", "0.2"], 0.2)])
def test_exported_detector_has_the_threshold_asked_for(
    given: list[str], expected: float, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(export_detector, "write_onnx", lambda _detector, path: path.write_bytes(b"graph"))
    monkeypatch.setattr(export_detector, "is_equal", lambda _detector, _path: True)
    run = detector_run(tmp_path / "run")
    assert export_detector.main([str(run), "-o", str(tmp_path / "made"), *given]) == 0
    assert json.loads((tmp_path / "made" / "config.json").read_text())["threshold"] == expected
    assert f"score {expected:g} on" in (tmp_path / "made" / "README.md").read_text()


@pytest.mark.parametrize("threshold", ["0", "1", "1.5"])
def test_threshold_that_is_no_score_is_one_sentence(
    threshold: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    target = tmp_path / "made"
    assert export_detector.main([str(tmp_path), "-o", str(target), "--threshold", threshold]) == 1
    assert evaluate_detector.main(["--store", str(tmp_path), "--threshold", threshold]) == 1
    said = capsys.readouterr().err
    assert said.count("--threshold between 0 and 1") == said.count("\n") == 2
    assert not target.exists()


def test_sweep_tells_recall_and_false_boxes_at_each_threshold() -> None:
    person = np.array([[0, 0, 10, 10.0]])
    somebody, other = Detections(person, np.array([0.42])), Detections(person, np.array([0.22]))
    looked = {
        evaluate_detector.CROWDS: evaluate_detector.Looked([somebody, other], [person, person]),
        evaluate_detector.NOBODY: evaluate_detector.Looked([other, other], [np.zeros((0, 4))] * 2),
    }
    lines = [line.split() for line in evaluate_detector.sweep_table(looked).splitlines()[1:]]
    found = {threshold: numbers for threshold, *numbers in lines}
    assert [found[threshold] for threshold in ("0.20", "0.25", "0.45")] == [
        ["100.0", "100.0", "1.000"], ["50.0", "100.0", "0.000"], ["0.0", "0.0", "0.000"]
    ]  # fmt: skip


def test_pictures_have_to_be_asked_for(capsys: pytest.CaptureFixture[str]) -> None:
    assert evaluate_detector.main([]) == 1
    assert "--everyday" in capsys.readouterr().err


def test_photographs_with_all_boxes_are_scored_as_the_detector_draws_them(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    graph = own_graph(tmp_path / "d.onnx", np.array([[10.0, 10, 100, 200]]), np.array([0.5]))
    image = cv2.imencode(".png", np.full((320, 320, 3), 255, np.uint8))[1].tobytes()
    people = {"images": [{"file": "a.png", "people": [{"box_xywh": [10, 10, 90, 190], "iscrowd": 0}]}]}
    (tmp_path / "people.json").write_text(json.dumps(people))
    with tarfile.open(tmp_path / "images.tar", "w") as archive:
        member = tarfile.TarInfo("a.png")
        member.size = len(image)
        archive.addfile(member, io.BytesIO(image))
    file = tmp_path / "scores.json"
    command = ["--weights", str(graph), "--everyday", str(tmp_path), "--threshold", "0.3", "--json", str(file)]
    assert evaluate_detector.main(command) == 0
    assert "ms of CPU a look" in capsys.readouterr().out
    scores = json.loads(file.read_text())[evaluate_detector.EVERYDAY]
    assert (scores["people"], scores["recall"], scores["precision"]) == (1, 100, 100)


def test_detector_is_scored_at_the_threshold_asked_for(tmp_path: Path) -> None:
    """Its one box is nearly everywhere and unsure: false where nobody is at a low threshold, not there at its own."""
    graph = own_graph(tmp_path / "d.onnx", np.array([[20.0, 20, 100, 200]]), np.array([0.2]))
    command = ["--weights", str(graph), "--store", str(small_store().folder), "--pictures", "64", "--sweep"]
    boxes = []
    for threshold in ("0.15", "0.3"):
        file = tmp_path / f"{threshold}.json"
        assert evaluate_detector.main([*command, "--threshold", threshold, "--json", str(file)]) == 0
        scores = json.loads(file.read_text())[evaluate_detector.CROWDS]
        assert scores["threshold"] == float(threshold)
        boxes.append(scores["false_where_nobody"])
    assert boxes[0] > 0.5 and boxes[1] == 0


def test_run_of_another_stage_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="checkpoint"):
        export_detector.detector_of_run(tmp_path)


def test_detector_starts_from_the_pose_networks_backbone(tmp_path: Path) -> None:
    torch.manual_seed(0)
    backbone = SmallBackbone(32, 64)
    tensors = {f"net.backbone.{name}": value.contiguous() for name, value in backbone.state_dict().items()}
    save_file(tensors, tmp_path / "pose.safetensors")
    module = DetectorModule()
    start_from(module, tmp_path / "pose.safetensors")
    image = torch.randn(1, 3, 64, 64)
    for ours, theirs in zip(module.net.eval().trunk(image), SmallTrunk.forward(backbone.eval(), image), strict=True):
        assert torch.allclose(ours, theirs, atol=1e-5)
