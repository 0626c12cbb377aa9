"""What the frozen trunk says of composed pictures, computed once and read by every arm: CACHE/SET/, see `arrays.py`."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Callable
from dataclasses import dataclass, fields
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from core.nets.network import Network
from training.evaluate.rendered import composer_of
from training.evaluate.run_network import BATCH
from training.export import bundle
from training.pictures import PictureBatch, PictureStore
from training.stages.picture_stage import PicturedConfig, PicturedModule, PicturedStage
from training.studies.ablation.settings import SETS, TRAIN, AblationConfig
from training.trainer import checkpoint
from training.trainer.cached_arrays import Arrays, CachedArrays, fill_share, make_room
from training.trainer.parallel import CANCELLED, StopRequest, World

FORMAT = 2
TRUNK = ("backbone.", "heatmap_head.", "person.", "classifier.", "tokenizer.")
PICTURES = ("image", "parts", "rest_coordinates", "rotations", "betas", "has_pose")
"""Fields of a `PictureBatch` that no arm reads; they are empty in a row's labels."""
LABELS = tuple(field.name for field in fields(PictureBatch) if field.name not in PICTURES)
HALVES = ("coarse_vertices", "intermediate_vertices")


@dataclass(frozen=True, slots=True, eq=False)
class Rows:
    """The trunk's reading of B people.

    Attributes:
        features: (B, C, h, w) image features.
        tokens: (B, 34, D) soft tokens of the classifier.
        confidence: (B, 34, 1) their scores.
        keypoints: (B, 17, 2) decoded from the tokens, crop units.
        token_ids: (B, 34) int64, the tokenizer's encoding of the true joints.
        logits: (B, 34, K) of the tokens; (B, 0) for training pictures.
        labels: all but the pictures themselves.
    """

    features: Tensor
    tokens: Tensor
    confidence: Tensor
    keypoints: Tensor
    token_ids: Tensor
    logits: Tensor
    labels: PictureBatch


def load_trunk(network: Network, weights: Path) -> str:
    """Copies the trained trunk into a network, whose other parts stay as they are.

    Args:
        network: filled in place.
        weights: folder of a bundle, its .safetensors, or a run.

    Returns:
        Digest of the trunk.

    Raises:
        ValueError: no weights, or of another network.
    """
    file = weights / bundle.SAFETENSORS
    tensors = checkpoint.averaged_weights(file if file.is_file() else weights)
    named = {name.removeprefix("net."): value for name, value in tensors.items()}
    own = network.state_dict()
    wanted = sorted(name for name in own if name.startswith(TRUNK))
    missing = [name for name in wanted if name not in named or named[name].shape != own[name].shape]
    if missing:
        raise ValueError(
            f"{weights} does not fit the network: {len(missing)} tensors are not as {missing[0]} should be"
        )
    checkpoint.initialise(network, {name: named[name] for name in wanted})
    digest = hashlib.sha256()
    for name in wanted:
        digest.update(name.encode() + named[name].contiguous().numpy().tobytes())
    return digest.hexdigest()


class TrunkStage(PicturedStage):
    """The trunk, and the pictures that a training would see."""

    def __init__(self, config: AblationConfig) -> None:
        """The same pictures whatever the number of processes."""
        pictured = PicturedConfig(
            output=config.output, store=config.store, size=config.size, batch=BATCH, seed=config.seed,
            difficulty_start=config.difficulty, difficulty_end=config.difficulty, covered=config.covered,
            cut=0.0, tumbled=config.tumbled,
        )  # fmt: skip
        super().__init__(pictured, World(0, 1, torch.device("cpu")))
        self.is_half = config.precision == "bf16"
        self.digest = load_trunk(self.module.net, config.weights)
        self.module.eval()

    def make_module(self) -> PicturedModule:
        """The network; its transformers are not used."""
        return PicturedModule(self.config)

    @torch.no_grad()
    def fields(self, batch: PictureBatch, with_logits: bool) -> Arrays:
        """What is stored of a batch, by name (see `Rows`)."""
        net = self.module.net
        with torch.autocast("cpu", torch.bfloat16, enabled=self.is_half):
            reading = self.module.reading(batch.image)
        assert reading.token_logits is not None and net.tokenizer is not None
        tokens, confidence = net.tokens(reading.token_logits)
        halves = {"features": reading.features, "tokens": tokens} | {name: getattr(batch, name) for name in HALVES}
        if with_logits:
            halves["logits"] = reading.token_logits
        found = {name: value.half() for name, value in halves.items()} | {
            "confidence": confidence,
            "keypoints": net.tokenizer.decode(tokens),
            "token_ids": net.tokenizer.token_ids(batch.coco_2d).short(),
        }
        found |= {name: getattr(batch, name) for name in LABELS if name not in HALVES}
        return {name: value.numpy() for name, value in found.items()}


class FeatureCache(CachedArrays):
    """A set's folder, opened."""

    def rows(self, index: npt.NDArray[np.int64]) -> Rows:
        """Rows (B,) in float32."""
        taken = {name: torch.from_numpy(np.asarray(array[index])) for name, array in self.arrays.items()}
        taken = {name: value.float() if value.dtype == torch.float16 else value for name, value in taken.items()}
        empty = torch.zeros(len(index), 0)
        labels = {name: taken.pop(name) for name in LABELS} | dict.fromkeys(PICTURES, empty)
        taken["token_ids"] = taken["token_ids"].long()
        return Rows(**{"logits": empty, **taken}, labels=PictureBatch(**labels))


def prepare(config: AblationConfig) -> None:
    """Makes room for every set that is not there yet.

    Raises:
        ValueError: stores or weights cannot be used, or the folder holds a cache of other settings.
    """
    trunk = TrunkStage(config)
    stores = {name: PictureStore.open(config.store if name == TRAIN else config.test_store) for name in (TRAIN, *SETS)}
    for name, store in stores.items():
        steps = -(-(config.crops if name == TRAIN else config.people) // BATCH)
        identity = {
            "format": FORMAT, "set": name, "batches": steps, "size": config.size, "precision": config.precision,
            "trunk": trunk.digest, "people": len(store), "store": store.meta,
        }  # fmt: skip
        if name == TRAIN:
            identity |= {key: getattr(config, key) for key in ("seed", "difficulty", "covered", "tumbled")}
        make_room(config.cache / name, steps, trunk.fields(trunk.batch(0, 1.0), with_logits=name != TRAIN), identity)


def is_filled(config: AblationConfig) -> bool:
    """Whether every batch of every set is there."""
    return all(bool(FeatureCache(config.cache / name).written.all()) for name in (TRAIN, *SETS))


def fill(config: AblationConfig, world: World) -> int:
    """Computes this process's share of the missing batches; returns 0 or 130."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    trunk, stop = TrunkStage(config), StopRequest()
    with stop.listening():
        for name in (TRAIN, *SETS):
            if not _fill_set(config, name, trunk, world, lambda: stop.is_set):
                return CANCELLED
    return 0


def _fill_set(
    config: AblationConfig, name: str, trunk: TrunkStage, world: World, is_stopped: Callable[[], bool]
) -> bool:
    """False when it was stopped."""
    composer = None if name == TRAIN else composer_of(PictureStore.open(config.test_store), config.size, name)

    def made(step: int) -> Arrays:
        batch = trunk.batch(step, 1.0) if composer is None else composer.batch(BATCH, step)
        return trunk.fields(batch, with_logits=composer is not None)

    return fill_share(FeatureCache(config.cache / name), made, world, is_stopped, name)
