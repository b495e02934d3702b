"""Which files of the inbox staging has to read, from what it found of each last time."""

from __future__ import annotations

from collections.abc import Sequence

from fints_pipeline.base.config import fingerprint
from fints_pipeline.base.lake import Lake
from fints_pipeline.data import action_files, ticker_files
from fints_pipeline.data.delivery_index import IndexEntry, parts_exist
from fints_pipeline.data.inbox import Delivery
from fints_pipeline.data.limits import Limits
from fints_pipeline.data.outside import Outside
from fints_pipeline.data.sources import Source

ANY_TIME = ""
"""Rules of a file that is tried each time, because the mistake may lie in another file."""


def reading_rules(sources: Sequence[Source], others: Outside, limits: Limits) -> str:
    """Return the fingerprint of all that says how files are read."""
    return fingerprint(
        {
            "sources": sorted(source.fingerprint for source in sources),
            "others": sorted(f"{each.name} {each.reading} {each.files}" for each in others.configs),
            "limits": limits,
            "actions": action_files.CODE_VERSION,
            "tickers": ticker_files.CODE_VERSION,
        }
    )


def is_news(delivery: Delivery, entry: IndexEntry | None, rules: str) -> bool:
    """Return whether a file is new, changed, or to be read by other rules than last time."""
    return entry is None or entry.stamp != delivery.stamp or entry.rules != rules


def is_unstaged(delivery: Delivery, entry: IndexEntry | None, lake: Lake, rules: str) -> bool:
    """Return whether a file is news, or has lost rows that it had put into the lake.

    One that is tried each time is not for that alone.
    """
    if entry is not None and entry.rules == ANY_TIME:
        return entry.stamp != delivery.stamp
    if entry is None or is_news(delivery, entry, rules):
        return True
    return not parts_exist(lake, entry.parts)
