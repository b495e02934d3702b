"""What was delivered from outside the traded market, and what of it is missing or out of date.

Needs neither Dagster nor, where nothing was delivered, the code that reads it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

from fints_pipeline.base.config import load_config
from fints_pipeline.base.digest import text_digest
from fints_pipeline.base.errors import ConfigError, DamagedError
from fints_pipeline.base.lake import TableKey
from fints_pipeline.base.lake.lineage import Known, Staleness
from fints_pipeline.base.locations import Locations

if TYPE_CHECKING:
    from fints_pipeline.data.exogenous import ExogenousConfig


@dataclass(frozen=True)
class OutdatedSource:
    """A series or subject with work to do.

    Attributes:
        asset: `exogenous_series` or `news_items`.
        job: The job that makes it.
        name: The series, or the subject.
        stale: What is missing or out of date, with the reasons.
    """

    asset: str
    job: str
    name: str
    stale: tuple[Staleness, ...]

    @property
    def fingerprint(self) -> str:
        """Names this state of affairs: the same partition stale again later has another one."""
        parts = (f"{item.key}:{item.reasons}:{item.cause}" for item in self.stale)
        return text_digest(self.asset, self.name, *parts)

    @property
    def cause(self) -> str:
        """The reasons, as one line."""
        return "; ".join(f"{item.key}: {', '.join(item.reasons)}" for item in self.stale)


def outdated_sources(locations: Locations, known: Known | None = None) -> Iterator[OutdatedSource]:
    """Yield the series and subjects whose deliveries ask for what the lake does not hold.

    Args:
        locations: Lake and configs.
        known: A snapshot to go by; by default the lake as it is now.
    """
    for name in series_known(locations, known):
        if stale := series_stale(locations, name, known):
            yield OutdatedSource("exogenous_series", "exogenous", name, stale)
    for name in news_known(locations, known):
        if stale := news_stale(locations, name, known):
            yield OutdatedSource("news_items", "news", name, stale)


def series_known(locations: Locations, known: Known | None = None) -> Mapping[str, str]:
    """Return the configured series that files were staged of, and the version of their rows.

    One whose file is wrong is left out: that stops no other, and ingesting names it.
    """
    lake = known or locations.lake
    if not lake.frequencies("raw_exogenous"):
        return {}
    from fints_pipeline.data.exogenous import raw_key_of

    keys = {}
    for path in locations.exogenous_configs():
        with suppress(ConfigError):
            keys[path.stem] = raw_key_of(series_config(locations, path.stem))
    found = {name: _version(lake, key) for name, key in keys.items() if lake.exists(key)}
    return {name: version for name, version in found.items() if version is not None}


def _version(lake: Known, key: TableKey) -> str | None:
    """Return the version of delivered rows; None of a damaged file, which snapshots leave out."""
    try:
        return lake.digest(key)
    except DamagedError:
        return None


def series_stale(
    locations: Locations, name: str, known: Known | None = None
) -> tuple[Staleness, ...]:
    """Return whether the series is missing or out of date."""
    from fints_pipeline.data.exogenous import partition

    found = partition.stale(known or locations.lake, series_config(locations, name))
    return (found,) if found else ()


def series_config(locations: Locations, name: str) -> ExogenousConfig:
    """Return the config of a series."""
    from fints_pipeline.data.exogenous import ExogenousConfig

    return load_config(locations.exogenous_config(name), ExogenousConfig)


def news_known(locations: Locations, known: Known | None = None) -> Mapping[str, str]:
    """Return the subjects that archives hold news about, and the version of their rows."""
    lake = known or locations.lake
    if not lake.frequencies("raw_news"):
        return {}
    from fints_pipeline.data.news.partition import FREQUENCY, RAW, raw_key

    found = {}
    for subject in lake.instruments(RAW, FREQUENCY):
        months = lake.months(RAW, FREQUENCY, subject)
        versions = (_version(lake, raw_key(subject, month)) for month in months)
        if held := [version for version in versions if version is not None]:
            found[subject] = text_digest(*held)
    return found


def news_stale(
    locations: Locations, subject: str, known: Known | None = None
) -> tuple[Staleness, ...]:
    """Return the subject's months that are missing or out of date."""
    from fints_pipeline.data.news import partition

    return tuple(found for _, found in partition.stale(known or locations.lake, subject))
