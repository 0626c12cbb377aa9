"""Every format, written and read again: the same people, pictures unread until asked for."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from tests.fixtures.people import HEIGHT, WIDTH, made_up_people
from training.datasets import open_set, writers
from training.datasets.decoding import decode
from training.datasets.metro_tsv import MetroTsv
from training.datasets.sample import FilePicture, Reader
from training.datasets.threedpw import ThreeDpw
from training.joint_orders import SUPERSET_FROM_SMPL

PEOPLE = list(made_up_people(5))
LIMBS = list(SUPERSET_FROM_SMPL)


def metro(folder: Path) -> None:
    writers.write_metro(folder / "up3d", "trainval", PEOPLE)


def bedlam(folder: Path) -> None:
    writers.write_bedlam(folder, "20221010_3_1000_batch01hand_6fps", PEOPLE[:3])
    writers.write_bedlam(folder, "20221011_1_250", PEOPLE[3:])


WRITE: dict[str, Callable[[Path], object]] = {
    "up-3d": metro,
    "coco-cliff": lambda folder: writers.write_cliff(folder, "coco2014part_cliffGT.npz", PEOPLE),
    "coco-eft": lambda folder: writers.write_eft(folder, "COCO2014-All-ver01.json", PEOPLE),
    "3dpw-test": lambda folder: writers.write_3dpw(folder, "test", "courtyard_walk_00", PEOPLE),
    "3doh-train": lambda folder: writers.write_3doh(folder, "train", PEOPLE),
    "bedlam": bedlam,
    "coco-keypoints-train2017": lambda folder: writers.write_coco(folder, "train2017", PEOPLE),
    "mpii-keypoints-train": lambda folder: writers.write_mpii(folder, "train", PEOPLE),
    "lsp": lambda folder: writers.write_lsp(folder, PEOPLE),
    "lspet": lambda folder: writers.write_lsp(folder, PEOPLE, extended=True),
}
WITH_POSE = ["up-3d", "coco-cliff", "coco-eft", "3dpw-test", "3doh-train", "bedlam"]
OWN_BOX = ["3dpw-test", "lsp", "lspet"]  # made from the joints, by each set's own rule
PROJECTED = "3dpw-test"  # limbs are SMPL's own joints there


@pytest.fixture(scope="module", params=WRITE)
def reader(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Reader:
    folder = tmp_path_factory.mktemp("Menge mit Leerzeichen")
    WRITE[request.param](folder)
    return open_set(request.param, folder)


def test_everybody_is_read_in_order_with_a_picture_that_decodes(reader: Reader) -> None:
    assert len(reader) == len(PEOPLE) == len(list(reader))
    assert reader[3].key == list(reader)[3].key
    for sample in reader:
        image = decode(sample.picture)
        assert image is not None and image.shape == (HEIGHT, WIDTH, 3)


def test_labelled_points_are_those_written_and_the_rest_is_masked(reader: Reader) -> None:
    for sample, person in zip(reader, PEOPLE, strict=True):
        seen = np.flatnonzero(sample.joints_2d[:, 2] > 0)
        if reader.name == PROJECTED:
            seen = np.setdiff1d(seen, LIMBS)
        assert len(seen) >= 7
        np.testing.assert_allclose(sample.joints_2d[seen, :2], person.sample.joints_2d[seen, :2], atol=1e-3)
        assert not sample.joints_2d[sample.joints_2d[:, 2] == 0].any()
        assert not sample.joints_3d[sample.joints_3d[:, 3] == 0].any()


def test_crop_is_the_one_written(reader: Reader) -> None:
    for sample, person in zip(reader, PEOPLE, strict=True):
        if reader.name in OWN_BOX:
            assert np.abs(sample.center_px - person.sample.center_px).max() < 0.1 * 200 * person.sample.scale
            assert sample.scale == pytest.approx(person.sample.scale, rel=0.25)
        else:
            np.testing.assert_allclose(sample.center_px, person.sample.center_px)
            assert sample.scale == pytest.approx(person.sample.scale)


def test_pose_is_in_the_cameras_axes_and_only_where_the_set_has_one(reader: Reader) -> None:
    for sample, person in zip(reader, PEOPLE, strict=True):
        assert sample.has_smpl == sample.has_mesh == (reader.name in WITH_POSE)
        if sample.pose is not None and sample.betas is not None:
            np.testing.assert_allclose(sample.pose[3:], person.sample.pose[3:], atol=1e-6)
            from core.geometry.skinning import rotation_matrices

            turns = rotation_matrices(np.array([sample.pose[:3], person.sample.pose[:3]]))
            np.testing.assert_allclose(turns[0], turns[1], atol=1e-6)
            if reader.name != PROJECTED:  # one body a film there
                np.testing.assert_allclose(sample.betas, person.sample.betas)


def test_pictures_are_not_opened_before_they_are_asked_for(tmp_path: Path) -> None:
    writers.write_cliff(tmp_path, "coco2014part_cliffGT.npz", PEOPLE)
    for picture in (tmp_path / "train2014").glob("*.jpg"):
        picture.unlink()
    samples = list(open_set("coco-cliff", tmp_path))
    assert len(samples) == len(PEOPLE) and decode(samples[0].picture) is None


def test_3dpw_joints_are_smpls_in_the_camera_whatever_the_world(tmp_path: Path) -> None:
    from core.body.model import load_body

    writers.write_3dpw(tmp_path, "train", "flat_guitar_01", PEOPLE[:1])
    sample = open_set("3dpw-train", tmp_path)[0]
    joints, _ = writers.posed_in_camera(PEOPLE[0], load_body())
    np.testing.assert_allclose(sample.joints_3d[LIMBS, :3], joints[list(SUPERSET_FROM_SMPL.values())], atol=1e-5)
    assert (
        sample.gender == "male" and not sample.is_pseudo and (sample.image_id, sample.frame) == ("flat_guitar_01/0", 0)
    )


def test_3dpw_frames_count_when_the_camera_and_a_detection_are_there(tmp_path: Path) -> None:
    import pickle

    writers.write_3dpw(tmp_path, "train", "flat_guitar_01", PEOPLE)
    path = tmp_path / "sequenceFiles" / "train" / "flat_guitar_01.pkl"
    content = pickle.loads(path.read_bytes())
    content["campose_valid"][0][1] = 0
    content["poses2d"][0][2] = 0
    path.write_bytes(pickle.dumps(content, protocol=2))
    assert [row.frame for row in ThreeDpw(tmp_path, "3dpw-train", ["train"]).rows] == [0, 3, 4]


def test_bedlams_closeups_are_stood_up(tmp_path: Path) -> None:
    writers.write_bedlam(tmp_path, "20221010_3-10_500_closeup", PEOPLE[:1])
    image = decode(open_set("bedlam", tmp_path)[0].picture)
    assert image is not None and image.shape == (WIDTH, HEIGHT, 3)


def test_composite_reads_rows_of_its_sources_through_the_line_list(tmp_path: Path) -> None:
    for name, rows in (("human3.6m", PEOPLE[:2]), ("muco", PEOPLE[2:])):
        writers.write_metro(tmp_path / name, "train", rows)
    path = writers.write_metro_composite(tmp_path / "Tax", [("human3.6m/train", 2), ("muco/train", 3)])
    (tmp_path / "Tax" / "train.linelist.tsv").write_text("1\t2\n0\t1\n1\t0\n")
    reader = MetroTsv(path, "metro-mixed")
    assert [sample.key for sample in reader] == ["000004.jpg", "000001.jpg", "000002.jpg"]
    assert reader[0].picture.name.endswith("muco/train.img.tsv row 2")
    image = decode(reader[0].picture)
    assert image is not None and np.abs(reader[0].joints_2d - PEOPLE[4].sample.joints_2d).max() < 1e-9


def test_set_without_a_yaml_of_its_own_is_read_by_the_names_of_its_files(tmp_path: Path) -> None:
    writers.write_metro(tmp_path / "muco", "train", PEOPLE).unlink()
    assert len(open_set("muco", tmp_path)) == 5


def test_line_list_selects_rows_of_a_plain_set(tmp_path: Path) -> None:
    path = writers.write_metro(tmp_path, "train", PEOPLE, with_gender=True)
    (tmp_path / "train.linelist.tsv").write_text("4\n2\n")
    assert [sample.key for sample in MetroTsv(path, "muco")] == ["000004.jpg", "000002.jpg"]


def test_labels_of_some_sets_have_no_extra_axis(tmp_path: Path) -> None:
    import json

    path = writers.write_metro(tmp_path, "train", PEOPLE[:1])
    record = writers.metro_label(PEOPLE[0].sample)
    record |= {"2d_joints": record["2d_joints"][0], "3d_joints": record["3d_joints"][0]}
    writers.write_tsv(tmp_path / "train.label.tsv", [["000000.jpg", json.dumps([record])]])
    np.testing.assert_allclose(MetroTsv(path, "muco")[0].joints_3d, PEOPLE[0].sample.joints_3d)


def test_flags_say_what_a_row_lacks(tmp_path: Path) -> None:
    import json

    path = writers.write_metro(tmp_path, "train", PEOPLE[:1])
    record = writers.metro_label(PEOPLE[0].sample) | {"has_3d_joints": 0, "has_smpl": 0}
    writers.write_tsv(tmp_path / "train.label.tsv", [["000000.jpg", json.dumps([record])]])
    sample = MetroTsv(path, "muco")[0]
    assert (sample.has_2d, sample.has_3d, sample.has_smpl, sample.has_mesh) == (True, False, False, False)


def test_index_is_made_where_there_is_none(tmp_path: Path) -> None:
    path = writers.write_metro(tmp_path, "train", PEOPLE)
    for index in tmp_path.glob("*.lineidx"):
        index.unlink()
    assert [sample.key for sample in MetroTsv(path, "muco")] == [f"{n:06d}.jpg" for n in range(5)]


def test_crowds_are_no_people_of_coco(tmp_path: Path) -> None:
    writers.write_coco(tmp_path, "val2017", PEOPLE[:2])
    assert [sample.annotation_id for sample in open_set("coco-keypoints-val2017", tmp_path)] == [100, 101]


def test_lspets_unlabelled_joints_are_masked_and_lsps_hidden_ones_are_not(tmp_path: Path) -> None:
    from scipy.io import loadmat, savemat

    for name, flag in (("lsp", 1), ("lspet", 0)):
        folder = tmp_path / name
        folder.mkdir()
        path = writers.write_lsp(folder, PEOPLE, extended=name == "lspet")
        joints = loadmat(str(path))["joints"]
        joints[(2, 0, 0) if name == "lsp" else (0, 2, 0)] = flag
        savemat(str(path), {"joints": joints})
        assert open_set(name, folder)[0].joints_2d[0, 2] == (1 if name == "lsp" else 0)


def test_reading_again_gives_the_same_numbers_from_a_picture_of_its_own(tmp_path: Path) -> None:
    writers.write_3doh(tmp_path, "test", PEOPLE)
    reader = open_set("3doh-test", tmp_path)
    first, again = reader[2], reader[2]
    assert np.array_equal(first.pose, again.pose) and isinstance(first.picture, FilePicture)
    assert first.picture.path == tmp_path / "testset" / "images" / "00002.jpg"
