"""The rotation head on top of a frozen network (TokenHMR, Sec. 3.3 and 3.4; our own losses and thresholds).

What the frozen network says of the pictures was computed before (`training.stages.bones_cache`), so that a step
costs the head
alone. The vocabulary is a run of the stage `rotations`. With `--labels pseudo` the labels are poses bent until a
weak-perspective camera projects them onto the 2D joints (`training.stages.bones_pseudo_truth`), as photographs'
labels are.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn
from torch.nn import functional

from core.body.model import Body, load_body
from core.nets import NetConfig, Network, network_for_body, project
from core.nets.config import ROTATION_PRESETS, RotationHeadConfig
from core.nets.posed_body import PosedBody
from core.nets.rotation_head import BODY, Bones
from core.nets.rotation_tokenizer import geodesic
from core.types import Float
from core.weights.find import find_weights
from training.evaluate import metrics
from training.losses import mesh_losses, tals
from training.stages.bones_cache import SETS, TRAIN, BoneCache, BoneRows
from training.stages.bones_pseudo_truth import PSEUDO, load_rotation_thresholds
from training.trainer import checkpoint
from training.trainer.loop import LoopConfig
from training.trainer.parallel import World

HEAD = "rotation_head."
POSED = slice(0, 22)
"""The root and the 21 joints of the vocabulary; the hands don't move."""
CHORD = 2.0 * 2.0**0.5
"""A rotation's matrix and another's are this times the sine of half the angle apart."""
EVALUATED_AT_ONCE = 128


@dataclass(frozen=True)
class BonesConfig(LoopConfig):
    """The rotation head; everything else of the network is frozen."""

    cache: tuple[Path, ...] = ()
    """Folders of `python -m training.stages.bones_cache`; the first one's tests are scored."""
    weights: Path = Path("assets/weights/open-tiny")
    """Bundle whose network the cache was made with."""
    vocabulary: Path | None = None
    """Run of the stage `rotations`."""
    rotation_preset: str = "tiny"
    """Sizes of that vocabulary."""
    answers: Literal["tokens", "rotations"] = "tokens"
    """"rotations" answers without the vocabulary, to tell what it is worth; such a head is not exported."""
    own_head: bool = False
    """Go on from the head that the bundle has, as far as it fits, in place of a new one."""
    body: Path | None = None
    """Body file; the open body where none is given."""
    rotation_weight: float = 1.0
    """On the chord of each rotation's error, 1 for a small radian."""
    joint_weight: float = 10.0
    """On the posed joints' L1, metres, relative to the pelvis."""
    vertex_weight: float = 10.0
    """On the posed coarse vertices' L1, metres, relative to the pelvis."""
    agreement_weight: float = 1.0
    """On the L1 to the network's own joints and vertices, metres, relative to mid-hip; needs no labels."""
    projection_weight: float = 1.0
    """On the projected joints' L1, crop units."""
    betas_weight: float = 0.05
    """On the betas' L1."""
    token_weight: float = 0.02
    """On the cross-entropy against the tokenizer's own tokens of the labels."""
    labels: Literal["true", "pseudo"] = "true"
    """"pseudo" learns from `training.stages.bones_pseudo_truth`'s labels."""
    tals: Literal["off", "hard", "ramp"] = "off"
    """Scales losses on rotations, joints and projections down below what a weak-perspective camera leaves open."""
    tals_below: float = 0.1
    """Weight below the thresholds."""


def network_config(settings: Mapping[str, object], base: NetConfig) -> NetConfig:
    """A bundle's network with the head that a run's settings ask for.

    Args:
        settings: of a run of this stage, as its log holds them.
        base: of the bundle.

    Raises:
        ValueError: no such preset.
    """
    name = str(settings["rotation_preset"])
    if name not in ROTATION_PRESETS:
        raise ValueError(f"expected --rotation-preset among {', '.join(ROTATION_PRESETS)}, got {name!r}")
    answers: Literal["tokens", "rotations"] = "tokens" if settings["answers"] == "tokens" else "rotations"
    return replace(base, rotation_head=RotationHeadConfig(answers=answers, tokenizer=ROTATION_PRESETS[name]))


