"""Causal transformers over frames, as frame-rate codecs use them since Mimi (Defossez et al., 2024)."""

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from kvant.layers.windowed_attention import WindowedAttention
from kvant.protocols import State
from kvant.streaming import Causal, Chain


@dataclass(frozen=True)
class TransformerConfig:
    """A stack of causal transformer blocks. window: frames that a frame sees of the past, itself among them."""

    layers: int = 8
    heads: int = 8
    hidden: int = 2048
    window: int = 250
    max_period: float = 10000.0
    layer_scale: float = 0.01


class TransformerBlock(Causal):
    """h = x + a attention(norm(x)), y = h + b W2 GELU(W1 norm(h)), as Xiong et al. (2020) put the norms.

    x: [B, C, T]. The scales a and b, one for each channel, start at `layer_scale` (Touvron et al., 2021), so that a
    fresh block is close to the identity. Nothing has a bias but the norms.
    """

    def __init__(self, channels: int, config: TransformerConfig) -> None:
        super().__init__()
        self.attention_norm = nn.LayerNorm(channels, eps=1e-5)
        self.attention = WindowedAttention(channels, config.heads, config.window, config.max_period)
        self.attention_scale = nn.Parameter(torch.full((channels,), config.layer_scale))
        self.norm = nn.LayerNorm(channels, eps=1e-5)
        self.expand = nn.Linear(channels, config.hidden, bias=False)
        self.project = nn.Linear(config.hidden, channels, bias=False)
        self.scale = nn.Parameter(torch.full((channels,), config.layer_scale))

    def initial_state(self, batch: int) -> State:
        return self.attention.initial_state(batch)

    def step(self, x: Tensor, state: State) -> tuple[Tensor, State]:
        x = x.transpose(1, 2)
        y, state = self.attention.step(self.attention_norm(x).transpose(1, 2), state)
        x = x + self.attention_scale * y.transpose(1, 2)
        x = x + self.scale * self.project(F.gelu(self.expand(self.norm(x))))
        return x.transpose(1, 2), state


def transformer(channels: int, config: TransformerConfig) -> Chain:
    """[B, channels, T] -> [B, channels, T]: the blocks of `config` in a row."""
    return Chain(*(TransformerBlock(channels, config) for _ in range(config.layers)))
