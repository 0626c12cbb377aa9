"""PCT's SwinV2-B as its code computes it: attention spelled out, its network of positions run in every forward."""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from core.nets.swin_v2 import SwinBlock, SwinV2Base, WindowAttention, shift_mask


class YardstickSwin(nn.Module):
    """The same answer as `SwinV2Base`, whose weights it uses."""

    def __init__(self, own: SwinV2Base) -> None:
        super().__init__()
        self.own = own
        self.stages = nn.ModuleList(
            nn.ModuleList(_Block(block) for block in stage.blocks)  # type: ignore[union-attr,arg-type]
            for stage in own.layers
        )

    def forward(self, image: Tensor) -> Tensor:
        """(B, 3, 256, 256) to (B, 1024, 8, 8)."""
        x = self.own.patch_embed(image)
        for stage, blocks in zip(self.own.layers, self.stages, strict=True):
            for block in blocks:  # type: ignore[attr-defined]
                x = block(x)
            x = x if stage.downsample is None else stage.downsample(x)  # type: ignore[operator]
        normed: Tensor = self.own.norm3(x)
        return normed.permute(0, 3, 1, 2).contiguous()


class _Block(nn.Module):
    """One block on (B, H, W, C)."""

    def __init__(self, own: SwinBlock) -> None:
        super().__init__()
        self.own = own
        self.mask: Tensor | None = None  # a buffer of the released block as well

    def forward(self, x: Tensor) -> Tensor:
        """(B, H, W, C) in and out."""
        own, shortcut = self.own, x
        batch, height, width, channels = x.shape
        if own.shift:
            x = torch.roll(x, shifts=(-own.shift, -own.shift), dims=(1, 2))
            if self.mask is None:
                self.mask = shift_mask(height, width, own.window, own.shift, x)
        windows = x.view(batch, height // own.window, own.window, width // own.window, own.window, channels)
        windows = windows.permute(0, 1, 3, 2, 4, 5).contiguous().view(-1, own.window**2, channels)
        mixed = window_attention(own.attn, windows, self.mask)
        mixed = mixed.view(batch, height // own.window, width // own.window, own.window, own.window, channels)
        x = mixed.permute(0, 1, 3, 2, 4, 5).contiguous().view(batch, height, width, channels)
        if own.shift:
            x = torch.roll(x, shifts=(own.shift, own.shift), dims=(1, 2))
        x = shortcut + own.norm1(x)
        out: Tensor = x + own.norm2(own.mlp["fc2"](F.gelu(own.mlp["fc1"](x))))
        return out


def window_attention(own: WindowAttention, x: Tensor, mask: Tensor | None) -> Tensor:
    """Scaled cosine attention of (B * n, N, C) windows, as written in Swin V2's code; mask (n, N, N)."""
    windows, count, channels = x.shape
    qkv_bias = torch.cat((own.q_bias, torch.zeros_like(own.v_bias), own.v_bias))
    qkv = F.linear(input=x, weight=own.qkv.weight, bias=qkv_bias)
    q, k, v = qkv.reshape(windows, count, 3, own.heads, -1).permute(2, 0, 3, 1, 4)
    attn = F.normalize(q, dim=-1) @ F.normalize(k, dim=-1).transpose(-2, -1)
    attn = attn * torch.clamp(own.logit_scale, max=math.log(1.0 / 0.01)).exp()
    table = own.rpe_mlp(own.relative_coords_table).view(-1, own.heads)
    bias = table[own.relative_position_index.view(-1)].view(count, count, -1)
    bias = 16 * torch.sigmoid(bias.permute(2, 0, 1).contiguous())
    attn = attn + bias.unsqueeze(0)
    if mask is not None:
        shifted = attn.view(windows // mask.shape[0], mask.shape[0], own.heads, count, count)
        attn = (shifted + mask.unsqueeze(1).unsqueeze(0)).view(-1, own.heads, count, count)
    attn = attn.softmax(-1)
    x = (attn @ v).transpose(1, 2).reshape(windows, count, channels)
    out: Tensor = own.proj(x)
    return out
