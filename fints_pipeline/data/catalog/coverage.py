"""What the lake holds of each series: from when to when, with which holes, how clean."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from fints_pipeline.base.digest import text_digest
from fints_pipeline.base.errors import ConfigError
from fints_pipeline.base.time import months_between
from fints_pipeline.data.catalog.contracts import is_outdated
from fints_pipeline.data.catalog.inventory import Partition

Account = Mapping[str, Any]
_FIRST_STAMPS = ("open_time", "known_at")
_LAST_STAMPS = ("close_time", "known_at")


@dataclass(frozen=True)
class Coverage:
    """One series: a table at one frequency of one instrument.

    Attributes:
        table: For example ``bars``.
        freq: For example ``5m``.
        instrument: ``dataset.SYMBOL``.
        first: Start of the first row, UTC; None where rows carry no time or there are none.
        last: End of the last row, UTC.
        months: Months that are there.
        missing_months: Months between the first and the last that are not.
        rows: Rows of all months.
        size: Bytes of all files.
        sessions: Sessions with a bar; None where no quality report tells.
        filled: Bars of the base frequency that carry the last price forward.
        holes: Bars of the base frequency that the schedule expects and that are missing.
        partial_sessions: Dates of the sessions with holes.
        empty_sessions: Dates of the scheduled sessions without any bar.
        rejected: Delivered rows that cleaning left out.
        digest: Over the months' digests: changes when any content does.
        outdated: Months written with another version of the schema.
    """

    table: str
    freq: str
    instrument: str
    first: datetime | None
    last: datetime | None
    months: tuple[str, ...]
    missing_months: tuple[str, ...]
    rows: int
    size: int
    sessions: int | None
    filled: int | None
    holes: int | None
    partial_sessions: tuple[str, ...]
    empty_sessions: tuple[str, ...]
    rejected: int | None
    digest: str
    outdated: tuple[str, ...]

    @property
    def dataset(self) -> str:
        """The data set that the instrument belongs to."""
        return self.instrument.partition(".")[0]

    @property
    def symbol(self) -> str:
        """The instrument's name within its data set."""
        return self.instrument.partition(".")[2]

    def to_dict(self) -> dict[str, Any]:
        """Return plain values, ready for JSON."""
        content = {"dataset": self.dataset, "symbol": self.symbol, **asdict(self)}
        for name in ("first", "last"):
            content[name] = content[name].isoformat() if content[name] else None
        return content


def accounts_of(partitions: Iterable[Partition]) -> dict[str, dict[str, Account]]:
    """Return cleaning's account of each instrument's months, of those that carry one."""
    accounts: dict[str, dict[str, Account]] = defaultdict(dict)
    for one in partitions:
        if one.key.table == "bars" and one.quality is not None:
            accounts[one.part("instrument")][one.part("month")] = one.quality
    return accounts


def coverage_of(found: Sequence[Partition], accounts: Mapping[str, Account]) -> Coverage:
    """Return the coverage of a series.

    Args:
        found: Its partitions.
        accounts: Cleaning's account of the instrument's months.
    """
    key = found[0].key
    months = tuple(sorted(one.part("month") for one in found))
    known = [accounts[month] for month in months if month in accounts]
    known = known if key.table == "bars" else []
    digests = sorted((one.part("month"), one.footer.digest) for one in found)
    return Coverage(
        table=key.table,
        freq=found[0].part("freq"),
        instrument=found[0].part("instrument"),
        first=min(_edges(found, _FIRST_STAMPS, 0), default=None),
        last=max(_edges(found, _LAST_STAMPS, 1), default=None),
        months=months,
        missing_months=_missing(months),
        rows=sum(one.footer.rows for one in found),
        size=sum(one.size for one in found),
        sessions=_sum(known, "sessions"),
        filled=_sum(known, "filled"),
        holes=_sum(known, "holes"),
        partial_sessions=_join(known, "partial_sessions"),
        empty_sessions=_join(known, "empty_sessions"),
        rejected=_sum(known, "rejected"),
        digest=text_digest(*(f"{month}={digest}" for month, digest in digests)),
        outdated=tuple(sorted(one.part("month") for one in found if is_outdated(one))),
    )


def _edges(found: Sequence[Partition], names: tuple[str, ...], side: int) -> list[datetime]:
    """Return one end of each partition's time, by the first of these columns that it has."""
    edges = []
    for one in found:
        column = next((name for name in names if name in one.ranges), None)
        if column is not None:
            edges.append(one.ranges[column][side])
    return edges


def _missing(months: tuple[str, ...]) -> tuple[str, ...]:
    try:
        return tuple(sorted(set(months_between(months[0], months[-1])) - set(months)))
    except ConfigError:
        return ()  # a table that is not cut by month


def _sum(accounts: list[Account], name: str) -> int | None:
    values = [account[name] for account in accounts if isinstance(account.get(name), int)]
    return sum(values) if values else None


def _join(accounts: list[Account], name: str) -> tuple[str, ...]:
    return tuple(str(date) for account in accounts for date in account.get(name, ()))
