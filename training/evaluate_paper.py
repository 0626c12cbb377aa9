r"""Scores weights on published test splits under METRO's protocol, SPIN's, or both, which are never mixed.

    python -m training.evaluate_paper --weights RUN|BUNDLE --places places.yaml --set 3DPW-TEST 3DPW-OCC \
        --protocol METRO SPIN --regressor J_regressor_h36m.npy --json scores.json

`--places` is a mix file: where the sets lie, and SMPL. A run answers with the weights that its validation split liked
best, or with its last ones where it had none; never with those that a test split likes.
`training.studies.paper_tables` reads what `--json` writes.
"""

from __future__ import annotations

import json
import platform
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Annotated, Any, Literal

import torch
import tyro
from safetensors.torch import load_file

from core.body.model import Body, load_body
from core.errors import MocapError, WeightsError
from core.nets import NetConfig
from core.weights.bundle import check_body, read_bundle
from training.datasets.mixture_file import Mix, read_mix
from training.evaluate.paper import Answers, Truths, read_truths, scored
from training.evaluate.protocols import Float, ProtocolName, load_regressor, regressor_of_body
from training.stages.paper_mesh import PaperNetwork
from training.stages.paper_stage import chosen_weights, read_record
from training.trainer import checkpoint
from training.trainer.run_log import first_line, read_events

ALIASES = {"3dpw-non-oc": "3dpw-non-occ", "3doh": "3doh-test"}
UNSEEN = ("3dpw-occ", "3dpw-pc", "3dpw-all", "3dpw-non-occ")
"""Subsets of all of 3DPW: whoever learned from it may not be scored on them."""
FPS_ROUNDS, FPS_WARM_UP = 20, 3


@dataclass(frozen=True)
class EvaluateConfig:
    """What is scored, on what, and how."""

    weights: Path
    """A run of paper-mesh, paper-3dpw or paper-3doh, or a bundle."""
    places: Path
    """Mix file: where the sets lie, and SMPL's files; without SMPL the open body stands in, which fits no real set."""
    set: Annotated[tuple[str, ...], tyro.conf.arg(metavar="NAME [NAME ...]")] = ("3dpw-test",)
    """Names among --places, in any case: 3DPW-TEST, METRO-3DPW-TEST, 3DPW-OCC, -PC, -ALL, -Non-OC, 3DOH."""
    protocol: tuple[ProtocolName, ...] = ("METRO", "SPIN")
    """Which protocols; each has its own scores."""
    regressor: Path | None = None
    """Human3.6M's J_regressor_h36m.npy of SPIN's data; needed with SMPL. The open body has a stand-in of its own."""
    which: Literal["best", "latest"] = "best"
    """The weights that the run's validation split liked best, where it had one; or the latest."""
    people: int = 1_000_000
    """People of a set at the most, evenly spread."""
    device: str = "cpu"
    """"cpu" or "cuda"."""
    json: Path | None = None
    """File for the scores."""


@dataclass(frozen=True, slots=True, eq=False)
class Loaded:
    """A network to be scored, and what is known of it."""

    network: PaperNetwork
    body: Body
    config: NetConfig
    about: dict[str, Any]


def load(weights: Path, which: str) -> Loaded:
    """The network of a run or a bundle.

    Args:
        weights: folder.
        which: "best" or "latest" of a run.

    Raises:
        MocapError: it is neither, or damaged.
    """
    record = read_record(weights)
    if not record:
        found = read_bundle(weights)
        body, config = load_body(), NetConfig.from_dict(found.network)
        check_body(found, body)
        tensors = {f"net.{name}": value.float() for name, value in load_file(weights / "model.safetensors").items()}
        learned = json.loads((weights / "config.json").read_text(encoding="utf-8")).get("training_data", [])
        about: dict[str, Any] = {
            "tokens": "both",
            "learned_from": [each["name"] for each in learned],
            "chosen": "bundle",
        }
        return _filled(Loaded(PaperNetwork(config, "both", body), body, config, about), tensors, weights)
    if "network" not in record:
        raise WeightsError(f"{weights} is a run without a mesh; give one of paper-mesh, paper-3dpw or paper-3doh")
    body, config = load_body(Path(record["body"]) if record["body"] else None), NetConfig.from_dict(record["network"])
    try:
        tensors, is_best = chosen_weights(weights, which)
    except ValueError as error:
        raise WeightsError(str(error)) from error
    about = {
        "tokens": record["tokens"], "learned_from": record["learned_from"],
        "chosen": "best on the validation split" if is_best else "latest", "training_hours": training_hours(weights),
    }  # fmt: skip
    return _filled(Loaded(PaperNetwork(config, record["tokens"], body), body, config, about), tensors, weights)


def _filled(loaded: Loaded, tensors: dict[str, torch.Tensor], weights: Path) -> Loaded:
    missing = checkpoint.initialise(loaded.network, tensors)
    if missing:
        raise WeightsError(f"{weights} lacks {len(missing)} tensors of its network, {missing[0]} first; train it again")
    loaded.network.eval()
    return loaded


def training_hours(run: Path) -> float:
    """Hours of a run and of the runs that it started from, as far as those are still there."""
    if not (run / "log.jsonl").is_file():
        return 0.0
    hours = max((float(event.get("elapsed_s", 0)) for event in read_events(run)), default=0.0) / 3600
    return hours + sum(training_hours(Path(each)) for each in first_line(run)["config"].get("init", ()))


