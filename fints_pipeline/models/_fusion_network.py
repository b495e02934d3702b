"""The fusion network; settings and what is known when are in `fints_pipeline.models.fusion`."""

from __future__ import annotations

from typing import Any, cast

import torch
from torch import Tensor, nn
from transformers import AutoModel
from transformers.modeling_outputs import SequenceClassifierOutput

from fints_pipeline.models._adapter import GatedAdapter, visible_keys
from fints_pipeline.models._bert import CLS_ID, SEP_ID, bert_config
from fints_pipeline.models._dropout import Dropout
from fints_pipeline.models._heads import finish
from fints_pipeline.models._instance_norm import Affine
from fints_pipeline.models._patch_encoder import PatchEncoder
from fints_pipeline.models.fusion import FusionConfig


class Fusion(nn.Module):
    """Two towers and cached text on one time line.

    Modules: ``patches`` and ``tokens`` are the towers, as they come out of pretraining; either may
    be None. Everything else (projections, adapters, head) is made fresh.
    """

    def __init__(self, config: FusionConfig) -> None:
        super().__init__()
        self.config = config
        width = config.width
        self.patches, self.tokens, self.text_projection = None, None, None
        if config.patches is not None:
            self.patches = PatchEncoder(config.patches, causal=config.causal)
            self.patch_projection = nn.Linear(config.known_channels * config.patches.width, width)
        if config.tokens is not None:
            encoder = bert_config(config.token_encoder, **config.hugging_face())
            self.tokens = cast(Any, AutoModel).from_config(encoder, add_pooling_layer=False)
            self.token_projection = nn.Linear(config.token_encoder.width, width)
        if config.patches is not None and config.tokens is not None:
            self.adapter = GatedAdapter(width, config.heads, config.dropout)
        if config.text is not None:
            self.text_projection = nn.Linear(config.text.embedding, width)
            self.text_position_LD = nn.Parameter(torch.zeros(config.lookback, width))
            self.text_adapter = GatedAdapter(width, config.heads, config.dropout)
        self.norm = nn.LayerNorm(width)
        self.dropout = Dropout(config.dropout)
        self.head = nn.Linear(width, config.outputs)
        if config.zero_head:
            nn.init.zeros_(self.head.weight)
            nn.init.zeros_(self.head.bias)

    def forward(
        self,
        past: Tensor | None = None,
        input_ids: Tensor | None = None,
        text: Tensor | None = None,
        text_mask: Tensor | None = None,
    ) -> Any:
        """Read windows that end at the current bar, row L − 1 of each.

        Args:
            past: (B, L, C) scaled channels, for the patch tower.
            input_ids: (B, L[, F]) of the same bars, without a frame, for the token tower.
            text: (B, L, E) embeddings of what was published up to each bar's close.
            text_mask: (B, L) True where there is text; None with ``text`` means everywhere.

        Returns:
            An output with ``logits`` (B, K) where the config names classes, otherwise forecasts of
            the target (B, H, 1[, parameters]) in the units of ``past``.
        """
        states_BND, undo = self._fused(past, input_ids, text, text_mask)
        free = self.head(self.dropout(states_BND[:, -1]))
        if self.config.classes is not None:
            return SequenceClassifierOutput(logits=free)
        free_BH1K = free.unflatten(-1, (self.config.horizon, 1, -1))
        return finish(self.config.head, free_BH1K, undo)

    def states(self, **inputs: Any) -> Tensor:
        """Return the fused states (B, N, D) of all queries; the last one feeds the head.

        Query n is known at bar ``query_times()[n]``. With ``config.causal`` its state depends on
        nothing after that bar.
        """
        return self._fused(**inputs)[0]

    def query_times(self) -> Tensor:
        """Return (N,) the bar, counted from the window's first, at which each query is known."""
        last = self.config.lookback - 1
        if self.config.patches is None:
            return torch.arange(last + 1)
        ends = torch.arange(self.config.patches.patches) * self.config.patches.stride
        return (ends + self.config.patches.patch - 1).clamp(max=last)

    @torch.no_grad()
    def maps(self, **inputs: Any) -> dict[str, Tensor]:
        """Return what the adapters look at and let through, for diagnosis.

        ``attention`` and ``text_attention`` are (B, A, N, 1 + L) over the learned key and the bars,
        ``gate`` and ``text_gate`` (B, N, D); those of a tower that is absent are left out. Maps of
        the token tower itself: `fints_pipeline.models._bert.eager_attention`.
        """
        found: dict[str, Tensor] = {}
        self._fused(**inputs, maps=found)
        return found

    def _fused(
        self,
        past: Tensor | None = None,
        input_ids: Tensor | None = None,
        text: Tensor | None = None,
        text_mask: Tensor | None = None,
        maps: dict[str, Tensor] | None = None,
    ) -> tuple[Tensor, Affine]:
        one = self.norm.weight.new_ones(1, 1, 1)
        undo = Affine(0 * one, one)
        queries_BND = token_BLD = None
        if self.tokens is not None:
            token_BLD = self._token_states(_required(input_ids, "input_ids"))
        if self.patches is not None:
            queries_BND, undo = self._patch_states(_required(past, "past"))
            if token_BLD is not None:
                queries_BND = self._read("", self.adapter, queries_BND, token_BLD, None, maps)
        else:
            queries_BND = cast(Tensor, token_BLD)
        if self.text_projection is not None:
            text_BLD, present_BL = self._text_states(text, text_mask, len(queries_BND))
            queries_BND = self._read(
                "text_", self.text_adapter, queries_BND, text_BLD, present_BL, maps
            )
        return self.norm(queries_BND), undo

    def _read(
        self,
        name: str,
        adapter: GatedAdapter,
        queries_BND: Tensor,
        keys_BLD: Tensor,
        present_BL: Tensor | None,
        maps: dict[str, Tensor] | None,
    ) -> Tensor:
        times = self.query_times().to(keys_BLD.device)
        bars = torch.arange(keys_BLD.shape[1], device=keys_BLD.device)
        visible = visible_keys(times, bars, present_BL)
        if maps is None:
            return cast(Tensor, adapter(queries_BND, keys_BLD, visible))
        fused, maps[f"{name}gate"], maps[f"{name}attention"] = adapter.maps(
            queries_BND, keys_BLD, visible
        )
        return fused

    def _patch_states(self, past_BLC: Tensor) -> tuple[Tensor, Affine]:
        tower = cast(PatchEncoder, self.patches)
        x_BLC, undo = tower.instance_norm(past_BLC)
        z_BCND = tower.encoded(tower.patched(x_BLC))
        place = self.config.target_place
        own = Affine(
            *(part[..., place : place + 1] if part.shape[-1] > 1 else part for part in undo)
        )
        return self.patch_projection(z_BCND.transpose(1, 2).flatten(2)), own

    def _token_states(self, ids: Tensor) -> Tensor:
        first, last = torch.full_like(ids[:, :1], CLS_ID), torch.full_like(ids[:, :1], SEP_ID)
        encoded = cast(Any, self.tokens)(torch.cat([first, ids, last], dim=1))
        return cast(Tensor, self.token_projection(encoded.last_hidden_state[:, 1:-1]))

    def _text_states(
        self, text: Tensor | None, mask: Tensor | None, batch: int
    ) -> tuple[Tensor, Tensor]:
        projection = cast(nn.Linear, self.text_projection)
        if text is None:
            text = projection.weight.new_zeros(batch, self.config.lookback, projection.in_features)
            mask = torch.zeros(text.shape[:2], dtype=torch.bool, device=text.device)
        present_BL = torch.ones_like(text[..., 0]) if mask is None else mask
        present_BL = present_BL.bool()
        # What stands where there is no text must not matter, not even a NaN.
        known_BLE = text.masked_fill(~present_BL[..., None], 0)
        return projection(known_BLE) + self.text_position_LD, present_BL


def _required(value: Tensor | None, name: str) -> Tensor:
    if value is None:
        raise TypeError(f"this network has a tower that reads {name!r}")
    return value
