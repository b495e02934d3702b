"""Whose bars lie under a ticker: instruments change their tickers, and tickers their owners."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, timedelta

from fints_pipeline.base.errors import ArchiveError

UNMAPPED = "UNMAPPED"
"""``WM.UNMAPPED`` is who was called WM when the instrument WM was called something else."""
TODAY = date(2050, 12, 31)
"""The last day of a ticker that is still in use, as LEAN writes it."""
_A_DAY = timedelta(days=1)


class ContestedTickerError(ArchiveError):
    """Two instruments claim one ticker on the same day."""


@dataclass(frozen=True, order=True)
class Spell:
    """Days on which an instrument had a ticker.

    Attributes:
        ticker: The ticker.
        first: First day.
        last: Last day, included.
        symbol: The instrument's symbol.
    """

    ticker: str
    first: date
    last: date
    symbol: str


class TickerHistory:
    """Every spell that is known of one data set.

    Args:
        spells: In any order.
    """

    def __init__(self, spells: Iterable[Spell] = ()) -> None:
        self._spells: dict[str, list[Spell]] = {}
        self._symbols: set[str] = set()
        for spell in sorted(spells):
            self._spells.setdefault(spell.ticker, []).append(spell)
            self._symbols.add(spell.symbol)

    def __bool__(self) -> bool:
        """Return whether anything is known."""
        return bool(self._symbols)

    def spells(self, ticker: str) -> list[Spell]:
        """Return who had a ticker, ascending."""
        return list(self._spells.get(ticker, ()))

    def names(self, symbol: str) -> list[Spell]:
        """Return the tickers that an instrument had, ascending."""
        found = (spell for spells in self._spells.values() for spell in spells)
        return sorted((one for one in found if one.symbol == symbol), key=lambda one: one.first)

    def holder(self, ticker: str, day: date) -> str | None:
        """Return the symbol of who had a ticker on a day, None where nobody is known.

        Raises:
            ContestedTickerError: two instruments claim it.
        """
        found = [one for one in self._spells.get(ticker, ()) if one.first <= day <= one.last]
        if len(found) > 1:
            raise _contested(found[0], found[1])
        return found[0].symbol if found else None

    def owners(self, named: Iterable[tuple[str, date]]) -> list[Spell]:
        """Return whose each corporate action is: it names a ticker of its day, or a symbol.

        Raises:
            ContestedTickerError: two instruments claim a ticker on such a day.
        """
        return [Spell(name, day, day, self.holder(name, day) or name) for name, day in named]

    def owns(self, owners: Sequence[Spell]) -> bool:
        """Return whether corporate actions are of whom `owners` found before.

        Raises:
            ContestedTickerError: as `owners` does.
        """
        return self.owners((one.ticker, one.first) for one in owners) == list(owners)

    def runs(self, ticker: str, first: date, last: date) -> list[Spell]:
        """Cut the days of bars that were filed under a ticker by whose they are.

        Where nobody is known to have had the ticker, they are of the instrument of that very name,
        unless its own history says that it had another one then: who it was instead is not known,
        and its bars are kept apart as ``<ticker>.UNMAPPED``.

        Args:
            ticker: The ticker.
            first: First day of the bars.
            last: Last day, included.

        Returns:
            Spells that cover the days without a gap, ascending.

        Raises:
            ContestedTickerError: two instruments claim the ticker on one of the days.
        """
        unknown = f"{ticker}.{UNMAPPED}" if ticker in self._symbols else ticker
        runs: list[Spell] = []
        due = first
        held = [one for one in self._spells.get(ticker, ()) if one.first <= last]
        longest: Spell | None = None
        for one in held:
            before = longest
            if longest is None or one.last > longest.last:
                longest = one
            if one.last < first:
                continue
            if before is not None and before.last >= max(one.first, first):
                raise _contested(before, one)
            if one.first > due:
                runs.append(Spell(ticker, due, one.first - _A_DAY, unknown))
            until = min(one.last, last)
            runs.append(Spell(ticker, max(one.first, due), until, one.symbol))
            due = until + _A_DAY
        if due <= last:
            runs.append(Spell(ticker, due, last, unknown))
        return runs

    def agrees(self, runs: Sequence[Spell]) -> bool:
        """Return whether bars that were told apart by an earlier history would be again.

        Raises:
            ContestedTickerError: as `runs` does.
        """
        return all(
            {one.symbol for one in self.runs(run.ticker, run.first, run.last)} == {run.symbol}
            for run in runs
        )


def written(runs: Iterable[Spell]) -> list[list[str]]:
    """Return spells as JSON has them."""
    return [[one.ticker, str(one.first), str(one.last), one.symbol] for one in runs]


def from_written(rows: Iterable[Sequence[str]]) -> tuple[Spell, ...]:
    """Return the spells that `written` wrote.

    Raises:
        ValueError: these are none.
    """
    return tuple(
        Spell(ticker, date.fromisoformat(first), date.fromisoformat(last), symbol)
        for ticker, first, last, symbol in rows
    )


def notes_on(runs: Iterable[Spell]) -> list[str]:
    """Say in words which bars are not of the instrument that their file is called after."""
    told = []
    for run in runs:
        if run.symbol == f"{run.ticker}.{UNMAPPED}":
            told.append(
                f"bars of {run.ticker} from {run.first} to {run.last} are of an instrument that no "
                f"map file names; kept apart as {run.symbol}"
            )
        elif run.symbol != run.ticker:
            told.append(f"bars of {run.ticker} from {run.first} to {run.last} are {run.symbol}'s")
    return told


def _contested(one: Spell, other: Spell) -> ContestedTickerError:
    day = max(one.first, other.first)
    return ContestedTickerError(
        f"two map files claim the ticker {one.ticker} on {day}: {one.symbol} and {other.symbol}",
        fix="correct one of them and put it into the inbox again",
    )
