"""AdamW, or Muon for the kernels and matrices inside a network with AdamW for the rest.

Muon (Jordan et al. 2024, "Muon: An optimizer for hidden layers in neural networks") replaces the momentum of a
matrix by the nearest matrix with orthonormal rows or columns, so that every direction learns at the same speed.
On rendered people it needs about two thirds of AdamW's samples. `torch.optim.Muon` takes matrices only and does
all of them in every process; here kernels count as matrices and the processes share the work.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, Literal

import torch
import torch.distributed as dist
from torch import Tensor, nn

from training.trainer.parallel import World
from training.trainer.throughput import has_fast_bf16

OptimizerName = Literal["adamw", "muon"]
COEFFICIENTS, ITERATIONS = (3.4445, -4.7750, 2.0315), 5
MOMENTUM = 0.95
LIKE_ADAMW = 0.2
"""Root mean square of an update over the learning rate, as AdamW's usually is (Liu et al. 2025, Sec. 2.2)."""
LEAST_SIDE = 32
"""Matrices with a shorter side are left to AdamW: first layers, outputs, tokens."""
OUTSIDE = ("joints.weight", "logits.weight", "vertex_tokens")
"""Ends of the names of larger outputs and embeddings, which are AdamW's too."""


def is_inside(name: str, parameter: nn.Parameter) -> bool:
    """Whether a parameter is a matrix or kernel between other layers, which Muon is made for."""
    if parameter.ndim < 2 or name.endswith(OUTSIDE):
        return False
    return min(parameter.shape[0], parameter.numel() // parameter.shape[0]) >= LEAST_SIDE


def orthogonalised(matrix: Tensor) -> Tensor:
    """The matrix (m, n) with all singular values near 1, by Newton and Schulz's iteration, in bfloat16 if fast."""
    a, b, c = COEFFICIENTS
    x = matrix.bfloat16() if has_fast_bf16(matrix.device) else matrix.float()
    is_tall = x.shape[0] > x.shape[1]
    x = x.T if is_tall else x
    x = x / (x.norm() + 1e-7)
    for _ in range(ITERATIONS):
        gram = x @ x.T
        x = torch.addmm(x, torch.addmm(gram, gram, gram, beta=b, alpha=c), x, beta=a)
    return (x.T if is_tall else x).float()


class Muon(torch.optim.Optimizer):
    """Muon over matrices (m, n) and kernels (m, ...), which are flattened to matrices."""

    def __init__(self, parameters: Iterable[nn.Parameter], lr: float, weight_decay: float, world: World) -> None:
        """Share the matrices out to the processes by what they cost."""
        super().__init__(list(parameters), {"lr": lr, "weight_decay": weight_decay})
        self.world = world
        matrices: list[nn.Parameter] = self.param_groups[0]["params"]
        loads = [0.0] * world.size
        self.owner: dict[nn.Parameter, int] = {}
        for matrix in sorted(matrices, key=_cost, reverse=True):
            self.owner[matrix] = loads.index(min(loads))
            loads[self.owner[matrix]] += _cost(matrix)
        self.updates = torch.zeros(sum(m.numel() for m in matrices), device=world.device)

    @torch.no_grad()
    def step(self, closure: Callable[[], float] | None = None) -> None:  # type: ignore[override]
        """One step on gradients that are the same in every process."""
        if closure is not None:
            raise ValueError("expected no closure")
        group = self.param_groups[0]
        self.updates.zero_()
        parts = torch.split(self.updates, [m.numel() for m in group["params"]])
        for matrix, part in zip(group["params"], parts, strict=True):
            state: dict[str, Any] = self.state[matrix]
            if "momentum" not in state:
                state["momentum"] = torch.zeros_like(matrix)
            state["momentum"].lerp_(matrix.grad, 1 - MOMENTUM)
            if self.owner[matrix] == self.world.rank:
                ahead = matrix.grad.lerp(state["momentum"], MOMENTUM)
                flat = ahead.reshape(len(matrix), -1)
                part.copy_(orthogonalised(flat).flatten())
        if self.world.size > 1:
            dist.all_reduce(self.updates)
        for matrix, part in zip(group["params"], parts, strict=True):
            scale = LIKE_ADAMW * max(len(matrix), matrix.numel() // len(matrix)) ** 0.5
            matrix.mul_(1 - group["lr"] * group["weight_decay"])
            matrix.add_(part.view(matrix.shape), alpha=-group["lr"] * scale)


def _cost(matrix: nn.Parameter) -> float:
    rows, columns = len(matrix), matrix.numel() // len(matrix)
    return float(rows) * columns * min(rows, columns)


def optimizers_for(
    module: nn.Module, name: OptimizerName, lr: float, weight_decay: float, world: World
) -> list[torch.optim.Optimizer]:
    """What updates a module's parameters; those without requires_grad are left out, norms and biases not decayed.

    Args:
        module: what is trained.
        name: "adamw", or "muon" for the matrices and kernels that `is_inside` names.
        lr: peak learning rate, for both.
        weight_decay: on matrices and kernels.
        world: the processes that share Muon's work.
    """
    named = [(n, p) for n, p in module.named_parameters() if p.requires_grad]
    inside = [p for n, p in named if name == "muon" and is_inside(n, p)]
    taken = set(inside)
    rest = [p for _, p in named if p not in taken]
    decayed, free = [p for p in rest if p.ndim > 1], [p for p in rest if p.ndim <= 1]
    groups = [{"params": decayed, "weight_decay": weight_decay}, {"params": free, "weight_decay": 0.0}]
    found: list[torch.optim.Optimizer] = [Muon(inside, lr, weight_decay, world)] if inside else []
    groups = [group for group in groups if group["params"]]
    return [*found, torch.optim.AdamW(groups, lr=lr, fused=True)] if groups else found
