"""Made poses: hands led to faces, heads, chests, knees, floors, tables and each other, on captured and made bases.

What these are for: arms at the face or overhead, folded arms, both hands on one thing, serves and kicks, deep bends,
kneeling, lying and sitting people are rare in captured motion, and real footage is full of them.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from training.motions.bases import sample_base
from training.motions.deeds import DEEDS, Deed
from training.motions.library import MotionLibrary
from training.motions.reach import HandTarget, reach
from training.motions.rotation_vectors import Float, mirror_pose
from training.motions.weighted_choice import pick

TRIES = 6
ARMS = [13, 14, 16, 17, 18, 19, 20, 21, 22, 23]
CAPTURED_ARMS = 0.6
"""Made bases whose arms are a captured pose's until they are led; the others' come from joint limits."""


@dataclass(frozen=True, slots=True, eq=False)
class MadePose:
    """A made pose and what its hands were led to.

    Attributes:
        pose: (24, 3) rotation vectors in a y-up world.
        deed: what is done, a name of `DEEDS`.
        targets: of the hands that were led, about the pelvis in its axes.
    """

    pose: Float
    deed: str
    targets: tuple[HandTarget, ...]


def _base(rng: np.random.Generator, deed: Deed, library: MotionLibrary | None) -> Float:
    names = list(deed.bases)
    weights = np.array([deed.bases[name] * (library is not None or name != "captured") for name in names])
    name = names[pick(rng, weights / weights.sum())]
    if library is None:
        return sample_base(rng, name)
    captured = library.sample(rng)
    captured = mirror_pose(captured) if rng.random() < 0.5 else captured
    if name == "captured":
        return captured
    pose = sample_base(rng, name)
    if rng.random() < CAPTURED_ARMS:
        pose[ARMS] = captured[ARMS]
    return pose


def make(rng: np.random.Generator, deed: str, library: MotionLibrary | None = None) -> MadePose:
    """A pose in which a deed of `DEEDS` is done; bases are drawn anew while a hand cannot reach its target.

    Args:
        rng: random numbers.
        deed: name.
        library: captured motion for the deeds that stand on it.
    """
    done: list[HandTarget] = []
    for _ in range(TRIES):
        pose = np.array(_base(rng, DEEDS[deed], library), np.float32)
        targets = DEEDS[deed].hands(rng, pose)
        done = []
        for target in targets:
            led = reach(pose, target, rng)
            if led is None:
                break
            pose = led
            done.append(target)
        if len(done) == len(targets):
            break
    return MadePose(pose, deed, tuple(done))


def sample_made(rng: np.random.Generator, library: MotionLibrary | None = None) -> MadePose:
    """A made pose of any deed."""
    names = list(DEEDS)
    weights = np.array([DEEDS[name].weight for name in names])
    return make(rng, names[pick(rng, weights / weights.sum())], library)

