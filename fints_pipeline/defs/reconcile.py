"""Which series partitions are missing or out of date, from the lake's footers."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from fints_pipeline.base.config import load_config, read_yaml
from fints_pipeline.base.digest import text_digest
from fints_pipeline.base.lake import Lake, Lineage, series_key
from fints_pipeline.base.lake.lineage import Staleness, staleness
from fints_pipeline.base.locations import Locations

if TYPE_CHECKING:
    from fints_pipeline.data.config import DatasetConfig

TABLES = {"bars": "bars", "features": "features", "labels": "labels", "tokens": "brooks_tokens"}
"""The asset that makes each series table."""


@dataclass(frozen=True)
class Outdated:
    """An instrument's month with work to do.

    Attributes:
        instrument: ``dataset.SYMBOL``.
        month: For example ``2023-01``.
        stale: The partitions to make, with the reasons.
    """

    instrument: str
    month: str
    stale: tuple[Staleness, ...]

    @property
    def assets(self) -> list[str]:
        """Names of the assets to materialise."""
        return sorted({TABLES[item.key.table] for item in self.stale})

    @property
    def fingerprint(self) -> str:
        """Names this state of affairs: the same month stale again later has another one."""
        parts = (f"{item.key}:{item.reasons}:{item.cause}" for item in self.stale)
        return text_digest(self.instrument, self.month, *parts)

    @property
    def cause(self) -> str:
        """The reasons, as one line."""
        return "; ".join(f"{item.key}: {', '.join(item.reasons)}" for item in self.stale)


def outdated(locations: Locations) -> Iterator[Outdated]:
    """Yield what the staged slices ask for and the lake does not hold, months ascending."""
    lake = locations.lake
    tables: dict[str, list[_Made]] = {}
    for key in lake.keys("raw_bars"):
        instrument, month = key["instrument"], key["month"]
        if instrument not in tables:
            tables[instrument] = _tables(locations, instrument)
        found = tuple(
            item
            for made in tables[instrument]
            if (item := _staleness(lake, made, instrument, month))
        )
        if found:
            yield Outdated(instrument, month, found)


def instruments(lake: Lake) -> list[str]:
    """Return the instruments that staged archives hold, at any frequency."""
    frequencies = lake.values("raw_bars", (), "freq")
    return sorted({name for freq in frequencies for name in lake.instruments("raw_bars", freq)})


@dataclass(frozen=True)
class _Made:
    table: str
    freq: str
    lineage: Lineage


def _staleness(lake: Lake, made: _Made, instrument: str, month: str) -> Staleness:
    key = series_key(made.table, made.freq, instrument, month)
    return staleness(lake, key, expected=made.lineage)


def _tables(locations: Locations, instrument: str) -> list[_Made]:
    """Return the tables that an instrument's data set asks for, and what would make them now."""
    from fints_pipeline.data import partition as bars
    from fints_pipeline.data.config import DatasetConfig
    from fints_pipeline.features import partition as features
    from fints_pipeline.features.config import FeaturesConfig
    from fints_pipeline.labels import partition as labels
    from fints_pipeline.labels.config import LabelsConfig

    path = locations.dataset_config(instrument)
    sections = read_yaml(path)
    config = load_config(path, DatasetConfig, section="dataset")
    model = config.model_frequency
    found = [_Made("bars", freq, bars.made_with(config)) for freq in config.frequencies]
    if "features" in sections:
        made = features.made_with(load_config(path, FeaturesConfig, section="features"))
        found.append(_Made("features", model, made))
    if "labels" in sections:
        made = labels.made_with(load_config(path, LabelsConfig, section="labels"))
        found.append(_Made("labels", model, made))
    if "tokenize" in sections:
        found.append(_Made("tokens", model, _tokens_made_with(locations, config, instrument)))
    return found


def _tokens_made_with(locations: Locations, dataset: "DatasetConfig", instrument: str) -> Lineage:
    from fints_pipeline.tokenizers import partition as tokens
    from fints_pipeline.tokenizers.config import TokenizeConfig

    name = read_yaml(locations.dataset_config(instrument))["tokenize"]
    config = load_config(locations.tokenize_config(name), TokenizeConfig)
    symbol = dataset.symbol(instrument)
    tick = dataset.ticks.get(symbol, dataset.ticks.get("*"))
    return tokens.made_with(config, tick, dataset.calendar_of(symbol).mode)
