"""Our networks on a parity fixture: filled by the rule, run on its input, answers under its names.

What a fixture is about is read from its keys and its meta.json, never from its folder's name, so that any
folder of such fixtures runs, whatever its salt.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from core.nets.config import NetConfig
from core.nets.hrnet import HRNetW48
from core.nets.keymap import translate
from core.nets.network import Network, build_network
from core.nets.pose_classifier import soft_tokens, token_confidence
from core.nets.pose_tokenizer import PoseTokenizer, joint_loss
from core.nets.postometro import MeshOutput
from core.nets.resnet import ResNet50
from core.nets.swin_v2 import SwinV2Base
from training.parity.filling_rule import (
    Array,
    digest,
    fill,
    make_array,
    make_image,
    synthetic_adjacency,
    synthetic_upsample,
)
from training.upstream import PctParts, body_config, tokenizer_config

COMMITMENT_WEIGHT = 15.0  # PCT's latent_loss_weight
GUIDE_STRIDE = 32


@dataclass(frozen=True, slots=True, eq=False)
class Fixture:
    """One folder's recipe: meta.json and keys.json; no keys for `train_eval_ops`."""

    meta: Mapping[str, Any]
    keys: Mapping[str, Any]
    expected: Mapping[str, Array]

    @property
    def salt(self) -> str:
        """What every value of this fixture is keyed by."""
        return str(self.meta["salt"])

    @property
    def shapes(self) -> dict[str, tuple[int, ...]]:
        """Shapes of the upstream weights, by name."""
        return {key: tuple(shape) for key, (shape, *_) in self.keys.items()}

    def image(self) -> Tensor:
        """The recipe "make_image('name', batch, size, salt)"."""
        match = re.match(r"make_image\('([^']+)',\s*(\d+),\s*(\d+),\s*salt\)", str(self.meta["image"]))
        if match is None:
            raise ValueError(f"expected an image recipe, got {self.meta['image']!r}")
        return torch.from_numpy(make_image(match[1], int(match[2]), int(match[3]), self.salt))

    def array(self, recipe: str) -> Array:
        """The first "make_array('name',(shape),salt,scale,shift)" in a text."""
        match = re.search(r"make_array\('([^']+)',\(([\d,]+)\),salt((?:,[\d.]+)*)\)", recipe)
        if match is None:
            raise ValueError(f"expected an array recipe, got {recipe!r}")
        shape = tuple(int(n) for n in match[2].strip(",").split(","))
        return make_array(match[1], shape, self.salt, *(float(n) for n in match[3].split(",")[1:]))


def fill_network(network: nn.Module, fixture: Fixture, kind: str) -> None:
    """Give a network the rule's weights; every weight of ours must come from a key of the fixture.

    Raises:
        ValueError: the two sets of names do not fit.
    """
    gain = float(fixture.meta["gain"])

    def values() -> Iterator[tuple[str, Tensor]]:
        for key, (shape, *_) in fixture.keys.items():
            value = fill(key, tuple(shape), fixture.salt, gain)
            yield key, torch.empty(0) if value is None else torch.from_numpy(np.asarray(value))

    found = translate(dict(values()), network, kind)
    wrong = [*found.missing, *found.unknown, *found.mismatched]
    if wrong:
        raise ValueError(f"{len(wrong)} names do not fit: {', '.join(wrong[:5])}")
    network.load_state_dict(found.state, strict=False)


def run_fixture(fixture: Fixture) -> dict[str, Array]:
    """Our answers under the fixture's names."""
    keys = fixture.keys
    recipes: tuple[tuple[bool, Callable[[Fixture], dict[str, Array]]], ...] = (
        (not keys, _ops),
        ("xyz_regressor.weight" in keys, _body_net),
        ("codebook" in keys, _tokenizer),
        ("tokenizer.codebook" in keys, _head),
        ("patch_embed.proj.weight" in keys or "layer1.0.conv1.weight" in keys, _backbone),
    )
    for is_it, recipe in recipes:
        if is_it:
            return recipe(fixture)
    raise ValueError(f"no recipe for a network with keys like {', '.join(list(keys)[:3])}")


def _ops(fixture: Fixture) -> dict[str, Array]:
    from training.parity.operations import train_eval_ops

    return train_eval_ops(make_array, digest, fixture.salt)


@torch.no_grad()
def _backbone(fixture: Fixture) -> dict[str, Array]:
    network: nn.Module
    if "patch_embed.proj.weight" in fixture.keys:
        network = SwinV2Base()
    else:
        network = HRNetW48() if "transition1.0.0.weight" in fixture.keys else ResNet50()
    fill_network(network, fixture, "backbone")
    out = network.eval()(fixture.image()).numpy()
    return {"out_s": out[:, ::8], "digest_out": digest(out), "out_shape": np.array(out.shape)}


