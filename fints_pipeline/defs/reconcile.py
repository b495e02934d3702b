"""Which series partitions are missing or out of date, from the lake's footers."""

from collections import defaultdict
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from functools import lru_cache
from itertools import chain

from fints_pipeline.base.digest import text_digest
from fints_pipeline.base.lake import Lake
from fints_pipeline.base.lake.lineage import Staleness
from fints_pipeline.base.lake.snapshot import Snapshot, footers_of
from fints_pipeline.base.lake.tables import tables
from fints_pipeline.base.locations import Locations
from fints_pipeline.defs.instrument import TABLES, Instrument

_SERIES = frozenset({"raw_bars", *TABLES})


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

    Goes by one snapshot of the lake's footers. An instrument of whose files and configs nothing has
    changed since this process looked last is not worked out again.

    Args:
        locations: Lake and configs.
        names: Instruments to look at; none means all that were staged.
    """
    lake = locations.lake
    snapshot = footers_of(lake.location, str(lake.root)).look(tables(lake))
    states, outside = _states(snapshot)
    first: dict[str, Instrument] = {}
    for name in instruments(lake):
        if names and name not in names:
            continue
        dataset = name.partition(".")[0]
        if dataset in first:
            instrument = first[dataset].sibling(name)
        else:
            instrument = first[dataset] = Instrument(locations, name)
        made_with = tuple(each.lineage.digest for each in chain(*instrument.tables.values()))
        state = hash((states[name], outside, made_with))
        known = _LAST.get((lake.location, str(lake.root), name))
        if known is None or known[0] != state:
            known = state, tuple(_outdated(instrument, snapshot))
            _LAST[lake.location, str(lake.root), name] = known
        yield from known[1]


_LAST: dict[tuple[str, str, str], tuple[int, tuple[Outdated, ...]]] = {}
"""By lake and instrument: what the last look went by, and what it found."""


def _outdated(instrument: Instrument, known: Snapshot) -> Iterator[Outdated]:
    base = instrument.dataset.base_frequency
    for month in known.months("raw_bars", base, instrument.name):
        stale = tuple(
            item for asset in instrument.tables for item in instrument.stale(asset, month, known)
        )
        if stale:
            yield Outdated(instrument.name, month, stale)


@lru_cache(maxsize=2)
def _states(snapshot: Snapshot) -> tuple[dict[str, int], int]:
    """Return what changes with any of an instrument's files, and with any that is no series."""
    own: dict[str, list[tuple[str, str]]] = defaultdict(list)
    outside = []
    for name, stamp in snapshot.stamps():
        table, _, rest = name.partition("/")
        if table in _SERIES:
            own[rest.split("/")[1]].append((name, stamp))
        else:
            outside.append((name, stamp))
    states = {instrument: hash(tuple(found)) for instrument, found in own.items()}
    return defaultdict(int, states), hash(tuple(outside))


def instruments(lake: Lake) -> list[str]:
    """Return the instruments that staged archives hold, at any frequency."""
    frequencies = lake.values("raw_bars", (), "freq")
    return sorted({name for freq in frequencies for name in lake.instruments("raw_bars", freq)})
