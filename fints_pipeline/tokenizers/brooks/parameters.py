"""The grammar's numbers, frozen; together with the fields they give the grammar its hash."""

from __future__ import annotations

from typing import Annotated, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, model_validator

from fints_pipeline.base.config import Config, fingerprint

#: Bars that the state remembers; no window may reach further back.
MEMORY = 64
#: Raised when a rule changes in a way that the parameters do not show.
GRAMMAR_VERSION = 1

Window = Annotated[int, Field(ge=2, le=MEMORY - 4)]
Count = Annotated[int, Field(ge=0)]
Share = Annotated[float, Field(ge=0, le=1)]
PositiveShare = Annotated[float, Field(gt=0, le=1)]
Atrs = Annotated[float, Field(ge=0)]


class Parameters(Config):
    """Every threshold of the grammar. Lengths count good bars; ``*_atr`` are multiples of A."""

    atr_window: Window = 20
    ema_span: Window = 20
    warmup: Annotated[int, Field(ge=0)] = 40

    reversal_tail: Share = 1 / 3
    reversal_close: Share = 0.6
    doji_body: Share = 0.25
    long_atr: Atrs = 1.5
    long_body: Share = 0.6
    long_close: Share = 0.7
    trend_body: Share = 0.5
    trend_close: Share = 0.6

    swing_reach: Annotated[int, Field(ge=1, le=16)] = 3
    swing_leg_atr: Atrs = 1.0
    swing_equal_atr: Atrs = 0.2

    trigger_pair_atr: Atrs = 1.5
    trigger_long_atr: Atrs = 2.0
    trigger_window: Window = 10
    trend_memory: Count = 100

    tight_window: Window = 10
    tight_atr: Atrs = 2.0
    efficiency_window: Window = 20
    efficiency_trend: PositiveShare = 0.5
    efficiency_channel: PositiveShare = 0.3

    pullback_leg_atr: Atrs = 1.0
    pullback_shallow: Share = 1 / 3
    pullback_medium: Share = 2 / 3

    entry_memory: Count = 20

    box_window: Window = 20
    box_age: Annotated[int, Field(ge=1)] = 5
    opening_bars: Annotated[int, Field(ge=1)] = 6
    breakout_ok_atr: Atrs = 0.5
    breakout_bars: Annotated[int, Field(ge=1)] = 5

    magnet_atr: Atrs = 0.25
    #: Distance between round numbers in ticks, per instrument; 0 turns them off.
    round_step_ticks: Count = 0

    measured_leg_atr: Atrs = 2.0
    measured_shallow: Share = 0.2
    measured_deep: Share = 0.8
    measured_memory: Count = 60

    gap_atr: Atrs = 0.5
    climax_atr: Atrs = 2.0
    climax_window: Window = 20
    climax_ema_atr: Atrs = 3.0
    wedge_span: Count = 60
    micro_run: Annotated[int, Field(ge=1, le=MEMORY - 4)] = 5

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        if self.warmup < max(self.atr_window, self.efficiency_window, self.box_window):
            raise ValueError("warmup must not be shorter than atr, efficiency and box windows")
        if self.warmup < max(self.trigger_window, self.climax_window, self.micro_run):
            raise ValueError("warmup must not be shorter than trigger, climax and micro windows")
        if self.atr_window < 2 * self.swing_reach + 1:
            raise ValueError("atr_window must not be shorter than 2 * swing_reach + 1")
        if self.box_age > self.box_window:
            raise ValueError("box_age must not exceed box_window")
        return self

    def record(self) -> NDArray[np.void]:
        """Return the values as a structured array of one row, for the compiled kernel."""
        fields = type(self).model_fields
        kinds = [(name, "f8" if f.annotation is float else "i8") for name, f in fields.items()]
        values = tuple(getattr(self, name) for name in fields)
        return np.array([values], dtype=np.dtype(kinds))


def grammar_hash(parameters: Parameters, fields: dict[str, tuple[str, ...]]) -> str:
    """Return 16 hex digits that name a grammar: its version, parameters, fields and values."""
    return fingerprint(
        {
            "version": GRAMMAR_VERSION,
            "parameters": parameters.model_dump(),
            "fields": [[name, list(values)] for name, values in fields.items()],
        }
    )
