"""The network of `fints_pipeline.models.tft`."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor, nn

from fints_pipeline.models._heads import finish
from fints_pipeline.models._instance_norm import Affine
from fints_pipeline.models._tft_parts import (
    GateAddNorm,
    GatedResidual,
    InterpretableAttention,
    VariableSelection,
)
from fints_pipeline.models.tft import TftConfig


class Explained(NamedTuple):
    """A forecast and what it was made of.

    Attributes:
        forecast: what forward returns.
        past_weights: (B, L, C + K' + 1), share of each input in a past step: channels, calendar
            columns, distance from now.
        future_weights: (B, H, K' + 1), likewise of the next steps.
        attention: (B, H, L + H), how much each next step attends to each step; later ones 0.
    """

    forecast: Tensor
    past_weights: Tensor
    future_weights: Tensor
    attention: Tensor


class Static(NamedTuple):
    """What the instrument tells the other parts, each (B, D); None without instruments."""

    selection: Tensor | None = None
    enrichment: Tensor | None = None
    cell: Tensor | None = None
    hidden: Tensor | None = None


class TFT(nn.Module):
    """Forecasts the target channel from all channels and the calendar."""

    def __init__(self, config: TftConfig) -> None:
        super().__init__()
        self.config = config
        width, dropout = config.width, config.dropout
        known = (config.time_columns or 0) + 1
        several = config.instruments is not None and config.instruments > 1
        context = width if several else 0
        if several:
            self.instruments = nn.Embedding(config.instruments or 1, width)
            # The variable selection of a single static input is its gated residual network.
            self.select_static = GatedResidual(width, width, dropout)
            self.contexts = nn.ModuleList(
                [GatedResidual(width, width, dropout) for _ in Static._fields]
            )
        self.select_past = VariableSelection(
            (config.channels or 0) + known, width, dropout, context=context
        )
        self.select_future = VariableSelection(known, width, dropout, context=context)
        self.encoder = nn.LSTM(width, width, config.lstm_layers, batch_first=True)
        self.decoder = nn.LSTM(width, width, config.lstm_layers, batch_first=True)
        self.close_lstm = GateAddNorm(width, width, dropout)
        self.enrich = GatedResidual(width, width, dropout, context=context)
        self.attention = InterpretableAttention(width, config.heads, dropout)
        self.close_attention = GateAddNorm(width, width, dropout)
        self.feed_forward = GatedResidual(width, width, dropout)
        self.close = GateAddNorm(width, width, 0.0)
        self.head = nn.Linear(width, config.head.width)

    def forward(
        self,
        past: Tensor,
        past_time: Tensor | None = None,
        future_time: Tensor | None = None,
        instrument: Tensor | None = None,
    ) -> Tensor:
        """Map windows (B, L, C) to the target's forecast (B, H, 1[, K]) in the windows' units.

        Args:
            past: oldest step first.
            past_time: calendar columns (B, L, K') of the same steps, where configured.
            future_time: those of the next steps (B, H, K').
            instrument: numbers (B,), where there are several.
        """
        return self.explain(past, past_time, future_time, instrument).forecast

    def explain(
        self,
        past: Tensor,
        past_time: Tensor | None = None,
        future_time: Tensor | None = None,
        instrument: Tensor | None = None,
    ) -> Explained:
        """Return the forecast with the weights of inputs and steps; arguments as for forward."""
        horizon = self.config.horizon
        static = self._static(instrument)
        observed_BLV, known_BHV = self._inputs(past, past_time, future_time)
        past_BLD, past_weights = self.select_past(observed_BLV, _each_step(static.selection))
        next_BHD, next_weights = self.select_future(known_BHV, _each_step(static.selection))
        selected_BTD = torch.cat([past_BLD, next_BHD], dim=1)
        local_BTD = torch.cat(self._recurrent(past_BLD, next_BHD, static), dim=1)
        local_BTD = self.close_lstm(local_BTD, selected_BTD)
        enriched_BTD = self.enrich(local_BTD, _each_step(static.enrichment))
        mixed_BHD, attention_BHT = self.attention(enriched_BTD, horizon)
        mixed_BHD = self.close_attention(mixed_BHD, enriched_BTD[:, -horizon:])
        out_BHD = self.close(self.feed_forward(mixed_BHD), local_BTD[:, -horizon:])
        one = past.new_ones(1, 1, 1)
        free_BH1K = self.head(out_BHD)[:, :, None]
        forecast = finish(self.config.head, free_BH1K, Affine(0 * one, one))
        return Explained(forecast, past_weights, next_weights, attention_BHT)

    def _inputs(
        self, past: Tensor, past_time: Tensor | None, future_time: Tensor | None
    ) -> tuple[Tensor, Tensor]:
        """Return the inputs of past (B, L, C + K' + 1) and next steps (B, H, K' + 1)."""
        batch, lookback, _ = past.shape
        horizon = self.config.horizon
        steps = torch.arange(1 - lookback, horizon + 1, device=past.device) / lookback
        distance_BT1 = steps.to(past.dtype).expand(batch, -1)[..., None]
        before, after = [past, distance_BT1[:, :lookback]], [distance_BT1[:, lookback:]]
        if self.config.time_columns and past_time is not None and future_time is not None:
            before.insert(1, past_time)
            after.insert(0, future_time)
        return torch.cat(before, dim=-1), torch.cat(after, dim=-1)

    def _static(self, instrument: Tensor | None) -> Static:
        if instrument is None or not hasattr(self, "instruments"):
            return Static()
        vector_BD = self.select_static(self.instruments(instrument))
        return Static(*(part(vector_BD) for part in self.contexts))

    def _recurrent(
        self, past_BLD: Tensor, next_BHD: Tensor, static: Static
    ) -> tuple[Tensor, Tensor]:
        state = None
        if static.hidden is not None and static.cell is not None:
            layers = self.config.lstm_layers
            state = tuple(
                part.expand(layers, -1, -1).contiguous() for part in (static.hidden, static.cell)
            )
        encoded_BLD, state = self.encoder(past_BLD, state)
        decoded_BHD, _ = self.decoder(next_BHD, state)
        return encoded_BLD, decoded_BHD


def _each_step(context_BD: Tensor | None) -> Tensor | None:
    return None if context_BD is None else context_BD[:, None]
