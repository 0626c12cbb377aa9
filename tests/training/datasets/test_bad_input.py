"""What can be wrong with a set on disk: one sentence each, with the file and what to do; never silence."""

from __future__ import annotations

import json
import pickle
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from core.body.model import OPEN_BODY
from core.body.smpl_file import SMPL_KEYS
from tests.fixtures.people import made_up_people
from training.datasets import DatasetError, open_set, writers
from training.datasets.bodies import Bodies, find_smpl
from training.datasets.decoding import BrokenPictures
from training.datasets.metro_tsv import MetroTsv

PEOPLE = list(made_up_people(3))


def fault(action: Callable[[], object]) -> str:
    """The sentence of a DatasetError."""
    with pytest.raises(DatasetError) as caught:
        action()
    sentence = str(caught.value)
    assert "\n" not in sentence and re.search(r"get|leave|build|take|name|check", sentence), sentence
    return sentence


def metro(folder: Path, change: Callable[[dict[str, Any]], object] | None = None) -> Path:
    """UP-3D's files, the first label changed."""
    path = writers.write_metro(folder / "up3d", "trainval", PEOPLE)
    if change is not None:
        records = [writers.metro_label(person.sample) for person in PEOPLE]
        change(records[0])
        rows = [
            [f"{person.sample.key}.jpg", json.dumps([record])] for person, record in zip(PEOPLE, records, strict=True)
        ]
        writers.write_tsv(folder / "up3d" / "trainval.label.tsv", rows)
    return path


@pytest.mark.parametrize("kind", ["img", "label", "linelist"])
def test_missing_tsv_is_named(tmp_path: Path, kind: str) -> None:
    metro(tmp_path)
    (tmp_path / "up3d" / f"trainval.{kind}.tsv").unlink()
    assert f"trainval.{kind}.tsv" in fault(lambda: open_set("up-3d", tmp_path))


@pytest.mark.parametrize("left", [0.5, 0.97])
def test_truncated_tsv_is_named(tmp_path: Path, left: float) -> None:
    metro(tmp_path)
    image = tmp_path / "up3d" / "trainval.img.tsv"
    image.write_bytes(image.read_bytes()[: int(left * image.stat().st_size)])
    assert "trainval.img.tsv is truncated" in fault(lambda: open_set("up-3d", tmp_path))


def test_truncated_tsv_without_an_index_is_named(tmp_path: Path) -> None:
    metro(tmp_path)
    label = tmp_path / "up3d" / "trainval.label.tsv"
    label.with_suffix(".lineidx").unlink()
    label.write_bytes(label.read_bytes()[:-1])
    assert "trainval.label.tsv is truncated" in fault(lambda: open_set("up-3d", tmp_path))


def test_index_of_another_file_is_noticed(tmp_path: Path) -> None:
    path = metro(tmp_path)
    index = tmp_path / "up3d" / "trainval.label.lineidx"
    starts = index.read_text().split()
    index.write_text(f"0\n{int(starts[1]) + 7}\n{starts[2]}\n")
    assert "row 1 does not start where its .lineidx says" in fault(lambda: MetroTsv(path, "up-3d")[1])


def test_row_out_of_range_is_named(tmp_path: Path) -> None:
    metro(tmp_path)
    (tmp_path / "up3d" / "trainval.linelist.tsv").write_text("0\n3\n")
    assert "trainval.linelist.tsv line 2: index out of range, row 3" in fault(lambda: open_set("up-3d", tmp_path))


def test_label_file_of_another_length_is_named(tmp_path: Path) -> None:
    metro(tmp_path)
    writers.write_tsv(tmp_path / "up3d" / "trainval.label.tsv", [["a", "[]"]])
    assert "has 3 rows" in fault(lambda: open_set("up-3d", tmp_path))


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda label: label["pose"].__setitem__(4, float("nan")), "pose of 000000.jpg hold NaN"),
        (lambda label: label["3d_joints"][0][3].__setitem__(0, float("inf")), "joints_3d of 000000.jpg hold NaN"),
        (lambda label: label["2d_joints"][0].pop(), r"joints_2d of 000000.jpg are \(23, 3\), expected \(24, 3\)"),
        (lambda label: label["betas"].append(0.0), r"betas of 000000.jpg are \(11,\)"),
        (lambda label: label.update(scale=0.0), "has scale 0"),
        (lambda label: label.pop("center"), "lacks 'center'"),
        (lambda label: label.update(gender="x"), "the gender is 'x'"),
    ],
)
def test_label_that_nothing_can_be_learned_from_stops(
    tmp_path: Path, change: Callable[[dict[str, Any]], object], said: str
) -> None:
    reader = MetroTsv(metro(tmp_path, change), "up-3d")
    sentence = fault(lambda: reader[0])
    assert re.search(said, sentence) and "trainval.label.tsv row 0" in sentence
    assert reader[1].has_smpl


