"""A TensorFlow.js graph model read with numpy: its operations and its weights by name."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from core.errors import WeightsError

Array = npt.NDArray[Any]
STORED: dict[str, np.dtype[Any]] = {"float32": np.dtype("<f4"), "int32": np.dtype("<i4"), "float16": np.dtype("<f2")}


@dataclass(frozen=True, slots=True, eq=False)
class TfjsGraph:
    """A graph model.

    Attributes:
        file: the .json that it came from.
        nodes: operations by name, as TensorFlow's GraphDef has them: `op`, `input`, `attr`.
        weights: arrays by name, in TensorFlow's order of axes; float16 becomes float32.
    """

    file: Path
    nodes: Mapping[str, Mapping[str, Any]]
    weights: Mapping[str, Array]

    def operations(self, kind: str) -> list[str]:
        """Names of all operations of a kind, in the graph's order."""
        return [name for name, node in self.nodes.items() if node["op"] == kind]


def read_tfjs(file: Path) -> TfjsGraph:
    """The graph of a .json and the weights of the files that it names, which lie beside it.

    Raises:
        WeightsError: a file is missing or damaged, or holds no graph model.
    """
    try:
        content = json.loads(file.read_text(encoding="utf-8"))
        nodes = {str(node["name"]): node for node in content["modelTopology"]["node"]}
        weights: dict[str, Array] = {}
        for group in content["weightsManifest"]:
            if any(Path(path).name != path for path in group["paths"]):
                raise ValueError("names a weights file in another folder")
            weights |= _arrays(b"".join((file.parent / path).read_bytes() for path in group["paths"]), group["weights"])
    except OSError as error:
        raise WeightsError(f"{error.filename or file}: can't be read ({error.strerror}); get it again.") from error
    except (ValueError, KeyError, TypeError) as error:
        raise WeightsError(f"{file}: not a TensorFlow.js graph model ({error!s:.120}); check the file.") from error
    return TfjsGraph(file, nodes, weights)


def _arrays(stored: bytes, described: list[dict[str, Any]]) -> dict[str, Array]:
    """The arrays that lie in `stored` one after the other."""
    arrays: dict[str, Array] = {}
    start = 0
    for one in described:
        kind = STORED[one.get("quantization", one)["dtype"]]
        shape = tuple(int(length) for length in one["shape"])
        array = np.frombuffer(stored, kind, int(np.prod(shape, dtype=np.int64)), start).reshape(shape)
        arrays[str(one["name"])] = array.astype(np.float32) if kind == STORED["float16"] else array
        start += array.nbytes
    if start != len(stored):
        raise ValueError(f"expected {start} bytes of weights, got {len(stored)}")
    return arrays
