"""What a lake holds: names, coverage, quality, digests, schemas."""

from __future__ import annotations

from collections.abc import Collection
from contextlib import AbstractContextManager
from datetime import date
from pathlib import Path
from typing import Any

from fints_pipeline.base.lake import Lake
from fints_pipeline.base.time import about_minutes
from fints_pipeline.data.catalog.contracts import contract_of
from fints_pipeline.data.catalog.coverage import Coverage, accounts_of, coverage_of
from fints_pipeline.data.catalog.inventory import EVENTS, Inventory, Partition
from fints_pipeline.data.catalog.names import instruments_of, one_of
from fints_pipeline.data.catalog.renames import Renames, renames_of
from fints_pipeline.data.catalog.views import views_of
from fints_pipeline.data.tickers import TickerHistory

Series = dict[tuple[str, str, str], list[Partition]]
"""Partitions by table, instrument and frequency."""


class Contents:
    """What footers tell, without a row being read.

    Args:
        lake: The lake.
    """

    def __init__(self, lake: Lake) -> None:
        self.lake = lake
        self._inventory = Inventory(lake, is_indexed=True)
        self._renamed: tuple[int, Renames] | None = None
        self._grouped: tuple[int, Series] | None = None

    def one_look(self) -> AbstractContextManager[None]:
        """Answer all that is asked inside the block from one look at the lake, at its start."""
        return self._inventory.held()

    def partitions(self, table: str | None = None) -> list[Partition]:
        """Return every partition, of one table or of all."""
        found = self._inventory.look()
        return [one for one in found if table is None or one.key.table == table]

    def damaged(self) -> dict[Path, str]:
        """Return the files that cannot be read, with the reason."""
        self._inventory.look()
        return dict(self._inventory.damaged)

    def tables(self) -> list[str]:
        """Return the tables that have partitions."""
        return sorted({table for table, _, _ in self._series()})

    def datasets(self) -> list[str]:
        """Return the data sets that have bars."""
        return sorted({name.partition(".")[0] for name in self.instruments()})

    def instruments(self, freq: str | None = None, table: str = "bars") -> list[str]:
        """Return the instruments, ``dataset.SYMBOL``, that a table has, at one frequency or any."""
        found = {name for own, name, at in self._series() if own == table and freq in (None, at)}
        return sorted(found - {""})

    def symbols(self, dataset: str, freq: str | None = None) -> list[str]:
        """Return the symbols of a data set that have bars.

        Raises:
            KeyNotFoundError: the data set has none; the message names near ones.
        """
        one_of(dataset, self.datasets(), "data set")
        pairs = (name.partition(".") for name in self.instruments(freq))
        return [symbol for owner, _, symbol in pairs if owner == dataset]

    def frequencies(self, symbol: str | None = None, table: str = "bars") -> list[str]:
        """Return the frequencies that a table has, of one instrument or of any, ascending."""
        found = {(name, freq) for own, name, freq in self._series() if own == table}
        if symbol is not None:
            name = self._named(symbol, {own for own, _ in found} - {""})
            found = {(own, freq) for own, freq in found if own == name}
        return sorted({freq for _, freq in found} - {""}, key=_length)

    def coverage(
        self,
        dataset: str | None = None,
        symbol: str | None = None,
        freq: str | None = None,
        table: str | None = "bars",
    ) -> list[Coverage]:
        """Return what there is of each series, with holes, quality figures and digests.

        Raises:
            KeyNotFoundError: a name does not exist; the message names near ones.
        """
        series = self._series()
        found = [one for one in sorted(series) if one[1] and table in (None, one[0])]
        if dataset is not None:
            one_of(dataset, {name.partition(".")[0] for _, name, _ in found}, "data set")
            found = [one for one in found if one[1].partition(".")[0] == dataset]
        if symbol is not None:
            own = self._named(symbol, {name for _, name, _ in found})
            found = [one for one in found if one[1] == own]
        if freq is not None:
            one_of(freq, {at for _, _, at in found}, "frequency")
            found = [one for one in found if one[2] == freq]
        names = {name for own, name, _ in found if own == "bars"}
        accounts = accounts_of(
            one for key, each in series.items() if key[1] in names for one in each
        )
        return [coverage_of(series[one], accounts.get(one[1], {})) for one in found]

    def quality(self, symbol: str) -> dict[str, dict[str, Any]]:
        """Return cleaning's account of an instrument by month.

        Raises:
            KeyNotFoundError: there is no such instrument.
        """
        found = self.partitions("bars")
        name = self._named(symbol, {one.part("instrument") for one in found})
        own = (one for one in found if one.part("instrument") == name and one.quality is not None)
        return {one.part("month"): dict(one.quality or {}) for one in own}

    def digests(self, symbol: str, freq: str, table: str = "bars") -> dict[str, str]:
        """Return the digest of every month of a series.

        Raises:
            KeyNotFoundError: there is no such series.
        """
        found = self.partitions(one_of(table, self.tables(), "table"))
        name = self._named(symbol, {one.part("instrument") for one in found} - {""})
        own = [one for one in found if one.part("instrument") == name]
        one_of(freq, {one.part("freq") for one in own}, "frequency", where=f"{table} of {name}")
        return {one.part("month"): one.footer.digest for one in own if one.part("freq") == freq}

    def schema(self, table: str) -> list[tuple[str, str, str, bool]]:
        """Return (column, Arrow type, description with unit, nullable) of a table's columns.

        Descriptions are empty where the table's own stage alone knows them.

        Raises:
            KeyNotFoundError: there is no such table.
        """
        one_of(table, self.tables(), "table")
        arrow = self.partitions(table)[-1].schema
        contract = contract_of(table, arrow.names)
        if contract is not None:
            return contract.describe()
        return [(field.name, str(field.type), "", field.nullable) for field in arrow]

    def tickers(self, symbol: str) -> list[tuple[str, date, date]]:
        """Return what an instrument was called: ticker, first day, last day, ascending.

        Empty for one whose data set has no ticker histories.

        Raises:
            KeyNotFoundError: there is no such instrument; of a former ticker, it tells whose.
        """
        name = self._named(symbol, set(self.instruments()))
        dataset, _, own = name.partition(".")
        history = self._renames().histories.get(dataset, TickerHistory())
        return [(one.ticker, one.first, one.last) for one in history.names(own)]

    def _named(self, symbol: str, known: Collection[str]) -> str:
        return instruments_of(symbol, known, self._renames())[0]

    def _series(self) -> Series:
        """Return the partitions by table, instrument and frequency."""
        found = self._inventory.look()
        if self._grouped is None or self._grouped[0] != self._inventory.version:
            series: Series = {}
            for one in found:
                own = (one.key.table, one.part("instrument"), one.part("freq"))
                series.setdefault(own, []).append(one)
            self._grouped = self._inventory.version, series
        return self._grouped[1]

    def _renames(self) -> Renames:
        found = self._inventory.look()
        if self._renamed is None or self._renamed[0] != self._inventory.version:
            self._renamed = (self._inventory.version, renames_of(self.lake, found))
        return self._renamed[1]

    def views(self) -> list[str]:
        """Return the names that `sql` knows."""
        return list(views_of(self.partitions()))


def _length(freq: str) -> tuple[int, str]:
    return (0, freq) if freq == EVENTS else (about_minutes(freq), freq)
