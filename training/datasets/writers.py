"""People written in the published formats: what tests read, and what proves the paper's protocol without its data.

    people = list(rendered_people(PictureStore.open("store"), 2000, size=256, seed=1))
    write_metro(Path("metro/human3.6m"), "train", people)
    write_3dpw(Path("3DPW"), "test", "courtyard_walk_00", people[:50])

Each writer makes what the reader of the same format reads: files, names, units and quirks; sets stay tiny, so nothing
here streams. `write_pictures` must run first for formats that name picture files.
"""

from __future__ import annotations

import base64
import json
import pickle
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import yaml
from scipy.io import savemat
from scipy.spatial.transform import Rotation

from core.body.model import Body, load_body
from training.datasets.bodies import mid_hip
from training.datasets.keypoint_sets import MPII_DOWN_PX, MPII_WIDER
from training.datasets.metro_operations import PERSON_PX, flip_pose
from training.datasets.sample import JOINTS, FilePicture, Float, Sample
from training.joint_orders import (
    COCO_FROM_SUPERSET,
    LSP_FROM_SUPERSET,
    SUPERSET_FROM_COCO,
    SUPERSET_FROM_LSP,
    SUPERSET_FROM_MPII,
    SUPERSET_FROM_OPENPOSE18,
    SUPERSET_FROM_SMPL45,
)  # fmt: skip
from training.pictures import Composer, PictureStore

PELVIS = 14


@dataclass(frozen=True, slots=True, eq=False)
class Person:
    """Somebody to be written.

    Attributes:
        sample: labels; its picture is not read.
        jpeg: the picture.
        focal_px: of the camera that took it.
        principal_px: (2,) where its axis meets the picture.
        transl: (3,) the root, mid-hip, in the camera's frame, metres.
    """

    sample: Sample
    jpeg: bytes
    focal_px: float
    principal_px: Float
    transl: Float


def rendered_people(store: PictureStore, count: int, size: int, seed: int) -> Iterator[Person]:
    """Rendered people of a store, each in a picture of her own that is exactly her crop.

    Args:
        store: cut-outs with their poses.
        count: how many.
        size: pixels a side of the pictures.
        seed: of order, backgrounds and flips.
    """
    composer = Composer(store, size, seed, difficulty=0.0)
    found, step = 0, 0
    while found < count:
        batch = composer.batch(1, step)
        step += 1
        if not bool(batch.has_person[0]):
            continue
        row = int(batch.person_index[0])
        shard, local = store.at(row)
        lsp_3d = batch.lsp_3d[0].numpy().astype(np.float64)
        is_flipped = not np.allclose(lsp_3d, store.small["lsp_3d"][row], atol=1e-4)  # difficulty 0 only flips
        pose = shard.pose[local].astype(np.float64).reshape(72)
        to_px = size / 2
        sample = Sample(
            source="rendered",
            key=f"{found:06d}",
            picture=FilePicture(Path(f"{found:06d}.jpg")),
            center_px=np.array([to_px, to_px]),
            scale=size / PERSON_PX,
            joints_2d=_points(batch.lsp_2d[0].numpy(), batch.coco_2d[0].numpy(), to_px),
            joints_3d=_joints_3d(lsp_3d),
            pose=flip_pose(pose) if is_flipped else pose,
            betas=shard.betas[local].astype(np.float64),
            image_id=f"{found:06d}",
        )
        picture = np.ascontiguousarray(batch.image[0].numpy().transpose(1, 2, 0)[..., ::-1])
        principal = (batch.principal[0].numpy().astype(np.float64) + 1) * to_px
        transl = batch.transl[0].numpy().astype(np.float64)
        yield Person(sample, jpeg_of(picture), float(batch.focal[0]) * to_px, principal, transl)
        found += 1


def jpeg_of(picture: Any) -> bytes:
    """The JPEG file of a picture (H, W, 3) BGR."""
    return cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, 95])[1].tobytes()


def _points(lsp: Float, coco: Float, to_px: float) -> Float:
    """(24, 3) frame pixels and confidence of joints in crop units: LSP's, and the face of COCO's."""
    joints = np.zeros((JOINTS, 3))
    joints[COCO_FROM_SUPERSET] = coco
    joints[LSP_FROM_SUPERSET] = lsp
    joints[:, :2] = (joints[:, :2] + 1) * to_px
    joints[:, 2] = joints[:, 2] > 0
    joints[joints[:, 2] == 0] = 0
    return joints


def _joints_3d(lsp: Float) -> Float:
    joints = np.zeros((JOINTS, 4))
    joints[LSP_FROM_SUPERSET] = np.concatenate([lsp, np.ones((14, 1))], 1)
    joints[PELVIS, 3] = 1  # mid-hip is the origin
    return joints


