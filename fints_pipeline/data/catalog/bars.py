"""Bars out of the lake: months pruned, columns pruned, repeated reads served from memory."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

import pyarrow as pa

from fints_pipeline.base.config import fingerprint
from fints_pipeline.base.errors import KeyNotFoundError
from fints_pipeline.base.lake import Lake
from fints_pipeline.data.catalog.adjustment import adjust_rows
from fints_pipeline.data.catalog.as_of import is_settled, read_actions, remake
from fints_pipeline.data.catalog.cache import TableCache
from fints_pipeline.data.catalog.contracts import refuse_outdated
from fints_pipeline.data.catalog.inventory import Partition
from fints_pipeline.data.catalog.reading import clip, read_rows, within
from fints_pipeline.data.catalog.request import BarsRequest
from fints_pipeline.data.config import DatasetConfig
from fints_pipeline.schemas.bars import BARS

ConfigOf = Callable[[str], DatasetConfig]


@dataclass(frozen=True)
class _Month:
    """One month to read, or to make again from ``raw`` as it was earlier."""

    bars: Partition
    raw: Partition | None = None

    @property
    def instrument(self) -> str:
        """Whose month it is."""
        return self.bars.part("instrument")

    @property
    def version(self) -> tuple[str, str]:
        """The partition that the rows come from, and its digest."""
        source = self.raw or self.bars
        return str(source.key), source.footer.digest


class BarsReader:
    """Reads bars of one lake.

    Args:
        lake: The lake.
        config_of: Gives the data set of an instrument, to make bars as they were known earlier.
        cache: Keeps results by the digests that they were read from.
    """

    def __init__(self, lake: Lake, config_of: ConfigOf, cache: TableCache) -> None:
        self._lake = lake
        self._config_of = config_of
        self._cache = cache

    def read(self, request: BarsRequest, partitions: list[Partition]) -> pa.Table:
        """Return the rows of a request, by instrument in its order, then by time.

        Args:
            request: What is wanted.
            partitions: What the lake holds.

        Raises:
            KeyNotFoundError: nothing in the lake can hold rows of it.
            LakeError: a partition is damaged, or was written with another version of its schema.
        """
        plans = (_plan(name, request, partitions) for name in request.instruments)
        months = [month for plan in plans for month in plan]
        if not months:
            raise _nothing(request, partitions)
        context = self._context(request, months, partitions)
        key = (request, tuple(month.version for month in months), context)
        table = self._cache.get(key)
        if table is None:
            table, versions = self._rows(request, months)
            self._cache.put((request, versions, context), table)
        return table

    def _rows(
        self, request: BarsRequest, months: list[_Month]
    ) -> tuple[pa.Table, tuple[tuple[str, str], ...]]:
        columns = request.columns if request.adjust == "raw" else tuple(BARS.arrow_schema.names)
        tables: dict[str, list[pa.Table]] = {name: [] for name in request.instruments}
        versions = []
        for month in months:
            rows, version = self._month(request, month, columns)
            tables[month.instrument].append(rows)
            versions.append(version)
        series = [
            adjust_rows(
                pa.concat_tables(parts),
                read_actions(self._lake, name),
                request.adjust,
                request.as_of,
            ).select(list(request.columns))
            for name, parts in tables.items()
            if parts
        ]
        return pa.concat_tables(series), tuple(versions)

    def _month(
        self, request: BarsRequest, month: _Month, columns: tuple[str, ...]
    ) -> tuple[pa.Table, tuple[str, str]]:
        refuse_outdated(month.bars)
        if month.raw is None or request.as_of is None:
            rows, digest = read_rows(month.bars.path, columns, request.span)
            return rows, (str(month.bars.key), digest)
        made = remake(
            self._lake,
            self._config_of(month.instrument),
            request.freq,
            month.instrument,
            month.bars.part("month"),
            request.as_of,
        )
        return clip(made, request.span).select(list(columns)), month.version

    def _context(
        self, request: BarsRequest, months: list[_Month], partitions: Iterable[Partition]
    ) -> str:
        """Return what else the rows depend on: corporate actions; configs, if bars are remade."""
        actions = (one for one in partitions if one.key.table == "corporate_actions")
        used = [one for one in actions if one.part("instrument") in request.instruments]
        remade = {month.instrument for month in months if month.raw is not None}
        return fingerprint(
            {
                "actions": {str(one.key): one.footer.digest for one in used},
                "configs": {name: fingerprint(self._config_of(name)) for name in sorted(remade)},
            }
        )


def _plan(instrument: str, request: BarsRequest, partitions: Iterable[Partition]) -> list[_Month]:
    """Return the months of an instrument that can hold rows, ascending."""
    own = [one for one in partitions if one.part("instrument") == instrument]
    bars = [one for one in own if one.key.table == "bars" and one.part("freq") == request.freq]
    found = sorted(within(bars, request.span), key=lambda one: one.part("month"))
    if request.as_of is None:
        return [_Month(one) for one in found]
    actions = next((one for one in own if one.key.table == "corporate_actions"), None)
    raw = {one.part("month"): one for one in own if one.key.table == "raw_bars"}
    months = []
    for one in found:
        source = raw.get(one.part("month"))
        # Its flags go on from the month before.
        before = max((month for month in raw if month < one.part("month")), default="")
        known = (source, raw.get(before), actions)
        settled = is_settled(one, known, request.as_of)
        months.append(_Month(one, None if settled else source))
    return months


def _nothing(request: BarsRequest, partitions: Iterable[Partition]) -> KeyNotFoundError:
    names = ", ".join(request.instruments)
    months = sorted(
        one.part("month")
        for one in partitions
        if one.key.table == "bars"
        and one.part("freq") == request.freq
        and one.part("instrument") in request.instruments
    )
    held = f"the lake holds {months[0]} to {months[-1]}" if months else None
    return KeyNotFoundError(f"no {request.freq} bars of {names} in this span", fix=held)
