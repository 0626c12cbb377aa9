"""Renders a store of people: scene -> G-buffer -> colour -> labels -> shard. Resumable, the same for a seed."""

from __future__ import annotations

import json
import logging
import multiprocessing
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from core.body.model import Body, load_body
from training.motions import MotionLibrary, PoseSampler
from training.pictures import backgrounds, gbuffer, labels, occluders, scene, shade, surface_colour
from training.pictures.environments import Environment, load_environments
from training.pictures.landmarks import Landmarks, find_landmarks
from training.pictures.settings import RenderSettings
from training.pictures.store import FORMAT, SHARD, shard_path, write_shard
from training.trainer.child_processes import prepare_children

GENERATOR = "3"
"""Version of the look of the pictures; a seed means the same pictures only within one version."""

POSES = ("mixed", "captured", "filmed")

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, eq=False)
class Studio:
    """What all pictures of a store share."""

    settings: RenderSettings
    body: Body
    marks: Landmarks
    poses: PoseSampler
    environments: list[Environment]

    @classmethod
    def build(cls, settings: RenderSettings) -> Studio:
        """Loads body, motions and panoramas.

        Raises:
            ValueError: the size is no multiple of four, the split or kind of poses is unknown, or a motion file lacks.
        """
        if settings.size % 4 or settings.split not in ("train", "test"):
            raise ValueError(f"expected a size divisible by 4 and split train or test, got {settings}")
        if settings.poses not in POSES or (settings.poses != "mixed" and not settings.motions):
            raise ValueError(f"expected poses mixed, or captured or filmed with a motion file, got {settings}")
        body = load_body()
        library = MotionLibrary.load(Path(settings.motions), settings.split) if settings.motions else None
        library = library.filmed() if library is not None and settings.poses == "filmed" else library
        if not 0 <= settings.made_share <= 1:
            raise ValueError(f"expected a share of made poses from 0 to 1, got {settings.made}")
        poses = PoseSampler(library, 0.0, is_mixed=False)
        if settings.poses == "mixed":
            poses = PoseSampler(library, made_share=settings.made_share)
        return cls(settings, body, find_landmarks(body), poses, load_environments(settings.split))

    def sample(self, number: int) -> scene.Scene:
        """The scene of one picture of the store."""
        rng = np.random.default_rng([self.settings.seed, 1 if self.settings.split == "test" else 0, number])
        return scene.sample_scene(rng, self.body, self.marks, self.poses, self.environments, self.settings.split)

    def draw(self, one: scene.Scene) -> gbuffer.GBuffer:
        """The G-buffer of a scene."""
        side = 2 * self.settings.size
        return gbuffer.draw(one.person.surface, one.camera.focal * side, side, one.light.key_direction)

    def colour(self, scenes: list[scene.Scene], buffers: list[gbuffer.GBuffer]) -> torch.Tensor:
        """Finished foregrounds (B, size, size, 4) uint8 of a batch, on the settings' device."""
        device = self.settings.device
        samples = shade.Samples.of(buffers, device)
        people = shade.Looks([one.look for one in scenes], device)
        lights = [one.light for one in scenes]
        surface = surface_colour.colour_samples(samples, people, self.marks)
        normal = shade.bumped(samples, surface.bump)
        ambient, key = shade.light_samples(samples, lights, normal)
        colour = surface.albedo * (ambient + key) + shade.gloss(samples, lights, normal, surface.gloss)
        return shade.resolve(samples, colour, torch.ones(len(scenes), device=device))

    def pictures(self, first: int, count: int, batch: int = 1) -> Iterator[dict[str, Any]]:
        """Rows of the store, one dict of fields a picture (see store.Shard)."""
        names = [environment.name for environment in self.environments]
        for start in range(first, first + count, batch):
            scenes = [self.sample(number) for number in range(start, min(start + batch, first + count))]
            buffers = [self.draw(one) for one in scenes]
            colours = self.colour(scenes, buffers).cpu().numpy()
            for one, buffer, foreground in zip(scenes, buffers, colours, strict=True):
                shadow = labels.floor_shadow(one, self.settings.size // 2)
                yield _row(one, labels.label(one, buffer, self.body, shadow), foreground, names)


def _row(one: scene.Scene, label: labels.Labels, foreground: Any, names: list[str]) -> dict[str, Any]:
    turn = one.camera.camera_to_world
    return {
        "foreground": foreground, "part": label.part, "rest": label.rest, "floor_shadow": label.floor_shadow,
        "coco_3d": label.coco_3d, "lsp_3d": label.lsp_3d, "coco_visible": label.coco_visible,
        "lsp_visible": label.lsp_visible, "intermediate": label.intermediate, "coarse": label.coarse,
        "transl": one.person.transl, "focal": np.float32(one.camera.focal), "forward": one.person.forward,
        "up": turn[1].astype(np.float32), "betas": one.person.betas, "pose": one.person.pose.astype(np.float32),
        "environment": np.int16(names.index(one.environment) if one.environment else -1),
        "heading": np.float32(np.arctan2(turn[0, 2], turn[2, 2])),
    }  # fmt: skip


_STUDIO: Studio | None = None


def _start_worker(settings: RenderSettings) -> None:
    global _STUDIO  # noqa: PLW0603 - one studio a worker process
    scene.warm_up()
    _STUDIO = Studio.build(settings)


def _render_shard(task: tuple[str, int]) -> int:
    assert _STUDIO is not None
    folder, number = Path(task[0]), task[1]
    first = number * SHARD
    count = min(SHARD, _STUDIO.settings.count - first)
    batch = 1 if _STUDIO.settings.device == "cpu" else 32
    write_shard(folder, number, list(_STUDIO.pictures(first, count, batch)))
    return count


def render(settings: RenderSettings, folder: Path, workers: int) -> None:
    """Renders what is missing of a store.

    Raises:
        ValueError: the folder holds a store of other settings.
    """
    folder.mkdir(parents=True, exist_ok=True)
    studio = Studio.build(settings)
    # A larger count only adds pictures: it is no part of the store's identity.
    wanted = {
        "format": FORMAT, "generator": GENERATOR, "shard": SHARD, "body": studio.body.digest,
        "environments": [environment.name for environment in studio.environments],
        **{k: v for k, v in asdict(settings).items() if k in ("split", "seed", "size")},
        **({} if settings.poses == "mixed" else {"poses": settings.poses}),
        **({"made": settings.made_share} if settings.made_share else {}),
    }  # fmt: skip
    meta = folder / "store.json"
    if meta.exists() and json.loads(meta.read_text()) != wanted:
        raise ValueError(f"{folder} holds a store of other settings; choose another folder or remove it")
    meta.write_text(json.dumps(wanted, indent=1))
    backgrounds.write(folder, settings, studio.environments)
    occluders.write(folder, settings)
    numbers = [n for n in range(-(-settings.count // SHARD)) if not _is_whole(folder, n, settings.count)]
    done = settings.count - SHARD * len(numbers)
    tasks = [(str(folder), number) for number in numbers]
    prepare_children()
    with multiprocessing.get_context("spawn").Pool(workers, _start_worker, (settings,)) as pool:
        for count in pool.imap_unordered(_render_shard, tasks):
            done += count
            log.info("rendered %d of %d", min(max(done, 0), settings.count), settings.count)


def _is_whole(folder: Path, number: int, count: int) -> bool:
    path = shard_path(folder, number) / "focal.npy"
    return path.exists() and len(np.load(path, mmap_mode="r")) == min(SHARD, count - number * SHARD)
