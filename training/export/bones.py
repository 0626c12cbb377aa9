"""A bundle with a trained rotation head in it: `python -m training.export.bones RUN --weights BUNDLE -o DIR`.

Everything else of the bundle stays: its network's weights, its nine arrays, its scores and its card's words. Four
arrays come after the nine, and the vocabulary's two graphs lie beside the network, for what works on poses alone:

    bones_encoder.onnx   rotations (B, 21, 3, 3) -> token_ids (B, M) int64
    bones_decoder.onnx   token_ids (B, M) int64  -> rotations (B, 21, 3, 3)

Nothing is written where ONNX and torch disagree on sixteen crops, or where one of the nine arrays is not what it was.
"""

from __future__ import annotations

import argparse
import json
import logging
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import torch
from torch import Tensor, nn

from core.body.model import load_body
from core.nets import DeployedOutput, NetConfig, network_for_body
from core.nets.network import Network
from core.nets.rotation_head import BODY
from core.nets.rotation_tokenizer import BODY_JOINTS, RotationTokenizer
from core.weights.bundle import WeightsBundle
from core.weights.find import find_weights
from training.evaluate.report import SetScores
from training.export import bundle
from training.export.model_card import told_stage
from training.export.network import (
    LARGEST_BATCH,
    LARGEST_MB,
    SHARE_OF_IDS,
    TOLERANCE,
    deviations,
    probe_crops,
    reuse_onnx,
    rounded,
    told,
    write_graph,
    write_onnx,
    write_safetensors,
)
from training.motions.limits import sample_limits
from training.motions.rotation_vectors import to_matrix
from training.stages.bones import network_config
from training.trainer import checkpoint
from training.trainer.run_log import first_line

ENCODER, DECODER = "bones_encoder.onnx", "bones_decoder.onnx"
PROBES = 64
NINE, THIRTEEN = "nine named arrays out", "thirteen named arrays out"
ROW = "| `model.safetensors` |"
FILES = (
    "| `bones_encoder.onnx` | `rotations` (B, 21, 3, 3) of the body's joints to `token_ids` (B, {tokens}) |\n"
    "| `bones_decoder.onnx` | and back |\n"
)
logger = logging.getLogger("training.export")


class Encoder(nn.Module):
    """Rotations to token ids."""

    def __init__(self, tokenizer: RotationTokenizer) -> None:
        super().__init__()
        self.tokenizer = tokenizer

    def forward(self, rotations: Tensor) -> Tensor:
        """(B, 21, 3, 3) to (B, M) int64."""
        return self.tokenizer.token_ids(rotations)


class Decoder(nn.Module):
    """Token ids to rotations."""

    def __init__(self, tokenizer: RotationTokenizer) -> None:
        super().__init__()
        self.tokenizer = tokenizer

    def forward(self, token_ids: Tensor) -> Tensor:
        """(B, M) int64 to (B, 21, 3, 3)."""
        return self.tokenizer.decode(self.tokenizer.codes_of(token_ids))


def network_with_head(run: Path, base: WeightsBundle) -> Network:
    """The bundle's network and the run's averaged head, both at float16's precision, ready to answer.

    Raises:
        ValueError: the run is of another stage, has no checkpoint, or does not fit.
    """
    start = first_line(run)
    if start.get("stage") != "bones" or start["config"]["answers"] != "tokens":
        raise ValueError(f"{run} is no run of the stage bones that answers tokens")
    network = network_for_body(network_config(start["config"], NetConfig.from_dict(base.network)), load_body())
    head = {
        name.removeprefix("net."): rounded(value)
        for name, value in checkpoint.averaged_weights(run).items()
        if name.startswith("net.rotation_head.")
    }
    missing = checkpoint.initialise(network, {**checkpoint.averaged_weights(base.torch_file), **head})
    if missing:
        raise ValueError(f"{run} does not fit {base.folder}: {len(missing)} tensors are in neither, {missing[0]} first")
    return network.eval()


def tokenizer_of(network: Network) -> RotationTokenizer:
    """The vocabulary of a network with a head."""
    assert network.rotation_head is not None
    return network.rotation_head.tokenizer


def write_vocabulary(network: Network, folder: Path) -> None:
    """The tokenizer's two graphs, with a free batch."""
    tokenizer, batch = tokenizer_of(network), {0: torch.export.Dim("batch", min=1, max=LARGEST_BATCH)}
    rotations = torch.eye(3).repeat(2, BODY_JOINTS, 1, 1)
    ids = torch.zeros(2, tokenizer.config.tokens, dtype=torch.int64)
    write_graph(Encoder(tokenizer).eval(), rotations, batch, ["token_ids"], folder / ENCODER, "rotations")
    write_graph(Decoder(tokenizer).eval(), ids, batch, ["rotations"], folder / DECODER, "token_ids")


def vocabulary_deviations(network: Network, folder: Path) -> dict[str, float]:
    """How far the two graphs are from torch on poses of the joint limits, as multiples of what is tolerated."""
    tokenizer, rng = tokenizer_of(network), np.random.default_rng(0)
    poses = to_matrix(np.stack([sample_limits(rng) for _ in range(PROBES)]).astype(np.float32))[:, BODY]
    encoder, decoder = (
        onnxruntime.InferenceSession(folder / name, providers=["CPUExecutionProvider"]) for name in (ENCODER, DECODER)
    )
    with torch.no_grad():
        ids = tokenizer.token_ids(torch.from_numpy(poses))
        decoded = tokenizer.decode(tokenizer.codes_of(ids)).numpy()
    found = encoder.run(None, {"rotations": poses})[0]
    again = decoder.run(None, {"token_ids": ids.numpy()})[0]
    return {
        ENCODER: float((found != ids.numpy()).mean()) / SHARE_OF_IDS,
        DECODER: float(np.abs(again - decoded).max()) / TOLERANCE,
    }


