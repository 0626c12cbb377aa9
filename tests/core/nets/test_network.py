"""The whole network: shapes, switches, budgets, gradients."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch

from core.nets import (
    NetConfig,
    PretrainHeads,
    TransformerConfig,
    body_template,
    build_network,
    preset,
    project,
)
from core.nets.network import NetOutput, Network
from tests.fixtures.small_networks import TEMPLATE, build, make_image, thin_config
from training.parity.filling_rule import synthetic_adjacency

FLOAT32_NOISE = 1e-4
BFLOAT16_NOISE = 0.05
TINY_BUDGET = 6_600_000
TOKENIZER_ENCODER = ("joint_embed", "encoder", "to_tokens", "to_codes", "hidden_joint")

VARIANTS: dict[str, dict[str, Any]] = {
    "as shipped": {},
    "image tokens alone": {"pose_tokens": False},
    "pose tokens alone": {"image_tokens": False},
    "linear modulator": {"modulator": "linear"},
    "confidence before": {"confidence": "before"},
    "confidence before a linear modulator": {"confidence": "before", "modulator": "linear"},
    "no confidence": {"confidence": "none"},
    "softmax confidence": {"confidence_value": "softmax"},
    "logit mixing": {"token_mixing": "logits"},
    "pose tokens twice": {"pose_tokens_in_second": "twice"},
    "learned upsampler": {"upsampler": "learned"},
    "learned upsampler, bias per axis": {"upsampler": "learned", "upsampler_bias": "per_axis"},
    "learned upsampler, no bias": {"upsampler": "learned", "upsampler_bias": "none"},
    "no template": {"template_queries": False},
}


def answers(out: NetOutput) -> dict[str, torch.Tensor]:
    """All that a preset without a rotation head answers."""
    assert out.bones is None
    return {name: value for name, value in out._asdict().items() if name != "bones"}


@pytest.fixture(scope="module")
def tiny() -> Network:
    return build(preset("tiny"))


def _memory_lengths(config: NetConfig) -> tuple[int, int]:
    network = build(config)
    reading = network.read_pose(make_image(1))
    modulated = None
    if network.modulator is not None and reading.token_logits is not None:
        modulated = network.modulator(*network.tokens(reading.token_logits))
    mesh = network.mesh(reading.features if config.image_tokens else None, modulated)
    return mesh.first.memory.shape[1], mesh.second.memory.shape[1]


@pytest.mark.parametrize("size", [64, 128, 192, 256])
@torch.no_grad()
def test_tiny_takes_any_multiple_of_32(tiny: Network, size: int) -> None:
    out = tiny(make_image(2, size))
    assert {name: tuple(value.shape) for name, value in answers(out).items()} == {
        "coarse_vertices": (2, 431, 3),
        "intermediate_vertices": (2, 1723, 3),
        "joints": (2, 14, 3),
        "weak_camera": (2, 3),
        "token_logits": (2, 34, 1024),
        "keypoints": (2, 17, 2),
        "heatmaps": (2, 19, size // 4, size // 4),
        "heatmap_points": (2, 19, 2),
        "heatmap_confidence": (2, 19),
        "person_logit": (2,),
        "token_ids": (2, 34),
        "token_certainty": (2, 34),
    }


@torch.no_grad()
def test_tiny_batch_equals_single(tiny: Network) -> None:
    image = make_image(3)
    whole, single = answers(tiny(image)), answers(tiny(image[1:2]))
    for name, value in whole.items():
        assert torch.allclose(value[1:2], single[name], atol=FLOAT32_NOISE)


def test_tiny_keeps_its_parameter_budget(tiny: Network) -> None:
    encoder = {f"tokenizer.{part}" for part in TOKENIZER_ENCODER}
    shipped = [
        p.numel() for name, p in tiny.named_parameters() if ".".join(name.split(".")[:2]) not in encoder
    ]
    assert sum(shipped) <= TINY_BUDGET


@pytest.mark.parametrize(("name", "parameters"), [("resnet50", 179_782_930), ("hrnet_w48", 220_273_618)])
def test_big_preset_has_the_reference_size(name: str, parameters: int) -> None:
    with torch.device("meta"):
        network = build_network(replace(preset(name), pose_tokens=True), synthetic_adjacency())
    assert sum(p.numel() for p in network.parameters()) == parameters


@pytest.mark.parametrize("name", VARIANTS)
@torch.no_grad()
def test_variant_regresses_a_mesh(name: str) -> None:
    out = build(thin_config(**VARIANTS[name]))(make_image(2))
    assert out.coarse_vertices.shape == (2, 431, 3) and out.intermediate_vertices.isfinite().all()


@pytest.mark.parametrize(
    ("changes", "lengths"),
    [
        ({"pose_tokens_in_second": "once"}, (16 + 34, 16 + 34)),
        ({"pose_tokens_in_second": "twice"}, (16 + 34, 16 + 34 + 34)),
        ({"pose_tokens": False}, (16, 16)),
        ({"image_tokens": False, "pose_tokens_in_second": "once"}, (34, 34)),
    ],
)
@torch.no_grad()
def test_memory_holds_the_tokens_that_the_switches_name(
    changes: dict[str, Any], lengths: tuple[int, int]
) -> None:
    assert _memory_lengths(thin_config(**changes)) == lengths


@torch.no_grad()
def test_given_tokens_change_the_mesh_and_the_keypoints_alone(tiny: Network) -> None:
    image = make_image(2)
    own, given = (
        tiny(image),
        tiny(image, pose_tokens=torch.randn(2, 34, 128), confidence=torch.ones(2, 34, 1)),
    )
    assert torch.equal(own.token_logits, given.token_logits) and torch.equal(own.heatmaps, given.heatmaps)
    assert (own.keypoints - given.keypoints).abs().max() > 0.01
    assert (own.coarse_vertices - given.coarse_vertices).abs().max() > 1e-4


@torch.no_grad()
def test_pose_tokens_alone_ignore_the_image_features() -> None:
    network, tokens = build(thin_config(image_tokens=False)), torch.randn(1, 34, 128)
    score = torch.ones(1, 34, 1)
    answers = [network(make_image(1, seed=seed), tokens, score).coarse_vertices for seed in (1, 2)]
    assert torch.equal(*answers)


@torch.no_grad()
def test_fresh_tiny_predicts_close_to_the_template(tiny: Network) -> None:
    rest = torch.from_numpy(TEMPLATE)
    out = tiny(make_image(2))
    assert (torch.cat([out.joints, out.coarse_vertices], 1) - rest).abs().max() < 0.15


def test_body_faces_the_camera_in_the_template() -> None:
    rest = np.array([[1.0, 2.0, 3.0], [0.5, 1.0, 0.0], [-0.5, 1.0, 0.0]], np.float32)
    regressor = np.zeros((14, 3), np.float32)
    regressor[:, 0] = 1.0
    regressor[2], regressor[3] = [0, 0, 1], [0, 1, 0]  # the hips; their middle is (0, 1, 0)
    template = body_template(rest, regressor, np.arange(3))
    assert np.allclose(template[14], [1.0, -1.0, -3.0])


def test_gradient_reaches_every_weight_of_the_forward_pass() -> None:
    network = build(thin_config()).train()
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.add_(0.05 * torch.randn_like(parameter))  # zero-started weights would hide the path
    out = network(make_image(4))
    total = sum(value.square().mean() for value in out if value is not None and value.is_floating_point())
    total.backward()
    unreached = [name for name, p in network.named_parameters() if p.grad is None or not (p.grad != 0).any()]
    encoder = tuple(f"tokenizer.{part}" for part in TOKENIZER_ENCODER)
    assert [name for name in unreached if not name.startswith(encoder)] == []


def test_autocast_answers_in_float32_and_close() -> None:
    network, image = build(preset("tiny")), make_image(2)
    with torch.no_grad():
        exact = network(image)
        with torch.autocast("cpu", torch.bfloat16):
            rough = network(image)
    numbers = {name: value for name, value in answers(rough).items() if name != "token_ids"}
    assert all(value.dtype == torch.float32 for value in numbers.values())
    assert (exact.coarse_vertices - rough.coarse_vertices).abs().max() < BFLOAT16_NOISE


@torch.no_grad()
def test_pretrain_heads_answer_for_every_cell_and_joint(tiny: Network) -> None:
    out = PretrainHeads(tiny.config).eval()(tiny.read_pose(make_image(2)))
    shapes = [tuple(value.shape) for value in out]
    assert shapes == [(2, 25, 16, 16), (2, 3, 16, 16), (2, 16), (2, 14, 3)]


def test_config_survives_json() -> None:
    import json

    for name in ("tiny", "resnet50", "hrnet_w48"):
        config = preset(name, "S")
        assert NetConfig.from_dict(json.loads(json.dumps(config.to_dict()))) == config


def test_config_with_an_unknown_field_is_refused() -> None:
    with pytest.raises(ValueError, match="unknown network fields: colour"):
        NetConfig.from_dict({**NetConfig().to_dict(), "colour": 1})


@pytest.mark.parametrize(("depth", "layers"), [("S", 1), ("M", 2), ("L", 3)])
def test_depth_sets_the_layers_of_both_transformers(depth: str, layers: int) -> None:
    config = preset("resnet50", depth)
    both = (config.first, config.second)
    assert [(t.encoder_layers, t.decoder_layers) for t in both] == [(layers, layers)] * 2


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: preset("huge"), "expected a preset among"),
        (lambda: preset("tiny", "XL"), "expected a depth among S, M, L"),
        (lambda: NetConfig(image_tokens=False, pose_tokens=False), "got neither"),
        (lambda: build_network(preset("tiny"), np.eye(3, dtype=bool)), r"expected adjacency \(431, 431\)"),
        (lambda: build_network(thin_config(), synthetic_adjacency()), "needs the body's template"),
    ],
)
def test_wrong_request_says_what_was_expected(call: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        call()


def test_projection_outside_and_inside_the_scale() -> None:
    points, camera = torch.tensor([[[1.0, 2.0, 9.0]]]), torch.tensor([[0.5, 0.2, -0.4]])
    assert torch.allclose(project(points, camera), torch.tensor([[[0.6, 0.8]]]))
    assert torch.allclose(project(points, camera, "scale_inside"), torch.tensor([[[0.7, 0.6]]]))


def test_fine_vertices_follow_the_sampler(tiny: Network) -> None:
    intermediate = torch.randn(2, 1723, 3)
    fine = tiny.fine_vertices(intermediate)
    # row 5 of the synthetic sampler: columns 1, 2, 3 with weights 0.45, 0.25, 0.30
    expected = 0.45 * intermediate[:, 1] + 0.25 * intermediate[:, 2] + 0.30 * intermediate[:, 3]
    assert torch.allclose(fine[:, 5], expected, atol=1e-5)


def test_transformer_config_is_plain_data() -> None:
    assert TransformerConfig(512, 2048) == TransformerConfig(512, 2048, 8, 3, 3, 0.1)
