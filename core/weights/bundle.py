"""Weights bundles: a folder with `config.json`, `model.onnx`, `model.safetensors`; verified and read.

Every file is checked against the sha256 in `config.json`, and the body against its digest: weights predict one
body's vertices and no other's. `find.find_weights` finds the folder.
"""

from __future__ import annotations

import hashlib
import json
import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ..body.model import Body
from ..body.upsample import LearnedSampler
from ..errors import WeightsError
from ..files.assets import ASSETS
from ..files.untrusted import MALFORMED, is_plain_name, read_json, shortened, told
from .rotation_tokens import RotationTokens, sizes_from_json

WEIGHTS_FOLDER = ASSETS / "weights"
CONFIG = "config.json"
FORMAT_VERSION = 1
SAMPLER_SHAPE = (1723, 431)
ONNX_MODEL, TORCH_MODEL = "model.onnx", "model.safetensors"
VOCABULARY = ("bones_encoder.onnx", "bones_decoder.onnx")
"""Of weights with a rotation head: rotations to tokens, and back; see `motion/pose_vocabulary.py`."""


@dataclass(frozen=True, slots=True, eq=False)
class WeightsBundle:
    """A verified bundle.

    Attributes:
        folder: where it lies.
        name: as its makers call it.
        preset: of the network.
        input_size: side S of the network's input, pixels.
        box_factor: side of the crop against the box's longer side.
        mean: RGB, 0 to 1.
        std: RGB, 0 to 1.
        body_name: whose vertices it predicts.
        body_digest: sha256 of that body.
        upsampler: "body" or "learned", the 431 -> 1723 step.
        licence: as a name.
        is_commercial: whether the licence allows commercial use.
        scores: as measured by the makers.
        network: the network's own configuration, for the torch runtime; {} where it isn't said.
        digest: sha256 over the model's files and the crops' settings; names the bundle in a take.
        rotation_tokens: of its rotation head; None where it has none.
        is_half: `model.onnx` is float16, made for GPUs.
    """

    folder: Path
    name: str
    preset: str
    input_size: int
    box_factor: float
    mean: tuple[float, ...]
    std: tuple[float, ...]
    body_name: str
    body_digest: str
    upsampler: str
    licence: str
    is_commercial: bool
    scores: dict[str, Any]
    network: dict[str, Any]
    digest: str
    rotation_tokens: RotationTokens | None = None
    is_half: bool = False

    @property
    def onnx_file(self) -> Path:
        """The network for ONNX Runtime."""
        return self.folder / ONNX_MODEL

    @property
    def torch_file(self) -> Path:
        """The parameters for torch."""
        return self.folder / TORCH_MODEL

    @property
    def vocabulary_files(self) -> tuple[Path, Path]:
        """The encoder and the decoder of the rotation tokens."""
        encoder, decoder = VOCABULARY
        return self.folder / encoder, self.folder / decoder

    def learned_sampler(self) -> LearnedSampler | None:
        """The trained 431 -> 1723 layer, or None where the body's sampler is used."""
        if self.upsampler == "body":
            return None
        from safetensors import SafetensorError, safe_open

        try:
            return self._read_sampler(safe_open)
        except (OSError, SafetensorError) as error:
            raise WeightsError(f"{self.torch_file}: can't be read ({shortened(str(error))}); get it again") from error

    def _read_sampler(self, safe_open: Any) -> LearnedSampler:
        with safe_open(str(self.torch_file), framework="numpy") as tensors:
            names = [key for key in tensors.keys() if key.endswith("to_intermediate.weight")]  # noqa: SIM118
            if len(names) != 1:
                raise WeightsError(f"{self.torch_file}: no learned upsampler in it; get the weights again")
            matrix = np.asarray(tensors.get_tensor(names[0]), np.float32)
            bias_name = names[0].removesuffix("weight") + "bias"
            has_bias = bias_name in tensors.keys()  # noqa: SIM118
            bias = tensors.get_tensor(bias_name) if has_bias else np.zeros((len(matrix), 1))
        if matrix.shape != SAMPLER_SHAPE or len(np.atleast_1d(bias)) != SAMPLER_SHAPE[0]:
            raise WeightsError(f"{self.torch_file}: its upsampler is {matrix.shape}, not {SAMPLER_SHAPE}")
        if bias.ndim > 1 and bias.shape[1] != 1:
            raise WeightsError(f"{self.torch_file}: its upsampler has a bias per axis, which takes can't hold")
        return LearnedSampler(matrix, np.asarray(bias, np.float32).reshape(-1))


