"""Smoothing over true times."""

import numpy as np
import pytest

from core.smooth import one_euro, savitzky_golay

RNG = np.random.default_rng(5)
UNEVEN_S = np.cumsum(RNG.uniform(0.01, 0.08, 80))
EXACT = 1e-9
FILTERS = {
    "one_euro": lambda x, t: one_euro(x, t, 1.5, 0.2),
    "savitzky_golay": lambda x, t: savitzky_golay(x, t, 0.4),
}


@pytest.mark.parametrize("name", FILTERS)
def test_constants_stay(name: str) -> None:
    samples = np.tile(RNG.normal(size=(1, 3, 2)), (80, 1, 1))
    np.testing.assert_allclose(FILTERS[name](samples, UNEVEN_S), samples, atol=EXACT)


@pytest.mark.parametrize("name", FILTERS)
def test_channels_do_not_mix(name: str) -> None:
    samples = RNG.normal(size=(80, 4))
    alone = FILTERS[name](samples[:, 2], UNEVEN_S)
    np.testing.assert_allclose(FILTERS[name](samples, UNEVEN_S)[:, 2], alone, atol=EXACT)


@pytest.mark.parametrize("name", FILTERS)
def test_reversed_time_gives_the_reversed_answer(name: str) -> None:
    samples = RNG.normal(size=80)
    backwards = FILTERS[name](samples[::-1], -UNEVEN_S[::-1])[::-1]
    np.testing.assert_allclose(backwards, FILTERS[name](samples, UNEVEN_S), atol=EXACT)


@pytest.mark.parametrize("name", FILTERS)
def test_noise_shrinks(name: str) -> None:
    noise = RNG.normal(size=(80, 50))
    assert FILTERS[name](noise, UNEVEN_S)[10:-10].std() < 0.7 * noise.std()


def test_parabola_at_uneven_times_passes_savitzky_golay() -> None:
    parabola = 3 * UNEVEN_S**2 - UNEVEN_S + 1
    np.testing.assert_allclose(savitzky_golay(parabola, UNEVEN_S, 0.4, degree=2), parabola, atol=1e-6)


def test_fast_motion_passes_one_euro_that_holds_slow_noise() -> None:
    ramp = 5.0 * UNEVEN_S
    open_filter = one_euro(ramp, UNEVEN_S, 1.0, openness=5.0)
    closed = one_euro(ramp, UNEVEN_S, 1.0, openness=0.0)
    assert np.abs(open_filter - ramp).max() < 0.5 * np.abs(closed - ramp).max()


@pytest.mark.parametrize("count", [1, 2, 3])
@pytest.mark.parametrize("name", FILTERS)
def test_clip_of_few_frames_keeps_its_length(name: str, count: int) -> None:
    assert FILTERS[name](np.ones((count, 2)), UNEVEN_S[:count]).shape == (count, 2)
