"""The months of bars that a staging run made stale, built one after the other."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from fints_pipeline.base.errors import UserError
from fints_pipeline.base.lake import Lake, series_key
from fints_pipeline.data.config import DatasetConfig
from fints_pipeline.data.slices import RAW_BARS
from fints_pipeline.data.staging_report import StagingReport


@dataclass
class BuiltInstrument:
    """What was built of one instrument; bars and fills are of the base frequency."""

    instrument: str
    months: int = 0
    bars: int = 0
    rejected: int = 0
    filled: int = 0
    holes: int = 0


@dataclass
class Built:
    """What `build_changed` did.

    Attributes:
        instruments: By name.
        failures: Instrument and month that could not be built, and why.
    """

    instruments: list[BuiltInstrument] = field(default_factory=list)
    failures: list[tuple[str, str]] = field(default_factory=list)


def build_changed(lake: Lake, datasets: Sequence[DatasetConfig], report: StagingReport) -> Built:
    """Build the bars of every slice that changed, or whose corporate actions did, or has none yet.

    One month that cannot be built stops no other.
    """
    from fints_pipeline.data import partition

    built = Built()
    for config in datasets:
        for instrument in lake.instruments(RAW_BARS, config.base_frequency):
            if not instrument.startswith(f"{config.name}."):
                continue
            done = BuiltInstrument(instrument)
            for month in _due(lake, config, instrument, report):
                try:
                    quality = partition.build(lake, config, instrument, month).quality
                except UserError as error:
                    built.failures.append((f"{instrument} {month}", error.what))
                    continue
                done.months += 1
                done.bars += quality.rows_out
                done.rejected += quality.rejected
                done.filled += quality.filled
                done.holes += quality.holes
            if done.months:
                built.instruments.append(done)
    return built


def _due(lake: Lake, config: DatasetConfig, instrument: str, report: StagingReport) -> list[str]:
    months = lake.months(RAW_BARS, config.base_frequency, instrument)
    changed = [each for each in report.changes if each.instrument == instrument]
    if any(each.table != RAW_BARS for each in changed):
        return months
    fresh = {each.month for each in changed}
    frequency = config.base_frequency
    return [
        month
        for month in months
        if month in fresh or not lake.exists(series_key("bars", frequency, instrument, month))
    ]
