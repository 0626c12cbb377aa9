"""A run as a weights bundle: `python -m training.export RUN -o assets/weights/NAME [--scores FILE...]`.

`--average BUNDLE` ships the mean of the run's weights and those of the bundle that it started from, which is often
better than both ("model soups", Wortsman et al. 2022).

The averaged weights are rounded to float16 first; the safetensors hold them so, the ONNX file holds the same
numbers as float32, and the two are compared on sixteen crops before anything appears under the target's name.
"""

from __future__ import annotations

import json
import logging
import shutil
import sys
import warnings
from collections.abc import Callable, Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
import onnxruntime
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

from core.body.model import Body, load_body
from core.errors import MocapError
from core.geometry.crops import normalise
from core.nets import DeployedNetwork, NetConfig, fold, network_for_body, output_names, preset
from core.nets.network import Network
from core.weights.bundle import sha256
from training.datasets.catalogue import entry_of
from training.datasets.mixture_file import read_mix
from training.datasets.sample import DatasetError
from training.export import bundle
from training.export.half_numbers import store_halves
from training.export.model_card import lineage, model_card
from training.stages.paper_stage import chosen_weights, read_record
from training.trainer.run_log import first_line

OPSET = 20  # the first with Gelu as one operation: ONNX Runtime does not recognise the five that it was before
CROPS = 16
LARGEST_BATCH = 256
TOLERANCE = 1e-4  # float32 noise, absolute and relative to the array's largest value
SHARE_OF_IDS = 0.002  # of 544 token ids one may fall the other way where two codes tie
LARGEST_MB = 40.0
"""Of what ships with the repository, preset "tiny"."""
HALVED = ("base",)
"""Presets whose ONNX file stores float16 numbers in two bytes; `tiny` ships as it was."""
SHIPPED_TOKENS = ("both", "image", "pose")
OF_IMAGENET = NetConfig()
logger = logging.getLogger("training.export")


@dataclass(frozen=True, slots=True)
class Other:
    """A bundle whose weights are averaged with a run's.

    Attributes:
        bundle: folder; the run, or one that it started from, started from it.
        share: its part of the mean, 0 to 1.
    """

    bundle: Path
    share: float


def network_of_run(run: Path, body: Body, other: Other | None = None) -> Network:
    """The network of a run's latest checkpoint with averaged weights rounded to float16, ready to answer.

    Args:
        run: of the stages backbone, classifier or mesh, or of the paper's with a mesh.
        body: whose vertices it predicts.
        other: whose weights count too.

    Raises:
        ValueError: no checkpoint, or one that lacks parts of the network.
    """
    network = network_for_body(_config_of(run), body)
    tensors, _ = chosen_weights(run)
    named = {name.removeprefix("net."): value for name, value in tensors.items() if name.startswith("net.")}
    missing = sorted(set(network.state_dict()) - set(named))
    if missing:
        raise ValueError(f"{run} does not fit today's network: it lacks {len(missing)} tensors, {missing[0]} first")
    mean = named if other is None else _mean(named, other)
    network.load_state_dict({name: rounded(value) for name, value in mean.items()})
    return network.eval()


def _config_of(run: Path) -> NetConfig:
    """Sizes and switches of a run's network."""
    record = read_record(run)
    if not record:
        config = first_line(run)["config"]
        return replace(preset(config["preset"]), input_size=int(config["size"]))
    if record.get("tokens") not in SHIPPED_TOKENS:
        raise ValueError(f"{run} has no mesh, or one of tokens that no picture gives: export a run of paper-mesh")
    return NetConfig.from_dict(record["network"])


def _mean(own: Mapping[str, Tensor], other: Other) -> dict[str, Tensor]:
    if not 0 < other.share < 1:
        raise ValueError(f"expected --share between 0 and 1, got {other.share}")
    file = other.bundle / bundle.SAFETENSORS
    if not file.is_file() or not (other.bundle / bundle.CONFIG).is_file():
        raise ValueError(f"{other.bundle} is no weights bundle: --average needs one with {file.name}")
    theirs = load_file(file)
    unlike = [name for name, value in own.items() if name not in theirs or theirs[name].shape != value.shape]
    if unlike:
        raise ValueError(f"{file} is of another network than the run: {unlike[0]} differs")
    return {
        name: torch.lerp(value, theirs[name].to(value.dtype), other.share) if value.is_floating_point() else value
        for name, value in own.items()
    }


def rounded(value: Tensor) -> Tensor:
    """A float tensor at float16's precision; others as they are.

    Raises:
        ValueError: a number that float16 cannot hold.
    """
    if not value.is_floating_point():
        return value
    half = value.half()
    if not bool(half.isfinite().all()):
        raise ValueError(f"expected weights within float16's range, got up to {float(value.abs().max()):.3g}")
    return half.to(value.dtype)


