"""The reconciler at a thousand partitions an asset: exactly what is affected, and no more."""

from collections.abc import Iterator

import pyarrow as pa
import pytest

from fints_pipeline.base.lake import ArrowContract, TableKey, series_key
from fints_pipeline.base.lake.lineage import any_before, digests
from fints_pipeline.base.locations import Locations
from fints_pipeline.base.time import months_between, next_month, previous_month
from fints_pipeline.defs.instrument import TABLES, Instrument
from fints_pipeline.defs.reconcile import outdated

ONE_COLUMN = ArrowContract("one", pa.schema([pa.field("value", pa.int64())]))
NAMES = [f"yahoo.S{number}" for number in range(10)]
MONTHS = list(months_between("2015-01", "2023-04"))
ASSETS = {asset: table for table, asset in TABLES.items()}


class Toy:
    """A lake of one-row partitions with the lineage that the stages would write."""

    def __init__(self, locations: Locations) -> None:
        self.locations, self.lake = locations, locations.lake
        self.known = {name: Instrument(locations, name) for name in NAMES}
        self.value = 0

    def deliver(self, name: str, month: str) -> None:
        self._write(series_key("raw_bars", "1D", name, month), self.known[name].tables["bars"][0])

    def make(self, name: str, asset: str, month: str) -> None:
        (expected,) = self.known[name].tables[asset]
        key = series_key(ASSETS[asset], "1D", name, month)
        self._write(key, expected, list(self._inputs(name, asset, month)))

    def _inputs(self, name: str, asset: str, month: str) -> Iterator[TableKey]:
        def bars(*months: str) -> Iterator[TableKey]:
            return (series_key("bars", "1D", name, other) for other in months)

        if asset == "bars":
            yield series_key("raw_bars", "1D", name, month)
        elif asset == "features":
            yield from bars(previous_month(month), month)
        elif asset == "labels":
            yield from bars(previous_month(month), month, next_month(month))
        else:
            yield from bars(month)
            own = series_key("tokens", "1D", name, month)
            is_first = month == MONTHS[0]
            yield (
                any_before(own)
                if is_first
                else series_key("tokens", "1D", name, previous_month(month))
            )

    def _write(self, key: TableKey, expected, inputs=()) -> None:
        self.value += 1
        lineage = type(expected.lineage)(
            expected.lineage.code_version,
            expected.lineage.config_fingerprint,
            digests(self.lake, inputs),
        )
        self.lake.write(key, pa.table({"value": [self.value]}), ONE_COLUMN, lineage)


@pytest.fixture
def toy(locations: Locations) -> Toy:
    made = Toy(locations)
    for name in NAMES:
        for month in MONTHS:
            made.deliver(name, month)
        for asset in made.known[name].tables:
            for month in MONTHS:
                made.make(name, asset, month)
    return made


def refresh(toy: Toy) -> set[tuple[str, str, str]]:
    """Make what is stale until nothing is; return what was made."""
    made: set[tuple[str, str, str]] = set()
    while found := list(outdated(toy.locations)):
        for item in found:
            for asset in item.assets:
                toy.make(item.instrument, asset, item.month)
                made.add((item.instrument, asset, item.month))
    return made


@pytest.mark.slow
def test_a_restated_month_reaches_its_descendants_and_nothing_else(toy: Toy) -> None:
    assert sum(1 for _ in toy.lake.keys("bars")) == 1000
    assert list(outdated(toy.locations)) == []
    name, place = NAMES[3], 90
    month = MONTHS[place]
    toy.deliver(name, month)
    assert [(i.instrument, i.month, i.assets) for i in outdated(toy.locations)] == [
        (name, month, ["bars"])
    ]
    expected = {(name, "bars", month)}
    expected |= {(name, "features", MONTHS[other]) for other in (place, place + 1)}
    expected |= {(name, "labels", MONTHS[other]) for other in (place - 1, place, place + 1)}
    expected |= {(name, "brooks_tokens", later) for later in MONTHS[place:]}
    assert refresh(toy) == expected


@pytest.mark.slow
def test_a_changed_config_makes_one_asset_stale_everywhere(toy: Toy) -> None:
    path = toy.locations.configs / "data" / "yahoo.yaml"
    path.write_text(path.read_text().replace("name: atr, window: 14", "name: atr, window: 15"))
    found = list(outdated(toy.locations))
    assert len(found) == 1000
    assert {tuple(item.assets) for item in found} == {("features",)}
