"""Which series partitions are missing or out of date, from the lake's footers."""

from collections.abc import Collection, Iterator
from dataclasses import dataclass

from fints_pipeline.base.digest import text_digest
from fints_pipeline.base.lake import Lake
from fints_pipeline.base.lake.lineage import Staleness
from fints_pipeline.base.locations import Locations
from fints_pipeline.defs.instrument import TABLES, Instrument


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


def outdated(locations: Locations, names: Collection[str] = ()) -> Iterator[Outdated]:
    """Yield what the staged slices ask for and the lake does not hold, months ascending.

    Args:
        locations: Lake and configs.
        names: Instruments to look at; none means all that were staged.
    """
    for name in instruments(locations.lake):
        if not names or name in names:
            instrument = Instrument(locations, name)
            for month in instrument.staged():
                stale = tuple(
                    item for asset in instrument.tables for item in instrument.stale(asset, month)
                )
                if stale:
                    yield Outdated(name, month, stale)


def instruments(lake: Lake) -> list[str]:
    """Return the instruments that staged archives hold, at any frequency."""
    frequencies = lake.values("raw_bars", (), "freq")
    return sorted({name for freq in frequencies for name in lake.instruments("raw_bars", freq)})
