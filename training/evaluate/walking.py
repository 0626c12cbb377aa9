"""Clean-up on rendered walks whose truth is known: feet, root and smoothing, from the film on.

    python -m training.evaluate.walking --motions MOTIONS.npz -o OUT

Renders three people who walk across the picture, towards the camera and askew (640 x 480, 3.3 s, a camera that
stands), reconstructs each with the shipped networks and the true focal length, solves it four ways and prints a
table. What is rendered or reconstructed already is used again. The motions are among those that the shipped weights
were trained on, but for the crouched one of --more; persons, clothes and views are new.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from core import Motion, ReconstructSettings, SolveSettings, Take, reconstruct, solve
from core.body.model import Body, load_body
from core.errors import MocapError
from core.geometry.rotations import matrices_of
from core.motion.feet import foot_points
from core.types import Float, Int, PersonMotion
from training.evaluate import metrics
from training.pictures.clip import MOTION_FPS, ClipSettings, write_clip

SECONDS = 3.3
STANDS_M_S = 0.25
"""Of the ball of a foot in the truth: below it the foot stands. Recorded feet roll at 0.05 to 0.15."""
MM_FRAME2 = 1e3 / 30**2
"""The self-check's m/s^2 in mm/frame^2, frames of a thirtieth of a second as the walks have them."""
GOALS = (
    "Goals: slide <= 4 cm/s with lock, drift <= 3 %, Accel of smooth <= half of raw, MPJPE of smooth <= 1.05 of raw."
)
WAYS = {
    "raw": SolveSettings(smooth=0.0, feet="off"),
    "smooth": SolveSettings(feet="off"),
    "auto": SolveSettings(feet="auto"),
    "lock": SolveSettings(feet="lock"),
}
COLUMNS = ("MPJPE mm", "Accel", "jitter", "drift %", "slide cm/s", "all stands", "recall %", "precision %")
ABOUT = (
    "Accel, jitter: mm/frame^2. drift: mean distance of the roots after a rigid alignment of the paths, of the path's "
    "length. slide: of the balls of the feet in the contacts found; all stands: the same wherever the truth stands."
)


@dataclass(frozen=True, slots=True)
class Walk:
    """One clip: its name, the motion, where it goes and how far away."""

    name: str
    motion: str
    turn_deg: float
    distance: float
    seed: int

    def settings(self, motions: Path) -> ClipSettings:
        """What `write_clip` needs."""
        return ClipSettings(
            motions, self.motion, seconds=SECONDS, seed=self.seed, travel=0.0, distance=self.distance,
            turn_deg=self.turn_deg,
        )  # fmt: skip


WALKS = (
    Walk("across", "ce/walking_28", 90, 5.0, 1),
    Walk("towards", "ce/walking_52", 180, 5.2, 2),
    Walk("askew", "ce/walking_2", 220, 5.4, 3),
)
MORE_WALKS = (
    Walk("across-back", "ce/walking_18", 260, 5.5, 11),
    Walk("askew-back", "ce/walking_51", 150, 5.2, 12),
    Walk("crouched", "dm/stealthy_walk", 120, 4.2, 13),
    Walk("away", "ce/walking_27", 10, 5.0, 14),
    Walk("fresh-1", "ce/walking_32", 60, 4.6, 15),
    Walk("fresh-2", "ce/walking_31", 195, 6.0, 16),
    Walk("new-1", "ce/walking_24", 30, 5.2, 21),
    Walk("new-2", "ce/walking_49", 170, 5.5, 22),
    Walk("new-3", "ce/walking_48", 280, 4.8, 23),
    Walk("new-4", "ce/walking_47", 350, 5.0, 24),
)
LAST_WALKS = (  # the first three were tuned on
    Walk("last-away", "ce/walking_17", 5, 5.6, 31),
    Walk("last-away-fast", "ce/walking_43", 340, 5.8, 32),
    Walk("last-towards", "ce/walking_37", 190, 6.2, 33),
    Walk("last-across", "amc/02_01", 100, 4.8, 34),
    Walk("last-askew", "ce/walking_33", 40, 5.4, 35),
    Walk("last-turning", "amc/03_03", 215, 6.5, 36),
    Walk("last-jog", "amc/02_03", 130, 5.5, 37),
    Walk("last-run", "ce/running_2", 80, 6.0, 38),
    Walk("last-stands", "ce/directing_traffic_1", 200, 4.5, 39),
    Walk("last-signals", "ce/basketball_signal_1", 150, 4.0, 40),
)


@dataclass(frozen=True, slots=True, eq=False)
class Truth:
    """What is known of a walk, metres, the camera's frame: LSP `joints` (T, 14, 3), `balls` (T, 2, 3) of the feet."""

    joints: Float
    balls: Float

    @classmethod
    def of(cls, file: Path, body: Body, frames: Int) -> Truth:
        """Of the frames that were solved."""
        with np.load(file) as truth:
            transl = truth["p0_transl"][frames][:, None]
            bones = body.pose(truth["p0_pose"][frames], truth["p0_betas"][:1]).joints
            return cls(truth["p0_lsp_3d"][frames] + transl, foot_points(bones) + transl)


