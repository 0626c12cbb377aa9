"""PCT's tokenizer: units, hidden joints, labels, decoding, training."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from core.nets import PoseTokenizer, QuantiserConfig, TokenizerConfig, joint_loss

FLOAT32_NOISE = 1e-4
CONFIG = TokenizerConfig(
    width=32, channel_hidden=32, units="crop", quantiser=QuantiserConfig(codes=64, code_dim=16)
)


def _tokenizer(config: TokenizerConfig = CONFIG) -> PoseTokenizer:
    torch.manual_seed(0)
    return PoseTokenizer(config).eval()


def _joints(batch: int = 3) -> torch.Tensor:
    joints = torch.rand(batch, 17, 3, generator=torch.Generator().manual_seed(1)) * 2 - 1
    joints[..., 2] = 1.0
    return joints


def test_pixel_tokenizer_equals_one_whose_linears_took_the_scale_in() -> None:
    crop, pixels = _tokenizer(), _tokenizer(replace(CONFIG, units="pixels"))
    state = pixels.state_dict()
    state["joint_embed.bias"] = state["joint_embed.bias"] - state["joint_embed.weight"].sum(1)
    state["joint_embed.weight"] = state["joint_embed.weight"] / 128.0
    state["to_xy.weight"] = state["to_xy.weight"] * 128.0
    state["to_xy.bias"] = (state["to_xy.bias"] + 1.0) * 128.0
    pixels.load_state_dict(state)
    assert torch.allclose(crop(_joints()).keypoints, pixels(_joints()).keypoints, atol=FLOAT32_NOISE)


def test_hidden_joint_has_no_say_in_the_tokens() -> None:
    tokenizer, joints = _tokenizer(), _joints()
    joints[:, 4, 2] = 0.0
    moved = joints.clone()
    moved[:, 4, :2] += 0.5
    assert torch.equal(tokenizer.token_ids(joints), tokenizer.token_ids(moved))


def test_visible_joint_has_a_say_in_the_latents() -> None:
    tokenizer, joints = _tokenizer(), _joints()
    moved = joints.clone()
    moved[:, 4, :2] += 0.5
    visible = joints[..., 2] > 0
    assert (tokenizer.encode(joints, visible) - tokenizer.encode(moved, visible)).abs().max() > 0.01


def test_labels_are_the_same_in_training_mode() -> None:
    tokenizer, joints = _tokenizer(), _joints()
    labels = tokenizer.token_ids(joints)
    assert torch.equal(tokenizer.train().token_ids(joints), labels)


def test_joints_are_dropped_in_training_alone() -> None:
    tokenizer, joints = _tokenizer(), _joints(40)
    tokenizer.config = replace(CONFIG, drop_joint=0.5)
    assert torch.equal(tokenizer(joints).indices, tokenizer.token_ids(joints))
    tokenizer.train()
    tokenizer.quantiser.eval()
    assert not torch.equal(tokenizer(joints).indices, tokenizer.token_ids(joints))


def test_decoding_soft_tokens_of_a_certain_choice_equals_decoding_its_codes() -> None:
    tokenizer, joints = _tokenizer(), _joints()
    ids = tokenizer.token_ids(joints)
    logits = torch.nn.functional.one_hot(ids, 64).float() * 100.0
    soft = logits.softmax(-1) @ tokenizer.quantiser.codebook
    assert torch.allclose(tokenizer.decode(soft), tokenizer(joints).keypoints, atol=FLOAT32_NOISE)


def test_guided_tokenizer_without_features_says_so() -> None:
    tokenizer = _tokenizer(replace(CONFIG, guide_ratio=0.5, guide_channels=8))
    with pytest.raises(ValueError, match="image guide: expected joint_features"):
        tokenizer(_joints())


def test_guided_tokenizer_listens_to_the_image() -> None:
    tokenizer = _tokenizer(replace(CONFIG, guide_ratio=0.5, guide_channels=8))
    visible = torch.ones(3, 17, dtype=torch.bool)
    seen, other = (
        tokenizer.encode(_joints(), visible, torch.full((3, 17, 8), value)) for value in (0.0, 1.0)
    )
    assert (seen - other).abs().max() > 0.01


def test_joint_loss_counts_hidden_joints_in_the_mean() -> None:
    joints = torch.zeros(1, 2, 3)
    joints[0, 0, 2] = 1.0
    keypoints = torch.full((1, 2, 2), 1.0 / 128.0)  # one pixel off everywhere
    assert joint_loss(keypoints, joints).item() == pytest.approx((1.0 - 0.025) / 2.0)


def test_tokenizer_learns_a_small_set_of_poses() -> None:
    torch.manual_seed(0)
    tokenizer, joints = PoseTokenizer(replace(CONFIG, drop_joint=0.0)).train(), _joints(32)
    optimiser = torch.optim.AdamW(tokenizer.parameters(), lr=3e-3)
    errors = []
    for _ in range(40):
        out = tokenizer(joints)
        error = joint_loss(out.keypoints, joints)
        errors.append(error.item())
        optimiser.zero_grad()
        (error + 15.0 * out.commitment).backward()
        optimiser.step()
    assert errors[-1] < 0.6 * errors[0] and out.perplexity > 8