def check_body(bundle: WeightsBundle, body: Body) -> None:
    """Raises WeightsError where the weights predict another body's vertices."""
    if bundle.body_digest != body.digest:
        raise WeightsError(
            f"{bundle.folder}: weights for the body {bundle.body_name!r} ({bundle.body_digest[:8]}), "
            f"not for {body.name!r} ({body.digest[:8]}); choose weights for this body, or that body"
        )


def read_bundle(folder: Path) -> WeightsBundle:
    """A bundle out of a folder, its files checked against their sha256.

    Raises:
        WeightsError: as `find.find_weights`, the body apart.
    """
    file = folder / CONFIG
    try:
        config = read_json(file)
        version = int(config["format_version"])
    except OSError as error:
        raise WeightsError(f"{folder}: no weights in it (no config.json); choose another folder") from error
    except MALFORMED as error:
        raise WeightsError(f"{file}: damaged ({shortened(str(error))}); get the weights again") from error
    if version > FORMAT_VERSION:
        raise WeightsError(f"{folder}: weights of a newer version (format {version}); update this program")
    try:
        bundle = _bundle(folder, config)
        sums = {str(name): str(known["sha256"]) for name, known in config["files"].items()}
    except MALFORMED as error:
        raise WeightsError(f"{file}: damaged ({shortened(str(error))} missing or wrong); get them again") from error
    _verify(folder, sums)
    return bundle


def _bundle(folder: Path, config: dict[str, Any]) -> WeightsBundle:
    upsampler = str(config["upsampler"])
    if upsampler not in {"body", "learned"}:
        raise ValueError(f"upsampler {upsampler!r}")
    crops = [config[key] for key in ("input_size", "box_factor", "mean", "std", "body_digest")]
    sums = sorted((name, known["sha256"]) for name, known in config["files"].items())
    tokens = _rotation_tokens(config)
    models = [pair for pair in sums if pair[0] in (ONNX_MODEL, TORCH_MODEL, *(VOCABULARY if tokens else ()))]
    known = [crops, models] if tokens is None else [crops, models, [tokens.tokens, tokens.codes]]
    mean, std = (tuple(_within(name, value, 0, 1) for value in config[name]) for name in ("mean", "std"))
    if len(mean) != 3 or len(std) != 3 or min(std) <= 0:
        raise ValueError("mean or std")
    return WeightsBundle(
        folder=folder,
        name=str(config["name"]),
        preset=str(config["preset"]),
        input_size=int(_within("input_size", config["input_size"], 16, 2048)),
        box_factor=_within("box_factor", config["box_factor"], 0.1, 10),
        mean=mean,
        std=std,
        body_name=str(config["body_name"]),
        body_digest=str(config["body_digest"]),
        upsampler=upsampler,
        licence=str(config["licence"]),
        is_commercial=bool(config["commercial_use"]),
        scores=dict(config.get("scores", {})),
        network=dict(config.get("network", {})),
        digest=hashlib.sha256(json.dumps(known).encode()).hexdigest(),
        rotation_tokens=tokens,
        is_half=bool(config.get("half", False)),
    )


def _rotation_tokens(config: dict[str, Any]) -> RotationTokens | None:
    """The rotation head that a bundle names, with its vocabulary; None where it names none."""
    sizes = sizes_from_json(config.get("rotation_tokens"))
    missing = [name for name in VOCABULARY if name not in config["files"]]
    if sizes is not None and missing:
        raise ValueError(f"rotation_tokens without {missing[0]}")
    return sizes


def _within(name: str, value: Any, least: float, most: float) -> float:
    number = float(value)
    if not (math.isfinite(number) and least <= number <= most):
        raise ValueError(f"{name} {told(value)}")
    return number


def sha256(file: Path) -> str:
    """Hex digest of a file's bytes. Raises an OSError where it can't be read."""
    with file.open("rb") as opened:
        return hashlib.file_digest(opened, "sha256").hexdigest()


def _verify(folder: Path, sums: dict[str, str]) -> None:
    if ONNX_MODEL not in sums:
        raise WeightsError(f"{folder / CONFIG}: names no {ONNX_MODEL}; get the weights again")
    for name, expected in sums.items():
        file = folder / name
        if not is_plain_name(name):
            raise WeightsError(f"{folder / CONFIG}: names a file outside its folder ({shortened(name)}); don't use it")
        if name == TORCH_MODEL and not file.exists():
            continue  # the zip leaves it out: ONNX Runtime does without, and torch says that it is missing
        try:
            found = sha256(file)
        except OSError as error:
            raise WeightsError(f"{file}: missing ({error.strerror}); get the weights again") from error
        if found != expected:
            raise WeightsError(
                f"{file}: damaged or changed (its sha256 differs from config.json); get the weights again"
            )
