"""FSDP2 (`--sharded`): each process keeps a part of the weights, gradients, moments and averages, none of them all.

Weights come together a block at a time while a block is at work, and gradients are averaged into their parts as they
come (Zhao et al. 2023, "PyTorch FSDP"; `torch.distributed.fsdp.fully_shard`). Checkpoints are whole all the same: a
sharded run resumes on one process, and the other way round.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.distributed.device_mesh import init_device_mesh
from torch.distributed.fsdp import FSDPModule, fully_shard
from torch.distributed.tensor import DTensor, distribute_tensor

from core.nets.mixer import MixerLayer
from core.nets.swin_v2 import SwinBlock
from core.nets.transformer import DecoderLayer, EncoderLayer
from training.trainer.parallel import World

BLOCKS = (EncoderLayer, DecoderLayer, MixerLayer, SwinBlock)
"""What comes together at a time; all else stays together from a step's first use to its last."""


def shard(module: nn.Module, world: World) -> None:
    """Cut a module's parameters into parts, in place; what the processes start with must be the same."""
    mesh = init_device_mesh(world.device.type, (world.size,))
    for part in module.modules():
        if isinstance(part, BLOCKS):
            fully_shard(part, mesh=mesh)
    fully_shard(module, mesh=mesh, reshard_after_forward=False)


class ShardedGradients:
    """As `FlatGradients`, of a sharded module: its own backward pass averages, the `extra` numbers travel apart."""

    def __init__(self, module: nn.Module, extra: int, device: torch.device) -> None:
        self.parameters = [p for p in module.parameters() if p.requires_grad]
        self.extra = torch.zeros(extra, device=device)
        self.zero()

    def zero(self) -> None:
        """Sets every gradient and every extra number to zero."""
        for parameter in self.parameters:
            if parameter.grad is None:
                parameter.grad = torch.zeros_like(parameter)
            parameter.grad.zero_()
        self.extra.zero_()

    def reduce(self, world: World) -> None:
        """The extra numbers are summed; gradients are averaged already."""
        if world.size > 1:
            dist.all_reduce(self.extra)

    def clip(self, limit: float) -> Tensor:
        """Scales the gradients so that their norm is at most the limit; returns the norm before."""
        gradients = [p.grad for p in self.parameters if p.grad is not None]
        norm = whole(nn.utils.get_total_norm(gradients))
        if limit > 0:
            nn.utils.clip_grads_with_norm_(self.parameters, limit, norm)
        return norm


@contextmanager
def gathered(module: nn.Module) -> Iterator[None]:
    """The whole weights in every process for the length of a with block; then any of its parts may run by itself."""
    parts = [part for part in module.modules() if isinstance(part, FSDPModule)]
    for part in parts:
        part.set_reshard_after_forward(False, recurse=False)
        part.unshard()
    try:
        yield
    finally:
        for part in parts:
            part.reshard()
            part.set_reshard_after_forward(part is not module, recurse=False)


def whole(tensor: Tensor) -> Tensor:
    """A tensor of all parts; every process must ask."""
    return tensor.full_tensor() if isinstance(tensor, DTensor) else tensor


def own_parts(tensors: list[Tensor]) -> list[Tensor]:
    """This process's parts of tensors, as views; what is not sharded is itself."""
    return [tensor.to_local() if isinstance(tensor, DTensor) else tensor for tensor in tensors]


def fill(target: Tensor, value: Tensor) -> None:
    """Copy a whole tensor into a tensor, or into this process's part of it."""
    if isinstance(target, DTensor):
        value = distribute_tensor(value.to(target.device), target.device_mesh, target.placements, src_data_rank=None)
    target.copy_(value)


@torch.no_grad()
def load_whole(module: nn.Module, tensors: dict[str, Tensor]) -> None:
    """As `load_state_dict`, into a module that may be sharded.

    Raises:
        RuntimeError: names or shapes are not the module's.
    """
    own = module.state_dict()
    if not any(isinstance(value, DTensor) for value in own.values()):
        module.load_state_dict(tensors)
        return
    wrong = sorted(own.keys() ^ tensors.keys()) + [
        k for k, v in own.items() if k in tensors and v.shape != tensors[k].shape
    ]
    if wrong:
        raise RuntimeError(f"expected the tensors of {type(module).__name__}, got others: {', '.join(wrong[:3])}")
    for name, value in own.items():
        fill(value, tensors[name])
