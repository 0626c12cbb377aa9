"""One single-thread process per core, or one per GPU: start them, and average their gradients.

Two OpenMP threads in one process are slower on a loaded machine than two processes of one thread each, so
`--processes 2` spawns. Under torchrun (RANK and WORLD_SIZE in the environment) this process is one of them.
The gradients live in one flat buffer, so that a step costs one all-reduce, and four numbers that every
process must agree on (stop, clock, checkpoint, evaluate) travel at its end for nothing.
"""

from __future__ import annotations

import os
import signal
import socket
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing import get_context
from multiprocessing.queues import SimpleQueue
from types import FrameType
from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.distributed.rendezvous import rendezvous
from torch.multiprocessing.spawn import spawn

from core.errors import MocapError
from training.trainer.child_processes import prepare_children

NORM_OF = 1 << 16
"""Numbers whose squares are summed at once: over 25 million the float32 sum comes out 0.3 % short."""
FAILED, CANCELLED = 1, 130  # exit codes after a MocapError, and after Ctrl-C or SIGTERM


@dataclass(frozen=True, slots=True)
class World:
    """This process among its peers."""

    rank: int
    size: int
    device: torch.device

    @property
    def is_first(self) -> bool:
        """Whether this process writes files and prints."""
        return self.rank == 0


class StopRequest:
    """Turns SIGTERM and Ctrl-C into a flag that the loop reads between steps."""

    def __init__(self) -> None:
        self.is_set = False

    def _on_signal(self, _number: int, _frame: FrameType | None) -> None:
        self.is_set = True

    @contextmanager
    def listening(self) -> Iterator[None]:
        """The handlers are in place for the length of a with block; only a process's main thread may."""
        numbers = (signal.SIGTERM, signal.SIGINT)
        previous = [signal.signal(number, self._on_signal) for number in numbers]
        try:
            yield
        finally:
            for number, handler in zip(numbers, previous, strict=True):
                signal.signal(number, handler)


class FlatGradients:
    """All gradients of a module as views into one buffer, with `extra` numbers at its end."""

    def __init__(self, parameters: Iterable[nn.Parameter], extra: int, device: torch.device) -> None:
        self.parameters = [p for p in parameters if p.requires_grad]
        count = sum(p.numel() for p in self.parameters)
        self.flat = torch.zeros(count + extra, device=device)
        self.gradients = self.flat[:count]
        self.extra = self.flat[count:]
        offset = 0
        for parameter in self.parameters:
            # as_strided keeps a channels_last weight's order in memory, which fused AdamW asks for
            parameter.grad = self.flat.as_strided(parameter.shape, parameter.stride(), offset)
            offset += parameter.numel()

    def zero(self) -> None:
        """Sets every gradient and every extra number to zero."""
        self.flat.zero_()

    def reduce(self, world: World) -> None:
        """Averages the gradients over the processes; the extra numbers are summed."""
        if world.size > 1:
            dist.all_reduce(self.flat)
            self.gradients.div_(world.size)

    def clip(self, limit: float) -> Tensor:
        """Scales the gradients so that their norm is at most the limit; returns the norm before."""
        parts = torch.split(self.gradients, NORM_OF)
        norm: Tensor = torch.linalg.vector_norm(torch.stack(torch._foreach_norm(parts)))
        if limit > 0:
            self.gradients.mul_((limit / (norm + 1e-6)).clamp(max=1.0))
        return norm


def average_buffers(module: nn.Module, world: World) -> None:
    """Makes the floating buffers (BatchNorm's statistics) the mean over the processes."""
    if world.size == 1:
        return
    buffers = [b for b in module.buffers() if b.is_floating_point() and b.numel()]
    flat = torch.cat([b.detach().reshape(-1).float() for b in buffers])
    dist.all_reduce(flat)
    flat.div_(world.size)
    offset = 0
    for buffer in buffers:
        buffer.copy_(flat[offset : offset + buffer.numel()].view_as(buffer))
        offset += buffer.numel()


def mean_over_processes(values: Tensor, world: World) -> Tensor:
    """Mean of a small tensor over the processes."""
    if world.size > 1:
        dist.all_reduce(values)
        values = values / world.size
    return values


