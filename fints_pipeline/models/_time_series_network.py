"""Hugging Face's TimeSeriesTransformer over channels, step by step or direct."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from transformers import TimeSeriesTransformerForPrediction, TimeSeriesTransformerModel

from fints_pipeline.models._heads import NegativeBinomialHead
from fints_pipeline.models._time_series_settings import TimeSeriesSettings
from fints_pipeline.models.time_series_transformer import TimeSeriesTransformerConfig
from fints_pipeline.models.time_series_transformer_quantiles import (
    TimeSeriesTransformerQuantilesConfig,
)


class Known(NamedTuple):
    """What is known when a forecast is made; G = B · C series, each channel one of its own."""

    past_GL: Tensor
    past_time_GLK: Tensor
    future_time_GHK: Tensor
    instrument_G1: Tensor | None

    @classmethod
    def of(
        cls,
        settings: TimeSeriesSettings,
        past: Tensor,
        past_time: Tensor | None,
        future_time: Tensor | None,
        instrument: Tensor | None,
    ) -> Known:
        """Make the channels of a batch rows."""
        channels = past.shape[2]
        if not settings.time_columns or past_time is None or future_time is None:
            past_time = past.new_empty(len(past), settings.lookback, 0)
            future_time = past.new_empty(len(past), settings.horizon, 0)
        numbers = None
        if settings.embeds_instruments and instrument is not None:
            numbers = instrument.repeat_interleave(channels)[:, None]
        return cls(
            _rows(past),
            past_time.repeat_interleave(channels, dim=0),
            future_time.repeat_interleave(channels, dim=0),
            numbers,
        )

    def repeated(self, times: int) -> Known:
        """Return every series ``times`` times, one after the other."""
        instrument = self.instrument_G1
        return Known(
            self.past_GL.repeat_interleave(times, dim=0),
            self.past_time_GLK.repeat_interleave(times, dim=0),
            self.future_time_GHK.repeat_interleave(times, dim=0),
            None if instrument is None else instrument.repeat_interleave(times, dim=0),
        )

    def arguments(self) -> dict[str, Any]:
        """Return Hugging Face's names for it."""
        return {
            "past_values": self.past_GL,
            "past_time_features": self.past_time_GLK,
            "past_observed_mask": torch.ones_like(self.past_GL),
            "future_time_features": self.future_time_GHK,
            "static_categorical_features": self.instrument_G1,
        }


