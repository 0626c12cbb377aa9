"""Other readings of frames in which the network was unsure: the next likely tokens, decoded.

    NAME.readings.npz    `format_version`, `names`; per person `pI_frame_index` (R,), `pI_time_s` (R,),
                         `pI_rotations` (R, 3, 21, 4) wxyz of SMPL's joints 1 to 21, `pI_probability` (R, 3): of each
                         against the likeliest reading and the other two; 0 where there are fewer than three

A reading swaps the tokens of which the network was least sure for their next candidates: one of them, or the least
sure two, four, eight and so on at once, since a limb is spoken of by several. Of all that is decoded those few are kept
that differ most from the head's own pose and from each other, in the order of their probabilities. That pose is decoded
from the mean of all codes; the likeliest tokens alone may already say another one.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ..body.model import load_body
from ..errors import MocapError, TakeError
from ..files.untrusted import MALFORMED, read_arrays, shortened
from ..files.written_whole import write_arrays
from ..geometry.rotations import matrices_of
from ..geometry.skinning import forward_kinematics
from ..take.take import Take
from ..types import Bool, Float, Int, PersonTake, Progress, ProgressFunction
from ..weights.rotation_tokens import LIKELIEST
from .contacts import runs
from .pose_vocabulary import BODY_JOINTS, PoseVocabulary, vocabulary_of

FORMAT_VERSION = 1
UNSURE = 0.5
"""Mean confidence of a limb's three joints in the picture below which a frame is unsure: one frame in twenty of the
demo clip, where the mean over all joints is 0.87."""
LIMBS = ((0, 1, 2), (3, 4, 5), (6, 7, 8), (9, 10, 11))
"""Legs and arms, by LSP's joints."""
EVERY = 5
"""Of a stretch of unsure frames every fifth has readings: the chosen one's neighbours follow."""
KEPT = 3
SINGLES = 8
"""Tokens that are swapped alone."""
DIFFERS_M = 0.05
"""Largest way of a joint from which on two readings differ: less is not worth a choice."""
LEAST_CHANCE = 1e-3
"""Against the likeliest reading: what is less likely differs most, and is nobody's pose."""


@dataclass(frozen=True, slots=True, eq=False)
class Readings:
    """Other readings of one person.

    Attributes:
        frame_index: (R,) frames of the footage.
        time_s: (R,).
        rotations: (R, 3, 21, 4) wxyz, local, of SMPL's joints 1 to 21.
        probability: (R, 3) likeliest first; 0 where there is no such reading.
    """

    frame_index: Int
    time_s: Float
    rotations: Float
    probability: Float


def readings_of(take: Take, progress: ProgressFunction | None = None) -> dict[str, Readings]:
    """Other readings of everybody in a take, by person.

    Raises:
        TakeError: its weights read no bones, or are not here any more.
    """
    vocabulary = vocabulary_of(take.header)
    if vocabulary is None:
        lacks = "read no bones" if take.header.rotation_tokens is None else "are not here any more"
        raise TakeError(
            f"{take.path}: its weights {take.header.weights_name!r} {lacks}, so there are no other readings; "
            "reconstruct the clip with weights that read bones"
        )
    found = {}
    for number, name in enumerate(take.people):
        if progress is not None:
            progress(Progress("readings", number, len(take.people), name))
        found[name] = person_readings(take.person(name), vocabulary)
    return found


def person_readings(person: PersonTake, vocabulary: PoseVocabulary) -> Readings:
    """Other readings of the frames in which a person was seen badly, where there are any that differ."""
    seen = person.estimates
    assert seen.bone_token_ids is not None and seen.bone_token_probability is not None
    turns = np.asarray(seen.bone_rotations, np.float64)[:, BODY_JOINTS]
    body = load_body()
    rest = body.shape(np.median(np.asarray(seen.bone_betas, np.float64), axis=0)[None])[1][0]
    found = []
    for row in unsure_rows(np.asarray(seen.joint_confidence, np.float64)):
        ids, likely = seen.bone_token_ids[row], np.asarray(seen.bone_token_probability[row], np.float64)
        tokens, chance = candidates(ids.astype(np.int64), likely)
        tokens, chance = tokens[chance >= LEAST_CHANCE], chance[chance >= LEAST_CHANCE]
        poses = np.concatenate([turns[row : row + 1], vocabulary.poses_of(tokens)])
        chance = np.concatenate([[1.0], chance])
        kept = differing(joints_of(poses, rest, body.parents), chance)
        if len(kept):
            found.append((row, *_padded(poses[kept], chance[kept] / (1 + chance[kept].sum()))))
    rows = np.array([row for row, _, _ in found], np.int64)
    rotations = np.array([poses for _, poses, _ in found], np.float32).reshape(-1, KEPT, 21, 4)
    probability = np.array([chance for _, _, chance in found], np.float32).reshape(-1, KEPT)
    return Readings(person.frame_index[rows], person.time_s[rows], rotations, probability)


