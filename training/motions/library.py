"""A motion file and the clips in it.

The file is an .npz without pickles: `pose` (N, 24, 3) rotation vectors in SMPL's joint order, the first one
the pelvis' orientation in a y-up world; `root` (N, 3) metres; `clip` (N,) clip number; `names` (C,) one name a
clip, `source/subject_trial`. Names may repeat: the clip number is the identity.
"""

from __future__ import annotations

import re
import zlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from training.motions.rotation_vectors import Float
from training.motions.weighted_choice import pick

TEST_SHARE = 0.25
_TRIAL = re.compile(r"^(?P<source>[^/]+)/(?P<subject>[0-9]+)_(?P<trial>[0-9]+)$")
_NUMBERED = re.compile(r"^(?P<stem>.+?)_?[0-9]+$")


@dataclass(frozen=True, slots=True, eq=False)
class MotionClip:
    """One recording.

    Attributes:
        name: as in the file; not unique.
        subject: who moved, as far as the name tells; the unit of the train-test split.
        activity: what is done; the unit of sampling.
        pose: (T, 24, 3) rotation vectors.
        root: (T, 3) metres, y up.
    """

    name: str
    subject: str
    activity: str
    pose: Float
    root: Float


def subjects_of(names: list[str]) -> list[str]:
    """The subject of each clip.

    `amc/02_05` is subject 02 of that source. `ce/walking_12` tells no subject: all such clips of a source
    up to the first name that comes again are one subject (the files were written subject after subject).
    Any other name is a subject of its own.
    """
    runs: dict[str, int] = {}
    seen: dict[str, set[str]] = {}
    result = []
    for name in names:
        trial, is_numbered = _TRIAL.match(name), _NUMBERED.match(name) is not None
        source = name.split("/")[0]
        if trial:
            result.append(f"{source}/{trial['subject']}")
        elif is_numbered:
            known = seen.setdefault(source, set())
            if name in known and runs.get(source, 0) == 0:
                runs[source] = 1
            known.add(name)
            result.append(f"{source}/run{runs.get(source, 0)}")
        else:
            result.append(name)
    return result


def activity_of(name: str) -> str:
    """What is done in a clip: the name without its trial number."""
    trial, numbered = _TRIAL.match(name), _NUMBERED.match(name)
    if trial:
        return f"{trial['source']}/{trial['subject']}"
    return numbered["stem"] if numbered else name


def is_held_out(subject: str) -> bool:
    """Whether a subject belongs to the test split: a hash of its name, so that adding files moves nobody."""
    return (zlib.crc32(f"{subject}:split".encode()) % 1000) < 1000 * TEST_SHARE


@dataclass(frozen=True, slots=True, eq=False)
class MotionLibrary:
    """Clips, and the chance of each: activities by the square root of how often they were recorded."""

    clips: tuple[MotionClip, ...]
    chance: Float

    @classmethod
    def of(cls, clips: list[MotionClip]) -> MotionLibrary:
        """A library over clips; activities weigh sqrt(number of clips), clips of one activity the same.

        Raises:
            ValueError: no clips.
        """
        if not clips:
            raise ValueError("expected at least one motion clip, got none")
        _, index, counts = np.unique(
            [clip.activity for clip in clips], return_inverse=True, return_counts=True
        )
        weight = (np.sqrt(counts) / counts)[index]
        return cls(tuple(clips), (weight / weight.sum()).astype(np.float32))

    @classmethod
    def load(cls, path: Path, split: str = "all") -> MotionLibrary:
        """The clips of a motion file.

        Args:
            path: .npz as the module's docstring says.
            split: "train", "test" or "all"; whole subjects are held out.

        Raises:
            ValueError: the file lacks an array, or the split has no clip.
        """
        if split not in ("train", "test", "all"):
            raise ValueError(f"expected split train, test or all, got {split!r}")
        with np.load(path, allow_pickle=False) as file:
            missing = {"pose", "root", "clip", "names"} - set(file.files)
            if missing:
                raise ValueError(f"{path} is not a motion file: it lacks {', '.join(sorted(missing))}")
            pose, root = file["pose"].astype(np.float32), file["root"].astype(np.float32)
            clip, names = file["clip"], [str(name) for name in file["names"]]
        clips = []
        for number, (name, subject) in enumerate(zip(names, subjects_of(names), strict=True)):
            if split != "all" and is_held_out(subject) != (split == "test"):
                continue
            rows = np.flatnonzero(clip == number)
            if len(rows):
                clips.append(MotionClip(name, subject, activity_of(name), pose[rows], root[rows]))
        if not clips:
            raise ValueError(f"{path}: no clip in the split {split!r}")
        return cls.of(clips)

    def filmed(self) -> MotionLibrary:
        """The same clips, long ones more often (square root of their length): nearer to what footage holds."""
        chance = np.sqrt([len(clip.pose) for clip in self.clips])
        return MotionLibrary(self.clips, (chance / chance.sum()).astype(np.float32))

    def sample(self, rng: np.random.Generator) -> Float:
        """One pose (24, 3): a clip by its chance, then any frame of it."""
        clip = self.clips[pick(rng, self.chance)]
        return np.array(clip.pose[int(rng.integers(len(clip.pose)))])