def write_safetensors(network: Network, path: Path) -> None:
    """Every parameter and buffer of the network, floats as float16."""
    tensors = {
        name: (value.half() if value.is_floating_point() else value).contiguous()
        for name, value in network.state_dict().items()
    }
    save_file(tensors, path)
    path.chmod(0o644)  # safetensors makes it private


def write_onnx(network: Network, path: Path) -> None:
    """The deployed network as one float32 file with a free batch; what no picture changes is in it as constants."""
    model = DeployedNetwork(fold(deepcopy(network).eval())).eval()
    write_batched(model, output_names(network.config), path, network.config)
    if network.config.preset in HALVED:
        store_halves(path)


def write_batched(model: torch.nn.Module, outputs: Sequence[str], path: Path, config: NetConfig) -> None:
    """A module that takes crops as one file with a free batch.

    Args:
        model: takes "image" (B, 3, S, S), ready to answer.
        outputs: names of what it answers.
        path: of the file.
        config: of its network, for S.
    """
    batch = torch.export.Dim("batch", min=1, max=LARGEST_BATCH)
    write_graph(model, torch.zeros(2, 3, config.input_size, config.input_size), {0: batch}, outputs, path)


def write_graph(
    model: torch.nn.Module,
    example: Tensor,
    free: Mapping[int, Any],
    outputs: Sequence[str],
    path: Path,
    takes: str = "image",
) -> None:
    """A module as one file; nothing of this machine stays in it.

    Args:
        model: with one argument, ready to answer.
        example: of that argument.
        free: the argument's axes that have no fixed length.
        outputs: names of what the model answers.
        path: of the file.
        takes: name of the argument.
    """
    with warnings.catch_warnings():  # torch's own: deprecations within the exporter
        warnings.simplefilter("ignore")
        torch.onnx.export(
            model,
            (example,),
            path,
            input_names=[takes],
            output_names=list(outputs),
            dynamo=True,
            dynamic_shapes={takes: dict(free)},
            opset_version=OPSET,
            external_data=False,
            verbose=False,
        )
    written = onnx.load(path)
    _forget_sources(written.graph)
    for function in written.functions:
        _forget_sources(function)
    onnx.checker.check_model(written)
    onnx.save(written, path)


def reuse_onnx(old: Path, folder: Path) -> bool:
    """Copies the ONNX file of an older bundle of the same weights, as when only its scores are new.

    Args:
        old: the bundle in place, if any.
        folder: the one in the making, with its safetensors.
    """
    names = (bundle.SAFETENSORS, bundle.ONNX)
    if not all((old / name).is_file() for name in names):
        return False
    if sha256(old / bundle.SAFETENSORS) != sha256(folder / bundle.SAFETENSORS):
        return False
    shutil.copyfile(old / bundle.ONNX, folder / bundle.ONNX)
    return True


def _forget_sources(graph: Any) -> None:
    """Drops the exporter's stack traces: they name files of the machine that ran it."""
    graph.doc_string = ""
    del graph.metadata_props[:]
    for node in graph.node:
        node.doc_string = ""
        del node.metadata_props[:]
    for value in [*graph.value_info, *getattr(graph, "initializer", [])]:
        value.doc_string = ""
        del value.metadata_props[:]


def probe_crops(size: int, count: int = CROPS, seed: int = 0, of: NetConfig = OF_IMAGENET) -> npt.NDArray[np.float32]:
    """Smooth random pictures (N, 3, S, S), normalised for a network: as varied as crops, and made without data."""
    rng = np.random.default_rng(seed)
    coarse = torch.from_numpy(rng.random((count, 3, 9, 9), np.float32))
    smooth = torch.nn.functional.interpolate(coarse, (size, size), mode="bicubic").clamp(0, 1)
    noisy = smooth.numpy() * 255 + rng.normal(0, 12, (count, 3, size, size))
    return np.asarray(normalise(noisy.clip(0, 255).astype(np.uint8).transpose(0, 2, 3, 1), of.mean, of.std), np.float32)


def deviations(folder: Path, network: Network) -> dict[str, float]:
    """How far the bundle's two models are apart, as multiples of what is tolerated, per array.

    Args:
        folder: with both models.
        network: of the right sizes; takes the weights of the safetensors.
    """
    network.load_state_dict(load_file(folder / bundle.SAFETENSORS))
    images = probe_crops(network.config.input_size, of=network.config)
    with torch.no_grad():
        wanted = [value.numpy() for value in DeployedNetwork(network).eval()(torch.from_numpy(images))]
    session = onnxruntime.InferenceSession(folder / bundle.ONNX, providers=["CPUExecutionProvider"])
    together = session.run(None, {"image": images})
    alone = [
        np.concatenate(parts) for parts in zip(*(session.run(None, {"image": i[None]}) for i in images), strict=True)
    ]
    found = {}
    for name, a, b, c in zip(output_names(network.config), wanted, together, alone, strict=True):
        if a.dtype.kind == "i":
            found[name] = max(float((a != b).mean()), float((a != c).mean())) / SHARE_OF_IDS
            continue
        largest = max(float(np.abs(a - b).max()), float(np.abs(a - c).max()))
        found[name] = largest / (TOLERANCE * (1 + float(np.abs(a).max())))
    return found


