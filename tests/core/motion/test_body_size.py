"""How tall people are: told, else estimated and said; depth, root and proportions follow."""

import argparse
import json
import logging
from pathlib import Path

import numpy as np
import pytest

from core.body.model import load_body
from core.errors import BoxesError
from core.motion.body_size import height_of, with_height
from core.motion.solver import solve
from core.settings import SolveSettings, height_told
from core.take.take import Take
from core.tracking.drawn_boxes import heights_in, read_boxes
from core.types import Motion
from tests.fixtures.known_takes import BETAS, estimates, write_take
from tests.fixtures.known_walk import known_walk

FRAMES = 30
SAME_M = 0.005
RAW = SolveSettings(smooth=0.0, feet="off")


@pytest.fixture(scope="module")
def take(tmp_path_factory: pytest.TempPathFactory) -> Take:
    walk = known_walk(FRAMES)
    return write_take(tmp_path_factory.mktemp("size"), estimates(walk.rotvec, walk.path), list(range(FRAMES)))


def solved(take: Take, **heights: float) -> Motion:
    told = tuple((name.removeprefix("p"), metres) for name, metres in heights.items())
    return solve(take, SolveSettings(smooth=0.0, feet="off", heights=told))


@pytest.fixture(scope="module")
def as_drawn(take: Take) -> Motion:
    return solve(take, RAW)


@pytest.mark.parametrize("height_m", [0.9, 1.25, 1.82, 2.05])
def test_shape_of_a_height_has_that_height(height_m: float) -> None:
    assert height_of(with_height(BETAS, load_body(), height_m), load_body()) == pytest.approx(height_m, abs=SAME_M)


def test_shape_of_its_own_height_is_left_as_it_is() -> None:
    body = load_body()
    np.testing.assert_allclose(with_height(BETAS, body, height_of(BETAS, body)), BETAS, atol=1e-3)


def test_child_has_a_larger_head_and_shorter_legs_than_the_grown_person() -> None:
    body = load_body()
    joints = [body.shape(with_height(BETAS, body, height_m)[None])[1][0] for height_m in (1.1, 1.8)]
    (child_head, child_legs), (head, legs) = (
        (np.array([y[15] - y[12], y[1] - y[7]]) / (y[12] - y[7])) for y in (bones[:, 1] for bones in joints)
    )
    assert child_head > 1.05 * head
    assert child_legs < legs


@pytest.mark.parametrize("height_m", [1.1, 1.9])
def test_told_height_scales_depth_and_root(take: Take, as_drawn: Motion, height_m: float) -> None:
    person, drawn = solved(take, p1=height_m).persons[0], as_drawn.persons[0]
    ratio = height_m / height_of(drawn.betas, load_body())
    assert height_of(person.betas, load_body()) == pytest.approx(height_m, abs=SAME_M)
    np.testing.assert_allclose(person.transl[:, 2] / drawn.transl[:, 2], ratio, rtol=0.06)
    np.testing.assert_allclose(person.transl[:, 0], ratio * drawn.transl[:, 0], atol=0.08)


def test_self_check_says_how_tall_somebody_is_and_whether_that_was_told(take: Take, as_drawn: Motion) -> None:
    assert "1.90 m tall, as told" in solved(take, p1=1.9).self_check[0].notes
    (said,) = [note for note in as_drawn.self_check[0].notes if "m tall" in note]
    assert "estimated" in said and "--height 1=" in said


def test_height_of_somebody_else_is_said_and_passed_over(
    take: Take, as_drawn: Motion, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING):
        person = solved(take, p7=1.9).persons[0]
    np.testing.assert_array_equal(person.betas, as_drawn.persons[0].betas)
    assert "'7'" in caplog.text


def test_heights_of_the_boxes_are_those_of_the_take(tmp_path: Path) -> None:
    file = tmp_path / "boxes.json"
    boxes = [{"id": "a", "box_xywh": [1, 2, 3, 4], "height_m": 1.1}, {"id": "b", "box_xywh": [1, 2, 3, 4]}]
    file.write_text(json.dumps({"0": boxes}))
    assert heights_in({0: read_boxes(file)["0"]}) == {"a": 1.1}
    walk = known_walk(8)
    settings = {"step": 1, "heights": {"1": 1.1}}
    made = write_take(tmp_path, estimates(walk.rotvec, walk.path), list(range(8)), settings=settings)
    assert made.header.heights == {"1": 1.1}
    assert height_of(solve(made, RAW).persons[0].betas, load_body()) == pytest.approx(1.1, abs=SAME_M)


@pytest.mark.parametrize("height", [0, -1, 182, "tall", True])
def test_height_that_is_none_is_refused_in_one_sentence(tmp_path: Path, height: object) -> None:
    file = tmp_path / "boxes.json"
    file.write_text(json.dumps({"0": [{"id": "a", "box_xywh": [1, 2, 3, 4], "height_m": height}]}))
    with pytest.raises(BoxesError, match="height_m"):
        read_boxes(file)


def test_height_on_the_command_line_is_a_person_and_metres() -> None:
    assert height_told("1=1.82") == ("1", 1.82)
    assert height_told("a=b=0.9") == ("a=b", 0.9)
    for text in ("1.82", "=1.82", "1=182", "1=nan", "1="):
        with pytest.raises(argparse.ArgumentTypeError, match=r"1=1\.82"):
            height_told(text)
