"""A staged archive's members into rows of ``raw_bars``, and the corporate actions they record."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from typing import TypeAlias

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from fints_pipeline.base.errors import ArchiveError
from fints_pipeline.base.time import minutes
from fints_pipeline.data.action_files import ACTIONS_SCHEMA
from fints_pipeline.data.archives import Member, StagedArchive
from fints_pipeline.data.calendars import Calendar, Stamps, calendar_for
from fints_pipeline.data.formats._base import PRICES, ParsedBars
from fints_pipeline.data.placing import place_daily, refuse_unplaced, sessions_from
from fints_pipeline.data.slices import RAW_SLICES
from fints_pipeline.data.source_file import SourceFile
from fints_pipeline.data.sources import Claim, Source, source_file, symbol_of
from fints_pipeline.data.tickers import Spell, TickerHistory, notes_on

_STAMP = pa.timestamp("us", "UTC")
NamedSpells: TypeAlias = tuple[str, pa.Table]
_Codes = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Reading:
    """What an archive holds.

    Attributes:
        rows: In the columns of raw_bars, in file order.
        actions: `ACTIONS_SCHEMA`; their ex-dates are sessions.
        notes: What was decided by value, passed over or undone.
        held: Whose the rows are, where files are called after the ticker of their day.
    """

    rows: pa.Table
    actions: pa.Table
    notes: tuple[str, ...]
    held: tuple[Spell, ...] = ()


def read_archive(
    staged: StagedArchive, claim: Claim, archive: str, tickers: TickerHistory
) -> Reading:
    """Read every member that holds bars or actions.

    Args:
        staged: The archive.
        claim: Its dataset and the members to read.
        archive: The archive's file name; errors begin with it.
        tickers: Whose bars lie under which ticker.

    Raises:
        ArchiveError: a member cannot be read; the message names member, row and column.
    """
    source = claim.source
    known_at = source.format.known_at(archive, source.config.timezone) or staged.known_at
    rows, actions, notes, held = [], [], list(claim.notes), list[Spell]()
    for member in claim.members:
        file = source_file(staged, member, source, archive)
        bars = source.format.read(file)
        if not bars.table.num_rows and bars.actions is None:
            raise ArchiveError("the file holds no rows", where=file.where)
        prefix = f"{member.name}: " if member.name != archive else ""
        notes += [f"{prefix}{note}" for note in bars.notes]
        reader = _Reader(source, staged.sha256, known_at, file, bars, tickers)
        rows.append(reader.rows())
        actions.append(reader.actions())
        notes += notes_on(reader.held)
        held += reader.held
    return Reading(
        pa.concat_tables([RAW_SLICES.arrow_schema.empty_table(), *rows]),
        pa.concat_tables([ACTIONS_SCHEMA.empty_table(), *actions]),
        tuple(notes),
        tuple(held),
    )


def read_tickers(
    staged: StagedArchive, source: Source, member: Member, archive: str
) -> NamedSpells:
    """Read a member that tells which tickers its instrument had: the instrument, and the spells.

    Raises:
        ArchiveError: it cannot be read; the message names member and row.
    """
    file = source_file(staged, member, source, archive)
    tickers = source.format.read(file).tickers
    if tickers is None or not tickers.num_rows:
        raise ArchiveError("the file holds no rows", where=file.where)
    return source.config.instrument(symbol_of(source, file)), tickers


@dataclass(frozen=True)
class _Reader:
    """One member's bars, on their way into the lake's columns."""

    source: Source
    archive: str
    known_at: datetime
    file: SourceFile
    bars: ParsedBars
    tickers: TickerHistory

    @cached_property
    def held(self) -> list[Spell]:
        """Whose the bars are; none where the format's files are called after instruments."""
        if not self.source.format.has_tickers or not self.bars.table.num_rows:
            return []
        days = self._days()
        return self.tickers.runs(self._symbol(), days.min().item(), days.max().item())

    def rows(self) -> pa.Table:
        bars, config = self.bars.table, self.source.config
        count = bars.num_rows
        stamps = bars.column("open_time").to_numpy().astype("datetime64[us]")
        instruments, codes = self._instruments()
        refuse_unplaced(stamps, codes, self.file.where)
        opened, closed = self._times(stamps)
        volume = bars.column("volume") if config.has_volume else pa.nulls(count, pa.float64())
        columns = {
            "instrument": instruments,
            "open_time": opened,
            "close_time": closed,
            **{name: bars.column(name) for name in PRICES},
            "volume": volume,
            "archive": pa.repeat(self.archive, count),
            "source_row": bars.column("source_row"),
            "known_at": pa.repeat(pa.scalar(self.known_at, _STAMP), count),
        }
        schema = RAW_SLICES.arrow_schema
        return pa.table([columns[name] for name in schema.names], schema=schema)

    def actions(self) -> pa.Table:
        """Return the member's actions; an ex-date on a closed day moves to the next session."""
        found = self.bars.actions
        if found is None or not found.num_rows:
            return ACTIONS_SCHEMA.empty_table()
        names = found.column("symbol").to_pylist()
        own = "" if all(names) else self._symbol()
        dates = found.column("ex_date").to_numpy().astype("datetime64[D]")
        columns = {
            "instrument": [self.source.config.instrument(name or own) for name in names],
            "ex_date": sessions_from(dates, self._calendar()),
            "kind": found.column("kind"),
            "value": found.column("value"),
            "known_at": pa.repeat(pa.scalar(self.known_at, _STAMP), found.num_rows),
        }
        return pa.table(columns, schema=ACTIONS_SCHEMA)

    def _instruments(self) -> tuple[pa.Array, _Codes | None]:
        """Return each row's instrument, and its number where there are several."""
        config, symbols = self.source.config, self.bars.symbols
        if self.held:
            names = pa.array([config.instrument(run.symbol) for run in self.held])
            ends = np.array([run.last for run in self.held], dtype="datetime64[D]")
            return names.take(pa.array(np.searchsorted(ends, self._days()))), None
        if symbols is None:
            return pa.repeat(config.instrument(self._symbol()), self.bars.table.num_rows), None
        encoded = symbols.dictionary_encode()
        names = pa.array([config.instrument(name) for name in encoded.dictionary.to_pylist()])
        return names.take(encoded.indices), encoded.indices.to_numpy()

    def _days(self) -> Stamps:
        """Return the session date of each bar."""
        stamps: Stamps = self.bars.table.column("open_time").to_numpy().astype("datetime64[us]")
        if not self.source.config.is_daily:
            stamps = self._calendar().trading_day(stamps)
        return np.asarray(stamps, dtype="datetime64[D]")

    def _symbol(self) -> str:
        return symbol_of(self.source, self.file)

    def _calendar(self) -> Calendar:
        """Return the calendar of the file's symbol; of several, that of the dataset."""
        config = self.source.config
        if self.bars.symbols is None:
            return config.calendar_of(self._symbol())
        return calendar_for(config.calendar)

    def _times(self, stamps: npt.NDArray[np.datetime64]) -> tuple[pa.Array, pa.Array]:
        if self.source.config.is_daily:
            opened, closed = place_daily(stamps.astype("datetime64[D]"), self._calendar())
            return _utc(opened), _utc(closed)
        length = np.timedelta64(minutes(self.source.config.base_frequency), "m")
        return _utc(stamps), _utc(stamps + length)


def _utc(stamps: npt.NDArray[np.datetime64]) -> pa.Array:
    return pa.array(stamps.astype("datetime64[us]")).cast(_STAMP)
