"""What is fuzzed: for each kind of file whole samples, a way to damage them, and what reads them."""

import hashlib
import json
import pickle
import random
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from itertools import islice
from pathlib import Path

import cv2
import numpy as np

from core.body.smpl_file import _read_pickle
from core.commands.manifest import read_manifest
from core.detection.open_detector import open_detector
from core.footage.reader import open_footage
from core.geometry.camera import default_focal_px
from core.inference.estimator import Estimator
from core.inference.runtime import open_runtime
from core.motion.alternatives import KEPT, Readings, read_readings, write_readings
from core.motion.chosen_alternatives import read_chosen
from core.motion.contacts import read_contacts, with_given
from core.motion.motion_file import read_motion, write_motion
from core.motion.moving_camera import read_camera
from core.motion.pose_vocabulary import PoseVocabulary
from core.motion.solver import solve
from core.pipeline import reconstruct
from core.settings import ReconstructSettings
from core.take.take import Take
from core.tracking.drawn_boxes import boxes_by_frame
from core.weights.find import find_weights
from tests.fixtures import clips
from tests.fixtures.detector_graphs import folder_of, own_graph
from tests.fixtures.graphs import walking_blob, write_bundle, write_clip
from tests.fuzz.damage import damaged, damaged_arrays, damaged_json, damaged_lines

Damage = Callable[[bytes, random.Random], bytes]
MOST_FRAMES = 40
FRAMES = 24


@dataclass(frozen=True, slots=True)
class Target:
    """A kind of file.

    Attributes:
        name: for the table.
        samples: whole files.
        damage: bytes to damaged bytes.
        read: reads the damaged file and uses what it says; raises a MocapError where it can't.
    """

    name: str
    samples: list[Path]
    damage: Damage
    read: Callable[[Path], object]


def make_targets(folder: Path) -> list[Target]:
    """Whole samples in a folder, and what reads them; the same in every process."""
    clip, weights = write_clip(folder / "clip.mp4", FRAMES), write_bundle(folder / "weights", has_bones=True)
    settings = ReconstructSettings(weights=str(weights), detector="search", threads=1)
    take = folder / "whole.take"
    if not (take / "take.json").is_file():
        reconstruct(clip, take, settings)
    half = _half_done(take, folder / "half.take")
    detector = _detector(folder / "detector")
    as_json: Damage = lambda content, rng: damaged_json(content.decode(), rng)  # noqa: E731
    as_lines: Damage = lambda content, rng: damaged_lines(content.decode(), rng)  # noqa: E731
    return [
        Target("take.json", [take / "take.json"], as_json, partial(_read_take, take)),
        Target("take.json, to resume", [half / "take.json"], as_json, partial(_resume, half, clip, settings)),
        Target("a take's chunk", sorted(take.glob("*.npz")), damaged_arrays, partial(_read_chunk, take)),
        Target("boxes.json", [_boxes(folder)], as_json, partial(_read_boxes, clip)),
        Target("contacts.json", [_contacts(folder)], as_json, _read_contacts),
        Target("chosen readings.json", [_chosen(folder)], as_json, lambda file: read_chosen(file, ["1", "2"])),
        Target("readings.npz", [_readings(folder)], damaged_arrays, read_readings),
        Target("manifest", [_manifest(folder)], as_lines, lambda file: read_manifest(file, settings)),
        Target("camera.npz", [_camera(folder)], damaged_arrays, lambda file: read_camera(file, (320, 240), 25.0)),
        Target("motion.npz", [_motion(take, folder)], damaged_arrays, read_motion),
        Target("weights' config.json", [weights / "config.json"], as_json, partial(_use_config, weights)),
        Target("weights' model.onnx", [weights / "model.onnx"], damaged, partial(_use_model, weights)),
        Target("weights' vocabulary", [weights / "bones_decoder.onnx"], damaged, partial(_use_vocabulary, weights)),
        Target("detector's config.json", [detector / "config.json"], as_json, partial(_use_detector, detector)),
        Target("detector's .onnx", [detector / "detector.onnx"], damaged, _run_detector),
        Target("body .pkl", [_pickle(folder)], damaged, _read_pickle),
        Target("video", _videos(folder), damaged, _read_footage),
        Target("picture", _pictures(folder), damaged, _read_footage),
    ]