def test_yaml_that_is_none_is_named(tmp_path: Path) -> None:
    metro(tmp_path).write_text("img: [unclosed")
    assert "trainval.yaml is no YAML file" in fault(lambda: open_set("up-3d", tmp_path))
    metro(tmp_path).write_text("img: a.tsv")
    assert "lacks label, linelist" in fault(lambda: open_set("up-3d", tmp_path))


def test_npz_faults(tmp_path: Path) -> None:
    path = writers.write_cliff(tmp_path, "coco2014part_cliffGT.npz", PEOPLE)
    with np.load(path) as file:
        columns = {name: file[name] for name in file.files}
    np.savez(path, **{name: values for name, values in columns.items() if name != "pose"})
    assert "lacks pose" in fault(lambda: open_set("coco-cliff", tmp_path))
    np.savez(path, **(columns | {"part": columns["part"][:, :17]}))
    assert "part is (3, 17, 3), expected (3, 24, 3)" in fault(lambda: open_set("coco-cliff", tmp_path))
    np.savez(path, **(columns | {"shape": columns["shape"] * np.nan}))
    assert "betas of train2014" in fault(lambda: open_set("coco-cliff", tmp_path)[0])
    np.savez(path, **(columns | {"imgname": columns["imgname"].astype(object)}))
    assert "cannot be read as .npz" in fault(lambda: open_set("coco-cliff", tmp_path))
    path.write_bytes(path.read_bytes()[:200])
    assert "cannot be read as .npz" in fault(lambda: open_set("coco-cliff", tmp_path))


def test_labels_of_smplx_are_refused(tmp_path: Path) -> None:
    path = writers.write_bedlam(tmp_path, "scene", PEOPLE)
    with np.load(path) as file:
        columns = {name: file[name] for name in file.files} | {
            "pose_cam": np.zeros((3, 165)),
            "shape": np.zeros((3, 11)),
        }
    np.savez(path, **columns)
    assert "SMPL-X" in fault(lambda: open_set("bedlam", tmp_path))


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda fit: fit.pop("parm_pose"), "lacks 'parm_pose'"),
        (lambda fit: fit["parm_pose"].pop(), r"parm_pose is \(23, 3, 3\)"),
        (lambda fit: fit["gt_keypoint_2d"].pop(), r"gt_keypoint_2d is \(48, 3\)"),
        (lambda fit: fit.update(smpltype="smplx"), "a fit of smplx"),
    ],
)
def test_eft_faults(tmp_path: Path, change: Callable[[dict[str, Any]], object], said: str) -> None:
    path = writers.write_eft(tmp_path, "COCO2014-All-ver01.json", PEOPLE)
    content = json.loads(path.read_text())
    change(content["data"][0])
    path.write_text(json.dumps(content))
    assert re.search(said, fault(lambda: open_set("coco-eft", tmp_path)[0]))


def test_truncated_json_is_named(tmp_path: Path) -> None:
    path = writers.write_3doh(tmp_path, "train", PEOPLE)
    path.write_text(path.read_text()[:-20])
    assert "annots.json is truncated" in fault(lambda: open_set("3doh-train", tmp_path))


def test_keypoint_sets_with_wrong_counts(tmp_path: Path) -> None:
    path = writers.write_coco(tmp_path, "val2017", PEOPLE)
    content = json.loads(path.read_text())
    content["annotations"][0]["keypoints"].pop()
    content["annotations"][1]["image_id"] = 77
    path.write_text(json.dumps(content))
    reader = open_set("coco-keypoints-val2017", tmp_path)
    assert "has 50 numbers, expected 17 joints of 3" in fault(lambda: reader[0])
    assert "picture 77" in fault(lambda: reader[1])
    path = writers.write_mpii(tmp_path, "train", PEOPLE)
    content = json.loads(path.read_text())
    content[0]["joints"].pop()
    path.write_text(json.dumps(content))
    assert "expected 16 joints of 2" in fault(lambda: open_set("mpii-keypoints-train", tmp_path)[0])