def change_of_mesh(base: WeightsBundle, folder: Path) -> float:
    """The largest change of the nine arrays against the bundle without the head, on sixteen crops."""
    images = probe_crops(base.input_size, of=NetConfig.from_dict(base.network))
    before, after = (
        onnxruntime.InferenceSession(each / bundle.ONNX, providers=["CPUExecutionProvider"]).run(
            list(DeployedOutput._fields), {"image": images}
        )
        for each in (base.folder, folder)
    )
    return max(float(np.abs(a.astype(np.float64) - b).max()) for a, b in zip(before, after, strict=True))


def export(run: Path, source: Path | str, target: Path, name: str, scores: Sequence[Path] = ()) -> bool:
    """Writes the bundle; False, and nothing written, when something disagrees.

    Args:
        run: of the stage bones.
        source: bundle without a head, or with an older one.
        target: folder of the new bundle.
        name: of it.
        scores: files that `training.evaluate --json` wrote; they come beside those that are known.

    Raises:
        ValueError: the run, the scores or the target are not what they should be, or the bundle is too large.
        MocapError: the source cannot be used.
    """
    base = find_weights(source)
    network = network_with_head(run, base)
    target.parent.mkdir(parents=True, exist_ok=True)
    folder = target.with_name(target.name + ".unfinished")
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    try:
        write_safetensors(network, folder / bundle.SAFETENSORS)
        if reuse_onnx(target, folder) and (target / ENCODER).is_file() and (target / DECODER).is_file():
            for graph in (ENCODER, DECODER):
                shutil.copyfile(target / graph, folder / graph)
        else:
            write_onnx(network, folder / bundle.ONNX)
            write_vocabulary(network, folder)
        found = deviations(folder, network) | vocabulary_deviations(network, folder)
        for array, value in found.items():
            logger.info("%-22s %.3f of the tolerated deviation", array, value)
        change = change_of_mesh(base, folder)
        logger.info("the nine arrays change by %.3g at most", change)
        if max(found.values()) > 1 or change > TOLERANCE:
            return False
        numbers = {key: value for path in scores for key, value in json.loads(path.read_text()).items()}
        config, card = _config(base, network, name, numbers), _card(base, run, network, numbers)
        size_mb = bundle.finish(folder, config, card) / 1e6
        if size_mb > LARGEST_MB:
            raise ValueError(f"expected a bundle of at most {LARGEST_MB:.0f} MB, got {size_mb:.1f}")
        bundle.put_in_place(folder, target)
        logger.info("%s: %.1f MB", target, size_mb)
        return True
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _config(base: WeightsBundle, network: Network, name: str, scores: dict[str, Any]) -> dict[str, Any]:
    old = json.loads((base.folder / bundle.CONFIG).read_text(encoding="utf-8"))
    tokens = tokenizer_of(network).config
    return {
        **{key: value for key, value in old.items() if key != "files"},
        "name": name,
        "scores": {**old["scores"], **scores},
        "commit": bundle.commit_of_checkout(),
        "rotation_tokens": {"tokens": tokens.tokens, "codes": tokens.quantiser.codes},
        "network": network.config.to_dict(),
    }


def _card(base: WeightsBundle, run: Path, network: Network, scores: dict[str, Any]) -> str:
    """The bundle's card with the head's files, scores and training in it."""
    text = (base.folder / bundle.CARD).read_text(encoding="utf-8").replace(NINE, THIRTEEN)
    vocabulary = Path(first_line(run)["config"]["vocabulary"])
    stages = "\n".join(told_stage(each) for each in (vocabulary, run) if (each / "log.jsonl").is_file())
    tables = "\n\n".join(SetScores.from_dict(key, values).markdown() for key, values in scores.items())
    files = "" if ENCODER in text else FILES.format(tokens=tokenizer_of(network).config.tokens)
    additions = (
        (ROW, files + ROW),
        ("## Learned from", f"{tables}\n\n## Learned from" if tables else "## Learned from"),
        ("Random numbers are functions of", f"{stages}\nRandom numbers are functions of"),
    )
    for mark, replacement in additions:
        text = text.replace(mark, replacement, 1)
    return text


def main(arguments: list[str] | None = None) -> int:
    """Runs the command line and returns its exit code."""
    parser = argparse.ArgumentParser(
        prog="python -m training.export.bones",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("run", type=Path, help="folder of a run of the stage bones")
    parser.add_argument("--weights", default="open-tiny", help="bundle that the head belongs to; default open-tiny")
    parser.add_argument("-o", "--output", type=Path, required=True, help="folder of the new bundle")
    parser.add_argument("--name", help="name of the bundle; the folder's where not given")
    parser.add_argument("--scores", type=Path, nargs="*", default=[], help="JSON of training.evaluate")
    given = parser.parse_args(arguments)
    name = given.name or given.output.name
    return told("training.export.bones", lambda: export(given.run, given.weights, given.output, name, given.scores))


if __name__ == "__main__":
    raise SystemExit(main())
