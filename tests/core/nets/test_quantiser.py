"""The codebook: nearest codes, gradients, EMA steps, start and restart, several processes."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
import torch.distributed as dist
from torch import multiprocessing

from core.nets import QuantiserConfig
from core.nets.quantiser import EmaQuantiser

FLOAT32_NOISE = 1e-5
UPSTREAM = QuantiserConfig(codes=4, code_dim=3, start="upstream", restart_after=0)


def _quantiser(config: QuantiserConfig, codebook: torch.Tensor | None = None) -> EmaQuantiser:
    torch.manual_seed(0)
    quantiser = EmaQuantiser(config)
    if codebook is not None:
        quantiser.codebook.copy_(codebook)
    return quantiser


def test_nearest_equals_brute_force() -> None:
    quantiser, latents = _quantiser(QuantiserConfig(codes=50, code_dim=6)), torch.randn(200, 6)
    expected = torch.cdist(latents, quantiser.codebook).argmin(1)
    assert torch.equal(quantiser.nearest(latents), expected)


def test_quantised_codes_are_rows_of_the_codebook() -> None:
    quantiser = _quantiser(UPSTREAM).eval()
    out = quantiser(torch.randn(2, 5, 3))
    assert torch.allclose(out.codes, quantiser.codebook[out.indices], atol=FLOAT32_NOISE)


def test_gradient_passes_straight_through() -> None:
    quantiser, latents = _quantiser(UPSTREAM).eval(), torch.randn(5, 3, requires_grad=True)
    weights = torch.randn(5, 3)
    (quantiser(latents).codes * weights).sum().backward()
    assert torch.allclose(latents.grad, weights)


def test_commitment_pulls_latents_and_not_codes() -> None:
    quantiser, latents = _quantiser(UPSTREAM).eval(), torch.randn(5, 3, requires_grad=True)
    out = quantiser(latents)
    out.commitment.backward()
    expected = 2.0 * (latents - quantiser.codebook[out.indices]) / latents.numel()
    assert torch.allclose(latents.grad, expected.detach(), atol=FLOAT32_NOISE)


def test_ema_step_equals_the_one_computed_by_hand() -> None:
    config = QuantiserConfig(codes=2, code_dim=1, decay=0.5, epsilon=0.0, start="upstream", restart_after=0)
    quantiser = _quantiser(config, torch.tensor([[0.0], [10.0]])).train()
    quantiser.ema_cluster_size.copy_(torch.tensor([2.0, 2.0]))
    quantiser.ema_w.copy_(torch.tensor([[0.0], [20.0]]))
    quantiser(torch.tensor([[1.0], [2.0], [9.0]]))
    # counts 2, 1: N = 1 + 1 = 2 and 1 + 0.5 = 1.5; w = 0 + 1.5 and 10 + 4.5
    assert torch.allclose(quantiser.codebook, torch.tensor([[0.75], [14.5 / 1.5]]))


def test_eval_mode_leaves_the_codebook_alone() -> None:
    quantiser = _quantiser(UPSTREAM).eval()
    before = {name: value.clone() for name, value in quantiser.state_dict().items()}
    quantiser(torch.randn(20, 3))
    assert all(torch.equal(value, before[name]) for name, value in quantiser.state_dict().items())


def test_first_batch_fills_the_codebook_with_latents() -> None:
    quantiser, latents = (
        _quantiser(QuantiserConfig(codes=8, code_dim=3, restart_after=0)).train(),
        torch.randn(30, 3),
    )
    quantiser._start(latents)
    assert all((code == latents).all(1).any() for code in quantiser.codebook)


def test_first_batch_smaller_than_the_codebook_still_gives_distinct_codes() -> None:
    quantiser = _quantiser(QuantiserConfig(codes=64, code_dim=3)).train()
    quantiser(torch.randn(10, 3))
    assert len(torch.unique(quantiser.codebook, dim=0)) == 64


def test_our_start_keeps_codes_near_the_latents_where_upstream_explodes() -> None:
    config = QuantiserConfig(codes=256, code_dim=8)
    latents = torch.randn(40, 8)
    norms = {}
    for start in ("first_batch", "upstream"):
        quantiser = _quantiser(QuantiserConfig(codes=256, code_dim=8, start=start, restart_after=0)).train()
        quantiser(latents)
        norms[start] = quantiser.codebook.norm(dim=1).max().item()
    assert config.start == "first_batch" and norms["first_batch"] < 10.0 < 1e4 < norms["upstream"]


def test_unused_code_moves_onto_a_latent_after_its_patience() -> None:
    quantiser = _quantiser(QuantiserConfig(codes=3, code_dim=2, restart_after=3)).train()
    latents = torch.randn(50, 2)
    quantiser(latents)
    quantiser.codebook[1] = quantiser.ema_w[1] = 1e3
    for _ in range(3):
        quantiser(latents)
    assert quantiser.codebook[1].norm() < latents.norm(dim=1).max() + FLOAT32_NOISE


def test_perplexity_counts_the_codes_in_use() -> None:
    quantiser = _quantiser(UPSTREAM, torch.eye(4, 3) * 10).eval()
    out = quantiser(torch.tensor([[10.0, 0, 0], [0, 10.0, 0]]).repeat(6, 1))
    assert out.perplexity.item() == pytest.approx(2.0, abs=1e-3)


def _one_process(rank: int, folder: str) -> None:
    torch.set_num_threads(1)
    dist.init_process_group("gloo", init_method=f"file://{folder}/meet", rank=rank, world_size=2)
    quantiser = _quantiser(QuantiserConfig(codes=4, code_dim=3, restart_after=2)).train()
    torch.manual_seed(rank)
    latents = torch.load(f"{folder}/latents.pt", weights_only=True)
    for _ in range(4):
        quantiser(latents[:7] if rank == 0 else latents[7:])
    torch.save(quantiser.codebook, f"{folder}/{rank}.pt")
    dist.destroy_process_group()


def test_processes_with_unequal_batches_share_one_codebook(tmp_path: Path) -> None:
    torch.save(torch.randn(20, 3), tmp_path / "latents.pt")
    multiprocessing.spawn(_one_process, (str(tmp_path),), nprocs=2)
    first, second = (torch.load(tmp_path / f"{rank}.pt", weights_only=True) for rank in range(2))
    assert torch.equal(first, second)
