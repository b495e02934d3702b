"""The network of iTransformer; settings and source are in `fints_pipeline.models.itransformer`."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn.functional import scaled_dot_product_attention

from fints_pipeline.models._heads import finish
from fints_pipeline.models._instance_norm import InstanceNorm
from fints_pipeline.models.itransformer import ITransformerConfig


class ITransformer(nn.Module):
    """Forecasts every channel from all channels; a channel's whole window is one token."""

    def __init__(self, config: ITransformerConfig) -> None:
        super().__init__()
        self.config = config
        self.instance_norm = InstanceNorm(config.instance_norm)
        self.embed = nn.Linear(config.lookback, config.width)
        self.dropout = nn.Dropout(config.dropout)
        self.layers = nn.ModuleList([Layer(config) for _ in range(config.layers)])
        self.norm = nn.LayerNorm(config.width)
        self.head = nn.Linear(config.width, config.horizon * config.head.width)

    def forward(self, past: Tensor, past_time: Tensor | None = None) -> Tensor:
        """Map windows to forecasts (B, H, C[, K]) in the windows' units.

        Args:
            past: (B, L, C), oldest step first.
            past_time: None, or calendar columns (B, L, K') of the same steps, which are tokens
                beside the channels and have no forecast.
        """
        x_BLC, undo = self.instance_norm(past)
        channels = x_BLC.shape[-1]
        tokens_BLT = x_BLC if past_time is None else torch.cat([x_BLC, past_time], dim=-1)
        z_BTD = self.dropout(self.embed(tokens_BLT.transpose(1, 2)))
        for layer in self.layers:
            z_BTD = layer(z_BTD)
        free_BCH = self.head(self.norm(z_BTD)[:, :channels])
        free_BCHK = free_BCH.unflatten(-1, (self.config.horizon, -1))
        return finish(self.config.head, free_BCHK.transpose(1, 2), undo)


class Layer(nn.Module):
    """Attention and a GELU feed-forward, each added to its input and then layer-normalised."""

    def __init__(self, config: ITransformerConfig) -> None:
        super().__init__()
        width = config.width
        self.heads = config.heads
        self.attention_dropout = config.attention_dropout
        self.queries_keys_values = nn.Linear(width, 3 * width)
        self.project = nn.Linear(width, width)
        self.attention_norm = nn.LayerNorm(width)
        self.feed_forward = nn.Sequential(
            nn.Linear(width, config.feed_forward),
            nn.GELU(),
            nn.Dropout(config.dropout),
            nn.Linear(config.feed_forward, width),
        )
        self.feed_forward_norm = nn.LayerNorm(width)
        self.dropout = nn.Dropout(config.dropout)

    def forward(self, z_BTD: Tensor) -> Tensor:
        """Encode tokens (B, T, D)."""
        joint = self.queries_keys_values(z_BTD).unflatten(-1, (3, self.heads, -1))
        q_BATK, k_BATK, v_BATK = joint.permute(2, 0, 3, 1, 4).unbind(0)
        dropped = self.attention_dropout if self.training else 0.0
        mixed_BATK = scaled_dot_product_attention(q_BATK, k_BATK, v_BATK, dropout_p=dropped)
        mixed_BTD = self.project(mixed_BATK.transpose(1, 2).flatten(2))
        z_BTD = self.attention_norm(z_BTD + self.dropout(mixed_BTD))
        normed: Tensor = self.feed_forward_norm(z_BTD + self.dropout(self.feed_forward(z_BTD)))
        return normed
