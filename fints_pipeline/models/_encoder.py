"""The transformer encoder of PatchTST: post-norm with BatchNorm, optional residual attention.

Source: the reference code of PatchTST; residual attention: He et al., RealFormer (2021).
"""

from __future__ import annotations

import math
from typing import cast

import torch
from torch import Tensor, nn
from torch.nn.functional import scaled_dot_product_attention


class Encoder(nn.Module):
    """A stack of `EncoderLayer`; maps (B, N, D) to (B, N, D)."""

    def __init__(
        self,
        layers: int,
        width: int,
        heads: int,
        feed_forward: int,
        dropout: float,
        *,
        residual_attention: bool,
        causal: bool = False,
    ) -> None:
        super().__init__()
        self.residual_attention = residual_attention
        stack = [EncoderLayer(width, heads, feed_forward, dropout, causal) for _ in range(layers)]
        self.layers = nn.ModuleList(stack)

    def forward(self, z_BND: Tensor) -> Tensor:
        """Encode patches (B, N, D)."""
        scores_BANN: Tensor | None = None
        for module in self.layers:
            layer = cast(EncoderLayer, module)
            if self.residual_attention:
                z_BND, scores_BANN = layer.with_scores(z_BND, scores_BANN)
            else:
                z_BND = layer(z_BND)
        return z_BND


class EncoderLayer(nn.Module):
    """Attention and a GELU feed-forward, each added to its input and then normalised.

    With ``causal`` a position attends to itself and earlier ones only.
    """

    def __init__(
        self, width: int, heads: int, feed_forward: int, dropout: float, causal: bool = False
    ) -> None:
        super().__init__()
        self.heads = heads
        self.causal = causal
        self.queries_keys_values = nn.Linear(width, 3 * width)
        # The reference code drops twice here: within its attention module and after it.
        self.project = nn.Sequential(nn.Linear(width, width), nn.Dropout(dropout))
        self.attention_dropout = nn.Dropout(dropout)
        self.attention_norm = nn.BatchNorm1d(width)
        self.feed_forward = nn.Sequential(
            nn.Linear(width, feed_forward),
            nn.GELU(),
            nn.Dropout(dropout),
            nn.Linear(feed_forward, width),
        )
        self.feed_forward_dropout = nn.Dropout(dropout)
        self.feed_forward_norm = nn.BatchNorm1d(width)

    def forward(self, z_BND: Tensor) -> Tensor:
        """Encode (B, N, D) with torch's fused attention."""
        q_BANK, k_BANK, v_BANK = self._split(z_BND)
        mixed_BANK = scaled_dot_product_attention(q_BANK, k_BANK, v_BANK, is_causal=self.causal)
        return self._close(z_BND, mixed_BANK)

    def with_scores(self, z_BND: Tensor, earlier_BANN: Tensor | None) -> tuple[Tensor, Tensor]:
        """Encode (B, N, D), adding the scores of the layer before; return this layer's too."""
        q_BANK, k_BANK, v_BANK = self._split(z_BND)
        scores_BANN = q_BANK @ k_BANK.transpose(-1, -2) / math.sqrt(q_BANK.shape[-1])
        if earlier_BANN is not None:
            scores_BANN = scores_BANN + earlier_BANN
        elif self.causal:
            later_NN = torch.ones_like(scores_BANN[0, 0], dtype=torch.bool).triu(1)
            scores_BANN = scores_BANN.masked_fill(later_NN, -torch.inf)
        return self._close(z_BND, scores_BANN.softmax(-1) @ v_BANK), scores_BANN

    def _split(self, z_BND: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        batch, patches, width = z_BND.shape
        joint = self.queries_keys_values(z_BND)
        joint = joint.view(batch, patches, 3, self.heads, width // self.heads)
        q_BANK, k_BANK, v_BANK = joint.permute(2, 0, 3, 1, 4).unbind(0)
        return q_BANK, k_BANK, v_BANK

    def _close(self, z_BND: Tensor, mixed_BANK: Tensor) -> Tensor:
        mixed_BND = mixed_BANK.transpose(1, 2).flatten(2)
        z_BND = z_BND + self.attention_dropout(self.project(mixed_BND))
        z_BND = _over_features(self.attention_norm, z_BND)
        z_BND = z_BND + self.feed_forward_dropout(self.feed_forward(z_BND))
        return _over_features(self.feed_forward_norm, z_BND)


def _over_features(norm: nn.BatchNorm1d, z_BND: Tensor) -> Tensor:
    """Normalise each of the D features over batch and patches."""
    return norm(z_BND.flatten(0, 1)).view_as(z_BND)  # type: ignore[no-any-return]