def scores(motion: Motion, truth_file: Path, body: Body) -> tuple[float, ...]:
    """The COLUMNS of one solve of one clip."""
    person = motion.persons[0]
    truth = Truth.of(truth_file, body, person.frame_index)
    true = metrics.mid_hip_centred(truth.joints)
    stands, found = _speed(truth.balls) < STANDS_M_S, person.contacts[1:] & person.contacts[:-1]
    slide = 100 * _speed(_balls(person, body))
    return (
        1e3 * float(metrics.mpjpe(person.joints, true).mean()),
        1e3 * float(metrics.acceleration_error(person.joints, true).mean()),
        MM_FRAME2 * next(check.value or 0.0 for check in motion.self_check[0].checks if check.name == "jitter"),
        100 * drift(person.transl, truth.joints[:, [2, 3]].mean(1)),
        float(slide[found].mean()) if found.any() else float("nan"),
        float(slide[stands].mean()),
        100 * float(found[stands].mean()),
        100 * float(stands[found].mean()) if found.any() else float("nan"),
    )


def drift(path: Float, true: Float) -> float:
    """Mean distance of two paths (T, 3) after a rigid alignment, as a share of the true one's length."""
    ours, theirs = path - path.mean(0), true - true.mean(0)
    u, _, vt = np.linalg.svd(ours.T @ theirs)
    turn = u @ np.diag([1, 1, np.linalg.det(u @ vt)]) @ vt
    length = np.linalg.norm(np.diff(true, axis=0), axis=1).sum()
    return float(np.linalg.norm(ours @ turn - theirs, axis=1).mean() / length)


def _balls(person: PersonMotion, body: Body) -> Float:
    bones = body.pose(matrices_of(person.bone_rotations), person.betas[None], person.bone_transl).joints
    return foot_points(bones + person.transl[:, None])


def _speed(points: Float) -> Float:
    return np.asarray(np.linalg.norm(np.diff(points, axis=0), axis=2) * MOTION_FPS)


def measure(
    walks: tuple[Walk, ...], motions: Path, folder: Path, ways: Sequence[str] = tuple(WAYS)
) -> Iterator[tuple[str, tuple[float, ...]]]:
    """Name and scores of every walk, solved in the `ways`; takes about a minute a walk on one core."""
    body = load_body()
    folder.mkdir(parents=True, exist_ok=True)
    for walk in walks:
        film, truth = folder / f"{walk.name}.mp4", folder / f"{walk.name}.truth.npz"
        if not truth.exists():
            write_clip(walk.settings(motions), film)
        with np.load(truth) as known:
            seen = ReconstructSettings(focal_px=float(known["focal_px"]), threads=1)
        take: Take = reconstruct(film, folder / f"{walk.name}.take", seen)
        for way in ways:
            yield f"{walk.name}, {way}", scores(solve(take, WAYS[way]), truth, body)


def main(arguments: list[str] | None = None) -> int:
    """Prints the table; returns the exit code."""
    parser = argparse.ArgumentParser(prog="python -m training.evaluate.walking", description=__doc__)
    parser.add_argument("--motions", type=Path, required=True, help="motion file with the clips named in this module")
    parser.add_argument("--more", action="store_true", help="ten more walks; see docs/results.md for those tuned on")
    parser.add_argument("--last", action="store_true", help="ten more still, with a jog, a run and two who stand")
    parser.add_argument("--only", nargs="+", metavar="NAME", help="of all three sets, those of these names")
    parser.add_argument("--ways", nargs="+", choices=tuple(WAYS), default=tuple(WAYS), help="default: all four")
    parser.add_argument("-o", "--out", type=Path, required=True, help="folder for the films and takes")
    options = parser.parse_args(arguments)
    print(f"{'':<20}" + "".join(f"{column:>13}" for column in COLUMNS))
    rows: dict[str, list[tuple[float, ...]]] = {way: [] for way in options.ways}
    walks = WALKS + (MORE_WALKS if options.more else ()) + (LAST_WALKS if options.last else ())
    if options.only:
        walks = tuple(walk for walk in WALKS + MORE_WALKS + LAST_WALKS if walk.name in options.only)
        if len(walks) < len(set(options.only)):
            parser.error(f"--only: known are {', '.join(walk.name for walk in WALKS + MORE_WALKS + LAST_WALKS)}")
    try:
        for name, values in measure(walks, options.motions, options.out, options.ways):
            rows[name.rsplit(", ", maxsplit=1)[-1]].append(values)
            print(f"{name:<20}" + "".join(f"{value:>13.1f}" for value in values), flush=True)
    except (MocapError, ValueError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    for way, listed in rows.items():
        print(f"{'mean, ' + way:<20}" + "".join(f"{value:>13.1f}" for value in np.nanmean(listed, axis=0)))
    print(ABOUT, GOALS, sep="\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
