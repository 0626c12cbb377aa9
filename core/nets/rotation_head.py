"""Bones straight from the network, as tokens of a learned vocabulary of poses (TokenHMR, Sec. 3.3; our own network).

    BoneEvidence of the mesh regressor -> parts' frames -> query, joints -> mixers -> token logits -> codes -> rotations

One more query beside the regressor's 445 reads what they and the memory hold; none of them sees it, so that joints and
vertices are bit for bit the same with the head and without. What the vertices say of the pose (`body_parts.py`) is
where the head starts from; it learns what to make of it. The tokenizer is trained before, and frozen.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import torch
from torch import Tensor, nn

from .body_parts import JOINTS, BodyParts, PartFrames
from .config import HEATMAP_JOINTS, LSP_JOINTS, RotationHeadConfig
from .mixer import Mixer, TokenLinear
from .precision import full_precision
from .rotation_tokenizer import BODY_JOINTS, SIX, RotationTokenizer, matrices_of_six, no_turn, six_of

BETAS = 10
BODY = slice(1, 1 + BODY_JOINTS)
FIRST_SHARPNESS = 8.0
"""Of the first softmax, against the codes' mean square: its spread is a quarter of theirs, as a reading's error is."""


class BoneEvidence(NamedTuple):
    """What the mesh regressor knew; the rotation head reads it and changes nothing of it.

    Attributes:
        points: (B, 445, 3) 14 joints and 431 vertices, metres, camera axes, relative to the mid-hip.
        queries: (B, 445, d) final states behind them, of the second transformer.
        memory: (B, 1 + M, d) its camera token, image tokens and pose tokens.
        weak_camera: (B, 3) s, tx, ty.
        confidence: (B, 19) of the heatmaps, in [0, 1]; None without heatmaps.
    """

    points: Tensor
    queries: Tensor
    memory: Tensor
    weak_camera: Tensor
    confidence: Tensor | None


class Bones(NamedTuple):
    """The head's answer.

    Attributes:
        rotations: (B, 24, 3, 3) local, the root's in the camera's axes; the hands' are the identity.
        betas: (B, 10).
        weak_camera: (B, 3) s, tx, ty that project this body.
        token_logits: (B, M, K); None where the head answers rotations without a vocabulary.
    """

    rotations: Tensor
    betas: Tensor
    weak_camera: Tensor
    token_logits: Tensor | None


class QueryRead(nn.Module):
    """One query looks at many states: attention whose keys are never formed, then a feed-forward; both residual."""

    def __init__(self, width: int, heads: int, seen: int) -> None:
        super().__init__()
        self.heads = heads
        self.norm = nn.LayerNorm(width)
        self.ask = nn.Linear(width, heads * seen)
        self.take = nn.Linear(heads * seen, width)
        self.feedforward = nn.Sequential(
            nn.LayerNorm(width), nn.Linear(width, 2 * width), nn.GELU(), nn.Linear(2 * width, width)
        )

    def forward(self, query: Tensor, states: Tensor) -> Tensor:
        """(B, width) and (B, N, seen) to (B, width)."""
        asked = torch.unflatten(self.ask(self.norm(query)), 1, (self.heads, -1)) * states.shape[-1] ** -0.5
        weights = (asked @ states.transpose(1, 2)).softmax(-1)  # (B, heads, N)
        query = query + self.take((weights @ states).flatten(1))
        out: Tensor = query + self.feedforward(query)
        return out


class RotationHead(nn.Module):
    """Evidence to bones."""

    def __init__(self, config: RotationHeadConfig, states: int, has_heatmaps: bool, parts: BodyParts) -> None:
        """Build the head.

        Args:
            config: its sizes.
            states: width d of the regressor's second transformer.
            has_heatmaps: whether there is a confidence of 19 joints.
            parts: of the body.
        """
        super().__init__()
        self.config = config
        width, hidden = config.width, (config.channel_hidden, config.token_hidden)
        self.frames = PartFrames(parts)
        known = JOINTS * (SIX + 3) + 3 + (HEATMAP_JOINTS if has_heatmaps else 0)
        self.start = nn.Linear(known, width)
        self.reads = nn.ModuleList(QueryRead(width, config.heads, states) for _ in range(config.reads))
        self.pooled = nn.Linear(states, width)
        self.joint = nn.Linear(2 * SIX + 3, width)
        self.which = nn.Parameter(torch.zeros(1, JOINTS, width))
        self.to_joints = nn.Linear(width, width)
        self.joint_mixer = Mixer(config.joint_mixers, width, hidden[0], JOINTS, hidden[1])
        self.to_root, self.to_betas, self.to_camera = (nn.Linear(width, size) for size in (SIX, BETAS, 3))
        self.tokenizer = RotationTokenizer(config.tokenizer)
        if config.answers == "tokens":
            tokens, codes = config.tokenizer.tokens, config.tokenizer.quantiser
            self.to_tokens = TokenLinear(JOINTS, tokens)
            self.token_mixer = Mixer(config.token_mixers, width, hidden[0], tokens, hidden[1])
            self.to_latents = nn.Linear(width, codes.code_dim)
            self.to_logits = nn.Linear(width, codes.codes)
            self.log_sharpness = nn.Parameter(torch.zeros(()))
            zero = [self.to_latents, self.to_logits]
        else:
            self.to_rotations = nn.Linear(width, SIX)
            zero = [self.to_rotations]
        nn.init.trunc_normal_(self.which, std=0.5)
        for linear in (self.to_root, self.to_betas, self.to_camera, *zero):  # the first answer is the reading's
            nn.init.zeros_(linear.weight)
            nn.init.zeros_(linear.bias)

    @torch.no_grad()
    def use_vocabulary(self, tensors: Mapping[str, Tensor]) -> None:
        """Take up a trained tokenizer's state, and begin as sharp as its codes are spread out."""
        self.tokenizer.load_state_dict(dict(tensors))
        if self.config.answers == "tokens":
            codes = self.tokenizer.quantiser.codebook
            self.log_sharpness.copy_((FIRST_SHARPNESS / (codes - codes.mean(0)).square().sum(1).mean()).log())

    def forward(self, evidence: BoneEvidence) -> Bones:
        """Bones of B people."""
        with full_precision(evidence.points):
            world, middles = self.frames(evidence.points[:, LSP_JOINTS:].float())
            local = self.frames.local(world)
            middles = ((middles - middles[:, :1])[..., None, :] @ world[:, :1])[..., 0, :]  # root's axes
            about = world[:, :1].transpose(-1, -2) @ world
        query = self._query(evidence, local, middles)
        pooled = self.pooled(self.frames.middles @ evidence.queries[:, LSP_JOINTS:])
        joints = self.joint(torch.cat([six_of(local), six_of(about), middles], -1)) + pooled
        joints = self.joint_mixer(joints + self.which + self.to_joints(query)[:, None])
        logits, body = self._body(joints, local)
        with full_precision(joints):
            query = query.float()
            root = world[:, 0] @ matrices_of_six(self.to_root(query) + no_turn(query))
            hands = torch.eye(3, device=query.device).expand(query.shape[0], 2, 3, 3)
            rotations = torch.cat([root[:, None], body, hands], 1)
            return Bones(rotations, self.to_betas(query), evidence.weak_camera + self.to_camera(query), logits)

    def _query(self, evidence: BoneEvidence, local: Tensor, middles: Tensor) -> Tensor:
        """(B, width) after it looked at every state."""
        known = [six_of(local).flatten(1), middles.flatten(1), evidence.weak_camera]
        if evidence.confidence is not None:
            known.append(evidence.confidence)
        query = self.start(torch.cat(known, 1))
        states = torch.cat([evidence.queries, evidence.memory], 1)
        for read in self.reads:
            query = read(query, states)
        out: Tensor = query
        return out

    def _body(self, joints: Tensor, local: Tensor) -> tuple[Tensor | None, Tensor]:
        """Token logits (B, M, K) or None, and rotations (B, 21, 3, 3)."""
        if self.config.answers == "rotations":
            with full_precision(joints):
                turn = self.to_rotations(joints[:, BODY].float()) + no_turn(joints)
                return None, local[:, BODY] @ matrices_of_six(turn)
        hidden = self.token_mixer(self.to_tokens(joints))
        with full_precision(hidden):
            hidden = hidden.float()
            latents = self.tokenizer.encode(local[:, BODY]) + self.to_latents(hidden)
            codebook = self.tokenizer.quantiser.codebook
            near = 2.0 * latents @ codebook.T - codebook.square().sum(1)  # less the distance, but for a constant
            logits = self.log_sharpness.exp() * near + self.to_logits(hidden)
            return logits, self.tokenizer.decode(logits.softmax(-1) @ codebook)
