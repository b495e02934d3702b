"""Makes partitions of one instrument, and before them what they need."""

from collections.abc import Iterable, Iterator
from dataclasses import replace

import dagster as dg

from fints_pipeline.base.digest import text_digest
from fints_pipeline.base.errors import UserError
from fints_pipeline.base.lake import Lake
from fints_pipeline.base.lake.lineage import ABSENT, current_digest
from fints_pipeline.defs.cadence import PERIOD, months_of, period_of
from fints_pipeline.defs.events import Made, Reporter, Verdict
from fints_pipeline.defs.instrument import TABLES, Instrument
from fints_pipeline.defs.partitions import series_partition
from fints_pipeline.defs.sources import ensured
from fints_pipeline.defs.stages import STAGES, described
from fints_pipeline.defs.unmade import Unmade

Event = (
    dg.AssetMaterialization
    | dg.AssetObservation
    | dg.AssetCheckEvaluation
    | dg.MaterializeResult
    | dg.Output
)


class Maker:
    """Makes partitions of one instrument, and before them what they need.

    Args:
        instrument: The instrument; nobody else may write its series meanwhile.
        reporter: Makes the events.
        failed: Partitions of the instrument that could not be made; none is tried again.
    """

    def __init__(
        self, instrument: Instrument, reporter: Reporter, failed: Iterable[Unmade] = ()
    ) -> None:
        self._instrument = instrument
        self._reporter = reporter
        self._current: set[tuple[str, str]] = set()
        self._failed = {(each.asset, each.month) for each in failed}

    def reported(self, asset: str, month: str) -> Event:
        """Return the event of a partition that lies in the lake already."""
        self._current.add((asset, month))
        return self._event(asset, month, described(asset, self._instrument, month))

    def remake(self, asset: str, month: str) -> Iterator[Event]:
        """Make a partition, whether it is current or not, and what it needs if that is not.

        Raises:
            UserError: it, or something that it needs, cannot be made.
        """
        try:
            yield from self._remade(asset, month)
        except Exception:
            self._failed.add((asset, month))
            raise

    def _needs(self, asset: str, month: str) -> list[tuple[str, str]]:
        """Return the partitions without which one cannot be made, in order."""
        if asset == "bars":
            return []
        needed = [("bars", month)]
        if asset == "features" and self._instrument.features.news:
            needed += [("news_bars", month)] if "news_bars" in self._instrument.tables else []
        if asset == "labels" and self._instrument.labels.features:
            needed.append(("features", month))
        if asset == "brooks_tokens":
            earlier = [other for other in self._instrument.staged() if other < month]
            needed = [("bars", other) for other in earlier] + needed
            needed += [(asset, other) for other in earlier]
        return needed

    def _remade(self, asset: str, month: str) -> Iterator[Event]:
        for needed in self._needs(asset, month):
            yield from self._ensure(*needed)
        yield from self._ensure_sources(asset)
        while True:
            made: Made | None = None
            for item in STAGES[asset](self._instrument, month):
                if isinstance(item, Verdict):
                    name = self._instrument.name
                    partition = series_partition(name, month)
                    yield self._reporter.evaluation(asset, partition, item)
                else:
                    made = item
            assert made is not None, f"stage {asset} made nothing"
            self._current.add((asset, month))
            yield from self._inputs(made)
            if all(current_digest(self._lake, key) == was for key, was in made.inputs.items()):
                break
        yield self._event(asset, month, made)

    def _ensure(self, asset: str, month: str) -> Iterator[Event]:
        """Make a partition if it is missing or out of date, unless that failed already."""
        if (asset, month) in self._failed:
            raise UserError(f"needs {asset} of {month}, which could not be made")
        if (asset, month) in self._current:
            return
        if self._instrument.stale(asset, month):
            yield from self.remake(asset, month)
        self._current.add((asset, month))

    def _ensure_sources(self, asset: str) -> Iterator[Event]:
        """Make what comes from outside and is out of date, each once."""
        outside = {
            "features": ("exogenous_series", self._instrument.series_read),
            "news_bars": ("news_items", self._instrument.subjects),
        }
        source, names = outside.get(asset, ("", ()))
        for name in names:
            if (source, name) not in self._current:
                yield from ensured(self._reporter, source, self._instrument.locations, name)
                self._current.add((source, name))

    def _inputs(self, made: Made) -> Iterator[Event]:
        """Make what a partition was made from, or would have been, if that is not current.

        Months that follow are an input of labels, which are null where those are not there; one
        that cannot be made is left to whoever asks for it.
        """
        staged = set(self._instrument.staged())
        for key, digest in made.inputs.items():
            asset, month = TABLES.get(key.partition("/")[0]), key.rpartition("/")[2]
            if asset is None or month not in staged or asset not in self._instrument.tables:
                continue
            try:
                yield from self._ensure(asset, month)
            except Exception:
                if digest != ABSENT:
                    raise

    def _event(self, asset: str, month: str, made: Made) -> Event:
        if PERIOD > 1:
            made = replace(made, version=self._version(asset, month))
        partition = series_partition(self._instrument.name, month)
        return self._reporter.materialization(asset, partition, made)

    def _version(self, asset: str, month: str) -> str:
        """Return the version of the period that a month lies in: what it holds at present."""
        months = [
            other for other in months_of(period_of(month)) if not self._is_missing(asset, other)
        ]
        digests = (described(asset, self._instrument, other).version for other in months)
        return text_digest(*digests)

    def _is_missing(self, asset: str, month: str) -> bool:
        return not all(self._lake.exists(key) for key in self._instrument.keys(asset, month))

    @property
    def _lake(self) -> Lake:
        return self._instrument.lake
