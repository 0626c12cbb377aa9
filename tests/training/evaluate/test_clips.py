"""The test of short clips: held-out motions without gaps, and scores that know perfect and still answers."""

from __future__ import annotations

import json
from pathlib import Path

import cv2
import numpy as np
import pytest

from core.body.model import load_body
from tests.training.evaluate.test_sets import Oracle, answer, make_bundle
from training.evaluate import metrics
from training.evaluate.__main__ import main
from training.evaluate.clips import score_clips
from training.evaluate.report import SetScores
from training.motions import MotionClip, MotionLibrary
from training.pictures import clips

FRAMES = 6
MM = 1000


def moving(rng: np.random.Generator, frames: int) -> np.ndarray:
    """(T, 24, 3) poses that go on smoothly from one to another."""
    first, last = rng.normal(0, 0.3, (2, 24, 3))
    return (first + (last - first) * np.linspace(0, 1, frames)[:, None, None] ** 2).astype(np.float32)


def write_folder(folder: Path, count: int = 2) -> list[clips.RenderedClip]:
    """Clips of noise with true poses, in the form of `python -m training.pictures clips`."""
    body, rng = load_body(), np.random.default_rng(0)
    folder.mkdir()
    (folder / clips.META).write_text(json.dumps({"body": body.digest}))
    for number in range(count):
        truth = {"p0_pose": moving(rng, FRAMES), "p0_betas": np.zeros((FRAMES, 10), np.float32)}
        clip = clips.RenderedClip(folder / f"{number:02d}", {**truth, "frame_index": np.arange(FRAMES)})
        clip.folder.mkdir()
        truth["p0_lsp_3d"] = np.asarray(body.lsp_regressor @ clip.vertices(body))
        truth["p0_box_px"] = np.tile([10.0, 5, 30, 40], (FRAMES, 1))
        np.savez(clip.folder / clips.TRUTH, frame_index=np.arange(FRAMES), **truth)
        for n in range(FRAMES):
            cv2.imwrite(str(clip.folder / f"{n:05d}.png"), rng.integers(0, 255, (48, 64, 3), np.uint8))
    return clips.open_clips(folder)


@pytest.fixture(scope="module")
def known(tmp_path_factory: pytest.TempPathFactory) -> list[clips.RenderedClip]:
    return write_folder(tmp_path_factory.mktemp("clips") / "made")


def scored(known: list[clips.RenderedClip], shift: np.ndarray | float = 0.0) -> SetScores:
    """Scores of an answer that knows the joints but for a shift of each frame's left ankle."""
    folder = known[0].folder.parent
    answers = []
    for clip in known:
        joints = clip.truth["p0_lsp_3d"].copy()
        joints[:, 5, 0] += shift
        answers.append(answer(FRAMES, joints=joints))
    return score_clips(Oracle(answers), make_bundle(folder), load_body(), folder)


def test_perfect_joints_score_nothing(known: list[clips.RenderedClip]) -> None:
    scores = scored(known)
    row = scores.rows["joint tokens"]
    assert scores.people == len(known)
    assert [row[name].value for name in ("MPJPE", "PA-MPJPE", "Accel")] == pytest.approx([0, 0, 0], abs=0.01)


def test_answer_that_shakes_scores_its_shaking(known: list[clips.RenderedClip]) -> None:
    """An ankle 1 cm to and fro: second differences of 4 cm, one joint of fourteen."""
    row = scored(known, 0.01 * (-1.0) ** np.arange(FRAMES)).rows["joint tokens"]
    assert row["Accel"].value == pytest.approx(40 / 14, rel=1e-3)
    assert row["MPJPE"].value == pytest.approx(10 / 14, rel=1e-3)


def test_answer_that_never_changes_scores_the_truths_own_acceleration(known: list[clips.RenderedClip]) -> None:
    own = [MM * np.linalg.norm(np.diff(clip.truth["p0_lsp_3d"], n=2, axis=0), axis=-1).mean() for clip in known]
    rows = scored(known).rows
    for name in ("mean pose of the set", "A-pose"):
        assert rows[name]["Accel"].value == pytest.approx(np.mean(own), rel=1e-4)
    assert rows["mean pose of the set"]["MPVPE"].value > 10


def test_acceleration_error_does_not_see_a_steady_drift() -> None:
    true = np.random.default_rng(0).normal(0, 0.3, (8, 14, 3))
    drift = np.arange(8)[:, None, None] * np.random.default_rng(1).normal(0, 0.1, (14, 3))
    assert metrics.acceleration_error(true + drift, true) == pytest.approx(np.zeros(6), abs=1e-9)


def motion(frames: int, gap: int | None = None) -> MotionClip:
    pose = np.zeros((frames, 24, 3), np.float32)
    if gap is not None:
        pose[gap:, 4, 0] = 1.5
    return MotionClip("a/walk", "a", "a", pose, np.zeros((frames, 3), np.float32))


def test_stretches_of_a_recording_reach_over_no_gap() -> None:
    assert clips.starts_of(motion(10), 4).tolist() == [0, 1, 2, 3, 4, 5, 6]
    assert clips.starts_of(motion(10, gap=5), 4).tolist() == [0, 1, 5, 6]
    assert len(clips.starts_of(motion(3), 4)) == 0


@pytest.fixture
def motions(tmp_path: Path) -> Path:
    """Eight recordings of people of their own, each long enough but the last."""
    lengths = [60] * 7 + [5]
    np.savez(
        tmp_path / "m.npz",
        pose=np.zeros((sum(lengths), 24, 3), np.float16), root=np.zeros((sum(lengths), 3), np.float32),
        clip=np.repeat(np.arange(8), lengths).astype(np.int16), names=np.array([f"a/{c}" for c in "qwertyui"]),
    )  # fmt: skip
    return tmp_path / "m.npz"


def test_clips_show_every_held_out_recording_before_one_comes_again(motions: Path) -> None:
    held_out = sorted(clip.name for clip in MotionLibrary.load(motions, "test").clips if len(clip.pose) > 45)
    chosen = clips.choose(motions, 2 * len(held_out), seed=3)
    names = [one.clip for one in chosen]
    assert held_out and sorted(names[: len(held_out)]) == sorted(names[len(held_out) :]) == held_out
    assert len({(one.seed, one.turn_deg) for one in chosen}) == len(chosen)
    assert chosen == clips.choose(motions, 2 * len(held_out), seed=3)


def test_rendering_goes_on_where_it_was_interrupted(
    motions: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    written: list[str] = []

    def write(_settings: object, out: Path) -> None:
        out.mkdir(exist_ok=True)
        (out / clips.TRUTH).touch()
        written.append(out.name)

    monkeypatch.setattr(clips, "write_clip", write)
    clips.render_clips(motions, 2, 3, tmp_path / "clips")
    clips.render_clips(motions, 3, 3, tmp_path / "clips")
    assert written == ["00", "01", "02"]
    with pytest.raises(ValueError, match="other settings"):
        clips.render_clips(motions, 3, 4, tmp_path / "clips")


@pytest.mark.parametrize(("more", "told"), [([], "--clips"), (["--clips", "nowhere"], "nowhere")])
def test_clips_that_are_not_there_are_one_sentence(
    more: list[str], told: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["--set", "rendered-clips", *more]) == 1
    said = capsys.readouterr().err
    assert told in said and said.count("\n") == 1
