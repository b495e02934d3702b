"""Which series partitions are missing or out of date, from the lake's footers."""

from collections.abc import Collection, Iterator, MutableMapping
from dataclasses import dataclass
from itertools import chain
from weakref import WeakKeyDictionary

from fints_pipeline.base.digest import text_digest
from fints_pipeline.base.errors import DamagedError, UserError
from fints_pipeline.base.lake import Lake, series_key
from fints_pipeline.base.lake.damage import is_raw
from fints_pipeline.base.lake.footers import footers_of
from fints_pipeline.base.lake.lineage import Staleness, staleness
from fints_pipeline.base.lake.snapshot import Snapshot
from fints_pipeline.base.lake.tables import tables
from fints_pipeline.base.locations import Locations
from fints_pipeline.defs.cadence import has_partition
from fints_pipeline.defs.instrument import TABLES, Instrument


@dataclass(frozen=True)
class Outdated:
    """An instrument's month with work to do.

    Attributes:
        instrument: ``dataset.SYMBOL``.
        month: For example ``2023-01``.
        stale: The partitions to make, with the reasons.
        slice: Digest of the month's rows in the archives.
    """

    instrument: str
    month: str
    stale: tuple[Staleness, ...]
    slice: str = ""

    @property
    def assets(self) -> list[str]:
        """Names of the assets to materialise."""
        return sorted({TABLES[item.key.table] for item in self.stale})

    @property
    def fingerprint(self) -> str:
        """Names this state of affairs: the same month stale again later has another one."""
        parts = (f"{item.key}:{item.reasons}:{item.cause}" for item in self.stale)
        return text_digest(self.instrument, self.month, self.slice, *parts)

    @property
    def cause(self) -> str:
        """The reasons, as one line."""
        return "; ".join(f"{item.key}: {', '.join(item.reasons)}" for item in self.stale)


def look(locations: Locations) -> Snapshot:
    """Return what the footers of the lake say now."""
    lake = locations.lake
    return footers_of(lake.location, str(lake.root)).look(tables(lake))


def outdated(
    locations: Locations,
    names: Collection[str] = (),
    known: Snapshot | None = None,
    refused: MutableMapping[str, str] | None = None,
) -> Iterator[Outdated]:
    """Yield what the staged slices ask for and the lake does not hold, months ascending.

    Goes by one snapshot of the lake's footers. While nothing has changed since this process looked
    last, neither files nor configs, an instrument is not worked out again.

    Args:
        locations: Lake and configs.
        names: Instruments to look at; none means all that were staged.
        known: The snapshot to go by; by default one that is taken now.
        refused: Gets the message of each data set whose config is missing or wrong, and of each
            delivered partition that is damaged, which are then passed over; without it the first
            such is raised.

    Raises:
        UserError: a data set's config is missing or wrong.
        DamagedError: what was delivered is damaged.
    """
    snapshot = look(locations) if known is None else known
    for key, why in _damaged(snapshot, names).items():
        if refused is None:
            raise DamagedError(why)
        refused[key] = why
    first: dict[str, Instrument] = {}
    for name in snapshot.instruments("raw_bars"):
        if names and name not in names:
            continue
        dataset = name.partition(".")[0]
        try:
            if dataset not in first:
                first[dataset] = Instrument(locations, name)
            found = _known(first[dataset].sibling(name), snapshot)
        except UserError as error:
            if refused is None:
                raise
            refused[dataset] = str(error)
            continue
        yield from found


def _damaged(known: Snapshot, names: Collection[str]) -> dict[str, str]:
    """Return the message of each damaged partition that no run can make again.

    These are of the tables of what was delivered; of bars, of the wanted instruments alone.
    """
    return {
        str(key): why
        for key, why in known.damaged.items()
        if is_raw(key.table)
        and not (names and key.table == "raw_bars" and key["instrument"] not in names)
    }


_LAST: WeakKeyDictionary[Snapshot, dict[str, tuple[object, tuple[Outdated, ...]]]]
_LAST = WeakKeyDictionary()
"""What was found by a snapshot, by instrument, with what its tables would be made with."""


def _known(instrument: Instrument, snapshot: Snapshot) -> tuple[Outdated, ...]:
    """Return what is out of date of an instrument, worked out once a snapshot."""
    found = _LAST.setdefault(snapshot, {})
    made_with = tuple(chain(*instrument.tables.values()))
    if instrument.name not in found or found[instrument.name][0] != made_with:
        found[instrument.name] = made_with, tuple(_outdated(instrument, snapshot))
    return found[instrument.name][1]


def _outdated(instrument: Instrument, known: Snapshot) -> Iterator[Outdated]:
    base, name = instrument.dataset.base_frequency, instrument.name
    expected = list(chain(*instrument.tables.values()))
    series = [(f"{each.table}/{each.freq}/{name}/", each.lineage) for each in expected]
    for month in filter(has_partition, known.months("raw_bars", base, name)):
        if all(known.is_current(start + month, made_with) for start, made_with in series):
            continue
        keys = (series_key(each.table, each.freq, name, month) for each in expected)
        pairs = zip(keys, expected, strict=True)
        found = (staleness(known, key, expected=each.lineage) for key, each in pairs)
        if stale := tuple(item for item in found if item):
            yield Outdated(
                name, month, stale, known.digest(series_key("raw_bars", base, name, month))
            )


def first_staged(known: Snapshot) -> list[str]:
    """Return the first month of each instrument that archives hold rows of."""
    series = (
        (freq, name)
        for freq in known.frequencies("raw_bars")
        for name in known.instruments("raw_bars", freq)
    )
    return [known.months("raw_bars", freq, name)[0] for freq, name in series]


def instruments(lake: Lake) -> list[str]:
    """Return the instruments that staged archives hold, at any frequency."""
    frequencies = lake.values("raw_bars", (), "freq")
    return sorted({name for freq in frequencies for name in lake.instruments("raw_bars", freq)})