def _half_done(take: Path, half: Path) -> Path:
    """The take as a killed run leaves it."""
    if not half.exists():
        shutil.copytree(take, half)
        document = json.loads((half / "take.json").read_text())
        document |= {"complete": False, "report": None, "notes": [], "next_frame": 12}
        document["tracker_state"]["past"] = [one for one in document["tracker_state"]["past"] if one[0] < 12]
        (half / "take.json").write_text(json.dumps(document))
    return half


def _detector(folder: Path) -> Path:
    graph = own_graph(folder / "detector.onnx", np.array([[10.0, 20, 60, 120]]), np.array([0.9]))
    return folder_of(graph, adapter="own", longer_side=320, threshold=0.3)


def _boxes(folder: Path) -> Path:
    entry = {"id": "a", "box_xywh": [60, 50, 70, 150]}
    return _text(folder / "boxes.json", {"0": [entry], "12": [{**entry, "id": "b", "frames": [3, None]}]})


def _contacts(folder: Path) -> Path:
    return _text(folder / "contacts.json", {"1": {"left": [[0, 9], [12, 20]], "right": []}, "2": {"left": [[3, 3]]}})


def _chosen(folder: Path) -> Path:
    pose = {"frame": 7, "rotations": [[1, 0, 0, 0]] * 20 + [[0.6, 0.8, 0, 0]]}
    return _text(folder / "chosen.json", {"1": [pose, {**pose, "frame": 9}], "2": []})


def _readings(folder: Path) -> Path:
    poses = np.tile(np.array([1.0, 0, 0, 0], np.float32), (2, KEPT, 21, 1))
    found = Readings(np.array([4, 9]), np.array([0.2, 0.4]), poses, np.full((2, KEPT), 0.2, np.float32))
    write_readings({"1": found}, folder / "readings.npz")
    return folder / "readings.npz"


def _manifest(folder: Path) -> Path:
    lines = [
        {"footage": "a.mp4"},
        {"footage": "b.mov", "output": "b.take", "people": "all", "start": 1, "end": 9, "focal_px": 400.5},
        {"footage": "c.mov", "people": 2, "step": 3, "boxes": "c.json", "weights": "open-tiny", "detector": "own"},
    ]
    (folder / "clips.jsonl").write_text("\n".join(json.dumps(line) for line in lines))
    return folder / "clips.jsonl"


def _camera(folder: Path) -> Path:
    matrices = np.tile(np.eye(4), (5, 1, 1))
    np.savez_compressed(
        folder / "camera.npz", frame_index=np.arange(5), camera_to_world=matrices, focal_px=np.array(400.0)
    )
    return folder / "camera.npz"


def _motion(take: Path, folder: Path) -> Path:
    file = folder / "motion.npz"
    if not file.is_file():
        write_motion(solve(take), file)
    return file


def _pickle(folder: Path) -> Path:
    arrays = {"v_template": np.zeros((20, 3)), "f": np.zeros((4, 3), np.uint32), "bs_type": "lrotmin", "n": [1, 2.5]}
    (folder / "body.pkl").write_bytes(pickle.dumps(arrays, protocol=2))
    return folder / "body.pkl"


def _videos(folder: Path) -> list[Path]:
    odd = partial(_resized, 161, 91)
    made = [write_clip(folder / f"a{suffix}", FRAMES, odd) for suffix in (".mp4", ".avi", ".mkv", ".mov")]
    turned = clips.with_rotation(write_clip(folder / "turned.mp4", FRAMES), 240)
    uneven = clips.with_variable_rate(write_clip(folder / "uneven.mp4", FRAMES), 10)
    return [*made, turned, uneven, write_clip(folder / "tiny.mp4", 3, partial(_resized, 16, 16))]


