"""Rotations to tokens and back, and the six numbers between."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from core.nets import QuantiserConfig
from core.nets.rotation_tokenizer import (
    BODY_JOINTS,
    ROTATION_PRESETS,
    RotationTokenizer,
    RotationTokenizerConfig,
    geodesic,
    matrices_of_six,
    six_of,
)
from training.motions.rotation_vectors import to_matrix

FLOAT32_NOISE = 1e-5
SMALL = RotationTokenizerConfig(tokens=8, width=16, layers=1, quantiser=QuantiserConfig(codes=6, code_dim=5))


def rotations(*shape: int, seed: int = 0) -> Tensor:
    vectors = np.random.default_rng(seed).normal(0, 0.8, (*shape, 3)).astype(np.float32)
    return torch.from_numpy(to_matrix(vectors))


def tokenizer(config: RotationTokenizerConfig = SMALL) -> RotationTokenizer:
    torch.manual_seed(0)
    return RotationTokenizer(config)


def test_six_numbers_are_the_first_two_columns_and_come_back() -> None:
    true = rotations(50)
    six = six_of(true)
    assert torch.equal(six[:, :3], true[:, :, 0]) and torch.equal(six[:, 3:], true[:, :, 1])
    assert torch.allclose(matrices_of_six(six), true, atol=FLOAT32_NOISE)


@given(st.integers(0, 10_000))
def test_any_six_numbers_are_a_rotation(seed: int) -> None:
    found = matrices_of_six(torch.randn(4, 6, generator=torch.Generator().manual_seed(seed)))
    assert torch.allclose(found @ found.transpose(1, 2), torch.eye(3).expand(4, 3, 3), atol=1e-4)
    assert torch.allclose(torch.linalg.det(found), torch.ones(4), atol=1e-4)


@pytest.mark.parametrize("angle", [0.0, 1e-3, 0.5, 3.0, math.pi])
def test_geodesic_is_the_angle_between(angle: float) -> None:
    turn = torch.from_numpy(to_matrix(np.array([[0.6, 0.0, 0.8]], np.float32) * np.float32(angle)))
    other = rotations(1, seed=3)
    assert geodesic(other, other @ turn).item() == pytest.approx(angle, abs=2e-3 if angle > 3.1 else 1e-5)


def test_shapes_and_rotations_come_out() -> None:
    said = tokenizer()(rotations(3, BODY_JOINTS))
    assert said.rotations.shape == (3, BODY_JOINTS, 3, 3) and said.indices.shape == (3, 8)
    assert torch.allclose(torch.linalg.det(said.rotations), torch.ones(3, BODY_JOINTS), atol=1e-4)


def test_batch_equals_single() -> None:
    net, true = tokenizer().eval(), rotations(4, BODY_JOINTS)
    together = net(true).rotations
    alone = torch.cat([net(one[None]).rotations for one in true])
    assert torch.allclose(together, alone, atol=FLOAT32_NOISE)


def test_token_ids_are_those_that_forward_chooses_and_decode_to_the_same() -> None:
    net, true = tokenizer().eval(), rotations(4, BODY_JOINTS)
    said = net(true)
    ids = net.token_ids(true)
    assert torch.equal(ids, said.indices)
    assert torch.allclose(net.decode(net.codes_of(ids)), said.rotations, atol=FLOAT32_NOISE)


def test_expected_code_of_a_certain_choice_is_the_code() -> None:
    net = tokenizer().eval()
    ids = net.token_ids(rotations(2, BODY_JOINTS))
    certain = torch.nn.functional.one_hot(ids, 6).float() @ net.quantiser.codebook
    assert torch.allclose(certain, net.codes_of(ids))


def test_evaluation_leaves_the_codebook_and_the_mode_as_they_are() -> None:
    net = tokenizer().train()
    before = {name: value.clone() for name, value in net.state_dict().items()}
    net.token_ids(rotations(2, BODY_JOINTS))
    assert net.training
    net.eval()(rotations(2, BODY_JOINTS))
    assert all(torch.equal(before[name], value) for name, value in net.state_dict().items())


def test_codebook_and_its_averages_are_saved_and_restored() -> None:
    learned, fresh = tokenizer().train(), tokenizer()
    for seed in range(3):
        learned(rotations(8, BODY_JOINTS, seed=seed))
    fresh.load_state_dict(learned.state_dict())
    both = [net.train()(rotations(8, BODY_JOINTS, seed=9)) for net in (learned, fresh)]
    assert torch.equal(both[0].rotations, both[1].rotations)
    assert torch.equal(learned.quantiser.ema_w, fresh.quantiser.ema_w)


def test_gradient_reaches_the_encoder_through_the_codebook() -> None:
    net = tokenizer().train()
    net(rotations(4, BODY_JOINTS)).rotations.square().sum().backward()
    assert net.embed.weight.grad is not None and net.embed.weight.grad.abs().sum() > 0


def test_principal_components_alone_bring_poses_back() -> None:
    torch.manual_seed(0)
    net = RotationTokenizer(replace(SMALL, tokens=63)).eval()
    few = 0.4 * torch.randn(400, 5) @ torch.randn(5, 63)
    poses = torch.from_numpy(to_matrix(0.3 * few.tanh().numpy().reshape(400, BODY_JOINTS, 3)))
    with torch.no_grad():
        before = geodesic(net.decode(net.encode(poses)), poses).mean()
        net.start_from(poses, torch.linspace(0.3, 1.0, BODY_JOINTS))
        after = geodesic(net.decode(net.encode(poses)), poses).mean()
    assert after < 0.02 and after < before / 10


def test_latents_lie_in_a_plane_and_learning_gives_each_token_the_same_spread() -> None:
    net = tokenizer().train()
    net.start_from(rotations(300, BODY_JOINTS, seed=1), torch.ones(BODY_JOINTS))
    latents = net.encode(rotations(200, BODY_JOINTS, seed=2), is_learning=True)
    assert int(torch.linalg.matrix_rank(latents.detach().flatten(0, 1), atol=1e-3)) == SMALL.plane
    spread = (latents @ net.lift.T).std(0, correction=0)
    assert torch.allclose(spread, net.scale.expand_as(spread), atol=1e-2)


def test_papers_preset_answers_in_its_sizes() -> None:
    paper = RotationTokenizer(ROTATION_PRESETS["paper"]).eval()
    with torch.no_grad():
        said = paper(rotations(1, BODY_JOINTS))
    assert said.indices.shape == (1, 160) and said.rotations.shape == (1, BODY_JOINTS, 3, 3)


def test_papers_preset_has_160_tokens_of_2048_codes() -> None:
    paper = ROTATION_PRESETS["paper"]
    assert (paper.tokens, paper.quantiser.codes, paper.quantiser.code_dim) == (160, 2048, 256)
    tiny = ROTATION_PRESETS["tiny"]
    assert (tiny.tokens, tiny.quantiser.codes, tiny.quantiser.code_dim) == (40, 512, 128)
