"""Feet are held as far as the picture allows: a hold that would take the body off it is let go, and said."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from core.geometry.camera import project
from core.motion.solver import solve
from core.settings import SolveSettings
from core.take.take import Take
from core.types import Float, Motion
from tests.fixtures.known_takes import FOCAL_PX, HEIGHT, WIDTH, estimates, write_take
from tests.fixtures.known_walk import known_walk

FRAMES, MISREAD = 60, 12
SIZE_PX = 300.0
TRUNK = [2, 3, 8, 9, 12, 13]
MOST_SHARE = 0.045
"""The bound of `lock`, and what smoothing leaves beside it."""


def standing_man(folder: Path, foot_up_m: float) -> Take:
    """Somebody who stands; in the first frames the whole body is seen higher, as the picture's joints say, too."""
    walk = known_walk(FRAMES)
    rotvec = walk.rotvec[[8]].repeat(FRAMES, axis=0)
    path = np.tile([0.0, 0.1, 5.0], (FRAMES, 1))
    path[:MISREAD, 1] -= foot_up_m
    return write_take(folder, estimates(rotvec, path), list(range(FRAMES)))


def off_picture(motion: Motion, take: Take) -> Float:
    """(T,) mean distance of trunk and head from the picture's joints, shares of the person's size."""
    person, seen = motion.persons[0], take.persons()[0].estimates
    drawn = project(person.joints + person.transl[:, None], FOCAL_PX, (WIDTH, HEIGHT))
    return np.asarray(np.linalg.norm(drawn - seen.joints_px, axis=2)[:, TRUNK].mean(1) / SIZE_PX)


@pytest.fixture(scope="module")
def raised(tmp_path_factory: pytest.TempPathFactory) -> Take:
    return standing_man(tmp_path_factory.mktemp("raised"), 0.25)


def solved(take: Take, feet: str, contacts: Path | None = None) -> Motion:
    return solve(take, SolveSettings(smooth=0.0, feet=feet, contacts=contacts))  # type: ignore[arg-type]


def everywhere(folder: Path) -> Path:
    file = folder / "contacts.json"
    file.write_text(f'{{"1": {{"left": [[0, {FRAMES - 1}]], "right": [[0, {FRAMES - 1}]]}}}}')
    return file


def test_hold_that_takes_the_body_off_the_picture_is_let_go(
    raised: Take, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Both feet are taken to stand throughout, as a misreading of the contacts would have it."""
    monkeypatch.setattr("core.motion.solver.find_contacts", lambda bones, *_: np.ones((len(bones), 2), bool))
    free, held = solved(raised, "off"), solved(raised, "lock")
    assert (off_picture(held, raised) - off_picture(free, raised)).max() < MOST_SHARE
    contacts = held.persons[0].contacts
    assert not contacts[:MISREAD].any() and contacts[2 * MISREAD :].all(), "the others are held as before"
    notes = [note for note in held.self_check[0].notes if "foot, frames" in note]
    assert len(notes) == 2 and all("off the picture" in note for note in notes)


def test_contacts_that_a_person_gives_are_held_whatever_the_picture_says(raised: Take, tmp_path: Path) -> None:
    held = solved(raised, "lock", everywhere(tmp_path))
    assert held.persons[0].contacts.all()
    assert not [note for note in held.self_check[0].notes if "foot, frames" in note]


def test_walk_that_stands_where_it_is_seen_keeps_every_contact(tmp_path: Path) -> None:
    walk = known_walk()
    take = write_take(tmp_path, estimates(walk.rotvec, walk.path), list(range(len(walk.path))))
    free, held = solved(take, "off"), solved(take, "lock")
    np.testing.assert_array_equal(free.persons[0].contacts, held.persons[0].contacts)


def test_slide_of_what_was_let_go_is_told(raised: Take, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("core.motion.solver.find_contacts", lambda bones, *_: np.ones((len(bones), 2), bool))
    slide = next(check for check in solved(raised, "lock").self_check[0].checks if check.name == "foot slide")
    assert slide.value is not None and slide.value > 4, "it moves where it was found to stand"
    assert replace(slide, value=None).grade == "none"
