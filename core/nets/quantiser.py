"""A codebook that learns by exponential moving averages (VQ-VAE, appendix A.1; PCT, Sec. 3.1).

PCT's own start is kept behind `start="upstream"`: with random codes and zero counts, codes that the first
batch does not hit grow to norms of 1e6 and take a hundred steps to come back. Ours starts on the first
batch's latents and moves codes that nobody uses onto latents of the batch. Nothing here knows what a token
stands for: the pose tokenizer uses it, and so can any other.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
import torch.distributed as dist
import torch.nn.functional as F
from torch import Tensor, nn

from .config import QuantiserConfig
from .precision import full_precision


class Quantised(NamedTuple):
    """What the codebook makes of latents.

    Attributes:
        codes: (..., D) nearest codes; gradients pass straight through to the latents.
        indices: (...) int64.
        commitment: scalar, mean squared distance of the latents to their (fixed) codes.
        perplexity: scalar, exp of the entropy of this process's index counts; K at best.
    """

    codes: Tensor
    indices: Tensor
    commitment: Tensor
    perplexity: Tensor


class EmaQuantiser(nn.Module):
    """Nearest-code quantiser with EMA updates of the codebook in training mode."""

    codebook: Tensor
    ema_cluster_size: Tensor
    ema_w: Tensor
    is_started: Tensor
    unused_steps: Tensor

    def __init__(self, config: QuantiserConfig) -> None:
        super().__init__()
        self.config = config
        codes, width = config.codes, config.code_dim
        is_upstream = config.start == "upstream"
        self.register_buffer("codebook", torch.randn(codes, width))
        self.register_buffer("ema_cluster_size", torch.zeros(codes) if is_upstream else torch.ones(codes))
        self.register_buffer("ema_w", torch.randn(codes, width) if is_upstream else self.codebook.clone())
        self.register_buffer("is_started", torch.tensor(is_upstream))
        self.register_buffer("unused_steps", torch.zeros(codes, dtype=torch.int64))

    def forward(self, latents: Tensor) -> Quantised:
        """Quantise, and in training mode update the codebook afterwards.

        Args:
            latents: (..., D).
        """
        with full_precision(latents):
            z = latents.float().reshape(-1, self.config.code_dim)
            if self.training and not bool(self.is_started):
                self._start(z.detach())
            indices = self.nearest(z)
            codes = F.embedding(indices, self.codebook).detach()
            counts = torch.bincount(indices, minlength=self.config.codes).float()
            if self.training:
                self._update(z.detach(), indices, counts)
            commitment = F.mse_loss(codes, z)
            straight = z + (codes - z).detach()
        shape = latents.shape[:-1]
        return Quantised(straight.reshape(*shape, -1), indices.reshape(shape), commitment, _perplexity(counts))

    def nearest(self, latents: Tensor) -> Tensor:
        """Index of the code with the smallest squared distance: (N, D) to (N,) int64."""
        distance = self.codebook.square().sum(1) - 2.0 * latents @ self.codebook.T
        distance = distance + latents.square().sum(1, keepdim=True)
        return distance.argmin(1)

    @torch.no_grad()
    def _start(self, latents: Tensor) -> None:
        codes = _from_first_process(_draw(latents, self.config.codes))
        self.codebook.copy_(codes)
        self.ema_w.copy_(codes)
        self.ema_cluster_size.fill_(1.0)
        self.is_started.fill_(True)

    @torch.no_grad()
    def _update(self, latents: Tensor, indices: Tensor, counts: Tensor) -> None:
        """One EMA step; processes exchange counts and sums alone, so their batches may differ in size."""
        sums = torch.zeros_like(self.ema_w).index_add_(0, indices, latents)
        counts, sums = _summed_over_processes(counts, sums)
        keep, epsilon = self.config.decay, self.config.epsilon
        size = keep * self.ema_cluster_size + (1.0 - keep) * counts
        total = size.sum()
        smoothed = (size + epsilon) / (total + self.config.codes * epsilon) * total
        self.ema_cluster_size.copy_(smoothed)
        self.ema_w.copy_(keep * self.ema_w + (1.0 - keep) * sums)
        self.codebook.copy_(self.ema_w / smoothed[:, None])
        self._restart(latents, counts)

    def _restart(self, latents: Tensor, counts: Tensor) -> None:
        """Move codes without a hit for `restart_after` steps onto latents of this batch."""
        self.unused_steps.copy_(torch.where(counts > 0, 0, self.unused_steps + 1))
        if not self.config.restart_after:
            return
        dead = (self.unused_steps >= self.config.restart_after).nonzero().squeeze(1)
        if not len(dead):
            return
        codes = _from_first_process(_draw(latents, len(dead)))
        self.codebook[dead] = codes
        self.ema_w[dead] = codes
        self.ema_cluster_size[dead] = 1.0
        self.unused_steps[dead] = 0


def _draw(latents: Tensor, count: int) -> Tensor:
    """`count` rows of (N, D), distinct while they last, then again with a little noise."""
    order = torch.randperm(len(latents), device=latents.device)
    picked = latents[order.repeat(-(-count // len(latents)))[:count]]
    noise = torch.randn_like(picked) * latents.std() * 0.01
    noise[: len(latents)] = 0.0
    return picked + noise


def _perplexity(counts: Tensor) -> Tensor:
    share = counts / counts.sum().clamp(min=1.0)
    return torch.exp(-(share * torch.log(share + 1e-10)).sum())


def _has_processes() -> bool:
    return dist.is_available() and dist.is_initialized() and dist.get_world_size() > 1


def _summed_over_processes(counts: Tensor, sums: Tensor) -> tuple[Tensor, Tensor]:
    if not _has_processes():
        return counts, sums
    both = torch.cat([counts[:, None], sums], dim=1)
    dist.all_reduce(both)
    return both[:, 0].contiguous(), both[:, 1:].contiguous()


def _from_first_process(values: Tensor) -> Tensor:
    if _has_processes():
        values = values.contiguous()
        dist.broadcast(values, src=0)
    return values
