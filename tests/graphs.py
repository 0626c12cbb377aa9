"""A weights bundle without training: an ONNX graph that finds a bright blob in the crop.

Its person is the blob: the centre of the brightness is the body's middle, twice its vertical standard
deviation the half height, its mean brightness the person's score. Joints and mesh are the body at rest, so
that projection, tracking, the take and the command line run on something true. `blob` and `write_clip` make
footage for it.
"""

import hashlib
import json
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from core.body.model import load_body
from core.geometry.crops import BOX_FACTOR, IMAGENET_MEAN, IMAGENET_STD
from core.inference.onnx_runtime import ROW_SHAPES
from core.weights.rotation_tokens import sizes_to_json
from tests import bone_graphs

SIZE = 64
DARK = 0.35
"""Brightness (0 to 1) that counts as background."""
SCORE_AT_HALF = 0.005
"""Share of the crop's brightness at which the person's score is one half."""


def rest_body() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """(431, 3) vertices, (14, 3) LSP, (17, 3) COCO joints at rest, camera axes, relative to the mid-hip."""
    body = load_body()
    turn = np.array([1.0, -1.0, -1.0])  # y up, z towards the camera -> y down, z away
    lsp = body.lsp_regressor @ body.v_template
    root = (lsp[2] + lsp[3]) / 2
    coco = body.coco_regressor @ body.v_template
    coarse = body.v_template[body.index_431]
    return tuple(((points - root) * turn).astype(np.float32) for points in (coarse, lsp, coco))  # type: ignore[return-value]


def blob_graph(size: int = SIZE) -> onnx.ModelProto:
    """The graph; inputs and outputs as in a real bundle's model.onnx."""
    coarse, lsp, coco = rest_body()
    middle_y = (lsp[:, 1].min() + lsp[:, 1].max()) / 2  # of the joints' box, against the root
    half_height = (lsp[:, 1].max() - lsp[:, 1].min()) / 2
    unit = (np.arange(size) + 0.5) * 2 / size - 1
    nodes: list[Any] = []
    constants: dict[str, np.ndarray] = {
        "std": np.array(IMAGENET_STD, np.float32).reshape(1, 3, 1, 1),
        "mean": np.array(IMAGENET_MEAN, np.float32).reshape(1, 3, 1, 1),
        "dark": np.array(DARK, np.float32),
        "tiny": np.array(1e-6, np.float32),
        "xs": unit.reshape(1, 1, size).astype(np.float32),
        "ys": unit.reshape(1, size, 1).astype(np.float32),
        "channel": np.array([1], np.int64),
        "space": np.array([1, 2], np.int64),
        "two": np.array(2, np.float32),
        "smallest": np.array(0.02, np.float32),
        "half_height": np.array(half_height, np.float32),
        "middle": np.array([[0, middle_y]], np.float32),
        "lsp_xy": lsp[None, :, :2],
        "coco_xy": coco[None, :, :2],
        "coarse": coarse[None],
        "lsp": lsp[None],
        "steep": np.array(600, np.float32),
        "at_half": np.array(SCORE_AT_HALF, np.float32),
        "ones14": np.ones((1, 14), np.float32),
        "ones34": np.ones((1, 34), np.float32),
        "hundred": np.array(100, np.float32),
        "zero3": np.zeros(3, np.float32).reshape(1, 1, 3),
    }

    def add(kind: str, inputs: list[str], output: str, **attributes: Any) -> str:
        nodes.append(helper.make_node(kind, inputs, [output], **attributes))
        return output

    add("Mul", ["image", "std"], "scaled")
    add("Add", ["scaled", "mean"], "rgb")
    add("ReduceMean", ["rgb", "channel"], "grey", keepdims=0)
    add("Sub", ["grey", "dark"], "above")
    add("Relu", ["above"], "light")
    add("ReduceMean", ["light", "space"], "share", keepdims=0)
    add("ReduceSum", ["light", "space"], "sum", keepdims=1)
    add("Add", ["sum", "tiny"], "sum_safe")
    add("Div", ["light", "sum_safe"], "weight")
    for axis in ("x", "y"):
        add("Mul", ["weight", f"{axis}s"], f"w{axis}")
        add("ReduceSum", [f"w{axis}", "space"], f"c{axis}", keepdims=1)
    add("Sub", ["ys", "cy"], "dy")
    add("Mul", ["dy", "dy"], "dy2")
    add("Mul", ["weight", "dy2"], "wdy2")
    add("ReduceSum", ["wdy2", "space"], "variance", keepdims=1)
    add("Sqrt", ["variance"], "deviation")
    add("Mul", ["deviation", "two"], "half_raw")
    add("Max", ["half_raw", "smallest"], "half")  # (B, 1, 1) half height in crop units
    add("Div", ["half", "half_height"], "scale")  # (B, 1, 1) crop units a metre
    add("Concat", ["cx", "cy"], "centre", axis=2)  # (B, 1, 2)
    add("Div", ["centre", "scale"], "centre_m")
    add("Sub", ["centre_m", "middle"], "shift")  # (B, 1, 2) metres: t of the weak camera
    add("Concat", ["scale", "shift"], "camera", axis=2)
    add("Squeeze", ["camera", "channel"], "weak_camera")
    for name, points in (("joints_2d", "lsp_xy"), ("keypoints", "coco_xy")):
        add("Add", [points, "shift"], f"{name}_m")
        add("Mul", [f"{name}_m", "scale"], name)
    add("Mul", ["scale", "zero3"], "nothing")  # (B, 1, 3), so that constants take the batch's size
    add("Add", ["coarse", "nothing"], "coarse_vertices")
    add("Add", ["lsp", "nothing"], "joints")
    add("Sub", ["share", "at_half"], "over")
    add("Mul", ["over", "steep"], "logit")
    add("Sigmoid", ["logit"], "person_score")
    add("Unsqueeze", ["person_score", "channel"], "score_column")
    add("Mul", ["score_column", "ones14"], "joint_confidence")
    add("Mul", ["score_column", "ones34"], "token_confidence")
    add("Mul", ["token_confidence", "hundred"], "id_float")
    add("Cast", ["id_float"], "pose_token_ids", to=TensorProto.INT64)
    outputs = [
        helper.make_tensor_value_info(
            name, TensorProto.INT64 if name == "pose_token_ids" else TensorProto.FLOAT, ["batch", *shape]
        )
        for name, shape in ROW_SHAPES.items()
    ]
    image = helper.make_tensor_value_info("image", TensorProto.FLOAT, ["batch", 3, size, size])
    initialisers = [numpy_helper.from_array(value, name) for name, value in constants.items()]
    graph = helper.make_graph(nodes, "blob", [image], outputs, initialisers)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9)
    onnx.checker.check_model(model)
    return model