def write_pictures(folder: Path, people: Sequence[Person], names: Sequence[str]) -> None:
    """JPEG files under their names."""
    for person, name in zip(people, names, strict=True):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(person.jpeg)


def write_tsv(path: Path, rows: Sequence[Sequence[str]]) -> None:
    """A .tsv and its .lineidx."""
    path.parent.mkdir(parents=True, exist_ok=True)
    lines = ["\t".join(row) + "\n" for row in rows]
    starts = np.cumsum([0, *(len(line.encode()) for line in lines)])[:-1]
    path.write_text("".join(lines), encoding="utf-8", newline="\n")
    path.with_suffix(".lineidx").write_text("".join(f"{start}\n" for start in starts))


def metro_label(sample: Sample, with_gender: bool = False) -> dict[str, Any]:
    """A record of METRO's .label.tsv."""
    record: dict[str, Any] = {
        "center": sample.center_px.tolist(), "scale": sample.scale,
        "2d_joints": [sample.joints_2d.tolist()], "has_2d_joints": int(sample.has_2d),
        "3d_joints": [sample.joints_3d.tolist()], "has_3d_joints": int(sample.has_3d),
        "pose": np.zeros(72).tolist() if sample.pose is None else sample.pose.tolist(),
        "betas": np.zeros(10).tolist() if sample.betas is None else sample.betas.tolist(),
        "has_smpl": int(sample.has_smpl),
    }  # fmt: skip
    return record | ({"gender": sample.gender[0]} if with_gender else {})


def write_metro(folder: Path, stem: str, people: Sequence[Person], with_gender: bool = False) -> Path:
    """STEM.img.tsv, .hw.tsv, .label.tsv, .linelist.tsv and .yaml; returns the .yaml."""
    keys = [f"{person.sample.key}.jpg" for person in people]
    images = [base64.b64encode(person.jpeg).decode() for person in people]
    sizes = [cv2.imdecode(np.frombuffer(person.jpeg, np.uint8), cv2.IMREAD_COLOR).shape for person in people]
    sizes_json = [json.dumps([{"height": shape[0], "width": shape[1]}]) for shape in sizes]
    labels = [json.dumps([metro_label(person.sample, with_gender)]) for person in people]
    for kind, column in (("img", images), ("hw", sizes_json), ("label", labels)):
        write_tsv(folder / f"{stem}.{kind}.tsv", list(zip(keys, column, strict=True)))
    write_tsv(folder / f"{stem}.linelist.tsv", [[str(row)] for row in range(len(people))])
    names = {kind: f"{stem}.{kind}.tsv" for kind in ("img", "hw", "label", "linelist")}
    path = folder / f"{stem}.yaml"
    path.write_text(yaml.safe_dump(names))
    return path


def write_metro_composite(folder: Path, parts: Sequence[tuple[str, int]]) -> Path:
    """train.yaml that joins sets written by `write_metro`; returns it.

    Args:
        folder: of the composite, beside the sets' own.
        parts: ("human3.6m/train", how many of its rows) each.
    """
    folder.mkdir(parents=True, exist_ok=True)
    rows = [[str(source), str(row)] for source, (_, count) in enumerate(parts) for row in range(count)]
    write_tsv(folder / "train.linelist.tsv", rows)
    content: dict[str, Any] = {"composite": True, "linelist": "train.linelist.tsv"}
    content |= {kind: [f"../{stem}.{kind}.tsv" for stem, _ in parts] for kind in ("img", "hw", "label")}
    (folder / "train.yaml").write_text(yaml.safe_dump(content))
    return folder / "train.yaml"


def write_cliff(folder: Path, file: str, people: Sequence[Person], pictures: str = "train2014") -> Path:
    """CLIFF's .npz and its pictures; returns the .npz."""
    names = [f"{pictures}/COCO_train2014_{number:012d}.jpg" for number in range(1, len(people) + 1)]
    write_pictures(folder, people, names)
    samples = [person.sample for person in people]
    np.savez(
        folder / file, imgname=np.array(names), center=np.array([s.center_px for s in samples]),
        scale=np.array([s.scale for s in samples]), part=np.array([s.joints_2d for s in samples]),
        pose=np.array([s.pose for s in samples]), shape=np.array([s.betas for s in samples]),
        has_smpl=np.ones(len(samples)), global_t=np.array([person.transl for person in people]),
        focal_l=np.array([person.focal_px for person in people]),
    )  # fmt: skip
    return folder / file


