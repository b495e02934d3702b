"""The parts of the Temporal Fusion Transformer; numbers are those of the paper's equations."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn.functional import elu, glu

from fints_pipeline.models._dropout import Dropout


class GateAddNorm(nn.Module):
    """LayerNorm(skip + GLU(x)), so that what a part adds can be shut off (5)."""

    def __init__(self, inputs: int, width: int, dropout: float) -> None:
        super().__init__()
        self.dropout = Dropout(dropout)
        self.gate = nn.Linear(inputs, 2 * width)
        self.norm = nn.LayerNorm(width)

    def forward(self, x: Tensor, skip: Tensor) -> Tensor:
        """Add gated ``x`` (…, inputs) to ``skip`` (…, width)."""
        normed: Tensor = self.norm(skip + glu(self.gate(self.dropout(x)), dim=-1))
        return normed


class GatedResidual(nn.Module):
    """The gated residual network: GRN(a, c) (2–4)."""

    def __init__(
        self, inputs: int, width: int, dropout: float, *, context: int = 0, outputs: int = 0
    ) -> None:
        super().__init__()
        outputs = outputs or width
        self.first = nn.Linear(inputs, width)
        self.context = nn.Linear(context, width, bias=False) if context else None
        self.second = nn.Linear(width, width)
        self.skip = nn.Linear(inputs, outputs) if inputs != outputs else nn.Identity()
        self.close = GateAddNorm(width, outputs, dropout)

    def forward(self, a: Tensor, c: Tensor | None = None) -> Tensor:
        """Map ``a`` (…, inputs), with a context ``c`` that broadcasts to it, to (…, outputs)."""
        hidden = self.first(a)
        if self.context is not None and c is not None:
            hidden = hidden + self.context(c)
        closed: Tensor = self.close(self.second(elu(hidden)), self.skip(a))
        return closed


class VariableSelection(nn.Module):
    """Weighs the inputs of each step and sums them (6–8); every input is one number a step."""

    def __init__(self, variables: int, width: int, dropout: float, *, context: int = 0) -> None:
        super().__init__()
        self.embed = nn.ModuleList([nn.Linear(1, width) for _ in range(variables)])
        self.transform = nn.ModuleList(
            [GatedResidual(width, width, dropout) for _ in range(variables)]
        )
        self.choose = GatedResidual(
            variables * width, width, dropout, context=context, outputs=variables
        )

    def forward(self, x_BTV: Tensor, c: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Return the steps' vectors (B, T, D) and the weights (B, T, V), which add up to 1."""
        parts = [
            embed(x) for embed, x in zip(self.embed, torch.split(x_BTV, 1, dim=-1), strict=True)
        ]
        weights_BTV = self.choose(torch.cat(parts, dim=-1), c).softmax(-1)
        changed = [part(x) for part, x in zip(self.transform, parts, strict=True)]
        stacked_BTVD = torch.stack(changed, dim=-2)
        return (weights_BTV[..., None] * stacked_BTVD).sum(-2), weights_BTV


class InterpretableAttention(nn.Module):
    """Attention whose heads share their values, so that their mean weights mean something (13–16).

    Queries are the last steps; a step attends to itself and to what came before.
    """

    def __init__(self, width: int, heads: int, dropout: float) -> None:
        super().__init__()
        self.heads = heads
        self.queries = nn.Linear(width, width)
        self.keys = nn.Linear(width, width)
        self.values = nn.Linear(width, width // heads)
        self.project = nn.Linear(width // heads, width, bias=False)
        self.dropout = Dropout(dropout)

    def forward(self, z_BTD: Tensor, queries: int) -> tuple[Tensor, Tensor]:
        """Return (B, H, D) of the last ``queries`` (H) steps and the heads' mean weights (B, H, T).

        Dropout falls on what is mixed, not on the weights that are returned.
        """
        steps = z_BTD.shape[1]
        q_BAHK = _by_head(self.queries(z_BTD[:, -queries:]), self.heads)
        k_BATK = _by_head(self.keys(z_BTD), self.heads)
        scores_BAHT = q_BAHK @ k_BATK.transpose(-1, -2) * q_BAHK.shape[-1] ** -0.5
        later_HT = torch.ones(queries, steps, dtype=torch.bool, device=z_BTD.device).triu(
            steps - queries + 1
        )
        scores_BAHT = scores_BAHT.masked_fill(later_HT, -torch.inf)
        weights_BHT = scores_BAHT.softmax(-1).mean(1)
        mixed_BHD: Tensor = self.project(self.dropout(weights_BHT) @ self.values(z_BTD))
        return mixed_BHD, weights_BHT


def _by_head(z_BTD: Tensor, heads: int) -> Tensor:
    batch, steps, width = z_BTD.shape
    return z_BTD.view(batch, steps, heads, width // heads).transpose(1, 2)
