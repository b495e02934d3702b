"""One object over the lake: what there is, how good it is, and its rows."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path
from typing import Literal, overload

import pandas as pd
import pyarrow as pa

from fints_pipeline.base.config import load_config
from fints_pipeline.base.frames import to_pandas
from fints_pipeline.base.lake import Lake
from fints_pipeline.base.locations import Locations
from fints_pipeline.data.catalog.bars import BarsReader
from fints_pipeline.data.catalog.cache import TableCache
from fints_pipeline.data.catalog.contents import Contents
from fints_pipeline.data.catalog.names import columns_of, instruments_of, one_of
from fints_pipeline.data.catalog.query import Parameters, Queries
from fints_pipeline.data.catalog.request import BarsRequest, adjustment, moment
from fints_pipeline.data.catalog.span import Bound, Span
from fints_pipeline.data.config import DatasetConfig
from fints_pipeline.schemas.bars import BARS

CACHE_BYTES = 256 * 2**20


class DataCatalog(Contents):
    """What a lake holds, and a way to its rows that reads no more than it must.

    Every call looks at the lake anew: a partition that was replaced meanwhile is seen. An object
    belongs to one thread.

    Args:
        lake: The lake, or its folder.
        configs: Folder of the YAML files; only ``as_of`` may need it, to clean earlier deliveries.
        cache_bytes: Most memory that repeated reads of bars may take.
    """

    def __init__(
        self,
        lake: Lake | Path | str,
        configs: Path | str = "configs",
        cache_bytes: int = CACHE_BYTES,
    ) -> None:
        super().__init__(lake if isinstance(lake, Lake) else Lake(lake))
        self._locations = Locations(self.lake.location, self.lake.root / "inbox", Path(configs))
        self._cache = TableCache(cache_bytes)
        self._bars = BarsReader(self.lake, self._config, self._cache)
        self._queries: Queries | None = None
        self._queried = -1

    @classmethod
    def from_environment(cls) -> DataCatalog:
        """Return the catalogue of the project that the environment names."""
        locations = Locations.from_environment()
        return cls(locations.lake, locations.configs)

    @overload
    def bars(
        self,
        symbols: str | Sequence[str],
        freq: str,
        start: Bound = ...,
        end: Bound = ...,
        adjust: str = ...,
        as_of: Bound = ...,
        columns: Sequence[str] | None = ...,
        to: Literal["arrow"] = ...,
    ) -> pa.Table: ...

    @overload
    def bars(
        self,
        symbols: str | Sequence[str],
        freq: str,
        start: Bound = ...,
        end: Bound = ...,
        adjust: str = ...,
        as_of: Bound = ...,
        columns: Sequence[str] | None = ...,
        *,
        to: Literal["pandas"],
    ) -> pd.DataFrame: ...

    def bars(
        self,
        symbols: str | Sequence[str],
        freq: str,
        start: Bound = None,
        end: Bound = None,
        adjust: str = "raw",
        as_of: Bound = None,
        columns: Sequence[str] | None = None,
        to: Literal["arrow", "pandas"] = "arrow",
    ) -> pa.Table | pd.DataFrame:
        """Return bars, by instrument in the order asked for, then by time.

        Args:
            symbols: ``dataset.SYMBOL``, or bare symbols that one data set alone has. A bare symbol
                is a ticker of today or, given ``as_of``, of that day; ``dataset.SYMBOL`` is the
                same instrument whatever it was called.
            freq: For example ``5m``.
            start: First session, month or moment (see `Span.of`), included.
            end: Last one, included: bars close at a moment, or earlier.
            adjust: ``raw`` prices, ``split``-adjusted ones, or ``total`` return (dividends too),
                in units of the last bar of the result.
            as_of: Bars as they were then: those that had closed, of restated rows the version
                delivered by then (the first one, where all came later). A date stands for its
                end, UTC.
            columns: Columns of the result, in order; all of them by default.
            to: ``arrow`` or ``pandas``.

        Raises:
            KeyNotFoundError: a symbol, frequency or column does not exist (near ones are named, of
                a former ticker whose it was), or there is nothing in the span.
            ConfigError: a bound or ``adjust`` cannot be understood.
            LakeError: a partition is damaged or of another version's schema.
        """
        found = self.partitions()
        bars = [one for one in found if one.key.table == "bars"]
        known = moment(as_of)
        day = (known - timedelta(microseconds=1)).date() if known is not None else None
        instruments = {one.part("instrument") for one in bars}
        names = instruments_of(symbols, instruments, self._renames(), day)
        for name in names:
            frequencies = {one.part("freq") for one in bars if one.part("instrument") == name}
            one_of(freq, frequencies, "frequency", where=f"bars of {name}")
        request = BarsRequest(
            instruments=tuple(names),
            freq=freq,
            span=Span.of(start, end).until(known),
            adjust=adjustment(adjust),
            as_of=known,
            columns=tuple(columns_of(columns, BARS.arrow_schema.names)),
        )
        table = self._bars.read(request, found)
        return to_pandas(table) if to == "pandas" else table

    def sql(self, query: str, parameters: Parameters | None = None) -> pa.Table:
        """Return the result of one SELECT over the views.

        A view is a table at one frequency (``bars_5m``, ``features_5m``), or a table that has none
        (``predictions``, ``corporate_actions``). Values belong into ``parameters``: a list for
        ``?`` and ``$1``, a mapping for ``$name``. Nothing can be written, and no file but the
        views' own can be read. Sums of many floats can differ in their last digits from run to
        run, since DuckDB adds them in parallel.

        Raises:
            KeyNotFoundError: a view or column does not exist; the message names near ones.
            UserError: the statement is not one SELECT, or fails.
        """
        found = self._inventory.look()
        if self._queries is None or self._queried != self._inventory.version:
            if self._queries is not None:
                self._queries.close()
            self._queries, self._queried = Queries(found), self._inventory.version
        return self._queries.run(query, parameters)

    def _config(self, instrument: str) -> DatasetConfig:
        path = self._locations.dataset_config(instrument)
        return load_config(path, DatasetConfig, section="dataset")