def write_eft(folder: Path, file: str, people: Sequence[Person], pictures: str = "train2014") -> Path:
    """EFT's .json and its pictures, in the names of `write_cliff`; returns the .json."""
    names = [f"COCO_train2014_{number:012d}.jpg" for number in range(1, len(people) + 1)]
    write_pictures(folder / pictures, people, names)
    records = [
        {
            "parm_pose": Rotation.from_rotvec(np.asarray(person.sample.pose).reshape(24, 3)).as_matrix().tolist(),
            "parm_shape": np.asarray(person.sample.betas).tolist(),
            "parm_cam": [1.0, 0.0, 0.0], "bbox_center": person.sample.center_px.tolist(),
            "bbox_scale": person.sample.scale, "smpltype": "smpl", "annotId": 100 + number, "imageName": name,
            "gt_keypoint_2d": np.concatenate([np.zeros((25, 3)), person.sample.joints_2d]).tolist(),
        }
        for number, (name, person) in enumerate(zip(names, people, strict=True))
    ]  # fmt: skip
    (folder / file).write_text(json.dumps({"ver": 0.1, "data": records}))
    return folder / file


def posed_in_camera(person: Person, body: Body) -> tuple[Float, Float]:
    """SMPL's 24 joints (24, 3) in the camera's frame, and SMPL's own translation (3,)."""
    pose, betas = np.asarray(person.sample.pose), np.asarray(person.sample.betas)
    posed = body.pose(pose.reshape(1, 24, 3), betas[None])
    shift = person.transl - mid_hip(body, posed.vertices)[0, 0]
    return posed.joints[0] + shift, shift


def write_3dpw(folder: Path, split: str, sequence: str, people: Sequence[Person], body: Body | None = None) -> None:
    """One sequence with one actor, a frame a person; the world is the camera's frame turned by a right angle."""
    body = load_body() if body is None else body
    to_world = np.array([[0, -1.0, 0], [1, 0, 0], [0, 0, 1]])
    cam_poses = np.tile(np.eye(4), (len(people), 1, 1))
    cam_poses[:, :3, :3] = to_world.T
    joints, shifts = zip(*(posed_in_camera(person, body) for person in people), strict=True)
    poses = np.array([person.sample.pose for person in people])
    for pose in poses:
        pose[:3] = cv2.Rodrigues(to_world @ cv2.Rodrigues(pose[:3])[0])[0][:, 0]
    first = people[0]
    content = {
        "sequence": sequence, "genders": ["m" if first.sample.gender == "neutral" else first.sample.gender[0]],
        "betas": [np.asarray(first.sample.betas)], "poses": [poses],
        "trans": [np.array(shifts) @ to_world.T],
        "jointPositions": [(np.array(joints) @ to_world.T).reshape(len(people), 72)],
        "poses2d": [np.array([_openpose(person.sample.joints_2d) for person in people])],
        "campose_valid": [np.ones(len(people), np.int64)], "cam_poses": cam_poses,
        "cam_intrinsics": np.array([[first.focal_px, 0, first.principal_px[0]],
                                    [0, first.focal_px, first.principal_px[1]], [0, 0, 1]]),
    }  # fmt: skip
    target = folder / "sequenceFiles" / split / f"{sequence}.pkl"
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_bytes(pickle.dumps(content, protocol=2))
    write_pictures(folder / "imageFiles" / sequence, people, [f"image_{n:05d}.jpg" for n in range(len(people))])


def _openpose(joints_2d: Float) -> Float:
    """(3, 18) of the superset's (24, 3); the neck is left out."""
    points = np.zeros((18, 3))
    points[list(SUPERSET_FROM_OPENPOSE18.values())] = joints_2d[list(SUPERSET_FROM_OPENPOSE18)]
    return points.T


def write_3doh(folder: Path, split: str, people: Sequence[Person]) -> Path:
    """SPLITset/annots.json and its pictures; returns the former."""
    target = folder / f"{split}set"
    names = [f"images/{number:05d}.jpg" for number in range(len(people))]
    write_pictures(target, people, names)
    content = {}
    for number, (name, person) in enumerate(zip(names, people, strict=True)):
        sample = person.sample
        x, y, width, height = sample.box_px
        lsp = sample.joints_2d[list(SUPERSET_FROM_LSP), :2]
        content[f"{number:05d}"] = {
            "img_path": name.replace("/", "\\"), "bbox": [[x, y], [x + width, y + height]],
            "pose": [np.asarray(sample.pose).tolist()], "betas": [np.asarray(sample.betas).tolist()],
            "trans": [person.transl.tolist()], "scale": [1.0], "extri": np.eye(4).tolist(),
            "intri": [[person.focal_px, 0, float(person.principal_px[0])],
                      [0, person.focal_px, float(person.principal_px[1])], [0, 0, 1]],
            "lsp_joints_2d": lsp.tolist(), "lsp_joints_3d": np.zeros((14, 3)).tolist(),
            "smpl_joints_2d": np.zeros((24, 2)).tolist(), "smpl_joints_3d": np.zeros((24, 3)).tolist(),
        }  # fmt: skip
    (target / "annots.json").write_text(json.dumps(content))
    return target / "annots.json"


