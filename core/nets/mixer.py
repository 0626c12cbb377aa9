"""MLP-Mixer layers: what PCT and PostoMETRO use wherever tokens talk to each other."""

from __future__ import annotations

from torch import Tensor, nn


class MixerMlp(nn.Module):
    """Linear, GELU, Dropout, Linear, Dropout over the last axis."""

    def __init__(self, width: int, hidden: int, dropout: float = 0.0) -> None:
        super().__init__()
        self.ff = nn.Sequential(
            nn.Linear(width, hidden),
            nn.GELU(),
            nn.Dropout(dropout),
            nn.Linear(hidden, width),
            nn.Dropout(dropout),
        )

    def forward(self, x: Tensor) -> Tensor:
        """(..., width) in and out."""
        out: Tensor = self.ff(x)
        return out


class MixerLayer(nn.Module):
    """One mixer layer with PCT's residuals: y = tokens(LN1(x)); z = channels(LN2(x + y)); x + y + z."""

    def __init__(self, width: int, channel_hidden: int, tokens: int, token_hidden: int, dropout: float = 0.0) -> None:
        super().__init__()
        self.token_norm = nn.LayerNorm(width)
        self.token_mlp = MixerMlp(tokens, token_hidden, dropout)
        self.channel_norm = nn.LayerNorm(width)
        self.channel_mlp = MixerMlp(width, channel_hidden, dropout)

    def forward(self, x: Tensor) -> Tensor:
        """(B, tokens, width) in and out."""
        mixed: Tensor = x + self.token_mlp(self.token_norm(x).transpose(1, 2)).transpose(1, 2)
        out: Tensor = mixed + self.channel_mlp(self.channel_norm(mixed))
        return out


class Mixer(nn.Module):
    """Mixer layers and a LayerNorm; the position of a token is carried by the token MLPs' weights."""

    def __init__(self, layers: int, width: int, channel_hidden: int, tokens: int, token_hidden: int) -> None:
        super().__init__()
        self.layers = nn.ModuleList(MixerLayer(width, channel_hidden, tokens, token_hidden) for _ in range(layers))
        self.norm = nn.LayerNorm(width)

    def forward(self, x: Tensor) -> Tensor:
        """(B, tokens, width) in and out."""
        for layer in self.layers:
            x = layer(x)
        out: Tensor = self.norm(x)
        return out


class FullyConnected(nn.Module):
    """Linear, LayerNorm, ReLU: the block that changes a token's width."""

    def __init__(self, width_in: int, width_out: int) -> None:
        super().__init__()
        self.ff = nn.Sequential(nn.Linear(width_in, width_out), nn.LayerNorm(width_out), nn.ReLU())

    def forward(self, x: Tensor) -> Tensor:
        """(..., width_in) to (..., width_out)."""
        out: Tensor = self.ff(x)
        return out


class TokenLinear(nn.Module):
    """Linear over the token axis: (B, tokens_in, width) to (B, tokens_out, width)."""

    def __init__(self, tokens_in: int, tokens_out: int) -> None:
        super().__init__()
        self.linear = nn.Linear(tokens_in, tokens_out)

    def forward(self, x: Tensor) -> Tensor:
        """(B, tokens_in, width) to (B, tokens_out, width)."""
        out: Tensor = self.linear(x.transpose(1, 2)).transpose(1, 2)
        return out
