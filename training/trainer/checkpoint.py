"""Checkpoints without pickle: safetensors and JSON, complete or not there at all.

    RUN/checkpoints/000001200/model.safetensors      parameters and buffers
                              ema.safetensors        averaged parameters
                              optimizer.safetensors  the optimisers' moments, by parameter name
                              state.json             step, samples, seconds, averaging steps
    RUN/checkpoints/latest                           name of the folder to resume from

A folder is written under a temporary name and renamed; `latest` is replaced afterwards. No state of a random
generator is stored: every step seeds its own from (seed, rank, step), so that a run resumed continues exactly.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from training.trainer.ema import Ema
from training.trainer.sharding import fill, load_whole, whole


@dataclass(frozen=True, slots=True)
class RunState:
    """How far a run is."""

    step: int
    samples: int
    elapsed_s: float
    ema_steps: int


@dataclass(frozen=True, slots=True)
class RunTensors:
    """What a checkpoint holds, by name, on the CPU.

    Attributes:
        model: parameters and buffers.
        ema: averaged parameters.
        optimizer: moments.
    """

    model: dict[str, Tensor]
    ema: dict[str, Tensor]
    optimizer: dict[str, Tensor]


def _plain(tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    """Copies in the default memory order, each with its own storage, as safetensors asks for."""
    return {
        name: whole(value.detach()).to("cpu", copy=True).contiguous(memory_format=torch.contiguous_format)
        for name, value in tensors.items()
    }


def _optimizer_tensors(module: nn.Module, optimizers: Sequence[torch.optim.Optimizer]) -> dict[str, Tensor]:
    names: dict[Tensor, str] = {parameter: name for name, parameter in module.named_parameters()}
    return {
        f"{names[parameter]}/{key}": whole(value).reshape(-1) if key == "step" else value
        for optimizer in optimizers
        for parameter, state in optimizer.state.items()
        for key, value in state.items()
    }


def tensors_of(module: nn.Module, ema: Ema, optimizers: Sequence[torch.optim.Optimizer]) -> RunTensors:
    """What a checkpoint of a run holds; of a sharded one, every process must ask."""
    return RunTensors(_plain(module.state_dict()), _plain(ema.state()), _plain(_optimizer_tensors(module, optimizers)))


def save(
    run: Path, module: nn.Module, ema: Ema, optimizers: Sequence[torch.optim.Optimizer], state: RunState, keep: int = 2
) -> Path:
    """Writes a checkpoint of one process' run and makes it the latest; see `write`."""
    return write(run, tensors_of(module, ema, optimizers), state, keep)


def write(run: Path, tensors: RunTensors, state: RunState, keep: int = 2) -> Path:
    """Writes a checkpoint and makes it the latest.

    Args:
        run: folder of the run.
        tensors: as `tensors_of` found them.
        state: how far the run is.
        keep: checkpoints to leave, this one included.

    Returns:
        Folder of the checkpoint.
    """
    folder = run / "checkpoints"
    name = f"{state.step:09d}"
    unfinished = folder / f"{name}.unfinished"
    shutil.rmtree(unfinished, ignore_errors=True)
    unfinished.mkdir(parents=True)
    save_file(tensors.model, unfinished / "model.safetensors")
    save_file(tensors.ema, unfinished / "ema.safetensors")
    save_file(tensors.optimizer, unfinished / "optimizer.safetensors")
    (unfinished / "state.json").write_text(json.dumps(asdict(state)))
    shutil.rmtree(folder / name, ignore_errors=True)
    unfinished.rename(folder / name)
    pointer = folder / "latest.unfinished"
    pointer.write_text(name)
    os.replace(pointer, folder / "latest")  # noqa: PTH105 - one atomic call
    for old in sorted(p for p in folder.iterdir() if p.is_dir() and p.name != name)[: -max(0, keep - 1) or None]:
        shutil.rmtree(old)
    return folder / name


def latest(run: Path) -> Path | None:
    """Folder of the latest complete checkpoint, or None."""
    pointer = run / "checkpoints" / "latest"
    return run / "checkpoints" / pointer.read_text().strip() if pointer.is_file() else None


def load(folder: Path, module: nn.Module, ema: Ema, optimizers: Sequence[torch.optim.Optimizer]) -> RunState:
    """Takes up a run where `save` left it.

    Args:
        folder: as `latest` returns it.
        module: filled in place.
        ema: filled in place.
        optimizers: filled in place.

    Returns:
        How far the run was.
    """
    state = RunState(**json.loads((folder / "state.json").read_text()))
    load_whole(module, load_file(folder / "model.safetensors"))
    ema.load(load_file(folder / "ema.safetensors"), state.ema_steps)
    moments = load_file(folder / "optimizer.safetensors")
    kinds = sorted({key.rpartition("/")[2] for key in moments})
    for optimizer in optimizers:
        own = {p for group in optimizer.param_groups for p in group["params"]}
        for name, parameter in module.named_parameters():
            for kind in kinds if parameter in own else ():
                value = moments.get(f"{name}/{kind}")
                if value is not None and kind == "step":
                    optimizer.state[parameter][kind] = value.reshape(()).to(parameter.device)
                elif value is not None:
                    optimizer.state[parameter][kind] = torch.zeros_like(parameter)
                    fill(optimizer.state[parameter][kind], value)
    return state


def averaged_weights(source: Path) -> dict[str, Tensor]:
    """Weights to start another stage from, or to ship.

    Args:
        source: folder of a run (its latest checkpoint, averaged parameters over the others) or a safetensors file.

    Returns:
        Tensors by name.

    Raises:
        ValueError: there is nothing to read.
    """
    if source.is_file():
        return load_file(source)
    folder = latest(source)
    if folder is None:
        raise ValueError(f"expected a run with a checkpoint or a .safetensors file, got {source}")
    return {**load_file(folder / "model.safetensors"), **load_file(folder / "ema.safetensors")}


def initialise(module: nn.Module, tensors: dict[str, Tensor]) -> list[str]:
    """Copies every tensor whose name and shape fit into a module.

    Args:
        module: filled in place.
        tensors: by name.

    Returns:
        Names of the module's tensors that keep their own start.
    """
    own = module.state_dict()
    fitting = {k: v for k, v in tensors.items() if k in own and own[k].shape == v.shape}
    module.load_state_dict(fitting, strict=False)
    return [name for name in own if name not in fitting]
