"""The transformer encoder of PatchTST: post-norm with BatchNorm, optional residual attention.

Source: the reference code of PatchTST; residual attention: He et al., RealFormer (2021).
"""

from __future__ import annotations

from typing import cast

import torch
from torch import Tensor, nn
from torch.nn.functional import scaled_dot_product_attention

from fints_pipeline.models._attention import mix, scores
from fints_pipeline.models._dropout import Dropout, twice

LONGEST_BY_PRODUCTS = 128  # patches up to which scores of all pairs are cheap to keep on a CPU


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
        scores_GNN: Tensor | None = None
        for module in self.layers:
            layer = cast(EncoderLayer, module)
            if self.residual_attention:
                z_BND, scores_GNN = layer.with_scores(z_BND, scores_GNN)
            else:
                z_BND = layer(z_BND)
        return z_BND

    @torch.no_grad()
    def maps(self, z_BND: Tensor) -> list[Tensor]:
        """Return the attention weights of each layer (B, A, N, N), for diagnosis."""
        scores_GNN: Tensor | None = None
        found = []
        for module in self.layers:
            layer = cast(EncoderLayer, module)
            earlier = scores_GNN if self.residual_attention else None
            z_BND, scores_GNN = layer.with_scores(z_BND, earlier)
            weights_GNN = scores_GNN.softmax(-1)
            found.append(weights_GNN.view(-1, layer.heads, *weights_GNN.shape[1:]))
        return found


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
        self.project = nn.Linear(width, width)
        # The reference code drops twice here: within its attention module and after it.
        self.attention_dropout = Dropout(twice(dropout))
        self.attention_norm = nn.BatchNorm1d(width)
        self.feed_forward = nn.Sequential(
            nn.Linear(width, feed_forward),
            nn.GELU(),
            Dropout(dropout),
            nn.Linear(feed_forward, width),
        )
        self.feed_forward_dropout = Dropout(dropout)
        self.feed_forward_norm = nn.BatchNorm1d(width)

    def forward(self, z_BND: Tensor) -> Tensor:
        """Encode (B, N, D) with torch's fused attention, or with products that suit a CPU."""
        if z_BND.device.type == "cpu" and z_BND.shape[1] <= LONGEST_BY_PRODUCTS:
            return self.with_scores(z_BND, None)[0]
        joint = self.queries_keys_values(z_BND).unflatten(-1, (3, self.heads, -1))
        q_BANK, k_BANK, v_BANK = joint.permute(2, 0, 3, 1, 4).unbind(0)
        mixed_BANK = scaled_dot_product_attention(q_BANK, k_BANK, v_BANK, is_causal=self.causal)
        return self._close(z_BND, mixed_BANK.transpose(1, 2).flatten(2))

    def with_scores(self, z_BND: Tensor, earlier_GNN: Tensor | None) -> tuple[Tensor, Tensor]:
        """Encode (B, N, D), adding the scores of the layer before; return this layer's too."""
        batch, patches, width = z_BND.shape
        joint = self.queries_keys_values(z_BND).view(batch, patches, 3, self.heads, -1)
        split = joint.permute(2, 0, 3, 4, 1).reshape(3, batch * self.heads, -1, patches)
        q_GKN, k_GKN, v_GKN = split.unbind(0)
        if self.causal and earlier_GNN is None:
            earlier_GNN = torch.full_like(split[0, 0, :1], -torch.inf).expand(patches, -1).triu(1)
        scores_GNN = scores(q_GKN, k_GKN, earlier_GNN)
        mixed_BANK = mix(scores_GNN, v_GKN).view(batch, self.heads, patches, -1)
        mixed_BND = mixed_BANK.transpose(1, 2).reshape(batch, patches, width)
        return self._close(z_BND, mixed_BND), scores_GNN

    def _close(self, z_BND: Tensor, mixed_BND: Tensor) -> Tensor:
        z_BND = z_BND + self.attention_dropout(self.project(mixed_BND))
        z_BND = _over_features(self.attention_norm, z_BND)
        z_BND = z_BND + self.feed_forward_dropout(self.feed_forward(z_BND))
        return _over_features(self.feed_forward_norm, z_BND)


def _over_features(norm: nn.BatchNorm1d, z_BND: Tensor) -> Tensor:
    """Normalise each of the D features over batch and patches."""
    return norm(z_BND.flatten(0, 1)).view_as(z_BND)  # type: ignore[no-any-return]