def unsure_rows(confidence: Float) -> list[int]:
    """Rows of confidences (T, 14) of joints that are worth other readings: of a stretch the middle and every fifth."""
    limbs = np.stack([confidence[:, list(limb)].mean(1) for limb in LIMBS], axis=1)
    is_unsure: Bool = limbs.min(1) < UNSURE
    rows: list[int] = []
    for first, last in runs(is_unsure):
        rows += range(first + (last - first) // 2 % EVERY, last + 1, EVERY)
    return rows


def candidates(ids: Int, probability: Float) -> tuple[Int, Float]:
    """Token ids (C, M) to decode, the likeliest first, and how likely each is against it (C,).

    Args:
        ids: (M, 4) the likeliest codes of each token.
        probability: (M, 4) theirs.
    """
    ratio = np.maximum(probability, 1e-6) / np.maximum(probability[:, :1], 1e-6)  # (M, 4), 1 in the first column
    unsure = np.argsort(-ratio[:, 1], kind="stable")
    groups = [unsure[[rank]] for rank in range(min(SINGLES, len(unsure)))]
    groups += [unsure[:count] for count in _doublings(len(unsure))]
    tokens, chances = [ids[:, 0]], [1.0]
    for group in groups:
        for place in range(1, LIKELIEST):
            swapped = ids[:, 0].copy()
            swapped[group] = ids[group, place]
            tokens.append(swapped)
            chances.append(float(ratio[group, place].prod()))
    return np.stack(tokens), np.array(chances)


def _doublings(most: int) -> list[int]:
    """2, 4, 8, ... and the number itself."""
    counts = [2**power for power in range(1, most.bit_length()) if 2**power < most]
    return [*counts, most] if most > 1 else counts


def joints_of(poses: Float, rest: Float, parents: Int) -> Float:
    """(C, 24, 3) joints, the pelvis held, of poses (C, 21, 4) of a body with joints (24, 3) at rest."""
    local = np.tile(np.eye(3), (len(poses), 24, 1, 1))
    local[:, BODY_JOINTS] = matrices_of(poses)
    return forward_kinematics(local, rest[None], parents)[1]


def differing(joints: Float, chance: Float) -> Int:
    """The few of candidates (C, 24, 3) that differ most from the first and from each other, likeliest first."""
    apart = np.linalg.norm(joints - joints[:1], axis=2).max(1)
    kept: list[int] = []
    while len(kept) < KEPT and apart.max() >= DIFFERS_M:
        kept.append(int(apart.argmax()))
        apart = np.minimum(apart, np.linalg.norm(joints - joints[kept[-1]], axis=2).max(1))
    return np.array(sorted(kept, key=lambda one: (-chance[one], one)), np.int64)


def _padded(poses: Float, chance: Float) -> tuple[Float, Float]:
    """(3, 21, 4) and (3,): where there are fewer, none with the probability 0."""
    rotations, probability = np.zeros((KEPT, 21, 4)), np.zeros(KEPT)
    rotations[..., 0] = 1
    rotations[: len(poses)], probability[: len(chance)] = poses, chance
    return rotations, probability


def write_readings(readings: dict[str, Readings], path: Path) -> None:
    """Write the file, whole or not at all.

    Raises:
        OutputError: the place can't be written to.
    """
    arrays = {"format_version": np.array(FORMAT_VERSION), "names": np.array(list(readings), np.str_)}
    for number, person in enumerate(readings.values()):
        for name in Readings.__dataclass_fields__:
            arrays[f"p{number}_{name}"] = getattr(person, name)
    write_arrays(path, arrays)


def read_readings(path: Path) -> dict[str, Readings]:
    """What `write_readings` wrote.

    Raises:
        MocapError: missing, damaged, or of a newer version.
    """
    try:
        arrays = read_arrays(path)
        if int(arrays["format_version"]) > FORMAT_VERSION:
            raise MocapError(f"{path}: made by a newer version; update, or look for other readings again")
        return {str(name): _person(arrays, number) for number, name in enumerate(arrays["names"])}
    except (OSError, *MALFORMED) as error:
        reason = shortened(str(error), 120)
        raise MocapError(f"{path}: missing or damaged ({reason}); look for other readings again") from error


def _person(arrays: dict[str, Any], number: int) -> Readings:
    held = {name: arrays[f"p{number}_{name}"] for name in Readings.__dataclass_fields__}
    count = len(held["frame_index"])
    shapes = {"frame_index": (count,), "time_s": (count,), "probability": (count, KEPT)}
    shapes["rotations"] = (count, KEPT, 21, 4)
    for name, shape in shapes.items():
        kinds = "iu" if name == "frame_index" else "f"
        if held[name].shape != shape or held[name].dtype.kind not in kinds or not np.isfinite(held[name]).all():
            raise ValueError(f"{name} is {held[name].dtype} {held[name].shape}, or not finite")
    return Readings(**held)
