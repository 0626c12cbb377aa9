"""What is installed, where the network runs, which weights there are; what is missing, and what to do."""

from __future__ import annotations

import importlib.metadata
import importlib.util
import platform
import time
from collections.abc import Iterator
from dataclasses import dataclass

NEEDED = {
    "numpy": "numpy",
    "cv2": "opencv-python-headless",
    "scipy": "scipy",
    "onnxruntime": "onnxruntime",
}
OPTIONAL = {
    "huggingface_hub": ("huggingface_hub", "downloads weights by name"),
    "safetensors": ("safetensors", "reads the weights' own upsampler, and the torch runtime's weights"),
    "torch": ("torch", "runs the network with --runtime torch"),
}
DISTRIBUTIONS = {
    "cv2": ("opencv-python-headless", "opencv-python", "opencv-contrib-python-headless"),
    "onnxruntime": ("onnxruntime", "onnxruntime-gpu", "onnxruntime-directml"),
}


@dataclass(frozen=True, slots=True)
class Finding:
    """One line of the doctor's.

    Attributes:
        is_fine: False where reconstruction can't work before it is put right.
        what: what was looked at.
        found: what was found.
        advice: what to do; "" where nothing is to be done.
    """

    is_fine: bool
    what: str
    found: str
    advice: str = ""


def examine(weights: str | None = None, device: str = "auto", detector: str | None = None) -> Iterator[Finding]:
    """All findings, one after the other; nothing is downloaded unless the weights' name says so."""
    yield Finding(True, "python", f"{platform.python_version()} on {platform.system()} {platform.machine()}")
    is_complete = True
    for module, package in NEEDED.items():
        finding = _module(module, f"install it: pip install {package}")
        is_complete &= finding.is_fine
        yield finding
    for module, (package, purpose) in OPTIONAL.items():
        finding = _module(module, "")
        absent = f"not installed; it only {purpose}"
        yield finding if finding.is_fine else Finding(True, package, absent)
    if is_complete:
        yield from _network(weights, device)
        yield _detector(detector)


def report(findings: Iterator[Finding]) -> tuple[list[str], bool]:
    """The lines to print, and whether everything that is needed is there."""
    lines, is_fine = [], True
    for finding in findings:
        is_fine &= finding.is_fine
        mark = "ok" if finding.is_fine else "MISSING"
        advice = f"; {finding.advice}" if finding.advice else ""
        lines.append(f"{mark:8}{finding.what:18}{finding.found}{advice}")
    lines.append("ready" if is_fine else "not ready: see the lines marked MISSING")
    return lines, is_fine


def _module(module: str, advice: str) -> Finding:
    if importlib.util.find_spec(module) is None:
        return Finding(False, module, "not installed", advice)
    for distribution in DISTRIBUTIONS.get(module, (module,)):
        try:
            return Finding(True, module, f"{distribution} {importlib.metadata.version(distribution)}")
        except importlib.metadata.PackageNotFoundError:
            continue
    return Finding(True, module, "installed")


def _network(weights: str | None, device: str) -> Iterator[Finding]:
    """Body, weights, and one crop through the network."""
    from ..body.model import load_body
    from ..errors import MocapError

    try:
        body = load_body()
        yield Finding(True, "body", f"{body.name}, {len(body.v_template)} vertices, {body.digest[:8]}")
    except MocapError as error:
        yield Finding(False, "body", str(error))
        return
    from ..weights.find import find_weights

    try:
        bundle = find_weights(weights)
    except MocapError as error:
        yield Finding(False, "weights", str(error))
        return
    use = "commercial use allowed" if bundle.is_commercial else "NO commercial use"
    yield Finding(True, "weights", f"{bundle.name} ({bundle.preset}), {bundle.licence}, {use}, {bundle.folder}")
    import numpy as np

    from ..inference.runtime import open_runtime

    try:
        runtime = open_runtime(bundle, "onnx", device)
        crop = np.zeros((1, 3, bundle.input_size, bundle.input_size), np.float32)
        runtime.run(crop)
        start = time.perf_counter()
        runtime.run(crop)
        took_ms = (time.perf_counter() - start) * 1000
    except MocapError as error:
        yield Finding(False, "network", str(error))
        return
    yield Finding(True, "network", f"{runtime.name} on {runtime.device}, {took_ms:.1f} ms a person", runtime.notice)


def _detector(name: str | None) -> Finding:
    """What finds people, and how long one frame takes it."""
    import numpy as np

    from ..detection.detector import SEARCH
    from ..detection.open_detector import is_own_there, open_detector
    from ..errors import MocapError

    if name == SEARCH:
        return Finding(True, "detector", "none; the pose network searches, which is slow")
    if name is None and not is_own_there():
        advice = "give one with --detector FILE.onnx, or let the search work"
        return Finding(True, "detector", "none; the pose network searches, which is slow", advice)
    try:
        detector = open_detector(name)
        frame = np.zeros((360, 640, 3), np.uint8)
        detector(frame)
        start = time.perf_counter()
        detector(frame)
    except MocapError as error:
        return Finding(False, "detector", str(error))
    took_ms = (time.perf_counter() - start) * 1000
    return Finding(True, "detector", f"{detector.name} {detector.digest[:8]}, {took_ms:.1f} ms a frame")
