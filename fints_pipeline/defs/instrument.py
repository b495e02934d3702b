"""One instrument's series: the tables that its data set asks for, and which months are current."""

from __future__ import annotations

from copy import copy
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from fints_pipeline.base.config import Config, load_config, read_yaml
from fints_pipeline.base.errors import ConfigError
from fints_pipeline.base.lake import Lake, Lineage, TableKey, series_key
from fints_pipeline.base.lake.lineage import Known, Staleness, staleness
from fints_pipeline.base.locations import Locations
from fints_pipeline.defs.cadence import has_partition

if TYPE_CHECKING:
    from fints_pipeline.data.config import DatasetConfig
    from fints_pipeline.data.news.bars_config import NewsOnBarsConfig
    from fints_pipeline.features.config import FeaturesConfig
    from fints_pipeline.labels.config import LabelsConfig
    from fints_pipeline.tokenizers.config import TokenizeConfig

TABLES = {
    "bars": "bars",
    "news_bars": "news_bars",
    "features": "features",
    "labels": "labels",
    "tokens": "brooks_tokens",
}
"""The asset that makes each series table, in an order in which they can be made."""
OPTIONAL = frozenset({"news_bars"})
"""Assets that a data set may ask for or not."""
SERIES_ASSETS = tuple(TABLES.values())
_SECTIONS = {
    "news_bars": "news",
    "features": "features",
    "labels": "labels",
    "brooks_tokens": "tokenize",
}

C = TypeVar("C", bound=Config)


@dataclass(frozen=True)
class Expected:
    """A table that an asset makes, and what would make it now.

    Attributes:
        table: Its name in the lake.
        freq: Its frequency.
        lineage: Code version and config fingerprint.
    """

    table: str
    freq: str
    lineage: Lineage


class Instrument:
    """An instrument with its configs, which are read once.

    Args:
        locations: Lake and configs.
        name: ``dataset.SYMBOL``.

    Raises:
        KeyNotFoundError: no config describes its data set.
    """

    def __init__(self, locations: Locations, name: str) -> None:
        self.locations = locations
        self.name = name
        self.lake: Lake = locations.lake
        self._path: Path = locations.dataset_config(name)

    def over(self, lake: Lake) -> Instrument:
        """Return the instrument over another lake, with the configs that were read already."""
        other = copy(self)
        other.lake = lake
        return other

    def sibling(self, name: str) -> Instrument:
        """Return another instrument of the data set, with the configs that were read already."""
        other = copy(self)
        other.name = name
        other.__dict__.pop("tables", None)  # they depend on the symbol's tick and sessions
        return other

    @cached_property
    def dataset(self) -> DatasetConfig:
        """How its archives are read and cleaned."""
        from fints_pipeline.data.config import DatasetConfig

        return load_config(self._path, DatasetConfig, section="dataset")

    @cached_property
    def news(self) -> NewsOnBarsConfig:
        """Sources of news that are counted on its bars."""
        from fints_pipeline.data.news.bars_config import NewsOnBarsConfig

        return self._section("news", NewsOnBarsConfig)

    @cached_property
    def features(self) -> FeaturesConfig:
        """Its features."""
        from fints_pipeline.features.config import FeaturesConfig

        return self._section("features", FeaturesConfig)

    @cached_property
    def labels(self) -> LabelsConfig:
        """Its labels."""
        from fints_pipeline.labels.config import LabelsConfig

        return self._section("labels", LabelsConfig)

    @cached_property
    def tokenize(self) -> TokenizeConfig:
        """Its tokenizer."""
        from fints_pipeline.tokenizers.config import TokenizeConfig

        name = self._sections.get("tokenize", "brooks")
        return load_config(self.locations.tokenize_config(name), TokenizeConfig)

    @property
    def series_read(self) -> tuple[str, ...]:
        """Exogenous series that its features read."""
        return tuple(self.features.sources) if "features" in self._sections else ()

    @property
    def subjects(self) -> tuple[str, ...]:
        """What the news that is counted on its bars is filed under."""
        from fints_pipeline.data.news.bars_partition import subject_of

        names = self.news.names if "news" in self._sections else ()
        return tuple(subject_of(source, self.name) for source in names)

    @property
    def freq(self) -> str:
        """The frequency of features, labels and tokens."""
        return self.dataset.model_frequency

    @property
    def tick(self) -> float | None:
        """The price's smallest step, if configured."""
        ticks = self.dataset.ticks
        return ticks.get(self._symbol, ticks.get("*"))

    @property
    def session_mode(self) -> Any:
        """How its calendar cuts sessions, as the tokenizer takes it."""
        return self.dataset.calendar_of(self._symbol).mode

    def staged(self) -> list[str]:
        """Return the months that archives hold rows of and that have a partition, ascending."""
        months = self.lake.months("raw_bars", self.dataset.base_frequency, self.name)
        return [month for month in months if has_partition(month)]

    def keys(self, asset: str, month: str) -> list[TableKey]:
        """Return the partitions of the lake that one partition of an asset consists of."""
        return [series_key(each.table, each.freq, self.name, month) for each in self.tables[asset]]

    def stale(self, asset: str, month: str, known: Known | None = None) -> tuple[Staleness, ...]:
        """Return what of an asset's month is missing or out of date; empty when it is current.

        Args:
            asset: The asset.
            month: The month.
            known: A snapshot to go by; by default the lake as it is now.
        """
        pairs = zip(self.keys(asset, month), self.tables[asset], strict=True)
        known = self.lake if known is None else known
        found = (staleness(known, key, expected=each.lineage) for key, each in pairs)
        return tuple(item for item in found if item)

    @cached_property
    def tables(self) -> dict[str, tuple[Expected, ...]]:
        """What each asset writes; assets that the data set has no section for are left out."""
        from fints_pipeline.data import made_with as bars
        from fints_pipeline.features import made_with as features
        from fints_pipeline.labels import made_with as labels
        from fints_pipeline.tokenizers import made_with as tokens

        made = bars.made_with(self.dataset)
        found = {"bars": tuple(Expected("bars", freq, made) for freq in self.dataset.frequencies)}
        if "news" in self._sections:
            from fints_pipeline.data.news import bars_partition as news_bars

            made = news_bars.made_with(self.news)
            found["news_bars"] = (Expected("news_bars", self.freq, made),)
        if "features" in self._sections:
            made = features.made_with(self.features)
            found["features"] = (Expected("features", self.freq, made),)
        if "labels" in self._sections:
            made = labels.made_with(self.labels)
            found["labels"] = (Expected("labels", self.freq, made),)
        if "tokenize" in self._sections:
            made = tokens.made_with(self.tokenize, self.tick, self.session_mode)
            found["brooks_tokens"] = (Expected("tokens", self.freq, made),)
        return found

    def require(self, asset: str) -> None:
        """Raise a `ConfigError` if the data set has no section for an asset."""
        if asset not in self.tables:
            raise ConfigError(
                f"{self.name} has no {asset}: its data set asks for none",
                where=str(self._path),
                fix=f"add a `{_SECTIONS[asset]}:` section",
            )

    @property
    def _symbol(self) -> str:
        return self.dataset.symbol(self.name)

    @cached_property
    def _sections(self) -> dict[str, Any]:
        return read_yaml(self._path)

    def _section(self, name: str, kind: type[C]) -> C:
        return load_config(self._path, kind, section=name)