def _pictures(folder: Path) -> list[Path]:
    grey, colour = _resized(63, 47, 0)[..., 0], _resized(63, 47, 0)
    kinds = {
        "grey.png": grey,
        "deep.png": colour.astype(np.uint16) * 257,
        "clear.png": np.dstack([colour, grey]),
        "a.jpg": colour,
        "grey.jpg": grey,
        "a.bmp": colour,
        "a.tif": colour,
        "deep.tiff": grey.astype(np.uint16) * 257,
        "a.webp": colour,
        "one.png": colour[:1, :1],
    }
    for name, image in kinds.items():
        assert cv2.imwrite(str(folder / name), image), name
    return [folder / name for name in kinds]


def _resized(width: int, height: int, index: int) -> np.ndarray:
    return cv2.resize(walking_blob(index), (width, height))


def _text(file: Path, document: object) -> Path:
    file.write_text(json.dumps(document))
    return file


def _beside(file: Path, others: Path, name: str) -> Path:
    """A folder like `others`, with the damaged file in place of its own."""
    place = file.parent / "place"
    shutil.rmtree(place, ignore_errors=True)
    shutil.copytree(others, place)
    shutil.copy(file, place / name)
    return place


def _read_take(take: Path, file: Path) -> None:
    Take.open(_beside(file, take, "take.json")).persons()


def _read_chunk(take: Path, file: Path) -> None:
    Take.open(_beside(file, take, "person0_0000.npz")).persons()


def _resume(half: Path, clip: Path, settings: ReconstructSettings, file: Path) -> None:
    reconstruct(clip, _beside(file, half, "take.json"), settings)


def _read_boxes(clip: Path, file: Path) -> None:
    for boxes in boxes_by_frame(file, open_footage(clip)).values():
        assert all(np.isfinite(box.box_px).all() for box in boxes)


def _read_contacts(file: Path) -> None:
    for given in read_contacts(file, ["1", "2"], 25.0).values():
        with_given(np.zeros((30, 2), np.bool_), np.arange(30), given)


def _use(bundle_folder: Path) -> None:
    bundle = find_weights(bundle_folder)
    picture = walking_blob(3)
    default_focal_px(picture.shape[1], picture.shape[0])
    Estimator(open_runtime(bundle, threads=1), bundle).estimate(picture, np.array([[60.0, 50, 70, 150]]))


def _use_config(weights: Path, file: Path) -> None:
    _use(_beside(file, weights, "config.json"))


def _use_model(weights: Path, file: Path) -> None:
    _use(_with_its_sum(file, weights, "model.onnx"))


def _use_vocabulary(weights: Path, file: Path) -> None:
    vocabulary = PoseVocabulary(find_weights(_with_its_sum(file, weights, "bones_decoder.onnx")))
    poses = vocabulary.decode(np.arange(2 * vocabulary.sizes.tokens).reshape(2, -1))
    assert np.isfinite(poses).all()


def _with_its_sum(file: Path, weights: Path, name: str) -> Path:
    """A bundle with the damaged file, and a sha256 that fits: its maker means harm."""
    place = _beside(file, weights, name)
    config = json.loads((place / "config.json").read_text())
    config["files"][name]["sha256"] = hashlib.sha256(file.read_bytes()).hexdigest()
    (place / "config.json").write_text(json.dumps(config))
    return place


def _run_detector(file: Path) -> None:
    open_detector(file, 1)(walking_blob(0))


def _use_detector(folder: Path, file: Path) -> None:
    open_detector(_beside(file, folder, "config.json"), 1)(walking_blob(0))


def _read_footage(file: Path) -> None:
    clip = open_footage(file)
    for frame in islice(clip.frames(), MOST_FRAMES):
        assert frame.image.shape == (clip.info.height, clip.info.width, 3)
        assert np.isfinite(frame.time_s)
    assert clip.report.decoded >= 0
