"""CMU's ASF (skeleton) and AMC (motion) files."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from core.errors import MocapError
from training.motions.retarget import SourceMotion, match_names
from training.motions.rotation_vectors import Float, to_matrix

CMU_FPS = 120.0


@dataclass(slots=True, eq=False)
class _Bone:
    name: str = ""
    direction: Float = field(default_factory=lambda: np.zeros(3, np.float32))
    length: float = 0.0
    axis: Float = field(default_factory=lambda: np.eye(3, dtype=np.float32))
    dof: list[str] = field(default_factory=list)


def _euler(degrees: Float, order: str) -> Float:
    """Rotation (..., 3, 3) of angles (..., 3) about fixed axes in the order given, ASF's convention."""
    turn = np.eye(3, dtype=np.float32)
    for letter, column in zip(order.upper(), range(3), strict=True):
        vector = np.zeros((*degrees.shape[:-1], 3), np.float32)
        vector[..., "XYZ".index(letter)] = np.radians(degrees[..., column])
        turn = to_matrix(vector) @ turn
    return turn


def _skeleton(path: Path) -> tuple[dict[str, _Bone], dict[str, str]]:
    """Bones by name, and each bone's parent."""
    bones, parents = {"root": _Bone("root", dof=["tx", "ty", "tz", "rx", "ry", "rz"])}, {}
    section, bone = "", _Bone()
    for line in path.read_text(errors="replace").splitlines():
        words = line.split()
        if not words or words[0].startswith("#"):
            continue
        if words[0].startswith(":"):
            section = words[0]
        elif section == ":root" and words[0] == "order":
            bones["root"].dof = [word.lower() for word in words[1:]]
        elif section == ":bonedata":
            bone = _read_bone(words, bone, bones)
        elif section == ":hierarchy" and words[0] not in ("begin", "end"):
            parents.update(dict.fromkeys(words[1:], words[0]))
    return bones, parents


def _read_bone(words: list[str], bone: _Bone, bones: dict[str, _Bone]) -> _Bone:
    if words[0] == "begin":
        return _Bone()
    if words[0] == "name":
        bone.name = words[1]
        bones[bone.name] = bone
    elif words[0] == "direction":
        bone.direction = np.array(words[1:4], np.float32)
    elif words[0] == "length":
        bone.length = float(words[1])
    elif words[0] == "axis":
        bone.axis = _euler(np.array(words[1:4], np.float32), words[4])
    elif words[0] == "dof":
        bone.dof = [word.lower() for word in words[1:]]
    return bone


def _frames(path: Path) -> list[dict[str, Float]]:
    frames: list[dict[str, Float]] = []
    for line in path.read_text(errors="replace").splitlines():
        words = line.split()
        if not words or words[0][0] in "#:":
            continue
        if len(words) == 1 and words[0].isdigit():
            frames.append({})
        elif frames:
            frames[-1][words[0]] = np.array(words[1:], np.float32)
    return frames


def read_asf_amc(asf: Path, amc: Path, fps: float = CMU_FPS) -> SourceMotion:
    """The motion of a pair of files.

    Raises:
        MocapError: a file cannot be read.
    """
    try:
        bones, parents = _skeleton(asf)
        frames = _frames(amc)
        if not frames or "root" not in frames[0] or len(bones) < 2:
            raise ValueError("no bones or no frames")
        rotations: dict[str, Float] = {}
        for name, bone in bones.items():
            angles = np.zeros((len(frames), 3), np.float32)
            for t, frame in enumerate(frames):
                for column, dof in enumerate(bone.dof):
                    if dof in ("rx", "ry", "rz") and name in frame:
                        angles[t, "xyz".index(dof[1])] = frame[name][column]
            local = bone.axis @ _euler(angles, "xyz") @ bone.axis.T
            above = parents.get(name)
            rotations[name] = local if above is None else rotations[above] @ local
        columns = [bones["root"].dof.index(dof) for dof in ("tx", "ty", "tz")]
        root = np.stack([frame["root"][columns] for frame in frames])
    except (ValueError, IndexError, KeyError) as error:
        raise MocapError(f"{asf} with {amc} cannot be read as ASF/AMC ({error}): check that both are whole") from error
    directions = {name: bone.direction for name, bone in bones.items()}
    names = match_names(list(bones))
    leg = bones[names["left_hip"]].length + bones[names["left_knee"]].length
    return SourceMotion(rotations, directions, root, leg, fps)
