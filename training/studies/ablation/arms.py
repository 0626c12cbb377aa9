"""One arm: fresh modulator, transformers and camera on the cached trunk, trained by the loop of every stage."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import cast

import numpy as np
import torch
from torch import Tensor

from core.body.model import load_body
from core.nets import network_for_body
from core.nets.network import NetOutput
from core.nets.postometro import MeshOutput
from training.evaluate import metrics
from training.evaluate.metrics import Float
from training.stages.mesh import MeshConfig, MeshModule
from training.stages.paper_mesh import JointEmbedding
from training.studies.ablation.cache import FeatureCache, Rows, load_trunk
from training.studies.ablation.settings import ARMS, FULL, SETS, TRAIN, AblationConfig
from training.trainer.loop import Stage, Trainer
from training.trainer.parallel import World

ERRORS = "errors.npz"
CLIP, EMA_DECAY, WARMUP_STEPS, LOG_STEPS = 4.0, 0.99, 50, 100
NEVER_MINUTES = 1e9
TEST_BATCH = 64


@dataclass(frozen=True)
class ArmConfig(MeshConfig):
    """The mesh stage's losses on one arm."""

    arm: str = FULL
    """Of ARMS."""
    weights: Path = Path("unknown")
    """Whose trunk it stands on."""
    cache: Path = Path("unknown")
    """Folder of what that trunk said."""
    noise: tuple[float, ...] = ()
    """Deviations on the token logits to score."""


def arm_config(config: AblationConfig, arm: str) -> ArmConfig:
    """An arm's own run."""
    return ArmConfig(
        output=config.arm_folder(arm), samples=config.samples, batch=config.batch, lr=config.lr, clip=CLIP,
        ema_decay=EMA_DECAY, warmup_steps=WARMUP_STEPS, precision=config.precision, seed=config.seed,
        log_steps=LOG_STEPS, resume=True, evaluate_minutes=NEVER_MINUTES, size=config.size,
        store=config.store, test_store=config.test_store,
        arm=arm, weights=config.weights, cache=config.cache, noise=config.noise if arm == FULL else (),
    )  # fmt: skip


class ArmModule(MeshModule):
    """The whole network of an arm, of which modulator, transformers and camera learn."""

    config: ArmConfig

    def __init__(self, config: ArmConfig) -> None:
        super().__init__(config)
        del self.heads
        self.arm = ARMS[config.arm]
        torch.manual_seed(config.seed)
        self.net = network_for_body(self.arm.network(), load_body())
        self.coordinates: JointEmbedding | None = None
        if self.arm.pose == "coordinates":
            self.coordinates = JointEmbedding(self.net.config.tokenizer.joints, self.net.config.first.width)
        self.requires_grad_(False)
        pose = self.net.modulator if self.coordinates is None else self.coordinates
        for part in (self.net.mesh, self.net.to_intermediate, pose):
            if part is not None:
                part.requires_grad_(True)

    def forward(self, rows: Rows) -> dict[str, Tensor]:  # type: ignore[override]
        """Loss terms of a batch."""
        return self.mesh_terms(self.regress(rows), rows.labels)

    def regress(self, rows: Rows) -> NetOutput:
        """The mesh from what the trunk said."""
        features = rows.features if self.arm.image_tokens else None
        mesh: MeshOutput = self.net.mesh(features, self.pose_tokens(rows))
        fine = self.net.to_intermediate(mesh.coarse_vertices)
        unread = (None,) * 6
        return NetOutput(mesh.coarse_vertices, fine, mesh.joints, mesh.weak_camera, *unread)

    def pose_tokens(self, rows: Rows) -> Tensor | None:
        """(B, 34 or 17, d1) for the transformers; None without."""
        if self.coordinates is not None:
            return self.coordinates(rows.keypoints)  # type: ignore[no-any-return]
        if self.net.modulator is None or self.net.tokenizer is None:
            return None
        tokens, confidence = rows.tokens, rows.confidence
        if self.arm.pose == "true":
            tokens, confidence = self.net.tokenizer.quantiser.codebook[rows.token_ids], torch.ones_like(confidence)
        return self.net.modulator(tokens, confidence)  # type: ignore[no-any-return]

    def with_noise(self, rows: Rows, deviation: float) -> Rows:
        """The rows with Gaussian noise on the token logits, the same for every arm."""
        generator = torch.Generator().manual_seed(int(rows.labels.person_index[0]))
        noisy = rows.logits + deviation * torch.randn(rows.logits.shape, generator=generator)
        tokens, confidence = self.net.tokens(noisy)
        return Rows(
            rows.features, tokens, confidence, rows.keypoints, rows.token_ids, rows.logits, rows.labels
        )  # fmt: skip


