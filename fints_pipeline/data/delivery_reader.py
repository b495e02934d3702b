"""One delivered file read by whoever takes it: bars, actions, tickers, a series or news.

Files that name their rows by ticker wait until all that tells whose these were has been read.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from enum import Enum

from fints_pipeline.base.lake import Lake
from fints_pipeline.data import action_files, outside, ticker_files
from fints_pipeline.data.archives import StagedArchive
from fints_pipeline.data.claiming import claim_any
from fints_pipeline.data.delivery_index import IndexEntry
from fints_pipeline.data.inbox import Delivery
from fints_pipeline.data.intake import Pending, read_bars, take_actions, take_tickers
from fints_pipeline.data.outside import Outside, OutsideClaim
from fints_pipeline.data.sources import Source, claim_actions
from fints_pipeline.data.taken import Intake
from fints_pipeline.data.tickers import TickerHistory, from_written
from fints_pipeline.data.unpacking_ahead import UnpackingAhead


class Unread(Enum):
    """Why a file was not read.

    Attributes:
        LATER: It is to be read once all ticker histories are known.
        UNFINISHED: It is still being written.
    """

    LATER = "later"
    UNFINISHED = "unfinished"


class DeliveryReader:
    """Reads the files of one run over an inbox.

    Args:
        lake: The lake.
        sources: The configured data sets.
        others: The configured series and sources of news.
        archives: Stages files.

    Attributes:
        knows_tickers: Whether every file that tells of tickers has been read.
    """

    def __init__(
        self, lake: Lake, sources: Sequence[Source], others: Outside, archives: UnpackingAhead
    ) -> None:
        self.knows_tickers = False
        self._lake = lake
        self._sources = sources
        self._others = others
        self._archives = archives
        self._histories: dict[str, TickerHistory] = {}

    def read(
        self, delivery: Delivery, before_bars: Callable[[str], None]
    ) -> Intake | Pending | Unread | str:
        """Stage and read one file.

        Args:
            delivery: The file.
            before_bars: Called with the file's digest before its bars are read; what it writes to
                the lake is seen.

        Returns:
            What became of it; the digest of a file that holds no bars.

        Raises:
            ArchiveError: the file is refused.
            CalendarError: its calendar does not cover it.
            FormatError: nobody takes it, or several do.
            SchemaError: its rows break the schema.
        """
        staged = self._archives.stage(delivery.path)
        if is_unfinished(delivery):
            return Unread.UNFINISHED
        if action_files.is_action_file(delivery.path.name):
            return self._read_actions(delivery, staged)
        taken = claim_any(staged, delivery.path.name, delivery.folder, self._sources, self._others)
        if isinstance(taken, OutsideClaim):
            return outside.take(self._lake, delivery.relative, staged, taken)
        learned = None
        if taken.tickers and not self.knows_tickers:
            learned = take_tickers(self._lake, delivery.relative, staged, taken)
            self._histories.pop(taken.source.name, None)
        if not taken.members:
            return learned or staged.sha256
        if taken.source.format.has_tickers and not self.knows_tickers:
            return Unread.LATER
        before_bars(staged.sha256)
        history = self._history(taken.source.name)
        return read_bars(self._lake, delivery.relative, staged, taken, history)

    def still_held(self, delivery: Delivery, entry: IndexEntry) -> bool:
        """Return whether the rows that a file names by ticker are still of the same instruments."""
        history = self._history(str(entry.dataset))
        held = from_written(entry.held)
        is_actions = action_files.is_action_file(delivery.path.name)
        return history.owns(held) if is_actions else history.agrees(held)

    def _read_actions(self, delivery: Delivery, staged: StagedArchive) -> Intake | Unread:
        dataset = claim_actions(delivery.folder, self._sources)
        by_ticker = any(each.name == dataset and each.format.has_tickers for each in self._sources)
        if by_ticker and not self.knows_tickers:
            return Unread.LATER
        history = self._history(dataset) if by_ticker else None
        return take_actions(self._lake, delivery.relative, staged, dataset, history)

    def _history(self, dataset: str) -> TickerHistory:
        if dataset not in self._histories:
            self._histories[dataset] = ticker_files.read_history(self._lake, dataset)
        return self._histories[dataset]


def is_unfinished(delivery: Delivery) -> bool:
    """Return whether a file changed, or went away, since it was listed."""
    try:
        status = delivery.path.stat()
    except OSError:
        return True
    return (status.st_size, status.st_mtime_ns) != (delivery.size, delivery.mtime_ns)
