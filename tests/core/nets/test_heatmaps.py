"""Reading heatmaps: where a peak is, what a second one does, and which features lie under it."""

from __future__ import annotations

import pytest
import torch

from core.nets import cell_centres, global_soft_argmax, read_heatmaps
from core.nets.heatmaps import pool_under_heatmaps

HEIGHT, WIDTH = 16, 32
SHARP = 30.0  # logit of a peak over a flat map: all of the softmax's mass


def _peak(row: int, column: int) -> torch.Tensor:
    logits = torch.zeros(1, 1, HEIGHT, WIDTH)
    logits[0, 0, row, column] = SHARP
    return logits


def _centre(row: int, column: int) -> torch.Tensor:
    return torch.tensor([(column + 0.5) * 2 / WIDTH - 1, (row + 0.5) * 2 / HEIGHT - 1])


@pytest.mark.parametrize(("row", "column"), [(0, 0), (3, 20), (15, 31), (9, 2)])
def test_single_peak_reads_as_its_cells_centre(row: int, column: int) -> None:
    assert torch.allclose(read_heatmaps(_peak(row, column)).points[0, 0], _centre(row, column), atol=1e-4)


def test_cells_of_the_whole_crop_are_centred_on_zero() -> None:
    centres = cell_centres(HEIGHT, WIDTH, torch.zeros(1))
    assert torch.allclose(centres.mean(0), torch.zeros(2), atol=1e-6)
    assert torch.allclose(centres[1] - centres[0], torch.tensor([2 / WIDTH, 0.0]))


def test_two_equal_neighbours_read_halfway() -> None:
    logits = _peak(5, 10)
    logits[0, 0, 5, 11] = SHARP
    expected = (_centre(5, 10) + _centre(5, 11)) / 2
    assert torch.allclose(read_heatmaps(logits).points[0, 0], expected, atol=1e-4)


def test_far_second_peak_pulls_on_the_global_reading_alone() -> None:
    logits = _peak(5, 4)
    logits[0, 0, 5, 28] = SHARP - 0.5
    local, everywhere = read_heatmaps(logits).points[0, 0], global_soft_argmax(logits)[0, 0]
    assert torch.allclose(local, _centre(5, 4), atol=1e-4)
    assert (everywhere - local)[0] > 0.3


def test_confidence_is_the_mass_near_the_peak() -> None:
    logits = _peak(5, 4)
    logits[0, 0, 5, 28] = SHARP
    assert read_heatmaps(_peak(5, 4)).confidence.item() == pytest.approx(1.0, abs=1e-3)
    assert read_heatmaps(logits).confidence.item() == pytest.approx(0.5, abs=1e-3)


def test_flat_heatmap_gives_a_finite_point_and_little_confidence() -> None:
    reading = read_heatmaps(torch.zeros(1, 1, HEIGHT, WIDTH))
    assert reading.points.isfinite().all() and reading.confidence.item() < 0.06


def test_local_reading_has_a_gradient() -> None:
    logits = torch.randn(1, 2, HEIGHT, WIDTH, requires_grad=True)
    read_heatmaps(logits).points.sum().backward()
    assert logits.grad is not None and (logits.grad != 0).any()


def test_pooling_picks_the_features_under_the_peak() -> None:
    coarse, fine = torch.randn(1, 3, 4, 8), torch.randn(1, 2, HEIGHT, WIDTH)
    weights = read_heatmaps(_peak(5, 30)).weights
    pooled = pool_under_heatmaps(weights, coarse, fine)[0, 0]
    assert torch.allclose(pooled, torch.cat([coarse[0, :, 1, 7], fine[0, :, 5, 30]]), atol=1e-4)