class SampledTransformer(nn.Module):
    """Learns each step's distribution after the actual steps before it, and draws paths."""

    def __init__(self, config: TimeSeriesTransformerConfig) -> None:
        super().__init__()
        self.config = config
        settings = config.hugging_face(config.head.kind)
        self.model = TimeSeriesTransformerForPrediction(settings)

    def forward(
        self,
        past: Tensor,
        past_time: Tensor | None = None,
        future_time: Tensor | None = None,
        instrument: Tensor | None = None,
        future: Tensor | None = None,
    ) -> Tensor:
        """Map windows (B, L, C) to each step's parameters (B, H, C, K), in the windows' units.

        Args:
            past: oldest step first.
            past_time: calendar columns (B, L, K') of the same steps, where configured.
            future_time: those of the next steps (B, H, K').
            instrument: numbers (B,), where there are several.
            future: the actual next steps (B, H, C), of which each step is told those before it;
                None tells it the expected ones.
        """
        known = Known.of(self.config, past, past_time, future_time, instrument)
        if future is None:
            _, raw_GHK = self._roll(known, self.config.head.mean)
        else:
            inner: Any = self.model.model
            outputs = inner(**known.arguments(), future_values=_rows(future))
            raw_GHK = self._raw(outputs.last_hidden_state, outputs.loc, outputs.scale)
        return _channels(raw_GHK, past.shape[2])

    @torch.no_grad()
    def sample(
        self,
        past: Tensor,
        past_time: Tensor | None = None,
        future_time: Tensor | None = None,
        instrument: Tensor | None = None,
        paths: int | None = None,
    ) -> Tensor:
        """Draw paths (S, B, H, C) from torch's global generator; S is the config's by default."""
        count = paths if paths is not None else self.config.paths
        known = Known.of(self.config, past, past_time, future_time, instrument)
        several = known.repeated(count)
        drawn_GH, _ = self._roll(
            several, lambda raw: self.config.head.distribution(raw).sample(), encode=(known, count)
        )
        shape = (len(past), past.shape[2], count, self.config.horizon)
        return drawn_GH.view(shape).permute(2, 0, 3, 1)

    def _roll(
        self,
        known: Known,
        choose: Callable[[Tensor], Tensor],
        encode: tuple[Known, int] | None = None,
    ) -> tuple[Tensor, Tensor]:
        """Go through the horizon, each step fed with those chosen before it.

        Args:
            known: G series.
            choose: a step's values (G, 1) from its parameters (G, 1, K).
            encode: series to encode once, and how often each comes in ``known``; None encodes
                ``known`` itself.

        Returns:
            The chosen values (G, H) and their parameters (G, H, K).
        """
        inner: Any = self.model.model
        once, times = encode if encode is not None else (known, 1)
        arguments = once.arguments()
        calendar = arguments.pop("future_time_features")
        inputs, *scales = inner.create_network_inputs(**arguments)
        encoded = inner.encoder(inputs_embeds=inputs).last_hidden_state
        encoded, location, scale, static = (
            part.repeat_interleave(times, dim=0) for part in (encoded, *scales)
        )
        features = torch.cat(
            [static[:, None].expand(-1, calendar.shape[1], -1), known.future_time_GHK], dim=-1
        )
        scaled = (known.past_GL - location) / scale
        chosen, parameters = [], []
        for step in range(self.config.horizon):
            lags = inner.get_lagged_subsequences(scaled, subsequences_length=step + 1, shift=1)
            decoder_input = torch.cat([lags, features[:, : step + 1]], dim=-1)
            hidden = inner.decoder(
                inputs_embeds=decoder_input, encoder_hidden_states=encoded, use_cache=False
            ).last_hidden_state
            raw_G1K = self._raw(hidden[:, -1:], location, scale)
            values_G1 = choose(raw_G1K)
            scaled = torch.cat([scaled, (values_G1 - location) / scale], dim=1)
            chosen.append(values_G1)
            parameters.append(raw_G1K)
        return torch.cat(chosen, dim=1), torch.cat(parameters, dim=1)

    def _raw(self, hidden: Tensor, location: Tensor, scale: Tensor) -> Tensor:
        """Return the head's parameters from the decoder's states, in the windows' units."""
        model: Any = self.model
        found = model.output_params(hidden)  # already constrained
        if isinstance(self.config.head, NegativeBinomialHead):
            count, odds = found
            found = (count * odds.exp(), count)
        return self.config.head.rescale(torch.stack(found, dim=-1), location, scale)


class DirectTransformer(nn.Module):
    """Quantiles of all steps at once."""

    def __init__(self, config: TimeSeriesTransformerQuantilesConfig) -> None:
        super().__init__()
        self.config = config
        self.model = TimeSeriesTransformerModel(config.hugging_face("student_t"))
        self.head = nn.Linear(config.width, config.head.width)

    def forward(
        self,
        past: Tensor,
        past_time: Tensor | None = None,
        future_time: Tensor | None = None,
        instrument: Tensor | None = None,
    ) -> Tensor:
        """Map windows (B, L, C) to quantiles (B, H, C, Q) in the windows' units.

        Args:
            past: oldest step first.
            past_time: calendar columns (B, L, K') of the same steps, where configured.
            future_time: those of the next steps (B, H, K').
            instrument: numbers (B,), where there are several.
        """
        known = Known.of(self.config, past, past_time, future_time, instrument)
        model: Any = self.model
        context = known.past_GL[:, -self.config.context :]
        _, location, _ = model.scaler(context, torch.ones_like(context))
        # Lags that would reach into the forecast are told the window's location, zero once scaled.
        unknown = location.expand(-1, self.config.horizon)
        outputs = model(**known.arguments(), future_values=unknown)
        free_GHQ = self.head(outputs.last_hidden_state)
        raw_GHQ = self.config.head.rescale(free_GHQ, outputs.loc, outputs.scale)
        return _channels(raw_GHQ, past.shape[2])


def _rows(values_BTC: Tensor) -> Tensor:
    return values_BTC.transpose(1, 2).flatten(0, 1)


def _channels(raw_GHK: Tensor, channels: int) -> Tensor:
    batch, horizon, width = len(raw_GHK) // channels, *raw_GHK.shape[1:]
    return raw_GHK.view(batch, channels, horizon, width).transpose(1, 2)
