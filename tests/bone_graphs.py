"""A made-up vocabulary of 3D poses, and the blob's network with a rotation head that speaks it.

A token is a joint and a code is a rotation: encoding finds the nearest of the codebook's rotations, decoding looks it
up. The head sees the blob's body at rest; its likeliest codes are the first four, the same for all tokens.
"""

import hashlib
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper
from scipy.spatial.transform import Rotation

from core.weights.rotation_tokens import RotationTokens, network_shapes

JOINTS = 21
CODES = 512
SIZES = RotationTokens(JOINTS, CODES)
PROBABILITY = (0.5, 0.3, 0.15, 0.05)
"""Of each token's four likeliest codes."""


def codebook() -> np.ndarray:
    """(CODES, 3, 3) rotations: none, then ever larger turns about axes in all directions."""
    axes = np.random.default_rng(7).normal(size=(CODES, 3))
    axes /= np.linalg.norm(axes, axis=1, keepdims=True)
    return Rotation.from_rotvec(axes * np.linspace(0, 2.2, CODES)[:, None]).as_matrix().astype(np.float32)


def encoder() -> onnx.ModelProto:
    """`rotations` (B, 21, 3, 3) -> `token_ids` (B, 21): the code of the largest trace of R^T C."""
    nodes = [
        helper.make_node("Reshape", ["rotations", "flat"], ["rows"]),
        helper.make_node("MatMul", ["rows", "codes"], ["traces"]),
        helper.make_node("ArgMax", ["traces"], ["token_ids"], axis=2, keepdims=0),
    ]
    constants = {"flat": np.array([0, JOINTS, 9]), "codes": codebook().reshape(CODES, 9).T}
    rotations = helper.make_tensor_value_info("rotations", TensorProto.FLOAT, ["batch", JOINTS, 3, 3])
    return _model(nodes, constants, [rotations], [("token_ids", TensorProto.INT64, (JOINTS,))])


def decoder() -> onnx.ModelProto:
    """`token_ids` (B, 21) -> `rotations` (B, 21, 3, 3)."""
    nodes = [helper.make_node("Gather", ["codes", "token_ids"], ["rotations"], axis=0)]
    ids = helper.make_tensor_value_info("token_ids", TensorProto.INT64, ["batch", JOINTS])
    return _model(nodes, {"codes": codebook()}, [ids], [("rotations", TensorProto.FLOAT, (JOINTS, 3, 3))])


def add_head(model: onnx.ModelProto) -> onnx.ModelProto:
    """The blob's graph with the four outputs of a rotation head."""
    graph = model.graph
    at_rest = np.tile(np.eye(3, dtype=np.float32), (24, 1, 1))
    at_rest[0] = np.diag([1.0, -1.0, -1.0])
    constants = {
        "bones_at_rest": at_rest[None],
        "no_shape": np.zeros((1, 10), np.float32),
        "likeliest": np.tile(np.arange(4, dtype=np.float32), (1, JOINTS, 1)),
        "its_probability": np.tile(np.array(PROBABILITY, np.float32), (1, JOINTS, 1)),
        "nought": np.array(0, np.float32),
        "column": np.array([-1, 1, 1]),
        "matrix": np.array([-1, 1, 1, 1]),
        "row": np.array([-1, 1]),
    }
    graph.initializer.extend(numpy_helper.from_array(value, name) for name, value in constants.items())
    graph.node.append(helper.make_node("Mul", ["person_score", "nought"], ["none_each"]))
    for name, constant, shape in (
        ("bone_rotations", "bones_at_rest", "matrix"),
        ("bone_betas", "no_shape", "row"),
        ("ids_as_floats", "likeliest", "column"),
        ("bone_token_probability", "its_probability", "column"),
    ):
        graph.node.append(helper.make_node("Reshape", ["none_each", shape], [f"none_{name}"]))
        graph.node.append(helper.make_node("Add", [constant, f"none_{name}"], [name]))
    graph.node.append(helper.make_node("Cast", ["ids_as_floats"], ["bone_token_ids"], to=TensorProto.INT64))
    for name, shape in network_shapes(SIZES).items():
        kind = TensorProto.INT64 if name == "bone_token_ids" else TensorProto.FLOAT
        graph.output.append(helper.make_tensor_value_info(name, kind, ["batch", *shape]))
    onnx.checker.check_model(model)
    return model


def stretched(model: onnx.ModelProto, name: str, factor: float, repeat: int = 1) -> onnx.ModelProto:
    """A graph with one of its constants times a factor, and repeated along its last axis."""
    (constant,) = (held for held in model.graph.initializer if held.name == name)
    value = np.repeat(numpy_helper.to_array(constant) * np.float32(factor), repeat, axis=-1)
    constant.CopyFrom(numpy_helper.from_array(value, name))
    return model


def sum_of(file: Path) -> dict[str, Any]:
    """As config.json has it."""
    content = file.read_bytes()
    return {"sha256": hashlib.sha256(content).hexdigest(), "bytes": len(content)}


def write_vocabulary(folder: Path) -> list[Path]:
    """Both graphs under their names in a bundle."""
    files = [folder / "bones_encoder.onnx", folder / "bones_decoder.onnx"]
    for file, model in zip(files, (encoder(), decoder()), strict=True):
        onnx.save(model, file)
    return files


def _model(nodes: list[Any], constants: dict[str, np.ndarray], inputs: list[Any], outputs: list[Any]) -> Any:
    told = [helper.make_tensor_value_info(name, kind, ["batch", *shape]) for name, kind, shape in outputs]
    held = [numpy_helper.from_array(value, name) for name, value in constants.items()]
    graph = helper.make_graph(nodes, "vocabulary", inputs, told, held)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9)
    onnx.checker.check_model(model)
    return model
