"""Attention, positions and the encoder-decoder against torch's own and against hand."""

from __future__ import annotations

import math

import pytest
import torch
from torch import nn

from core.nets import TransformerConfig
from core.nets.transformer import Attention, EncoderDecoder, padded_position, sine_position

FLOAT32_NOISE = 1e-5
CONFIG = TransformerConfig(16, 32, heads=4, encoder_layers=2, decoder_layers=2, dropout=0.0)


def _torch_attention(own: Attention) -> nn.MultiheadAttention:
    reference = nn.MultiheadAttention(16, 4, batch_first=True).eval()
    reference.load_state_dict(own.state_dict())
    return reference


def test_self_attention_with_position_equals_torchs() -> None:
    torch.manual_seed(0)
    own, x, position = Attention(16, 4, 0.0).eval(), torch.randn(2, 7, 16), torch.randn(1, 7, 16)
    expected, _ = _torch_attention(own)(x + position, x + position, x)
    assert torch.allclose(own.to_self(x, position), expected, atol=FLOAT32_NOISE)


def test_cross_attention_with_position_on_keys_equals_torchs() -> None:
    torch.manual_seed(0)
    own, x = Attention(16, 4, 0.0).eval(), torch.randn(2, 7, 16)
    memory, position = torch.randn(2, 5, 16), torch.randn(1, 5, 16)
    expected, _ = _torch_attention(own)(x, memory + position, memory)
    assert torch.allclose(own.to_memory(x, memory, position), expected, atol=FLOAT32_NOISE)


def test_sine_position_has_y_first_and_whole_turns_over_the_map() -> None:
    position = sine_position(4, 2, 8, torch.zeros(1))[0].reshape(4, 2, 8)
    # first pair of y's half has period 1: row 0 of 4 is a quarter turn
    assert position[0, 0, :2].tolist() == pytest.approx([1.0, 0.0], abs=1e-4)
    assert position[0, 1, 4].item() == pytest.approx(math.sin(2 * math.pi), abs=1e-4)
    assert torch.equal(position[:, 0, :4], position[:, 1, :4]) and torch.equal(
        position[0, :, 4:], position[3, :, 4:]
    )


def test_camera_and_pose_tokens_get_no_position() -> None:
    padded = padded_position(torch.ones(1, 4, 8), 1, 10)
    assert padded is not None and padded.sum((0, 2)).tolist() == [0.0, *[8.0] * 4, *[0.0] * 5]


def test_queries_shared_by_the_batch_equal_repeated_ones() -> None:
    torch.manual_seed(0)
    network = EncoderDecoder(CONFIG).eval()
    camera, memory, queries = torch.randn(3, 1, 16), torch.randn(3, 9, 16), torch.randn(1, 6, 16)
    shared = network(camera, memory, queries, None, None).queries
    repeated = network(camera, memory, queries.repeat(3, 1, 1), None, None).queries
    assert torch.allclose(shared, repeated, atol=FLOAT32_NOISE)


def test_decoder_does_not_look_at_the_camera_token_itself() -> None:
    torch.manual_seed(0)
    config = TransformerConfig(16, 32, heads=4, encoder_layers=0, decoder_layers=1, dropout=0.0)
    network = EncoderDecoder(config).eval()
    memory, queries = torch.randn(2, 9, 16), torch.randn(1, 6, 16)
    answers = [network(camera, memory, queries, None, None).queries for camera in torch.randn(2, 2, 1, 16)]
    assert torch.equal(*answers)


def test_position_changes_what_the_encoder_says() -> None:
    torch.manual_seed(0)
    network = EncoderDecoder(CONFIG).eval()
    camera, memory, queries = torch.randn(1, 1, 16), torch.randn(1, 9, 16), torch.randn(1, 6, 16)
    without = network(camera, memory, queries, None, None).memory
    with_position = network(camera, memory, queries, sine_position(3, 3, 16, memory), None).memory
    assert (without - with_position).abs().max() > 0.01


def test_dropout_differs_between_pictures_of_a_batch() -> None:
    torch.manual_seed(0)
    config = TransformerConfig(16, 32, heads=4, encoder_layers=0, decoder_layers=1, dropout=0.5)
    network = EncoderDecoder(config).train()
    same = torch.randn(1, 9, 16).repeat(2, 1, 1)
    queries = network(torch.zeros(2, 1, 16), same, torch.randn(1, 6, 16), None, None).queries
    assert not torch.equal(queries[0], queries[1])