class ArmStage:
    """The same rows in the same order for every arm."""

    def __init__(self, config: ArmConfig) -> None:
        self.config, self.module = config, ArmModule(config)
        load_trunk(self.module.net, config.weights)
        self.cache = FeatureCache(config.cache / TRAIN)
        self.people = self.cache.people
        self.order = (-1, self.people)

    def batch(self, step: int, progress: float) -> Rows:
        """Rows of one step: all people once a round, every round in an order of its own."""
        size = self.config.batch
        return self.cache.rows(np.array([self._row(number) for number in range(step * size, (step + 1) * size)]))

    def _row(self, number: int) -> int:
        rounds, place = divmod(number, len(self.people))
        if self.order[0] != rounds:
            self.order = (rounds, np.random.default_rng([self.config.seed, 43, rounds]).permutation(self.people))
        return int(self.order[1][place])

    def evaluate(self) -> Mapping[str, float]:
        """Mean errors on the tests, millimetres; the errors of every joint and person go to RUN/errors.npz."""
        found: dict[str, Float] = {}
        for name in SETS:
            cache = FeatureCache(self.config.cache / name)
            found |= {f"{name}/{key}": value for key, value in self._errors(cache, 0.0).items()}
            for deviation in self.config.noise:
                found[f"{name}/noise {deviation:g}"] = self._errors(cache, deviation)["PA-MPJPE"]
        unfinished = self.config.output / ("unfinished-" + ERRORS)
        np.savez(unfinished, **found)
        os.replace(unfinished, self.config.output / ERRORS)  # noqa: PTH105 - one atomic call
        return {name: 1000 * float(values.mean()) for name, values in found.items()}

    def _errors(self, cache: FeatureCache, deviation: float) -> dict[str, Float]:
        """(N, 14) metres each, by the name of their mean."""
        people = cache.people
        plain, aligned = [], []
        for start in range(0, len(people), TEST_BATCH):
            rows = cache.rows(people[start : start + TEST_BATCH])
            joints = self._joints(self.module.with_noise(rows, deviation) if deviation else rows)
            true = rows.labels.lsp_3d.numpy()
            centred = metrics.mid_hip_centred(joints) - metrics.mid_hip_centred(true)
            plain.append(np.linalg.norm(centred, axis=-1))
            aligned.append(np.linalg.norm(metrics.procrustes(joints, true) - true, axis=-1))
        return {"MPJPE": np.concatenate(plain), "PA-MPJPE": np.concatenate(aligned)}

    def _joints(self, rows: Rows) -> Float:
        with torch.autocast("cpu", torch.bfloat16, enabled=self.config.precision == "bf16"):
            out = self.module.regress(rows)
        return self.module.regressed(out).numpy()


def train_arms(config: AblationConfig, world: World) -> int:
    """Trains this process's share of the arms that have not finished; returns 0 or 130."""
    alone = World(0, 1, world.device)
    for arm in config.arms[world.rank :: world.size]:
        if (config.arm_folder(arm) / ERRORS).is_file():
            continue
        own = arm_config(config, arm)
        if code := Trainer(cast(Stage, ArmStage(own)), own, alone).run():
            return code
    return 0