class BonesModule(nn.Module):
    """The network with its head, of which the head alone learns, and the losses."""

    regressor: Tensor
    thresholds: Tensor

    def __init__(self, config: BonesConfig, body: Body) -> None:
        super().__init__()
        self.config = config
        bundle = find_weights(config.weights, body)
        settings = {"rotation_preset": config.rotation_preset, "answers": config.answers}
        self.net: Network = network_for_body(network_config(settings, NetConfig.from_dict(bundle.network)), body)
        known = checkpoint.averaged_weights(bundle.torch_file)
        if not config.own_head:
            known = {name: value for name, value in known.items() if not name.startswith(HEAD)}
        missing = checkpoint.initialise(self.net, known)
        strange = [name for name in missing if not name.startswith(HEAD)]
        if strange:
            raise ValueError(f"{bundle.folder} does not fit the network: {strange[0]} is not in it")
        assert self.net.rotation_head is not None
        self.head = self.net.rotation_head
        self.net.requires_grad_(False)
        self.head.requires_grad_(True)
        self.head.tokenizer.requires_grad_(False)
        self.posed = PosedBody(body, body.index_431)
        regressor = np.asarray(body.lsp_regressor @ body.up_1723 @ body.up_431, np.float32)
        self.register_buffer("regressor", torch.from_numpy(regressor), persistent=False)
        self.register_buffer("thresholds", load_rotation_thresholds(), persistent=False)
        found = tals.load_thresholds()
        self.points_below, self.joints_below_m = found.points, found.joints_m
        self.train()

    def train(self, mode: bool = True) -> BonesModule:
        """Training mode for what learns; the rest stays as it answers."""
        super().train(mode)
        self.net.eval()
        self.head.train(mode)
        self.head.tokenizer.eval()
        return self

    def pose(self, rotations: Tensor, betas: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Of a body: joints (B, 24, 3) and coarse vertices (B, 431, 3) about the pelvis, LSP joints (B, 14, 3)."""
        joints, vertices = self.posed(rotations, betas)
        lsp = self.regressor @ vertices
        pelvis = joints[:, :1]
        return joints - pelvis, vertices - pelvis, lsp - pelvis

    def forward(self, rows: BoneRows) -> dict[str, Tensor]:
        """Loss terms of B people."""
        bones = self.head(rows.evidence)
        said, true = self.pose(bones.rotations, bones.betas), self.pose(rows.rotations, rows.betas)
        terms = self.labelled_terms(bones, said, true, rows) | self.agreement_terms(said, rows)
        return terms | self.projection_term(bones, said[2], rows)

    def labelled_terms(
        self, bones: Bones, said: tuple[Tensor, ...], true: tuple[Tensor, ...], rows: BoneRows
    ) -> dict[str, Tensor]:
        """Losses against the labels; scaled where they are pseudo-ground truth and TALS is on."""
        config = self.config
        chord = (bones.rotations - rows.rotations)[:, POSED].flatten(-2).square().sum(-1).add(1e-8).sqrt() / CHORD * 2
        terms = {
            "rotations": config.rotation_weight * self._scaled(chord, self.thresholds).mean(),
            "joints": config.joint_weight * self._joint_loss(said, true),
            "vertices": config.vertex_weight * self._unless_scaled(said[1], true[1]),
            "betas": config.betas_weight * (bones.betas - rows.betas).abs().mean(),
        }
        if bones.token_logits is not None and config.token_weight:
            labels = self.head.tokenizer.token_ids(rows.rotations[:, BODY])
            each = functional.cross_entropy(bones.token_logits.flatten(0, 1), labels.flatten())
            terms["tokens"] = config.token_weight * each
        return terms

    def agreement_terms(self, said: tuple[Tensor, ...], rows: BoneRows) -> dict[str, Tensor]:
        """How far the posed body is from the network's own joints and vertices, both about their mid-hip."""
        vertices, lsp = said[1], said[2]
        root = lsp[:, [mesh_losses.R_HIP, mesh_losses.L_HIP]].mean(1, keepdim=True)
        own = torch.cat([lsp, vertices], 1) - root
        apart = (own - rows.evidence.points).abs()
        both = apart[:, : lsp.shape[1]].mean() + apart[:, lsp.shape[1] :].mean()
        return {"agreement": self.config.agreement_weight * both / 2}

    def projection_term(self, bones: Bones, lsp: Tensor, rows: BoneRows) -> dict[str, Tensor]:
        """Joints through the head's camera against the 2D joints inside the crop."""
        points, inside = project(mesh_losses.mid_hip_centred(lsp), bones.weak_camera), (rows.lsp_2d[..., 2] > 0).float()
        if self.config.tals == "off":
            loss = mesh_losses.masked_l1(points, rows.lsp_2d[..., :2], inside)
        else:
            below = self.points_below.to(points)
            loss = tals.tals_loss(
                points, rows.lsp_2d[..., :2], inside, below, self.config.tals, 1, self.config.tals_below
            )
        return {"projection": self.config.projection_weight * loss}

    def _is_scaled(self) -> bool:
        return self.config.tals != "off" and self.config.labels == "pseudo"

    def _scaled(self, error: Tensor, threshold: Tensor) -> Tensor:
        config = self.config
        if config.tals == "off" or not self._is_scaled():
            return error
        return tals.scaled(error, threshold.to(error), config.tals, 1, config.tals_below)

    def _joint_loss(self, said: tuple[Tensor, ...], true: tuple[Tensor, ...]) -> Tensor:
        """L1 of the 24 joints; where TALS counts, of the 14 LSP joints, which it has thresholds for."""
        if not self._is_scaled():
            return (said[0] - true[0]).abs().mean()
        own, theirs = (mesh_losses.mid_hip_centred(each[2]) for each in (said, true))
        return self._scaled((own - theirs).norm(dim=-1), self.joints_below_m).mean()

    def _unless_scaled(self, said: Tensor, true: Tensor) -> Tensor:
        """L1 of vertices; the scaled losses leave them out, since every one of them would need a threshold."""
        return (said - true).abs().mean() * (0.0 if self._is_scaled() else 1.0)


class BonesStage:
    """Cached evidence in, bones out."""

    def __init__(self, config: BonesConfig, world: World) -> None:
        torch.manual_seed(config.seed)
        if not config.cache or config.vocabulary is None:
            missing = "expected --cache (python -m training.stages.bones_cache) and --vocabulary, a run of rotations"
            raise ValueError(missing)
        self.config, self.world = config, world
        self.module = BonesModule(config, load_body(config.body))
        start_from_vocabulary(self.module, config.vocabulary)
        self.module.to(world.device)
        self.caches = [BoneCache(folder / TRAIN) for folder in config.cache]
        self.index = np.concatenate([[(n, row) for row in each.people] for n, each in enumerate(self.caches)])
        self.pseudo = [np.load(each / TRAIN / PSEUDO) for each in config.cache] if config.labels == "pseudo" else []
        self.tests = {name: BoneCache(config.cache[0] / name) for name in SETS} if world.is_first else {}

    def batch(self, step: int, progress: float) -> BoneRows:
        """Rows of one step: every row once a round, in an order of the round's own."""
        del progress
        size, total = self.config.batch, len(self.index)
        numbers = (step * self.world.size + self.world.rank) * size + np.arange(size)
        order = {r: np.random.default_rng([self.config.seed, 7, r]).permutation(total) for r in set(numbers // total)}
        chosen = self.index[[order[number // total][number % total] for number in numbers]]
        parts = [self._rows(n, chosen[chosen[:, 0] == n, 1]) for n in np.unique(chosen[:, 0])]
        return BoneRows.joined(parts).to(self.world.device)

    def _rows(self, cache: int, rows: npt.NDArray[np.int64]) -> BoneRows:
        taken = self.caches[cache].rows(rows)
        if self.pseudo:
            taken = replace(taken, rotations=torch.from_numpy(self.pseudo[cache][rows]).float())
        return taken

    def evaluate(self) -> Mapping[str, float]:
        """Errors against the true labels on the tests."""
        scores: dict[str, float] = {}
        for name, cache in self.tests.items():
            people = cache.people
            parts = np.split(people, range(EVALUATED_AT_ONCE, len(people), EVALUATED_AT_ONCE))
            found = [self._scores(cache.rows(part)) for part in parts]
            short = name.removeprefix("rendered-")
            scores |= {
                f"{short}_{key}": float(np.concatenate([each[key] for each in found]).mean()) for key in found[0]
            }
        return scores

    def _scores(self, rows: BoneRows) -> dict[str, Float]:
        rows = rows.to(self.world.device)
        bones = self.module.head(rows.evidence)
        lsp, true = (
            mesh_losses.mid_hip_centred(self.module.pose(*each)[2])
            for each in ((bones.rotations, bones.betas), (rows.rotations, rows.betas))
        )
        apart = (project(lsp, bones.weak_camera) - rows.lsp_2d[..., :2]).norm(dim=-1)
        inside = rows.lsp_2d[..., 2] > 0
        joints, truth = lsp.cpu().numpy(), true.cpu().numpy()
        return {
            "geodesic_deg": geodesic(bones.rotations, rows.rotations)[:, POSED].rad2deg().mean(1).cpu().numpy(),
            "mpjpe": 1000 * metrics.mpjpe(joints, truth),
            "pa_mpjpe": 1000 * metrics.pa_mpjpe(joints, truth),
            "points_error": ((apart * inside).sum(1) / inside.sum(1).clamp_min(1)).cpu().numpy(),
        }


def start_from_vocabulary(module: BonesModule, run: Path) -> None:
    """The head's tokenizer from a run of the stage `rotations`.

    Raises:
        ValueError: the run has no checkpoint, or one of other sizes.
    """
    found = checkpoint.averaged_weights(run)
    tensors = {name.removeprefix("tokenizer."): value for name, value in found.items() if name.startswith("tokenizer.")}
    own = module.head.tokenizer.state_dict()
    unlike = [name for name, value in own.items() if name not in tensors or tensors[name].shape != value.shape]
    if unlike:
        raise ValueError(f"{run} is of another vocabulary than --rotation-preset asks for: {unlike[0]} differs")
    if module.config.own_head:
        module.head.tokenizer.load_state_dict(tensors)
    else:
        module.head.use_vocabulary(tensors)
