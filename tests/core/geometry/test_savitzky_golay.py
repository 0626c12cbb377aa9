"""Smoothing over true times."""

import numpy as np
import pytest

from core.geometry.savitzky_golay import savitzky_golay

RNG = np.random.default_rng(5)
UNEVEN_S = np.cumsum(RNG.uniform(0.01, 0.08, 80))
WINDOW_S = 0.4
EXACT = 1e-9


def test_constants_stay() -> None:
    samples = np.tile(RNG.normal(size=(1, 3, 2)), (80, 1, 1))
    np.testing.assert_allclose(savitzky_golay(samples, UNEVEN_S, WINDOW_S), samples, atol=EXACT)


def test_channels_do_not_mix() -> None:
    samples = RNG.normal(size=(80, 4))
    alone = savitzky_golay(samples[:, 2], UNEVEN_S, WINDOW_S)
    np.testing.assert_allclose(savitzky_golay(samples, UNEVEN_S, WINDOW_S)[:, 2], alone, atol=EXACT)


def test_reversed_time_gives_the_reversed_answer() -> None:
    samples = RNG.normal(size=80)
    backwards = savitzky_golay(samples[::-1], -UNEVEN_S[::-1], WINDOW_S)[::-1]
    np.testing.assert_allclose(backwards, savitzky_golay(samples, UNEVEN_S, WINDOW_S), atol=EXACT)


def test_noise_shrinks() -> None:
    noise = RNG.normal(size=(80, 50))
    assert savitzky_golay(noise, UNEVEN_S, WINDOW_S)[10:-10].std() < 0.7 * noise.std()


def test_parabola_at_uneven_times_passes() -> None:
    parabola = 3 * UNEVEN_S**2 - UNEVEN_S + 1
    np.testing.assert_allclose(savitzky_golay(parabola, UNEVEN_S, WINDOW_S, degree=2), parabola, atol=1e-6)


@pytest.mark.parametrize("count", [1, 2, 3])
def test_clip_of_few_frames_keeps_its_length(count: int) -> None:
    assert savitzky_golay(np.ones((count, 2)), UNEVEN_S[:count], WINDOW_S).shape == (count, 2)
