"""Former tickers: whom a name meant on a day, and what became of names that are no more."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from datetime import date

from fints_pipeline.base.errors import KeyNotFoundError
from fints_pipeline.base.lake import Lake
from fints_pipeline.data.catalog.inventory import Partition
from fints_pipeline.data.ticker_files import history_of
from fints_pipeline.data.tickers import TODAY, Spell, TickerHistory
from fints_pipeline.schemas.ticker_history import TICKER_HISTORY


@dataclass(frozen=True)
class Renames:
    """The ticker histories of a lake's data sets.

    Attributes:
        histories: By data set.
    """

    histories: dict[str, TickerHistory] = field(default_factory=dict)

    def meant(self, name: str, day: date, known: Collection[str]) -> set[str]:
        """Return the instruments that a bare name meant on a day, one a data set at most.

        A data set in which nobody is known to have had the ticker then answers by today's name.

        Raises:
            KeyNotFoundError: who had the ticker is known, but the lake holds nothing of it.
            ContestedTickerError: two instruments claim it.
        """
        found = set()
        for dataset in {instrument.partition(".")[0] for instrument in known}:
            holder = self.histories.get(dataset, TickerHistory()).holder(name, day)
            instrument = f"{dataset}.{holder or name}"
            if instrument in known:
                found.add(instrument)
            elif holder is not None:
                raise KeyNotFoundError(
                    f"{name} was the ticker of {instrument} on {day}, of which the lake holds "
                    "nothing",
                    fix="put its archives into the inbox",
                )
        return found

    def told(self, name: str) -> str | None:
        """Return what became of a name that no instrument has: whose ticker it was, and when."""
        dataset, dot, ticker = name.partition(".")
        found = [
            (owner, spell)
            for owner, history in sorted(self.histories.items())
            for spell in [
                *history.spells(name),
                *(history.spells(ticker) if dot and owner == dataset else ()),
            ]
        ]
        words = "; ".join(f"{name} {_words(owner, spell)}" for owner, spell in found)
        return f"{words}: ask for the instrument, or for the ticker with as_of" if found else None


def renames_of(lake: Lake, partitions: Iterable[Partition]) -> Renames:
    """Return the histories that a lake holds."""
    keys: dict[str, list[Partition]] = {}
    for one in partitions:
        if one.key.table == TICKER_HISTORY.name:
            keys.setdefault(one.part("instrument").partition(".")[0], []).append(one)
    return Renames(
        {dataset: history_of(lake.read(one.key) for one in own) for dataset, own in keys.items()}
    )


def _words(dataset: str, spell: Spell) -> str:
    if spell.last >= TODAY:
        return (
            f"is the ticker of {dataset}.{spell.symbol} since {spell.first}, of which the lake "
            "holds no bars"
        )
    return f"was the ticker of {dataset}.{spell.symbol} from {spell.first} to {spell.last}"