def test_joints_mat_of_another_shape(tmp_path: Path) -> None:
    from scipy.io import savemat

    savemat(str(tmp_path / "joints.mat"), {"joints": np.zeros((3, 16, 4))})
    assert "(3, 16, 4), expected (3, 14, N)" in fault(lambda: open_set("lsp", tmp_path))
    (tmp_path / "joints.mat").write_bytes(b"MATLAB")
    assert "no joints.mat" in fault(lambda: open_set("lspet", tmp_path))


class Evil:
    def __reduce__(self) -> tuple[Any, ...]:
        return print, ("run",)


def test_3dpw_pickle_that_asks_for_more_than_arrays_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    writers.write_3dpw(tmp_path, "test", "flat_guitar_01", PEOPLE)
    path = tmp_path / "sequenceFiles" / "test" / "flat_guitar_01.pkl"
    content = pickle.loads(path.read_bytes())
    path.write_bytes(pickle.dumps(content | {"extra": Evil()}))
    assert "flat_guitar_01.pkl is refused: its pickle asks for builtins.print" in fault(
        lambda: open_set("3dpw-test", tmp_path)
    )
    assert not capsys.readouterr().out
    path.write_bytes(pickle.dumps(content)[:-300])
    assert "flat_guitar_01.pkl is a damaged pickle" in fault(lambda: open_set("3dpw-test", tmp_path))
    path.write_bytes(pickle.dumps({"poses": []}))
    assert "lacks betas" in fault(lambda: open_set("3dpw-test", tmp_path))
    path.write_bytes(pickle.dumps(content | {"poses2d": [content["poses2d"][0][:, :, :17]]}))
    assert "poses2d is (3, 3, 17), expected (3, 3, 18)" in fault(lambda: open_set("3dpw-test", tmp_path))
    assert "sequenceFiles/train" in fault(lambda: open_set("3dpw-train", tmp_path))


def test_broken_pictures_are_named_and_too_many_stop(caplog: pytest.LogCaptureFixture) -> None:
    broken = BrokenPictures(limit=2)
    for name in ("a.jpg", "a.jpg", "b.jpg"):
        broken.add(name)
    assert broken.names == ["a.jpg", "b.jpg"] and [r.message[:13] for r in caplog.records] == [
        "skipped a.jpg",
        "skipped b.jpg",
    ]
    assert "a.jpg, b.jpg, c.jpg" in fault(lambda: broken.add("c.jpg"))


def smpl_file(path: Path, taller: float = 1.0, vertices: int = 6890) -> None:
    with np.load(OPEN_BODY) as file:
        arrays = {name: file[name] for name in file.files}
    arrays["v_template"] = arrays["v_template"][:vertices] * np.float32(taller)
    assert set(SMPL_KEYS) <= arrays.keys()
    np.savez(path, **arrays)


def test_smpl_folder_faults(tmp_path: Path) -> None:
    assert "holds no SMPL_NEUTRAL.npz" in fault(lambda: find_smpl(tmp_path))
    smpl_file(tmp_path / "SMPL_NEUTRAL.npz")
    bodies = Bodies.read(tmp_path)
    pose, betas = np.zeros((1, 72)), np.zeros((1, 10))
    assert "of a female body, and there is no file SMPL_FEMALE" in fault(
        lambda: bodies.vertices(pose, betas, ["female"])
    )
    smpl_file(tmp_path / "basicmodel_m_lbs_10_207_0_v1.1.0.npz", 1.02)
    smpl_file(tmp_path / "SMPL_FEMALE.npz", 1.02)
    assert "SMPL female and SMPL male are one body, so a file is of the wrong gender" in fault(
        lambda: Bodies.read(tmp_path)
    )
    (tmp_path / "SMPL_FEMALE.npz").unlink()
    smpl_file(tmp_path / "basicModel_f_lbs.npz", vertices=6000)
    assert "basicModel_f_lbs.npz is not SMPL: v_template is (6000, 3)" in fault(lambda: Bodies.read(tmp_path))


def test_unknown_set_is_told_the_known_ones(tmp_path: Path) -> None:
    assert "3dpw-occ" in fault(lambda: open_set("4dpw", tmp_path))
