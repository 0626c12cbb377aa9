"""Bones beside the mesh: the mesh stays, the reading turns with it, the answer is a body."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import Tensor

from core.body.model import load_body
from core.nets import DeployedNetwork, NetConfig, output_names
from core.nets.body_parts import BodyParts, PartFrames, nearest_rotations
from core.nets.rotation_head import BODY, BoneEvidence, RotationHead
from core.nets.rotation_tokenizer import geodesic, matrices_of_six
from tests.fixtures.small_networks import PARTS, SMALL_HEAD, build, make_image, randomise, thin_config
from training.motions.rotation_vectors import to_matrix

FLOAT32_NOISE = 1e-4
STATES = 16
READING_DEG = 20.0  # of a true mesh; measured 14, the spread of people's shapes included


def _rotations(*shape: int, seed: int = 0) -> Tensor:
    return matrices_of_six(torch.randn(*shape, 6, generator=torch.Generator().manual_seed(seed)))


def _evidence(batch: int, seed: int = 0) -> BoneEvidence:
    generator = torch.Generator().manual_seed(seed)
    sizes = ((445, 3), (445, STATES), (9, STATES), (3,), (19,))
    return BoneEvidence(*(torch.randn(batch, *size, generator=generator) for size in sizes))


def _head(**changes: object) -> RotationHead:
    torch.manual_seed(0)
    return RotationHead(replace(SMALL_HEAD, **changes), STATES, True, PARTS).eval()


def test_mesh_is_bit_equal_with_and_without_the_head() -> None:
    with_head = randomise(build(thin_config(rotation_head=SMALL_HEAD)))
    without = build(thin_config())
    without.load_state_dict(with_head.state_dict(), strict=False)
    image = make_image(2)
    with torch.no_grad():
        found, expected = DeployedNetwork(with_head)(image), DeployedNetwork(without)(image)
    assert len(expected) == 9 and len(found) == 13
    assert all(torch.equal(a, b) for a, b in zip(found, expected, strict=False))


def test_outputs_are_named_in_their_order() -> None:
    config = thin_config(rotation_head=SMALL_HEAD)
    with torch.no_grad():
        found = DeployedNetwork(build(config))(make_image(3))
    named = dict(zip(output_names(config), found, strict=True))
    assert named["bone_rotations"].shape == (3, 24, 3, 3) and named["bone_betas"].shape == (3, 10)
    assert named["bone_token_ids"].shape == named["bone_token_probability"].shape == (3, 6, 4)
    assert named["bone_token_ids"].dtype == torch.int64
    assert output_names(thin_config()) == output_names(config)[:9]


def test_candidates_are_sorted_and_no_code_comes_twice() -> None:
    with torch.no_grad():
        *_, ids, probability = DeployedNetwork(randomise(build(thin_config(rotation_head=SMALL_HEAD))))(make_image(2))
    assert bool((probability.diff(dim=-1) <= 0).all()) and float(probability.sum(-1).max()) <= 1 + FLOAT32_NOISE
    assert all(len(set(row.tolist())) == 4 for row in ids.flatten(0, 1))


def test_answer_is_a_rotation_in_every_joint_and_hands_rest() -> None:
    found = randomise(_head())(_evidence(5)).rotations
    eye = torch.eye(3).expand_as(found)
    assert torch.allclose(found @ found.transpose(-1, -2), eye, atol=FLOAT32_NOISE)
    assert torch.allclose(torch.linalg.det(found), torch.ones(5, 24), atol=FLOAT32_NOISE)
    assert torch.equal(found[:, 22:], eye[:, 22:])


def test_people_of_a_batch_do_not_meet() -> None:
    head, evidence = randomise(_head()), _evidence(4)
    together = head(evidence)
    for n in range(4):
        alone = head(BoneEvidence(*(part[n : n + 1] for part in evidence)))
        assert torch.allclose(alone.rotations[0], together.rotations[n], atol=FLOAT32_NOISE)
        assert torch.allclose(alone.token_logits[0], together.token_logits[n], atol=FLOAT32_NOISE)


def test_untrained_head_without_vocabulary_answers_the_reading() -> None:
    head, evidence = _head(answers="rotations"), _evidence(3)
    world, _ = head.frames(evidence.points[:, 14:])
    found = head(evidence)
    assert found.token_logits is None
    assert torch.allclose(found.rotations[:, :22], head.frames.local(world)[:, :22], atol=FLOAT32_NOISE)
    assert torch.equal(found.weak_camera, evidence.weak_camera)


def test_untrained_head_answers_near_the_code_of_the_reading() -> None:
    head, evidence = _head(), _evidence(3)
    head.use_vocabulary(head.tokenizer.state_dict())
    world, _ = head.frames(evidence.points[:, 14:])
    wanted = head.tokenizer.token_ids(head.frames.local(world)[:, BODY])
    assert torch.equal(head(evidence).token_logits.argmax(-1), wanted)


def test_reading_turns_with_the_mesh() -> None:
    frames, vertices = PartFrames(PARTS), torch.randn(3, 431, 3)
    turn = _rotations(1)[0]
    world, middles = frames(vertices)
    turned, moved = frames(vertices @ turn.T + 0.3)
    assert torch.allclose(turned, turn @ world, atol=1e-3)
    assert torch.allclose(moved, middles @ turn.T + 0.3, atol=FLOAT32_NOISE)
    assert torch.allclose(frames.local(turned)[:, 1:], frames.local(world)[:, 1:], atol=1e-3)


def test_reading_of_a_body_is_near_its_pose() -> None:
    body, rng = load_body(), np.random.default_rng(0)
    pose = rng.normal(0, 0.3, (8, 24, 3)).astype(np.float32)
    posed = body.pose(pose, rng.normal(0, 1, (8, 10)).astype(np.float32)).vertices[:, body.index_431]
    frames = PartFrames(BodyParts.of(body))
    found = frames.local(frames(torch.from_numpy(posed))[0])
    apart = geodesic(found, torch.from_numpy(to_matrix(pose)))[:, :22].rad2deg()
    assert apart.mean() < READING_DEG
    assert apart[:, 0].mean() < READING_DEG / 2  # the root has most vertices


@pytest.mark.parametrize("stretch", [0.3, 1.0, 2.0])
def test_nearest_rotation_ignores_stretching(stretch: float) -> None:
    turn = _rotations(6)
    scale = torch.diag(torch.tensor([stretch, 1.0, 0.8]))
    assert torch.allclose(nearest_rotations(turn @ scale), turn, atol=2e-3)


def test_configuration_comes_back_from_json_types() -> None:
    config = thin_config(rotation_head=SMALL_HEAD)
    assert NetConfig.from_dict(config.to_dict()) == config
    assert "rotation_head" not in thin_config().to_dict()