def frames_per_second(network: Answers, size: int, device: torch.device) -> float:
    """People a second, one at a time, the median of some."""
    image, true = torch.zeros(1, 3, size, size, dtype=torch.uint8, device=device), torch.zeros(1, 17, 3, device=device)
    seconds = []
    for _ in range(FPS_WARM_UP + FPS_ROUNDS):
        start = time.perf_counter()
        with torch.no_grad():
            _, fine = network.answer(image, true)
        fine.cpu()  # waits for a GPU
        seconds.append(time.perf_counter() - start)
    return 1 / sorted(seconds[FPS_WARM_UP:])[FPS_ROUNDS // 2]


def regressor_for(config: EvaluateConfig, body: Body, mix: Mix) -> tuple[Float, str]:
    """Human3.6M's regressor, and what to call it.

    Raises:
        MocapError: SMPL without the file.
    """
    if config.regressor is not None:
        return load_regressor(config.regressor), config.regressor.name
    if mix.smpl is not None:
        raise MocapError("SMPL's meshes are scored by Human3.6M's joints: give --regressor J_regressor_h36m.npy")
    return regressor_of_body(body), "stand-in: the open body's own joints; nothing published compares with it"


def truths_of(config: EvaluateConfig, mix: Mix, name: str, size: int) -> Truths:
    """A set's people.

    Raises:
        MocapError: `--places` does not name it, or its files are not whole.
    """
    wanted = ALIASES.get(name.lower(), name.lower())
    sets = tuple(each for each in mix.sets if each.name == wanted)
    if not sets:
        known = ", ".join(each.name for each in mix.sets)
        raise MocapError(f"{config.places} names no {wanted}; it has {known}: add it, with its folder")
    return read_truths(replace(mix, sets=sets, unique=()), config.people, size, "SPIN" in config.protocol)


def evaluate(config: EvaluateConfig) -> dict[str, Any]:
    """Everything that FILE.json holds.

    Raises:
        MocapError: weights, sets, regressor or body don't fit together.
    """
    mix, device = read_mix(config.places), torch.device(config.device)
    loaded = load(config.weights, config.which)
    regressor, called = regressor_for(config, loaded.body, mix)
    size = loaded.config.input_size
    sets = {ALIASES.get(name.lower(), name.lower()): truths_of(config, mix, name, size) for name in config.set}
    saw_3dpw = [name for name in loaded.about["learned_from"] if "3dpw" in name]
    for name, truths in sets.items():
        if name in UNSEEN and saw_3dpw:
            raise MocapError(
                f"{config.weights} learned from {', '.join(saw_3dpw)}, so its score on {name} would mean nothing; "
                "give weights that never saw 3DPW"
            )
        if truths.neutral.neutral.digest != loaded.body.digest:
            raise MocapError(
                f"{config.weights} predicts the body {loaded.body.name}, and {config.places} names another; "
                "give the body that it learned with (smpl: in the file)"
            )
    loaded.network.to(device)
    return {
        "weights": config.weights.name,
        "preset": loaded.config.preset,
        "modulator": loaded.config.modulator,
        "mixers": loaded.config.modulator_layers,
        **loaded.about,
        "regressor": called,
        "fps": round(frames_per_second(loaded.network, size, device), 3),
        "machine": torch.cuda.get_device_name() if device.type == "cuda" else f"{platform.machine()} CPU",
        "threads": torch.get_num_threads(),
        "scores": {name: _of_set(truths, loaded, regressor, config) for name, truths in sets.items()},
    }


def _of_set(truths: Truths, loaded: Loaded, regressor: Float, config: EvaluateConfig) -> dict[str, Any]:
    found = scored(loaded.network, truths, config.protocol, regressor, torch.device(config.device))
    return {
        **{name: asdict(scores) for name, scores in found.items()},
        "without_own_joints": truths.without_joints,
        "broken_pictures": truths.broken.names,
    }


def lines(result: dict[str, Any]) -> list[str]:
    """The scores for people to read."""
    told = [f"{result['weights']}: {result['preset']}, {result['tokens']} tokens, {result['chosen']}; joints by "
            f"{result['regressor']}"]  # fmt: skip
    for name, of_set in result["scores"].items():
        for protocol in (key for key in of_set if key in ("METRO", "SPIN")):
            scores = of_set[protocol]
            numbers = " / ".join(_mm(scores[key]) for key in ("mpvpe", "mpjpe", "pa_mpjpe"))
            told.append(
                f"{name}, {protocol}'s protocol, {scores['people']} people: MPVPE / MPJPE / PA-MPJPE {numbers} mm"
            )
        if of_set["without_own_joints"] and "METRO" in of_set:
            told.append(f"{name}: {of_set['without_own_joints']} people have no 14 joints of their own, METRO's are "
                        "regressed from the neutral mesh; its published numbers are on METRO's TSV")  # fmt: skip
    return told


def _mm(value: float | None) -> str:
    return "-" if value is None else f"{value:.1f}"


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the command line and returns its exit code."""
    config = tyro.cli(EvaluateConfig, args=arguments, prog="python -m training.evaluate_paper", description=__doc__)
    try:
        result = evaluate(config)
        if config.json is not None:
            config.json.parent.mkdir(parents=True, exist_ok=True)
            config.json.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    except (MocapError, ValueError, OSError) as error:
        print(f"training.evaluate_paper: {error}", file=sys.stderr)
        return 1
    print("\n".join(lines(result)))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