def write_bedlam(folder: Path, scene: str, people: Sequence[Person]) -> Path:
    """labels/SCENE.npz and images/SCENE/png/seq_000000/*.png; returns the former."""
    names = [f"seq_000000/seq_000000_{number:04d}.png" for number in range(len(people))]
    write_pictures(folder / "images" / scene / "png", people, names)
    samples = [person.sample for person in people]
    points = np.zeros((len(people), 45, 3))
    points[:, list(SUPERSET_FROM_SMPL45.values())] = np.array(
        [s.joints_2d[list(SUPERSET_FROM_SMPL45)] for s in samples]
    )
    (folder / "labels").mkdir(parents=True, exist_ok=True)
    np.savez(
        folder / "labels" / f"{scene}.npz", imgname=np.array(names), center=np.array([s.center_px for s in samples]),
        scale=np.array([s.scale for s in samples]), pose_cam=np.array([s.pose for s in samples]),
        shape=np.array([s.betas for s in samples]), gtkps=points, gender=np.array([s.gender for s in samples]),
    )  # fmt: skip
    return folder / "labels" / f"{scene}.npz"


def write_coco(folder: Path, split: str, people: Sequence[Person]) -> Path:
    """annotations/person_keypoints_SPLIT.json and its pictures, with a crowd in it; returns the former."""
    names = [f"{number:012d}.jpg" for number in range(1, len(people) + 1)]
    write_pictures(folder / split, people, names)
    annotations: list[dict[str, Any]] = []
    for number, person in enumerate(people):
        points = person.sample.joints_2d[list(SUPERSET_FROM_COCO)].copy()
        points[:, 2] *= 2
        annotations.append({
            "id": 100 + number, "image_id": number + 1, "iscrowd": 0, "num_keypoints": int((points[:, 2] > 0).sum()),
            "bbox": person.sample.box_px.tolist(), "keypoints": points.reshape(-1).tolist(),
        })  # fmt: skip
    annotations.append({**annotations[0], "id": 99, "iscrowd": 1})
    content = {"images": [{"id": n + 1, "file_name": name} for n, name in enumerate(names)], "annotations": annotations}
    path = folder / "annotations" / f"person_keypoints_{split}.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content))
    return path


def write_mpii(folder: Path, split: str, people: Sequence[Person]) -> Path:
    """annot/SPLIT.json and its pictures, one-based; returns the former."""
    names = [f"{number:09d}.jpg" for number in range(1, len(people) + 1)]
    write_pictures(folder / "images", people, names)
    records = []
    for name, person in zip(names, people, strict=True):
        scale = person.sample.scale / MPII_WIDER
        points = np.full((16, 2), -1.0)
        points[list(SUPERSET_FROM_MPII.values())] = person.sample.joints_2d[list(SUPERSET_FROM_MPII), :2] + 1
        seen = person.sample.joints_2d[list(SUPERSET_FROM_MPII), 2][np.argsort(list(SUPERSET_FROM_MPII.values()))]
        center = person.sample.center_px - [0, MPII_DOWN_PX * scale] + 1
        records.append({
            "image": name, "scale": scale, "center": center.tolist(), "joints": points.tolist(),
            "joints_vis": [int(value > 0) for value in seen],
        })  # fmt: skip
    path = folder / "annot" / f"{split}.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(records))
    return path


def write_lsp(folder: Path, people: Sequence[Person], extended: bool = False) -> Path:
    """joints.mat of LSP's or LSPET's form and its pictures; returns the former."""
    digits = 5 if extended else 4
    write_pictures(folder / "images", people, [f"im{n:0{digits}d}.jpg" for n in range(1, len(people) + 1)])
    joints = np.array([person.sample.joints_2d[:14] for person in people])  # (N, 14, 3)
    if not extended:
        joints[..., 2] = 1 - joints[..., 2]  # LSP says which are hidden
    ordered = joints.transpose(1, 2, 0) if extended else joints.transpose(2, 1, 0)
    savemat(str(folder / "joints.mat"), {"joints": ordered})
    return folder / "joints.mat"