def learned_photographs(run: Path, other: Other | None = None) -> bool:
    """Whether a run, or one that it started from as far as those are still there, learned from photographs.

    Args:
        run: with its log.
        other: a bundle whose weights count too.
    """
    is_other = other is not None and not json.loads((other.bundle / bundle.CONFIG).read_text())["commercial_use"]
    return is_other or bool(research_data(run))


def research_data(run: Path, other: Other | None = None) -> list[Mapping[str, str]]:
    """Photographs, or labels of them, behind a run and a bundle, each with name, licence and credit."""
    found: list[Mapping[str, str]] = []
    for start in (first_line(each) for each in lineage(run)):
        if start.get("stage") == "research":
            found.append(bundle.PHOTOGRAPHS)
        for file in (start.get("config", {}).get(name) for name in ("mix", "keypoints")):
            found += _published(Path(file)) if file else []
    if other is not None:
        known = json.loads((other.bundle / bundle.CONFIG).read_text())["training_data"]
        found += [entry for entry in known if entry not in bundle.TRAINING_DATA]
    return [entry for number, entry in enumerate(found) if entry not in found[:number]]


def _published(mix: Path) -> list[Mapping[str, str]]:
    """The sets of a mix file, or the file where it is no longer there."""
    try:
        entries = [entry_of(each.name) for each in read_mix(mix).sets]
    except DatasetError:
        return [{"name": f"published sets named in {mix.name}", "licence": "research only", "credit": "their authors"}]
    return [{"name": entry.title, "licence": entry.licence, "credit": entry.page} for entry in entries]


def body_of(run: Path) -> Body:
    """The body whose vertices a run learned to predict."""
    file = (read_record(run) or first_line(run).get("config", {})).get("body")
    return load_body(Path(file) if file else None)


def export(run: Path, target: Path, name: str, scores: Sequence[Path] = (), other: Other | None = None) -> bool:
    """Writes the bundle; False, and nothing written, when its two models disagree.

    Args:
        run: whose latest checkpoint is shipped.
        target: folder of the bundle.
        name: of the bundle.
        scores: files that `training.evaluate --json` or `training.evaluate_paper --json` wrote, for config and card.
        other: a bundle whose weights are averaged with the run's.

    Raises:
        ValueError: the run, the scores, the other bundle or the target are not what they should be, or the bundle is
            too large.
    """
    body = body_of(run)
    network = network_of_run(run, body, other)
    target.parent.mkdir(parents=True, exist_ok=True)
    folder = target.with_name(target.name + ".unfinished")
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    try:
        write_safetensors(network, folder / bundle.SAFETENSORS)
        if not reuse_onnx(target, folder):
            write_onnx(network, folder / bundle.ONNX)
        found = deviations(folder, network)
        for array, value in found.items():
            logger.info("%-18s %.3f of the tolerated deviation", array, value)
        if max(found.values()) > 1:
            return False
        numbers = bundle.read_scores(scores)
        is_research, data = learned_photographs(run, other), research_data(run, other)
        config = bundle.bundle_config(name, network.config, body, numbers, is_research, data, not read_record(run))
        card = model_card(run, config, None if other is None else (other.bundle, other.share))
        size_mb = bundle.finish(folder, config, card) / 1e6
        if network.config.preset == "tiny" and size_mb > LARGEST_MB:
            raise ValueError(f"expected a bundle of at most {LARGEST_MB:.0f} MB, got {size_mb:.1f}")
        bundle.put_in_place(folder, target)
        logger.info("%s: %.1f MB", target, size_mb)
        return True
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def log_plainly() -> None:
    """Own messages go to stdout as they are; the exporter's own are errors alone."""
    logging.basicConfig(level=logging.INFO, format="%(message)s", stream=sys.stdout)
    for noisy in ("torch.onnx", "onnxscript", "onnx_ir"):
        logging.getLogger(noisy).setLevel(logging.ERROR)


def told(command: str, write: Callable[[], bool], refusal: str = "ONNX and torch disagree") -> int:
    """The exit code of a command that writes a bundle, and why it is not 0 in one sentence.

    Args:
        command: its name, as people type it.
        write: returns whether the bundle is good; nothing is written where it is not.
        refusal: why it is not.
    """
    log_plainly()
    try:
        is_good = write()
    except (MocapError, ValueError, OSError) as error:
        print(f"{command}: {error}", file=sys.stderr)
        return 1
    if not is_good:
        print(f"{command}: {refusal}, nothing was written", file=sys.stderr)
    return 0 if is_good else 1
