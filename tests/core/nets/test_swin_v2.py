"""Windows and shifts of the Swin backbone; its values are pinned by the parity fixture."""

from __future__ import annotations

import pytest
import torch

from core.nets.swin_v2 import SwinV2Base, from_windows, relative_positions, shift_mask, to_windows


def test_windows_and_back_is_the_identity() -> None:
    x = torch.randn(2, 8, 12, 3)
    assert torch.equal(from_windows(to_windows(x, 4), 8, 12, 4), x)


def test_mask_opens_only_cells_that_were_neighbours_before_the_shift() -> None:
    mask = shift_mask(8, 8, 4, 2, torch.zeros(1))
    assert (mask[0] == 0).all()  # the first window holds no rolled cell
    assert (mask[3] == 0).sum() == 4 * 4 * 4  # the last one holds four strangers' corners of 2 x 2


def test_relative_positions_are_antisymmetric() -> None:
    table, index = relative_positions(4, 3)
    offsets = table.flatten(0, 1)[index]
    assert torch.allclose(offsets, -offsets.transpose(0, 1))


def test_other_input_size_says_what_fits() -> None:
    with torch.device("meta"):
        network = SwinV2Base()
    with pytest.raises(ValueError, match=r"multiples of 256 px, got \(224, 224\)"):
        network(torch.zeros(1, 3, 224, 224, device="meta"))
