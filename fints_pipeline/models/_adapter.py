"""Causal cross-attention from one stream to another on the same time line, behind a gate."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn.functional import scaled_dot_product_attention

from fints_pipeline.models._dropout import Dropout

GATE_BIAS = -2.0  # a fresh adapter lets 12 % through: fusion starts from the queries' own tower


def visible_keys(
    query_time_N: Tensor, key_time_M: Tensor, present_BM: Tensor | None = None
) -> Tensor:
    """Return (B or 1, N, M) True where a query may see a key: what is known by the query's time.

    Args:
        query_time_N: when each query is known, in bars on the common time line.
        key_time_M: when each key is known.
        present_BM: False for keys that are not there (no text at a bar); None has them all.
    """
    known_1NM = (key_time_M <= query_time_N[:, None])[None]
    return known_1NM if present_BM is None else known_1NM & present_BM.bool()[:, None]


class GatedAdapter(nn.Module):
    """Adds to each query what it reads in the keys that are known by then, through a gate.

    The gate is a sigmoid, a feature each, of the query and of what was read. One learned key is
    always visible, so that a query without any other (nothing known yet, all text missing) reads
    that one. Source: gates after Lim et al., Temporal Fusion Transformers (2021).
    """

    def __init__(self, width: int, heads: int, dropout: float) -> None:
        super().__init__()
        self.heads = heads
        self.query_norm = nn.LayerNorm(width)
        self.key_norm = nn.LayerNorm(width)
        self.nothing_D = nn.Parameter(torch.zeros(width))
        self.queries = nn.Linear(width, width)
        self.keys_values = nn.Linear(width, 2 * width)
        self.project = nn.Linear(width, width)
        self.gate = nn.Linear(2 * width, width)
        nn.init.constant_(self.gate.bias, GATE_BIAS)
        self.dropout = Dropout(dropout)

    def forward(self, z_BND: Tensor, keys_BMD: Tensor, visible_BNM: Tensor) -> Tensor:
        """Return the queries (B, N, D) with what they read of (B, M, D); see `visible_keys`."""
        q_BANK, k_BAMK, v_BAMK = self._split(z_BND, keys_BMD)
        mask_B1NM = _with_nothing(visible_BNM)[:, None]
        read_BANK = scaled_dot_product_attention(q_BANK, k_BAMK, v_BAMK, attn_mask=mask_B1NM)
        return self._gated(z_BND, read_BANK)[0]

    def maps(
        self, z_BND: Tensor, keys_BMD: Tensor, visible_BNM: Tensor
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Return `forward` with attention (B, A, N, 1 + M), the learned key first, and gate."""
        q_BANK, k_BAMK, v_BAMK = self._split(z_BND, keys_BMD)
        scores = q_BANK @ k_BAMK.transpose(-1, -2) / q_BANK.shape[-1] ** 0.5
        hidden_B1NM = ~_with_nothing(visible_BNM)[:, None]
        attention = scores.masked_fill(hidden_B1NM, -torch.inf).softmax(-1)
        return (*self._gated(z_BND, attention @ v_BAMK), attention)

    def _split(self, z_BND: Tensor, keys_BMD: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        nothing_B1D = self.nothing_D.expand(len(keys_BMD), 1, -1)
        joint = torch.cat([nothing_B1D, self.key_norm(keys_BMD)], dim=1)
        parts = [self.queries(self.query_norm(z_BND)), *self.keys_values(joint).chunk(2, dim=-1)]
        q, k, v = (part.unflatten(-1, (self.heads, -1)).transpose(1, 2) for part in parts)
        return q, k, v

    def _gated(self, z_BND: Tensor, read_BANK: Tensor) -> tuple[Tensor, Tensor]:
        read_BND = self.project(read_BANK.transpose(1, 2).flatten(2))
        gate_BND = self.gate(torch.cat([z_BND, read_BND], dim=-1)).sigmoid()
        return z_BND + self.dropout(gate_BND * read_BND), gate_BND


def _with_nothing(visible_BNM: Tensor) -> Tensor:
    return nn.functional.pad(visible_BNM, (1, 0), value=True)