def _single_thread() -> None:
    import cv2

    torch.set_num_threads(1)
    cv2.setNumThreads(1)


def _attempt() -> str:
    """Which start of the processes this is under torchrun, which keeps one store for all of them: without keys of its
    own a restart finds the addresses of processes that are dead, and fails.
    """
    return f"attempt {os.environ.get('TORCHELASTIC_RESTART_COUNT', '0')}"


def _join(rank: int, size: int, device_name: str) -> World:
    is_cuda = device_name.startswith("cuda")
    device = torch.device("cuda", int(os.environ.get("LOCAL_RANK", rank))) if is_cuda else torch.device("cpu")
    if is_cuda:
        torch.cuda.set_device(device)
    if size > 1:
        keys = next(rendezvous("env://", rank, size))[0]
        store = dist.PrefixStore(_attempt(), keys)  # type: ignore[attr-defined]
        dist.init_process_group("nccl" if is_cuda else "gloo", store=store, rank=rank, world_size=size)
    return World(rank, size, device)


def _run(rank: int, size: int, device_name: str, function: Callable[..., int], config: Any) -> int:
    if not device_name.startswith("cuda"):
        _single_thread()
    world = _join(rank, size, device_name)
    try:
        return function(config, world)
    finally:
        if dist.is_initialized():
            dist.destroy_process_group()


def _run_spawned(
    rank: int, size: int, device_name: str, function: Callable[..., int], config: Any, sentences: SimpleQueue[str]
) -> None:
    """As `_run`, and leaves without the C++ teardown, in which gloo's threads have aborted a finished process.

    What a person can put right goes to the parent as its sentence.
    """
    try:
        code = _run(rank, size, device_name, function, config)
    except MocapError as error:
        sentences.put(str(error))
        code = FAILED
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def launch(function: Callable[..., int], config: Any, processes: int, device_name: str) -> int:
    """Runs `function(config, world)` in every process and returns its exit code.

    Args:
        function: importable by name, since the processes are spawned.
        config: picklable.
        processes: to start; ignored under torchrun.
        device_name: "cpu" or "cuda".

    Raises:
        MocapError: one that a process raised.
    """
    if "WORLD_SIZE" in os.environ and "RANK" in os.environ:
        processes, rank = int(os.environ["WORLD_SIZE"]), int(os.environ["RANK"])
    elif processes > 1:
        return _spawn(function, config, processes, device_name)
    else:
        processes, rank = 1, 0
    return _run(rank, processes, device_name, function, config)


def _spawn(function: Callable[..., int], config: Any, processes: int, device_name: str) -> int:
    """Starts the processes, passes SIGTERM and Ctrl-C on to them, and waits."""
    if not device_name.startswith("cuda"):
        prepare_children()
    os.environ.setdefault("MASTER_ADDR", "127.0.0.1")
    os.environ["MASTER_PORT"] = str(_free_port())
    stop = StopRequest()
    sentences: SimpleQueue[str] = get_context("spawn").SimpleQueue()
    arguments = (processes, device_name, function, config, sentences)
    with stop.listening():
        context = spawn(_run_spawned, arguments, nprocs=processes, join=False)  # type: ignore[no-untyped-call]
        is_passed_on = False
        while any(process.is_alive() for process in context.processes):
            context.processes[0].join(timeout=0.5)
            if stop.is_set and not is_passed_on:
                is_passed_on = True
                for process in context.processes:
                    process.terminate()
            if any(process.exitcode not in (None, 0, CANCELLED) for process in context.processes):
                break
        return _exit_code(context, sentences)


def _exit_code(context: Any, sentences: SimpleQueue[str]) -> int:
    """0 or 130 when all processes say so; a failure in one ends the others and is raised here."""
    codes = {process.exitcode for process in context.processes}
    if codes <= {0, CANCELLED}:
        return CANCELLED if CANCELLED in codes else 0
    if not sentences.empty():
        for process in context.processes:
            process.terminate()
            process.join()
        raise MocapError(sentences.get())
    while not context.join():
        pass
    return 1
