"""The small copy of a picture: cuts, and whether more than the known people moved."""

from __future__ import annotations

import numpy as np
import pytest

from core.footage.glances import difference, is_blank, is_changed, look_of, small_copy

WIDTH, HEIGHT = 640, 480
PERSON = np.array([100.0, 100, 120, 300])


def scene(*boxes: tuple[int, int, int, int], shade: int = 90) -> np.ndarray:
    """Grey noise with bright rectangles."""
    image = np.random.default_rng(1).normal(shade, 6, (HEIGHT, WIDTH, 3)).clip(0, 255).astype(np.uint8)
    for x, y, w, h in boxes:
        image[y : y + h, x : x + w] = 230
    return image


def changed(before: np.ndarray, now: np.ndarray, *people: np.ndarray) -> bool:
    return is_changed(small_copy(before), small_copy(now), people, WIDTH, HEIGHT)


def test_the_same_picture_with_other_noise_has_not_changed() -> None:
    noisy = scene().astype(int) + np.random.default_rng(2).normal(0, 6, (HEIGHT, WIDTH, 3))
    assert not changed(scene(), noisy.clip(0, 255).astype(np.uint8))


def test_known_person_who_moves_changes_nothing() -> None:
    before, now = scene((110, 110, 100, 280)), scene((130, 110, 100, 280))
    assert not changed(before, now, PERSON, PERSON + np.array([20, 0, 0, 0]))
    assert changed(before, now)


@pytest.mark.parametrize("corner", [(0, 0), (WIDTH - 30, HEIGHT - 60), (400, 200)])
def test_somebody_else_anywhere_is_a_change(corner: tuple[int, int]) -> None:
    assert changed(scene(), scene((*corner, 30, 60)), PERSON)


def test_box_outside_the_picture_hides_nothing() -> None:
    outside = [np.array([-400.0, -400, 100, 100]), np.array([2000.0, 2000, 100, 100])]
    assert changed(scene(), scene((400, 200, 30, 60)), *outside)


@pytest.mark.parametrize("scale", [1, 3])
def test_cut_is_far_and_noise_is_near_at_any_size(scale: int) -> None:
    still, other = (np.kron(scene(shade=shade), np.ones((scale, scale, 1), np.uint8)) for shade in (90, 170))
    again = np.roll(still, scale, 1)
    looks = [look_of(small_copy(image)) for image in (still, again, other)]
    assert difference(looks[0], looks[1]) < 0.2
    assert difference(looks[0], looks[2]) > 0.8


@pytest.mark.parametrize(("shade", "expected"), [(0, True), (15, True), (90, False), (250, True)])
def test_blank_is_black_or_white_nearly_everywhere(shade: int, expected: bool) -> None:
    flat = np.full((HEIGHT, WIDTH, 3), shade, np.uint8)
    assert is_blank(small_copy(flat)) is expected
    flat[200:300, 200:300] = 128
    assert not is_blank(small_copy(flat))
