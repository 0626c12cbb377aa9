"""Who is whom in several sets, 3DPW's lists, genders, and the command that says what is missing."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from core.body.model import OPEN_BODY
from tests.fixtures.people import made_up_people
from tests.fixtures.picture_store import small_store
from training.datasets import Sample, open_set, writers
from training.datasets.__main__ import main
from training.datasets.bodies import Bodies
from training.datasets.same_person import image_id_of, sameness, without_duplicates
from training.datasets.sample import FilePicture
from training.datasets.threedpw import Row, ThreeDpw
from training.datasets.threedpw_lists import SUBSETS, belongs, read_list
from training.joint_orders import (
    COCO_FROM_SUPERSET,
    LSP_FROM_SUPERSET,
    SUPERSET_FROM_COCO,
    SUPERSET_FROM_MPII,
    SUPERSET_FROM_OPENPOSE18,
    SUPERSET_FROM_SMPL45,
    SUPERSET_JOINTS,
)  # fmt: skip

PEOPLE = list(made_up_people(5))


def test_joint_sets_agree_by_name() -> None:
    from core.types import COCO_KEYPOINTS, LSP_JOINTS

    assert [SUPERSET_JOINTS[joint] for joint in LSP_FROM_SUPERSET] == list(LSP_JOINTS)
    assert [SUPERSET_JOINTS[joint].lower() for joint in COCO_FROM_SUPERSET] == [name.lower() for name in COCO_KEYPOINTS]
    assert all(SUPERSET_JOINTS[a].lower() == COCO_KEYPOINTS[b].lower() for a, b in SUPERSET_FROM_COCO.items())
    right = [
        SUPERSET_JOINTS[a][0] == "R" for a, b in SUPERSET_FROM_OPENPOSE18.items() if b in (2, 3, 4, 8, 9, 10, 14, 16)
    ]
    assert len(right) == 8 and all(right)
    assert (SUPERSET_FROM_MPII[2], SUPERSET_FROM_MPII[9], SUPERSET_FROM_SMPL45[21]) == (2, 13, 25)


@pytest.mark.parametrize(
    ("name", "image"),
    [
        ("COCO_train2014_000000000036.jpg", "36"),
        ("train2014/COCO_train2014_000000000036.jpg", "36"),
        ("000000000036.jpg", "36"),
        ("images\\015601864.jpg", "15601864"),
        ("S1_Directions_1.54138969_000001.jpg", "S1_Directions_1.54138969_000001"),
    ],
)
def test_picture_has_one_name_in_all_sets(name: str, image: str) -> None:
    assert image_id_of(name) == image


def test_people_of_two_sets_are_one_by_number_or_by_crop() -> None:
    def at(x: float, annotation: int = -1, scale: float = 1.0) -> Sample:
        nothing = np.zeros((24, 3)), np.zeros((24, 4))
        place = np.array([x, 0.0])
        return Sample("s", "k", FilePicture(Path("p")), place, scale, *nothing, annotation_id=annotation)

    assert sameness(at(0, 5), at(900, 5)) == 1 and sameness(at(0, 5), at(0, 6)) == 0
    assert sameness(at(0, 5), at(0)) == 1  # one of them forgot the number
    assert sameness(at(0), at(20)) == pytest.approx(180 / 220)
    assert sameness(at(0), at(100)) == 0 and sameness(at(0), at(0, scale=1.5)) == 0


def test_second_set_loses_who_stands_in_the_first(tmp_path: Path) -> None:
    writers.write_cliff(tmp_path, "coco2014part_cliffGT.npz", PEOPLE[:3])
    writers.write_eft(tmp_path, "COCO2014-All-ver01.json", PEOPLE)
    sets = [open_set(name, tmp_path) for name in ("coco-cliff", "coco-eft")]
    (first, second), lost = without_duplicates(sets)
    assert lost == [0, 3] and len(first) == 3
    assert [sample.image_id for sample in second] == ["4", "5"]


def test_two_people_of_one_set_stay_two_and_one_known_person_removes_one(tmp_path: Path) -> None:
    """Two who hug have nearly one crop; only one of them is in the other set."""
    writers.write_cliff(tmp_path, "coco2014part_cliffGT.npz", PEOPLE[:1])
    path = writers.write_cliff(tmp_path / "other", "coco2014part_cliffGT.npz", [PEOPLE[0], PEOPLE[0]])
    with np.load(path) as file:
        columns = {name: file[name] for name in file.files}
    columns["imgname"][1] = columns["imgname"][0]
    columns["center"][1] += 2
    np.savez(path, **columns)
    (_, second), lost = without_duplicates(
        [open_set("coco-cliff", tmp_path), open_set("coco-cliff", tmp_path / "other")]
    )
    assert lost == [0, 1] and second[0].key.endswith("(1)")


@pytest.mark.parametrize(
    ("row", "subsets"),
    [
        (Row("courtyard_backpack_00", 0, 10), {"3dpw-occ", "3dpw-all"}),
        (Row("outdoors_climbing_02", 0, 0), {"3dpw-occ", "3dpw-all"}),
        (Row("courtyard_basketball_00", 1, 250), {"3dpw-occ", "3dpw-pc", "3dpw-all"}),
        (Row("courtyard_basketball_00", 1, 280), {"3dpw-occ", "3dpw-all"}),
        (Row("courtyard_hug_00", 0, 100), {"3dpw-pc", "3dpw-all"}),
        (Row("courtyard_hug_00", 0, 99), {"3dpw-all"}),
        (Row("downtown_walking_00", 0, 5), {"3dpw-non-occ", "3dpw-all"}),
    ],
)
def test_people_belong_to_the_published_subsets(row: Row, subsets: set[str]) -> None:
    assert {subset for subset in SUBSETS if belongs(row, subset)} == subsets


def small_3dpw(folder: Path) -> Path:
    for split, sequence in (
        ("train", "courtyard_box_00"),
        ("validation", "flat_guitar_01"),
        ("test", "downtown_bar_00"),
    ):
        writers.write_3dpw(folder, split, sequence, PEOPLE[:2])
    return folder


def test_lists_are_built_from_the_folder_and_read_beside_it(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = small_3dpw(tmp_path / "3DPW")
    assert main(["lists", str(folder), "-o", str(tmp_path / "lists")]) == 0
    said = capsys.readouterr().out
    assert "3dpw-occ: 4 people in 2 sequences" in said and "3dpw-pc: 0 people" in said
    rows = read_list(tmp_path / "lists" / "3dpw-non-occ.json")
    reader = ThreeDpw(folder, "3dpw-non-occ", rows=rows)
    assert [sample.image_id for sample in reader] == ["downtown_bar_00/0", "downtown_bar_00/1"]
    assert open_set("3dpw-occ", folder)[0].key == "courtyard_box_00 person 0 frame 0"


def test_list_that_names_somebody_who_is_not_there_stops(tmp_path: Path) -> None:
    from training.datasets import DatasetError

    folder = small_3dpw(tmp_path)
    with pytest.raises(DatasetError, match="no frame 9 of person 0 in flat_guitar_01"):
        ThreeDpw(folder, "3dpw-occ", rows=[Row("flat_guitar_01", 0, 9)])
    with pytest.raises(DatasetError, match="holds nobody of 3dpw-pc"):
        open_set("3dpw-pc", folder)


def smpl_folder(folder: Path) -> Path:
    with np.load(OPEN_BODY) as file:
        arrays = {name: file[name] for name in file.files}
    for name, factor in (("SMPL_NEUTRAL.npz", 1.0), ("SMPL_MALE.npz", 1.1), ("SMPL_FEMALE.npz", 0.9)):
        np.savez(folder / name, **(arrays | {"v_template": arrays["v_template"] * np.float32(factor)}))
    return folder


def test_truth_is_gendered_or_neutral(tmp_path: Path) -> None:
    folder = smpl_folder(tmp_path)
    pose, betas = np.zeros((3, 72)), np.zeros((3, 10))
    heights = [
        np.ptp(Bodies.read(folder, gendered).vertices(pose, betas, ["male", "female", "neutral"])[..., 1], axis=1)
        for gendered in (True, False)
    ]
    assert heights[0] / heights[0][2] == pytest.approx([1.1, 0.9, 1.0], rel=1e-3)
    assert heights[1] == pytest.approx([heights[0][2]] * 3)


def test_mesh_of_a_rendered_persons_pose_has_the_labelled_joints() -> None:
    """Flipped or not: what the writers hand on is one body, in one frame."""
    bodies = Bodies.read(None)
    people = list(writers.rendered_people(small_store(), 6, 96, seed=3))
    for person in people:
        pose, betas = np.asarray(person.sample.pose)[None], np.asarray(person.sample.betas)[None]
        joints = bodies.neutral.lsp_regressor @ bodies.vertices(pose, betas, ["neutral"])[0]
        assert np.abs(joints - person.sample.joints_3d[LSP_FROM_SUPERSET, :3]).max() < 2e-3
        in_camera = joints + person.transl
        seen = person.sample.joints_2d[LSP_FROM_SUPERSET, 2] > 0
        projected = in_camera[:, :2] / in_camera[:, 2:] * person.focal_px + person.principal_px
        assert np.abs(projected - person.sample.joints_2d[LSP_FROM_SUPERSET, :2])[seen].max() < 0.5


def test_check_of_a_whole_set_counts_it(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    writers.write_cliff(tmp_path, "coco2014part_cliffGT.npz", PEOPLE)
    assert main(["check", "coco-cliff", str(tmp_path)]) == 0
    said = capsys.readouterr().out
    assert "5 people, 5 2D joints, 5 SMPL, 5 pseudo-ground-truth, 5 neutral" in said
    assert "5 pictures looked at, 0 missing" in said


def test_check_names_what_is_missing_or_broken_and_where_to_get_it(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = writers.write_cliff(tmp_path, "coco2014part_cliffGT.npz", PEOPLE)
    with np.load(path) as file:
        columns = {name: file[name] for name in file.files}
    columns["pose"][1, 7] = np.nan
    np.savez(path, **columns)
    (tmp_path / "train2014" / "COCO_train2014_000000000004.jpg").write_bytes(b"no picture")
    assert main(["check", "coco-cliff", str(tmp_path), "--pictures", "0"]) == 1
    said = capsys.readouterr().out
    assert "fault: " in said and "row 1: pose of train2014" in said
    assert "no picture: " in said and "4 pictures looked at, 1 missing" in said
    assert "get it: github.com/huawei-noah" in said and "terms: " in said
    path.unlink()
    assert main(["check", "coco-cliff", str(tmp_path)]) == 1
    assert "missing: coco2014part_cliffGT.npz" in capsys.readouterr().out


def test_command_ends_in_a_sentence(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", "nothing", str(tmp_path)]) == 1
    assert main(["smpl", str(tmp_path)]) == 1
    assert main(["lists", str(tmp_path), "-o", str(tmp_path / "out")]) == 1
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 3 and all(line.startswith("training.datasets: ") for line in lines)
    assert not (tmp_path / "out").exists()


def test_names_tell_every_sets_page_and_terms(capsys: pytest.CaptureFixture[str]) -> None:
    from training.datasets import SETS

    assert main(["names"]) == 0
    said = capsys.readouterr().out
    assert all(f"{name}\n" in said for name in SETS)


def test_smpl_command_lists_the_files(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["smpl", str(smpl_folder(tmp_path))]) == 0
    assert [line.split(":")[0] for line in capsys.readouterr().out.splitlines()] == ["female", "male", "neutral"]
