"""One body shape and the bones of the frames in which a person was seen: from the surface, from the head, or from both.

- fit: the bones that explain the mesh (`fit`).
- tokens: the bones that the network's rotation head reads, out of its vocabulary of poses.
- both: the fit, with the head's reading as its prior, the stronger the less the picture shows of a joint. The mesh
  knows better where a joint is, the head how it is turned (docs/results.md, Bones from tokens).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ..body.model import Body
from ..body.upsample import LearnedSampler, upsample
from ..errors import TakeError
from ..files.windows import window_slices, windows
from ..geometry.rotations import continuous, matrices_of
from ..types import Float, PersonTake
from .body_size import height_of, with_height
from .mesh_fit import BETA_LIMIT, PosePrior, fit_coarse, surface_error_mm
from .trajectory import LockedBody

if TYPE_CHECKING:
    from ..settings import Bones
    from ..take.take import Take

DEFAULT: Bones = "both"
"""Of takes with bones of their own; all others have nothing else."""
SURE, UNSURE = 0.8, 0.3
"""Confidence of a joint in the picture from which on the head counts least, and below which it counts most."""
SPREAD_RAD = (0.02, 0.05)
"""Of a joint from the head's reading, where the picture shows nothing, and where it shows it well. On 500 hard crops
0.05 for both was 6 degrees worse, and 0.01 in place of 0.02 was 2 degrees better and 0.6 mm worse."""
HAND_RAD = 0.3
"""Of what the head says nothing of: as the fit's own prior towards rest."""
TRUNK = (2, 3, 8, 9)
SEEN_BY: dict[int, tuple[int, ...]] = {
    1: (4,), 2: (1,), 4: (5,), 5: (0,), 7: (5,), 8: (0,), 10: (5,), 11: (0,), 3: TRUNK, 6: TRUNK, 9: TRUNK, 12: (13,),
    13: (9,), 14: (8,), 15: (13,), 16: (10,), 17: (7,), 18: (11,), 19: (6,), 20: (11,), 21: (6,),
}  # fmt: skip
"""SMPL's bones, and the LSP joints that tell where each turns: its end; of the spine, hips and shoulders."""


def bones_of(take: Take, asked: Bones | None) -> Bones:
    """Where the bones of a take come from.

    Raises:
        TakeError: bones of the head are asked for, and the take's weights read none.
    """
    if take.header.rotation_tokens is None and asked in ("tokens", "both"):
        raise TakeError(
            f"{take.path}: its weights {take.header.weights_name!r} read no bones, so --bones {asked} has nothing to "
            "start from; use --bones fit, or reconstruct the clip with weights that read them"
        )
    return asked or ("fit" if take.header.rotation_tokens is None else DEFAULT)


def locked_bones(
    person: PersonTake, body: Body, learned: LearnedSampler | None, bones: Bones, height_m: float | None = None
) -> tuple[LockedBody, Float]:
    """One shape for the clip, and local rotations (T, 24, 4) of the frames in which the person was seen.

    Args:
        person: what the network saw.
        body: the body model.
        learned: the take's own 431 -> 1723 step, or None.
        bones: as `bones_of` says.
        height_m: the person's, where somebody has told it; None for the one that the network's mesh has.
    """
    seen, surface = person.estimates, _surface(person, body, learned)
    if bones == "tokens":
        assert seen.bone_betas is not None and seen.bone_rotations is not None
        betas = np.clip(np.median(seen.bone_betas, axis=0), -BETA_LIMIT, BETA_LIMIT).astype(np.float32)
        rotations = continuous(np.asarray(seen.bone_rotations, np.float64))
        if height_m is not None:
            surface = surface * (height_m / height_of(betas, body))
            betas = with_height(betas, body, height_m)
    else:
        prior = _prior(person) if bones == "both" else None
        fit = fit_coarse(surface, body, prior=prior)
        if height_m is not None:
            surface = surface * (height_m / height_of(fit.betas, body))
            fit = fit_coarse(surface, body, with_height(fit.betas, body, height_m), prior)
        betas, rotations = fit.betas, np.asarray(fit.rotations, np.float64)
    _, rest = body.shape(betas[None])
    surface_mm = float(surface_error_mm(surface, body, betas, rotations).mean())
    return LockedBody(betas, rest[0].astype(np.float64), body, surface_mm, height_m is not None), rotations


def prior_of(rotations: Float, joint_confidence: Float) -> PosePrior:
    """The head's reading (T, 24, 3, 3), as narrow for each bone as the picture's joints (T, 14) are unsure."""
    spread = np.full((len(rotations), 24), HAND_RAD)
    confidence = np.asarray(joint_confidence, np.float64)
    for bone, joints in SEEN_BY.items():
        spread[:, bone] = spread_rad(confidence[:, list(joints)].mean(1))
    return PosePrior(np.asarray(rotations, np.float64), spread)


def _prior(person: PersonTake) -> PosePrior:
    seen = person.estimates
    assert seen.bone_rotations is not None
    return prior_of(matrices_of(np.asarray(seen.bone_rotations, np.float64)), seen.joint_confidence)


def spread_rad(confidence: Float) -> Float:
    """(T,) how far a joint may be from the head's reading, by its confidence (T,) in the picture."""
    least, most = SPREAD_RAD
    return np.asarray(least * (most / least) ** np.clip((confidence - UNSURE) / (SURE - UNSURE), 0, 1))


def _surface(person: PersonTake, body: Body, learned: LearnedSampler | None) -> Float:
    """(T, 431, 3) of the fine mesh, all of one size."""
    coarse, size = person.estimates.coarse_vertices, _size(person.estimates.coarse_vertices, body)
    return np.concatenate(
        [
            upsample(np.asarray(coarse[rows] / size[rows, None, None]), body, learned)[:, body.index_431]
            for rows in window_slices(len(coarse))
        ]
    )


def _size(coarse: Float, body: Body) -> Float:
    """(T,) sizes of the coarse meshes (T, 431, 3) against the clip's usual one.

    A body that is drawn too small would else be fitted by one that crouches. Edges don't change with the pose.
    """
    a, b = np.nonzero(np.triu(body.adjacency_431, 1))
    parts = window_slices(len(coarse))
    lengths = np.concatenate([np.linalg.norm(coarse[rows][:, a] - coarse[rows][:, b], axis=2) for rows in parts])
    lengths /= np.maximum([np.median(edge) for edge in lengths.T], 1e-6).astype(lengths.dtype)
    size = np.concatenate([np.median(window, axis=1) for window in windows(lengths)])
    return np.asarray(np.maximum(size, 1e-3))