@torch.no_grad()
def _body_net(fixture: Fixture) -> dict[str, Array]:
    network = build_network(body_config(fixture.shapes), synthetic_adjacency(), synthetic_upsample()).eval()
    fill_network(network, fixture, "fastmetro" if "backbone.0.weight" in fixture.keys else "postometro")
    reading = network.read_pose(fixture.image())
    tokens = confidence = None
    answers: dict[str, Array] = {}
    if reading.token_logits is not None:
        tokens, confidence = network.tokens(reading.token_logits)
        answers |= _pose_answers(network, tokens, confidence)
    answers |= _mesh_answers(network, _mesh(network, reading.features, tokens, confidence))
    answers["backbone_s"] = reading.features[:, ::64, ::3, ::3].numpy()
    answers["digest_backbone"] = digest(reading.features.numpy())
    if tokens is not None and confidence is not None:
        swapped = _mesh(network, reading.features, tokens.flip(0), confidence.flip(0))
        network.mesh.config = replace(network.mesh.config, pose_tokens_in_second="once")
        once = _mesh(network, reading.features, tokens, confidence)
        answers["swap_coarse_s4"] = swapped.coarse_vertices[:, ::4].numpy()
        answers["once_pred_cam"] = once.weak_camera.numpy()
        answers["once_coarse_s4"] = once.coarse_vertices[:, ::4].numpy()
    return answers


def _mesh(network: Network, features: Tensor, tokens: Tensor | None, confidence: Tensor | None) -> MeshOutput:
    modulated = None if network.modulator is None else network.modulator(tokens, confidence)
    mesh: MeshOutput = network.mesh(features, modulated)
    return mesh


def _pose_answers(network: Network, tokens: Tensor, confidence: Tensor) -> dict[str, Array]:
    assert network.tokenizer is not None and network.modulator is not None
    modulated = network.modulator(tokens, confidence)
    return {
        "pct_joints": _pixels(network.tokenizer, network.tokenizer.decode(tokens)),
        "pct_scores": confidence[..., 0].numpy(),
        "pct_tokens_s": tokens[:, ::3, ::16].numpy(),
        "digest_pct_tokens": digest(tokens.numpy()),
        "modulated_s": modulated.transpose(0, 1)[::3, :, ::16].numpy(),
    }


def _mesh_answers(network: Network, mesh: MeshOutput) -> dict[str, Array]:
    intermediate = network.to_intermediate(mesh.coarse_vertices)
    fine = network.fine_vertices(intermediate)
    first, second = mesh.first, mesh.second
    return {
        "pred_cam": mesh.weak_camera.numpy(),
        "pred_3d_joints": mesh.joints.numpy(),
        "coarse": mesh.coarse_vertices.numpy(),
        "intermediate_s4": intermediate[:, ::4].numpy(),
        "fine_s16": fine[:, ::16].numpy(),
        "digest_fine": digest(fine.numpy()),
        "digest_intermediate": digest(intermediate.numpy()),
        "t1_cam": first.camera[:, 0, ::8].numpy(),
        "t1_enc_s": first.memory.transpose(0, 1)[::9, :, ::16].numpy(),
        "t1_dec_s": first.queries.transpose(0, 1)[::30, :, ::16].numpy(),
        "t2_cam": second.camera[:, 0, ::4].numpy(),
        "t2_enc_s": second.memory.transpose(0, 1)[::9, :, ::8].numpy(),
        "t1_enc_len": np.array(first.memory.shape[1]),
        "t2_enc_len": np.array(second.memory.shape[1]),
    }


def _hidden(joints: Array, text: str) -> Array:
    """Joints with visibility 1 but for the entries "[person,joint]" or "[person,:joints]" in a recipe's
    text.
    """
    joints[..., 2] = 1.0
    for person, colon, joint in re.findall(r"\[(\d+),(:?)(\d+)(?:,2)?\]", text):
        joints[int(person), slice(None, int(joint)) if colon else int(joint), 2] = 0.0
    return joints


def _crop_units(joints: Array, crop_px: int = 256) -> Tensor:
    """Pixels to crop units; visibility stays."""
    units = torch.from_numpy(joints.copy())
    units[..., :2] = units[..., :2] / (crop_px / 2.0) - 1.0
    return units


def _pixels(tokenizer: PoseTokenizer, keypoints: Tensor) -> Array:
    pixels: Array = ((keypoints + 1.0) * (tokenizer.config.crop_px / 2.0)).detach().numpy()
    return pixels


