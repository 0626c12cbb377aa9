"""Attention by patches against one big mask."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from core.nets.mesh_attention import MeshAttentionPattern, attend, bisect
from core.nets.postometro import Asked, MeshRegressor
from tests.fixtures.small_networks import TEMPLATE, thin_config
from training.parity.filling_rule import synthetic_adjacency

JOINTS = 14
FLOAT32_NOISE = 1e-5


def _graph(vertices: int, seed: int) -> np.ndarray:
    """A ring with random chords, symmetric, with self."""
    rng = np.random.default_rng(seed)
    links = np.eye(vertices, dtype=bool)
    i = np.arange(vertices)
    links[i, (i + 1) % vertices] = True
    links[rng.integers(vertices, size=vertices), rng.integers(vertices, size=vertices)] = True
    return links | links.T


def _big_mask(adjacency: np.ndarray) -> torch.Tensor:
    is_open = torch.ones(JOINTS + len(adjacency), JOINTS + len(adjacency), dtype=torch.bool)
    is_open[JOINTS:, JOINTS:] = torch.from_numpy(adjacency)
    return is_open


def _tokens(vertices: int, seed: int = 0) -> list[torch.Tensor]:
    generator = torch.Generator().manual_seed(seed)
    return [torch.randn(2, JOINTS + vertices, 8, generator=generator) for _ in range(3)]


def _dense(q: torch.Tensor, k: torch.Tensor, v: torch.Tensor, is_open: torch.Tensor) -> torch.Tensor:
    q, k, v = (t.unflatten(-1, (2, -1)).transpose(1, 2) for t in (q, k, v))
    mixed = torch.nn.functional.scaled_dot_product_attention(q, k, v, attn_mask=is_open)
    return mixed.transpose(1, 2).flatten(2)


@settings(max_examples=15, deadline=None)
@given(vertices=st.integers(16, 60), patches=st.sampled_from([1, 2, 3, 8]), seed=st.integers(0, 1000))
def test_patches_equal_one_big_mask(vertices: int, patches: int, seed: int) -> None:
    adjacency = _graph(vertices, seed)
    q, k, v = _tokens(vertices, seed)
    ours = MeshAttentionPattern(adjacency, patches).attend(q, k, v, heads=2, dropout=0.0)
    assert torch.allclose(ours, _dense(q, k, v, _big_mask(adjacency)), atol=FLOAT32_NOISE)


def test_blocked_vertex_has_exactly_no_gradient() -> None:
    adjacency = synthetic_adjacency()
    q, k, v = (t.requires_grad_() for t in _tokens(431))
    MeshAttentionPattern(adjacency).attend(q, k, v, heads=2, dropout=0.0)[:, JOINTS + 100].sum().backward()
    reached = v.grad.abs().sum((0, 2)) > 0
    assert torch.equal(reached[JOINTS:], torch.from_numpy(adjacency[100])) and reached[:JOINTS].all()


def test_joint_sees_every_vertex() -> None:
    q, k, v = (t.requires_grad_() for t in _tokens(431))
    MeshAttentionPattern(synthetic_adjacency()).attend(q, k, v, heads=2, dropout=0.0)[:, 3].sum().backward()
    assert (v.grad.abs().sum((0, 2)) > 0).all()


def test_training_path_equals_the_fused_one() -> None:
    q, k, v = _tokens(20)
    fused = attend(q, k, v, heads=2, dropout=0.0)
    assert torch.allclose(attend(q.requires_grad_(), k, v, heads=2, dropout=0.0), fused, atol=FLOAT32_NOISE)


def test_blocked_pairs_stay_blocked_in_bfloat16() -> None:
    q, k, v = (t.bfloat16() for t in _tokens(431))
    pattern = MeshAttentionPattern(synthetic_adjacency())
    moved = v.clone()
    moved[:, JOINTS + 200] += 100.0
    changed = pattern.attend(q, k, moved, heads=2, dropout=0.0) != pattern.attend(q, k, v, heads=2, dropout=0.0)
    vertices = changed.any(-1).any(0)[JOINTS:]
    assert not vertices[~torch.from_numpy(synthetic_adjacency()[200])].any()


@pytest.mark.parametrize("parts", [1, 2, 5, 8])
def test_bisect_is_a_partition_of_nearly_equal_parts(parts: int) -> None:
    cut = bisect(_graph(431, 0), parts)
    assert np.array_equal(np.sort(np.concatenate(cut)), np.arange(431))
    assert max(map(len, cut)) - min(map(len, cut)) <= 2


def test_patch_borders_of_a_ring_are_short() -> None:
    ring = _graph(64, 0) & False
    i = np.arange(64)
    ring[i, i] = ring[i, (i + 1) % 64] = ring[(i + 1) % 64, i] = True
    assert all(ring[part].any(0).sum() <= len(part) + 4 for part in bisect(ring, 4))


def test_asking_for_all_vertices_in_another_order_gives_them_in_that_order() -> None:
    torch.manual_seed(0)
    adjacency = np.asarray(synthetic_adjacency(), bool)
    mesh = MeshRegressor(thin_config(), 6, torch.from_numpy(adjacency), torch.from_numpy(TEMPLATE)).eval()
    order = torch.randperm(431)
    asked = Asked(order, MeshAttentionPattern(adjacency[order][:, order], patches=1))
    given = torch.randn(2, 6, 3, 3), torch.randn(2, 34, mesh.config.first.width)
    with torch.no_grad():
        whole, part = mesh(*given), mesh(*given, asked)
    torch.testing.assert_close(part.coarse_vertices, whole.coarse_vertices[:, order], atol=1e-5, rtol=0)
    torch.testing.assert_close(part.joints, whole.joints, atol=1e-5, rtol=0)
