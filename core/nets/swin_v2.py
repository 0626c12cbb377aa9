"""PCT's SwinV2-B backbone ("RPE2FC"): cosine attention, norms after the blocks, positions from a small
network.

It differs from the published Swin V2 in its table of positions (normalised by the windows of pretraining),
in the shift, which only the first two stages use, and in the post-norm weights, which start at 1e-5.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

NORM_EPSILON = 1e-6
POST_NORM_START = 1e-5
MASKED = -100.0
SHORTEST = 1e-12  # of a vector that is normalised, as in `F.normalize`


class Stage(NamedTuple):
    """One stage of Swin-B."""

    width: int
    depth: int
    heads: int
    window: int
    pretrain_window: int
    has_shift: bool


DEPTHS = (2, 2, 18, 2)
HEAD_WIDTH = 32


def swin_stages(width: int, depths: tuple[int, ...]) -> tuple[Stage, ...]:
    """The four stages; Swin-B's have the width 128."""
    places = ((16, 12, True), (16, 12, True), (16, 12, False), (8, 6, False))
    widths = [width * 2**number for number in range(4)]
    return tuple(
        Stage(wide, depth, wide // HEAD_WIDTH, *place)
        for wide, depth, place in zip(widths, depths, places, strict=True)
    )


class SwinV2Base(nn.Module):
    """Patches of 4 pixels, four stages; the last one's map is what PCT's head reads."""

    def __init__(self, drop_path: float = 0.3, width: int = 128, depths: tuple[int, ...] = DEPTHS) -> None:
        """Build the network.

        Args:
            drop_path: of the last block; it rises linearly from none.
            width: of the first stage, a multiple of 32; the features are 8 times as wide.
            depths: blocks in each of the four stages.
        """
        super().__init__()
        stages = swin_stages(width, depths)
        self.channels = stages[-1].width
        self.patch_embed = PatchEmbed(stages[0].width)
        depth = sum(depths)
        rates = [drop_path * index / (depth - 1) for index in range(depth)]
        layers = []
        for index, stage in enumerate(stages):
            is_last = index == len(stages) - 1
            layers.append(SwinStage(stage, rates[: stage.depth], None if is_last else 2 * stage.width))
            rates = rates[stage.depth :]
        self.layers = nn.ModuleList(layers)
        self.norm3 = nn.LayerNorm(self.channels, NORM_EPSILON)
        self._initialise()

    def forward(self, image: Tensor) -> Tensor:
        """(B, 3, S, S) to (B, 8 width, S / 32, S / 32); S / 4, 8, 16, 32 are multiples of 16, 16, 16, 8.

        Raises:
            ValueError: S does not fit the windows.
        """
        if image.shape[-1] % 256 or image.shape[-2] % 256:
            raise ValueError(f"SwinV2-B takes multiples of 256 px, got {tuple(image.shape[-2:])}")
        x = self.patch_embed(image)
        for layer in self.layers:
            x = layer(x)
        normed: Tensor = self.norm3(x)
        return normed.permute(0, 3, 1, 2)

    def _initialise(self) -> None:
        for module in self.modules():
            if isinstance(module, nn.Linear):
                nn.init.trunc_normal_(module.weight, std=0.02)
                if module.bias is not None:
                    nn.init.zeros_(module.bias)


class PatchEmbed(nn.Module):
    """4 x 4 patches, projected and normalised."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.proj = nn.Conv2d(3, width, 4, 4)
        self.norm = nn.LayerNorm(width, NORM_EPSILON)

    def forward(self, image: Tensor) -> Tensor:
        """(B, 3, S, S) to (B, S / 4, S / 4, width)."""
        out: Tensor = self.norm(self.proj(image).permute(0, 2, 3, 1))
        return out


class SwinStage(nn.Module):
    """Blocks, every second one shifted where the stage shifts at all, then merging."""

    def __init__(self, stage: Stage, drop_paths: list[float], width_out: int | None) -> None:
        super().__init__()
        shift = stage.window // 2 if stage.has_shift else 0
        self.blocks = nn.ModuleList(
            SwinBlock(stage, shift if index % 2 else 0, rate) for index, rate in enumerate(drop_paths)
        )
        self.downsample = None if width_out is None else PatchMerging(stage.width, width_out)

    def forward(self, x: Tensor) -> Tensor:
        """(B, H, W, C) to (B, H / 2, W / 2, 2 C), or the same shape in the last stage."""
        for block in self.blocks:
            x = block(x)
        return x if self.downsample is None else self.downsample(x)


class PatchMerging(nn.Module):
    """Four neighbours to one, Linear, then LayerNorm."""

    def __init__(self, width: int, width_out: int) -> None:
        super().__init__()
        self.reduction = nn.Linear(4 * width, width_out, bias=False)
        self.norm = nn.LayerNorm(width_out, NORM_EPSILON)

    def forward(self, x: Tensor) -> Tensor:
        """(B, H, W, C) to (B, H / 2, W / 2, width_out)."""
        corners = [x[:, row::2, column::2] for column in (0, 1) for row in (0, 1)]
        out: Tensor = self.norm(self.reduction(torch.cat(corners, dim=-1)))
        return out


class SwinBlock(nn.Module):
    """Window attention and MLP, each normalised before it joins the residual."""

    def __init__(self, stage: Stage, shift: int, drop_path: float) -> None:
        super().__init__()
        self.window, self.shift, self.drop_path = stage.window, shift, drop_path
        self.attn = WindowAttention(stage)
        self.norm1 = nn.LayerNorm(stage.width, NORM_EPSILON)
        self.mlp = nn.ModuleDict(
            {"fc1": nn.Linear(stage.width, 4 * stage.width), "fc2": nn.Linear(4 * stage.width, stage.width)}
        )
        self.norm2 = nn.LayerNorm(stage.width, NORM_EPSILON)
        for norm in (self.norm1, self.norm2):
            nn.init.constant_(norm.weight, POST_NORM_START)

    def forward(self, x: Tensor) -> Tensor:
        """(B, H, W, C) in and out."""
        x = x + self._dropped(self.norm1(self._attend(x)))
        hidden = F.gelu(self.mlp["fc1"](x))
        return x + self._dropped(self.norm2(self.mlp["fc2"](hidden)))

    def _attend(self, x: Tensor) -> Tensor:
        height, width = x.shape[1:3]
        mask = None
        if self.shift:
            x = torch.roll(x, (-self.shift, -self.shift), (1, 2))
            mask = None if self.attn.folded is not None else shift_mask(height, width, self.window, self.shift, x)
        mixed = self.attn(to_windows(x, self.window), mask)
        x = from_windows(mixed, height, width, self.window)
        return torch.roll(x, (self.shift, self.shift), (1, 2)) if self.shift else x

    def fold(self, height: int, width: int) -> None:
        """Keep positions and mask of (height, width) maps, for a network whose weights no longer change."""
        mask = None
        if self.shift:
            mask = shift_mask(height, width, self.window, self.shift, self.attn.relative_position_index)
        self.attn.fold(mask)

    def _dropped(self, branch: Tensor) -> Tensor:
        """Stochastic depth: the whole branch of a sample, in training."""
        if not self.training or not self.drop_path:
            return branch
        keep = 1.0 - self.drop_path
        kept = torch.rand(branch.shape[0], 1, 1, 1, device=branch.device) < keep
        return branch * kept.to(branch.dtype) / keep


class WindowAttention(nn.Module):
    """Scaled cosine attention inside a window; q and v have a bias, k has none."""

    relative_coords_table: Tensor
    relative_position_index: Tensor
    folded: Tensor | None

    def __init__(self, stage: Stage) -> None:
        super().__init__()
        self.heads = stage.heads
        self.logit_scale = nn.Parameter(torch.full((stage.heads, 1, 1), math.log(10.0)))
        self.rpe_mlp = nn.Sequential(nn.Linear(2, 512), nn.ReLU(), nn.Linear(512, stage.heads, bias=False))
        self.qkv = nn.Linear(stage.width, 3 * stage.width, bias=False)
        self.q_bias = nn.Parameter(torch.zeros(stage.width))
        self.v_bias = nn.Parameter(torch.zeros(stage.width))
        self.proj = nn.Linear(stage.width, stage.width)
        table, index = relative_positions(stage.window, stage.pretrain_window)
        self.register_buffer("relative_coords_table", table, persistent=False)
        self.register_buffer("relative_position_index", index, persistent=False)
        self.register_buffer("folded", None, persistent=False)

    @torch.no_grad()
    def fold(self, mask: Tensor | None) -> None:
        """Keep what is added to the scores, mask (n, N, N) and all: (1 or n, heads, N, N)."""
        added = self._position_bias()[None]
        self.folded = added if mask is None else added + mask[:, None]

    def forward(self, windows: Tensor, mask: Tensor | None) -> Tensor:
        """(B * n, N, C) windows in and out; mask (n, N, N) added to the scores."""
        bias = torch.cat([self.q_bias, torch.zeros_like(self.q_bias), self.v_bias])
        q, k, v = F.linear(windows, self.qkv.weight, bias).chunk(3, dim=-1)
        q, k, v = (torch.unflatten(t, -1, (self.heads, -1)).transpose(1, 2) for t in (q, k, v))
        scale = self.logit_scale.clamp(max=math.log(100.0)).exp()
        q, k = q * (scale / _length(q)), k / _length(k)
        added = self.folded
        if added is None:
            added = self._position_bias()[None]  # (1, heads, N, N)
            added = added if mask is None else added + mask[:, None]
        mixed = _attend(q, k, v.to(q.dtype), added.to(q.dtype))
        out: Tensor = self.proj(mixed.transpose(1, 2).flatten(2))
        return out

    def _position_bias(self) -> Tensor:
        """(heads, N, N)."""
        values = self.rpe_mlp(self.relative_coords_table).flatten(0, 1)  # ((2 w - 1)^2, heads)
        tokens = self.relative_position_index.shape[0]
        bias = values[self.relative_position_index.flatten()].reshape(tokens, tokens, -1)
        return 16.0 * torch.sigmoid(bias.permute(2, 0, 1))


def _length(x: Tensor) -> Tensor:
    """(..., 1) lengths of the last axis, as `F.normalize` has them: that one would be widened first in an export."""
    length: Tensor = torch.linalg.vector_norm(x, dim=-1, keepdim=True).clamp_min(SHORTEST)
    return length


def _attend(q: Tensor, k: Tensor, v: Tensor, added: Tensor) -> Tensor:
    """Attention on (B * n, heads, N, d), with (1 or n, heads, N, N) added to the scores.

    Spelled out in an export, which gets the fused kernel's strides wrong, and for training on a CPU, where there is no
    fused kernel for a learned bias.
    """
    windows = added.shape[0]
    if torch.compiler.is_exporting() or (added.requires_grad and added.device.type == "cpu"):
        scores = torch.matmul(q, k.transpose(-1, -2))
        summed = scores + added if windows == 1 else (torch.unflatten(scores, 0, (-1, windows)) + added).flatten(0, 1)
        return torch.matmul(summed.softmax(-1), v)
    if windows > 1:
        added = added.repeat(q.shape[0] // windows, 1, 1, 1)
    return F.scaled_dot_product_attention(q, k, v, attn_mask=added, scale=1.0)


def relative_positions(window: int, pretrain_window: int) -> tuple[Tensor, Tensor]:
    """Log-spaced offsets between a window's cells, and which of them each pair has.

    Returns:
        (2 w - 1, 2 w - 1, 2) offsets, and (w^2, w^2) rows of it when flattened.
    """
    offsets = torch.arange(1 - window, window, dtype=torch.float32) / (pretrain_window - 1) * 8.0
    offsets = offsets.sign() * torch.log2(offsets.abs() + 1.0) / math.log2(8.0)
    table = torch.stack(torch.meshgrid(offsets, offsets, indexing="ij"), dim=-1)
    cells = torch.arange(window)
    y, x = (axis.flatten() for axis in torch.meshgrid(cells, cells, indexing="ij"))
    rows = y[:, None] - y[None] + window - 1
    columns = x[:, None] - x[None] + window - 1
    return table, rows * (2 * window - 1) + columns


def to_windows(x: Tensor, window: int) -> Tensor:
    """(B, H, W, C) to (B * n, window^2, C)."""
    batch, height, width, channels = x.shape
    x = x.reshape(batch, height // window, window, width // window, window, channels)
    return x.permute(0, 1, 3, 2, 4, 5).reshape(-1, window * window, channels)


def from_windows(windows: Tensor, height: int, width: int, window: int) -> Tensor:
    """(B * n, window^2, C) back to (B, H, W, C)."""
    x = windows.reshape(-1, height // window, width // window, window, window, windows.shape[-1])
    return x.permute(0, 1, 3, 2, 4, 5).reshape(-1, height, width, windows.shape[-1])


def shift_mask(height: int, width: int, window: int, shift: int, like: Tensor) -> Tensor:
    """(n, N, N): after the shift, cells that were not neighbours are kept apart."""
    rows, columns = (_bands(size, window, shift, like) for size in (height, width))
    region = (rows[:, None] * 3 + columns[None])[None, :, :, None]
    cells = to_windows(region, window).squeeze(-1)
    return torch.where(cells[:, None] == cells[:, :, None], 0.0, MASKED)


def _bands(size: int, window: int, shift: int, like: Tensor) -> Tensor:
    """0 in the untouched part, 1 in the last window's kept part, 2 in what was rolled in."""
    cells = torch.arange(size, device=like.device)
    return (cells >= size - window).long() + (cells >= size - shift).long()
