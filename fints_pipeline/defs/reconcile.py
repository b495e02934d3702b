"""Which series partitions are missing or out of date, from the lake's footers."""

from collections.abc import Iterator
from dataclasses import dataclass

from fints_pipeline.base.config import load_config, read_yaml
from fints_pipeline.base.lake import Lake, series_key
from fints_pipeline.base.lake.lineage import Staleness, staleness
from fints_pipeline.base.locations import Locations

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
    def cause(self) -> str:
        """The reasons, as one line."""
        return "; ".join(f"{item.key}: {', '.join(item.reasons)}" for item in self.stale)


def outdated(locations: Locations) -> Iterator[Outdated]:
    """Yield what the staged slices ask for and the lake does not hold, months ascending."""
    lake = locations.lake
    for key in lake.keys("raw_bars"):
        instrument, month = key["instrument"], key["month"]
        found = tuple(
            item
            for table, freq in _tables(locations, instrument)
            if (item := staleness(lake, series_key(table, freq, instrument, month)))
        )
        if found:
            yield Outdated(instrument, month, found)


def instruments(lake: Lake) -> list[str]:
    """Return the instruments that staged archives hold, at any frequency."""
    frequencies = lake.values("raw_bars", (), "freq")
    return sorted({name for freq in frequencies for name in lake.instruments("raw_bars", freq)})


def _tables(locations: Locations, instrument: str) -> list[tuple[str, str]]:
    from fints_pipeline.data.config import DatasetConfig

    path = locations.dataset_config(instrument)
    config = load_config(path, DatasetConfig, section="dataset")
    sections = {"features": "features", "labels": "labels", "tokenize": "tokens"}
    written = read_yaml(path)
    modelled = [
        (table, config.model_frequency) for name, table in sections.items() if name in written
    ]
    return [("bars", freq) for freq in config.frequencies] + modelled
