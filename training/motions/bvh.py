"""BVH files: a skeleton with offsets, then channels frame by frame."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from core.errors import MocapError
from training.motions.retarget import SourceMotion, match_names
from training.motions.rotation_vectors import Float, to_matrix


@dataclass(slots=True, eq=False)
class _Joint:
    name: str
    parent: int
    offset: Float
    channels: list[str] = field(default_factory=list)
    end: Float | None = None


def _skeleton(tokens: list[str], path: Path) -> tuple[list[_Joint], int]:
    """Joints in the file's order, and the number of tokens read."""
    joints: list[_Joint] = []
    stack: list[int] = []
    at = 0
    while at < len(tokens):
        word = tokens[at]
        if word in ("ROOT", "JOINT"):
            joints.append(_Joint(tokens[at + 1], stack[-1] if stack else -1, np.zeros(3, np.float32)))
            stack.append(len(joints) - 1)
            at += 3
        elif word == "End":
            joints[stack[-1]].end = np.array(tokens[at + 4 : at + 7], np.float32)
            at += 8
        elif word == "OFFSET":
            joints[stack[-1]].offset = np.array(tokens[at + 1 : at + 4], np.float32)
            at += 4
        elif word == "CHANNELS":
            count = int(tokens[at + 1])
            joints[stack[-1]].channels = tokens[at + 2 : at + 2 + count]
            at += 2 + count
        elif word == "}":
            stack.pop()
            at += 1
        elif word == "MOTION":
            return joints, at
        else:
            at += 1
    raise MocapError(f"{path} has no MOTION part: the file is cut off or is no BVH file")


def _local(joint: _Joint, columns: Float) -> tuple[Float, Float]:
    """Local rotation (T, 3, 3) and position (T, 3) of a joint from its channels (T, C)."""
    turn = np.broadcast_to(np.eye(3, dtype=np.float32), (len(columns), 3, 3))
    place = np.broadcast_to(joint.offset, (len(columns), 3)).copy()
    for channel, values in zip(joint.channels, columns.T, strict=True):
        axis = "XYZ".index(channel[0].upper())
        if channel.lower().endswith("position"):
            place[:, axis] = values
        else:
            vector = np.zeros((len(columns), 3), np.float32)
            vector[:, axis] = np.radians(values)
            turn = turn @ to_matrix(vector)
    return turn, place


def read_bvh(path: Path) -> SourceMotion:
    """The motion of a BVH file.

    Raises:
        MocapError: the file cannot be read as BVH.
    """
    try:
        tokens = path.read_text(errors="replace").split()
        joints, at = _skeleton(tokens, path)
        count = int(tokens[tokens.index("Frames:", at) + 1])
        start = tokens.index("Time:", at)
        step = float(tokens[start + 1])
        width = sum(len(joint.channels) for joint in joints)
        values = np.array(tokens[start + 2 : start + 2 + count * width], np.float32).reshape(count, width)
    except (ValueError, IndexError) as error:
        raise MocapError(f"{path} cannot be read as BVH ({error}): check that it is whole") from error
    turns: list[Float] = []
    first, root = 0, np.zeros((count, 3), np.float32)
    for number, joint in enumerate(joints):
        turn, place = _local(joint, values[:, first : first + len(joint.channels)])
        first += len(joint.channels)
        turns.append(turn if joint.parent < 0 else turns[joint.parent] @ turn)
        if number == 0:
            root = place
    directions = {}
    for number, joint in enumerate(joints):
        own = np.zeros(3, np.float32) if joint.end is None else joint.end
        ends = [other.offset for other in joints if other.parent == number] or [own]
        directions[joint.name] = ends[0]
    names = match_names([joint.name for joint in joints])
    leg = sum(float(np.linalg.norm(directions[names[f"left_{part}"]])) for part in ("hip", "knee"))
    rotations = {joint.name: turn for joint, turn in zip(joints, turns, strict=True)}
    return SourceMotion(rotations, directions, root, leg, 1 / max(step, 1e-6))
