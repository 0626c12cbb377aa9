"""Frame -> boxes of people, by a detector: a small network of its own, ours or one that the user has.

`open_detector(None)` is the detector that ships. A folder holds a detector and its `config.json`, which names
the adapter; a bare .onnx file tells by its inputs and outputs which adapter reads it. Each adapter is a file of
this room. Boxes are where to look: `tracking.confirm` has the pose network say whether somebody is there, and
where exactly.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from ..errors import WeightsError
from ..files.untrusted import MALFORMED, is_plain_name, read_json, shortened
from ..weights.bundle import CONFIG, FORMAT_VERSION, WEIGHTS_FOLDER, sha256
from .detector import FRAME, LEAST, OWN, Detector, FullFrame
from .detr import DetrDetector
from .onnx_graph import Graph
from .own import OwnDetector
from .yolox import YoloxDetector

OWN_FOLDER = WEIGHTS_FOLDER / "open-nanodet"
Adapter = Callable[[Graph, Mapping[str, Any], str, str], Detector]
"""Of a graph, its options, the detector's name and its digest."""
ADAPTERS: dict[str, Adapter] = {OWN: OwnDetector, "detr": DetrDetector, "yolox": YoloxDetector}
"""By the name in config.json."""


def is_own_there() -> bool:
    """Whether the detector that ships is there."""
    return (OWN_FOLDER / CONFIG).is_file()


def open_detector(name_or_path: str | Path | None = None, threads: int | None = None, least: float = 1.0) -> Detector:
    """Load a detector.

    Args:
        name_or_path: None or "own" is the one that ships, "frame" the whole frame; a folder with a
            config.json, its name in assets/weights, or an .onnx file.
        threads: of the CPU; None leaves it to the library.
        least: share of its threshold from which on boxes come back.

    Raises:
        MocapError: not there, damaged, not a detector of a known form, or onnxruntime is missing.
    """
    if name_or_path == FRAME:
        return FullFrame()
    path = OWN_FOLDER if name_or_path in (None, OWN) else Path(str(name_or_path))
    if not path.exists() and (WEIGHTS_FOLDER / path).is_dir():
        path = WEIGHTS_FOLDER / path
    if path.is_dir():
        return _from_folder(path, threads, least)
    if path.is_file():
        graph = Graph(path, threads)
        return _adapted(_adapter_of(graph), graph, {LEAST: least}, path.stem, _sha256(path))
    raise WeightsError(f"{path}: no such detector; give own, frame, search, a folder or an .onnx file")


def _from_folder(folder: Path, threads: int | None, least: float) -> Detector:
    file = folder / CONFIG
    try:
        config = read_json(file)
        version, adapter = int(config["format_version"]), str(config["adapter"])
        ((name, known),) = config["files"].items()
        expected = str(known["sha256"])
    except OSError as error:
        raise WeightsError(f"{folder}: no detector in it (no config.json); choose another folder") from error
    except MALFORMED as error:
        raise WeightsError(f"{file}: damaged, or of no detector ({shortened(str(error))}); get it again") from error
    if version > FORMAT_VERSION:
        raise WeightsError(f"{folder}: a detector of a newer version (format {version}); update this program")
    if not is_plain_name(name):
        raise WeightsError(f"{file}: names a file outside its folder ({shortened(name)}); don't use it")
    found = _sha256(folder / name)
    if found != expected:
        raise WeightsError(
            f"{folder / name}: damaged or changed (its sha256 differs from config.json); get the detector again"
        )
    try:
        options = {**config, LEAST: least}
        return _adapted(adapter, Graph(folder / name, threads), options, str(config.get("name", folder.name)), found)
    except MALFORMED as error:
        raise WeightsError(f"{file}: damaged ({shortened(str(error))} missing or wrong); get it again") from error


def _sha256(file: Path) -> str:
    try:
        return sha256(file)
    except OSError as error:
        raise WeightsError(f"{file}: can't be read ({error.strerror}); get the detector again") from error


def _adapter_of(graph: Graph) -> str:
    """The adapter for a graph without a config.json."""
    inputs, outputs = set(graph.inputs), graph.outputs
    if "pixel_values" in inputs and {"logits", "pred_boxes"} <= set(outputs):
        return "detr"
    if inputs == {"image"} and {"boxes", "scores"} <= set(outputs):
        return OWN
    shapes = list(outputs.values())
    if len(inputs) == len(shapes) == 1 and len(shapes[0]) == 3 and shapes[0][2] == 85:
        return "yolox"
    raise WeightsError(
        f"{graph.file}: not a detector of a known form (inputs {', '.join(inputs)}; outputs {', '.join(outputs)}); "
        "use a D-FINE, RT-DETR or YOLOX file"
    )


def _adapted(adapter: str, graph: Graph, options: Mapping[str, Any], name: str, digest: str) -> Detector:
    if adapter not in ADAPTERS:
        raise WeightsError(f"{graph.file.parent / CONFIG}: unknown adapter {adapter!r}; update this program")
    return ADAPTERS[adapter](graph, options, name, digest)
