"""Parameters of the rules that flag bars: the `rules:` section of a data set."""

from __future__ import annotations

from pydantic import Field

from fints_pipeline.base.config import Config


class BadTicks(Config):
    """Prices far outside the band of the closes before them; `bad_ticks`.

    Attributes:
        window: How many closes before a bar make its band.
        least: Fewest closes that make a band.
        trim: Share of the closes left out of the band's mean and deviation, half at each end.
        width: Half the band in standard deviations of those closes.
        floor: What is added to half the band, as a share of the price.
    """

    window: int = Field(default=30, ge=4, le=1000)
    least: int = Field(default=10, ge=4)
    trim: float = Field(default=0.1, ge=0, lt=1)
    width: float = Field(default=10.0, gt=0)
    floor: float = Field(default=0.01, gt=0)


class VolumeAnomalies(Config):
    """Volumes unlike those of the same time of day before; `volume_anomalies`.

    Attributes:
        slot_minutes: Length of a time slot, counted from the session's open.
        window: How many bars of a slot make its reference.
        least: Fewest bars that make a reference.
        threshold: Robust standard deviations of the logarithm beyond which a volume is flagged.
    """

    slot_minutes: int = Field(default=30, ge=1)
    window: int = Field(default=150, ge=10, le=5000)
    least: int = Field(default=60, ge=10)
    threshold: float = Field(default=8.0, gt=0)


class RuleParameters(Config):
    """What the flagging rules of one data set see.

    Attributes:
        halt_minutes: After how long without a trade a market counts as halted.
        bad_ticks: Of the rule of that name.
        volume_anomalies: Of the rule of that name.
        split_tolerance: How far an overnight ratio may lie from a simple fraction, relative.
    """

    halt_minutes: int = Field(default=15, ge=1)
    bad_ticks: BadTicks = BadTicks()
    volume_anomalies: VolumeAnomalies = VolumeAnomalies()
    split_tolerance: float = Field(default=0.03, gt=0, lt=0.1)