def write_bundle(folder: Path, has_bones: bool = False, **changes: Any) -> Path:
    """A whole bundle with the blob's graph; `changes` replace fields of config.json.

    Args:
        folder: to write to.
        has_bones: give it a rotation head and a vocabulary (`bone_graphs`).
        changes: by name.
    """
    folder.mkdir(parents=True, exist_ok=True)
    files = [folder / "model.onnx"]
    onnx.save(bone_graphs.add_head(blob_graph()) if has_bones else blob_graph(), files[0])
    if has_bones:
        files += bone_graphs.write_vocabulary(folder)
        changes.setdefault("rotation_tokens", sizes_to_json(bone_graphs.SIZES))
    body = load_body()
    config = {
        "format_version": 1,
        "name": "blob",
        "preset": "blob",
        "input_size": SIZE,
        "box_factor": BOX_FACTOR,
        "mean": IMAGENET_MEAN,
        "std": IMAGENET_STD,
        "body_name": body.name,
        "body_digest": body.digest,
        "joint_sets": {},
        "upsampler": "body",
        "licence": "CC0-1.0",
        "commercial_use": True,
        "training_data": [],
        "scores": {},
        **changes,
    }
    config.setdefault("files", {file.name: _sum_of(file) for file in files})
    (folder / "config.json").write_text(json.dumps(config), encoding="utf-8")
    return folder


def _sum_of(file: Path) -> dict[str, Any]:
    content = file.read_bytes()
    return {"sha256": hashlib.sha256(content).hexdigest(), "bytes": len(content)}


def blob(
    centres: Iterable[tuple[float, float]],
    width: int = 320,
    height: int = 240,
    half: tuple[int, int] = (22, 60),
) -> np.ndarray:
    """(H, W, 3) uint8: bright upright ellipses with those centres and half sizes on a dark ground."""
    image = np.full((height, width, 3), 30, np.uint8)
    for x, y in centres:
        cv2.ellipse(image, (round(x), round(y)), half, 0, 0, 360, (225, 235, 230), -1, cv2.LINE_AA)
    return image


def walking_blob(index: int) -> np.ndarray:
    """A frame of one blob that walks to the right."""
    return blob([(90 + 1.5 * index, 125)])


def write_clip(
    path: Path, frame_count: int = 40, picture: Callable[[int], np.ndarray] = walking_blob, fps: float = 20.0
) -> Path:
    """A video of `picture(0)`, `picture(1)`, ...; MPEG-4 for .mp4, MJPEG for .avi."""
    height, width = picture(0).shape[:2]
    code = cv2.VideoWriter.fourcc(*("MJPG" if path.suffix == ".avi" else "mp4v"))
    writer = cv2.VideoWriter(str(path), code, fps, (width, height))
    assert writer.isOpened(), path
    for index in range(frame_count):
        writer.write(picture(index))
    writer.release()
    return path