def _tokenizer(fixture: Fixture) -> dict[str, Array]:
    tokenizer = PoseTokenizer(replace(tokenizer_config(fixture.shapes), drop_joint=0.0)).eval()
    fill_network(tokenizer, fixture, "tokenizer")
    recipe = str(fixture.meta["joints"])
    joints = _crop_units(_hidden(fixture.array(recipe), recipe))
    guide = fixture.meta.get("joint_feat")
    features = torch.from_numpy(fixture.array(guide)) if guide else None
    with torch.no_grad():
        latents = tokenizer.encode(joints, joints[..., 2] > 0, features)
        indices = tokenizer.token_ids(joints, features)
        quantised = tokenizer.quantiser.codebook[indices]
        recovered = tokenizer.decode(quantised)
    answers = {
        "indices": indices.numpy(),
        "latent_s": latents[:, ::2, ::16].numpy(),
        "recovered": _pixels(tokenizer, recovered),
        "digest_quantised": digest(quantised.transpose(1, 2).numpy()),
    }
    return answers | _tokenizer_step(tokenizer.train(), joints, features, fixture)


def _tokenizer_step(
    tokenizer: PoseTokenizer, joints: Tensor, features: Tensor | None, fixture: Fixture
) -> dict[str, Array]:
    """One training step: losses, gradients, and the codebook after it."""
    out = tokenizer(joints, features)
    error = joint_loss(out.keypoints, joints)
    commitment = COMMITMENT_WEIGHT * out.commitment
    (error + commitment).backward()
    rows = fixture.expected["after_codebook_row_ids"]
    codebook = tokenizer.quantiser.codebook.numpy()
    gradients = {
        "grad_start_embed": tokenizer.joint_embed.weight.grad,
        "grad_recover_embed": tokenizer.to_xy.weight.grad,
        "grad_feature_embed_bias": tokenizer.to_codes.bias.grad,
        "grad_invisible_token": tokenizer.hidden_joint.grad,
    }
    return {
        "train_joint_loss": error.detach().numpy(),
        "train_e_latent_loss": commitment.detach().numpy(),
        "train_indices": out.indices.numpy(),
        "after_ema_cluster_size": tokenizer.quantiser.ema_cluster_size.numpy(),
        "after_codebook_rows": codebook[rows][:, ::8],
        "after_codebook_row_ids": rows,
        "digest_after_codebook": digest(codebook),
        **{
            name: grad.numpy().reshape(fixture.expected[name].shape)
            for name, grad in gradients.items()
            if grad is not None
        },
    }


def _head(fixture: Fixture) -> dict[str, Array]:
    config = NetConfig(tokenizer=tokenizer_config(fixture.shapes, "tokenizer."))
    head = PctParts(config, has_backbone=False).eval()
    fill_network(head, fixture, "head")
    feature = torch.from_numpy(fixture.array(str(fixture.meta["input"])))
    with torch.no_grad():
        logits = head.classifier(feature)
        tokens = soft_tokens(logits, head.tokenizer.quantiser.codebook)
        joints = _pixels(head.tokenizer, head.tokenizer.decode(tokens))
    answers = {
        "joints": joints,
        "scores": token_confidence(logits)[..., 0].numpy(),
        "logits_s": logits[:, ::4, ::32].numpy(),
        "digest_logits": digest(logits.numpy()),
        "argmax": logits.argmax(-1).numpy(),
        "tokens_s": tokens[:, ::3, ::16].numpy(),
        "digest_tokens": digest(tokens.numpy()),
    }
    return answers | _head_step(head, feature, fixture)


@torch.no_grad()
def _head_step(head: PctParts, feature: Tensor, fixture: Fixture) -> dict[str, Array]:
    """The classifier's losses with batch statistics in its BatchNorm, and the tokenizer's labels."""
    recipe = str(fixture.meta["train"])
    joints_text, extra_text = recipe.split("extra feature map")
    pixels = _hidden(fixture.array(joints_text), joints_text)
    joints = _crop_units(pixels)
    extra = torch.from_numpy(fixture.array(extra_text))
    labels = head.tokenizer.token_ids(joints, feature_at_joints(extra, torch.from_numpy(pixels[..., :2])))
    logits = head.classifier.train()(feature)
    keypoints = head.tokenizer.decode(soft_tokens(logits, head.tokenizer.quantiser.codebook))
    return {
        "train_labels": labels.numpy(),
        "train_token_loss": nn.functional.cross_entropy(logits.flatten(0, 1), labels.flatten()).numpy(),
        "train_kpt_loss": joint_loss(keypoints, joints).numpy(),
    }


def feature_at_joints(features: Tensor, pixels: Tensor) -> Tensor:
    """PCT's image guide: the cell int(x / 32 + 0.5) of a square map, clamped.

    Args:
        features: (B, C, h, h).
        pixels: (B, J, 2) x, y.

    Returns:
        (B, J, C).
    """
    last = features.shape[-1] - 1
    column, row = (pixels / GUIDE_STRIDE + 0.5).long().clamp(0, last).unbind(-1)
    batch = torch.arange(len(features))[:, None]
    return features[batch, :, row, column]
