"""Bars out of the lake: months pruned, columns pruned, repeated reads served from memory."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime

import pyarrow as pa

from fints_pipeline.base.config import fingerprint
from fints_pipeline.base.errors import KeyNotFoundError
from fints_pipeline.base.lake import Lake
from fints_pipeline.data.catalog.adjustment import adjust_rows
from fints_pipeline.data.catalog.as_of import is_wholly_known, known_from, read_actions, rebuild
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
    """One month to read, or to make again as it was known earlier."""

    instrument: str
    name: str
    bars: Partition | None
    raw: Partition | None = None

    @property
    def version(self) -> tuple[str, str]:
        """The partition that the rows come from, and its digest."""
        source = self.bars or self.raw
        return (str(source.key), source.footer.digest) if source else ("", "")


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
        months = [
            month for name in request.instruments for month in _plan(name, request, partitions)
        ]
        if not months:
            raise _nothing(request, partitions)
        context = _context(request, partitions)
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
                read_actions(self._lake, name, request.as_of),
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
        if month.bars is not None:
            refuse_outdated(month.bars)
            rows, digest = read_rows(month.bars.path, columns, request.span)
            return rows, (str(month.bars.key), digest)
        config = self._config_of(month.instrument)
        as_of = request.as_of or datetime.max
        made = rebuild(self._lake, config, request.freq, month.instrument, month.name, as_of)
        return clip(made, request.span).select(list(columns)), month.version


def _plan(instrument: str, request: BarsRequest, partitions: Iterable[Partition]) -> list[_Month]:
    """Return the months of an instrument that can hold rows, ascending."""
    own = [one for one in partitions if one.part("instrument") == instrument]
    bars = {
        one.part("month"): one
        for one in within(own, request.span)
        if one.key.table == "bars" and one.part("freq") == request.freq
    }
    if request.as_of is None:
        return [_Month(instrument, name, bars[name]) for name in sorted(bars)]
    actions = next((one for one in own if one.key.table == "corporate_actions"), None)
    current = is_wholly_known(actions, request.as_of)
    months = []
    for raw in within((one for one in own if one.key.table == "raw_bars"), request.span):
        first, name = known_from(raw), raw.part("month")
        if first is None or first > request.as_of:
            continue
        same = current and name in bars and is_wholly_known(raw, request.as_of)
        months.append(_Month(instrument, name, bars[name] if same else None, raw))
    return sorted(months, key=lambda month: month.name)


def _context(request: BarsRequest, partitions: Iterable[Partition]) -> str:
    """Return what else the rows depend on: the corporate actions of the instruments."""
    actions = (one for one in partitions if one.key.table == "corporate_actions")
    used = [one for one in actions if one.part("instrument") in request.instruments]
    return fingerprint({str(one.key): one.footer.digest for one in used})


def _nothing(request: BarsRequest, partitions: Iterable[Partition]) -> KeyNotFoundError:
    names = ", ".join(request.instruments)
    if request.as_of is not None:
        raw = [
            known_from(one)
            for one in partitions
            if one.key.table == "raw_bars" and one.part("instrument") in request.instruments
        ]
        first = min((stamp for stamp in raw if stamp is not None), default=None)
        return KeyNotFoundError(
            f"nothing of {names} had been delivered by {request.as_of:%Y-%m-%d %H:%M} UTC",
            fix=f"its first archive came {first:%Y-%m-%d %H:%M} UTC" if first else None,
        )
    months = sorted(
        one.part("month")
        for one in partitions
        if one.key.table == "bars"
        and one.part("freq") == request.freq
        and one.part("instrument") in request.instruments
    )
    held = f"the lake holds {months[0]} to {months[-1]}" if months else None
    return KeyNotFoundError(f"no {request.freq} bars of {names} in this span", fix=held)
