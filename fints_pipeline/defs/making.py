"""Makes an asset's partitions one by one in one run, each with events of its own.

A partition is never made from an input that is missing or out of date: such an input is made first,
whoever asked for it. So any set of partitions, launched in any order, from any number of runs, ends
as one pass over the whole history would.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import dagster as dg

from fints_pipeline.base.digest import text_digest
from fints_pipeline.base.lake import Lake
from fints_pipeline.defs.cadence import PERIOD, months_of, period_of
from fints_pipeline.defs.events import NOT_ASKED_FOR, NOTHING_DELIVERED, Made, Reporter, ends
from fints_pipeline.defs.instrument import OPTIONAL, Instrument
from fints_pipeline.defs.maker import Event, Maker
from fints_pipeline.defs.partitions import series_partition
from fints_pipeline.defs.resources import Project
from fints_pipeline.defs.sqlite import kept_open
from fints_pipeline.defs.targets import targets
from fints_pipeline.defs.unmade import Unmade, summary, unmade, unmade_before


def make(context: dg.AssetExecutionContext, project: Project, asset: str) -> Iterator[Event]:
    """Make the run's partitions of one asset; yield each one's events as soon as it is made.

    A partition that fails stops no other, except those that are made from it. What was made stays.
    Dagster skips what follows a failed step, which would keep sound months from being made, so the
    last step fails, and only when nothing at all could be made does one before it.

    Raises:
        UserError: some could not be made, here or in a step before; all that could were.
        RuntimeError: the same, and something broke.
    """
    with kept_open(context.instance, context.run.run_id):
        sweep = _Sweep(context, project, asset)
        yield from sweep.make()
        for each in sweep.failed:
            yield each.observation()
    sweep.settle()
    yield from ends(context)


@contextmanager
def alone(lake: Lake, instrument: str, busy: Callable[[], None] | None = None) -> Iterator[None]:
    """Keep other runs from writing an instrument's series meanwhile; a killed run lets go.

    ``busy`` is called before waiting for one.
    """
    with lake.store.locked(f"series-{text_digest(instrument)}", busy):
        yield


class _Sweep:
    """One step's pass over a run's partitions of an asset.

    Attributes:
        failed: What could not be made so far.
    """

    def __init__(self, context: dg.AssetExecutionContext, project: Project, asset: str) -> None:
        self.failed: list[Unmade] = []
        self._error: Exception | None = None
        self._context = context
        self._project = project
        self._asset = asset
        self._wanted = targets(context)
        self._reporter = Reporter(context)
        self._before = unmade_before(context.instance, context.run.run_id)
        self._known: set[str] = set()
        if self._wanted.only_stale:
            key = dg.AssetKey(asset)
            self._known |= context.instance.get_materialized_partitions(key)

    def make(self) -> Iterator[Event]:
        """Make what the run asks for, instrument by instrument."""
        for name, months in self._wanted.months.items():
            try:
                yield from self._instrument(Instrument(self._project.locations, name), months)
            except Exception as error:
                self._note(name, "", error)

    def settle(self) -> None:
        """Raise what could not be made, unless a later step will."""
        asked = sum(map(len, self._wanted.months.values()))
        if not self.failed and not (self._before and self._is_last()):
            return
        if asked == 1 and self._error is not None:
            raise self._error
        error = summary(self._asset, self.failed, asked, self._before)
        if self._is_last() or len(self.failed) >= asked:
            raise error
        self._context.log.error(str(error))

    def _instrument(self, instrument: Instrument, months: tuple[str, ...]) -> Iterator[Event]:
        if self._asset not in instrument.tables:
            yield from self._unasked(instrument, months)
            return
        with alone(instrument.lake, instrument.name, self._reporter.waits(instrument.name)):
            failed = [each for each in self._before if each.instrument == instrument.name]
            maker = Maker(instrument, self._reporter, failed)
            staged = set(instrument.staged())
            for month in months:
                try:
                    yield from self._month(maker, instrument, month, staged)
                except Exception as error:
                    self._note(instrument.name, month, error)

    def _unasked(self, instrument: Instrument, months: tuple[str, ...]) -> Iterator[Event]:
        """Pass over an asset that the data set has no section for, or refuse to."""
        if self._wanted.only_stale:
            return
        if self._asset not in OPTIONAL:
            instrument.require(self._asset)
        for month in months:
            yield self._said(instrument, month, NOT_ASKED_FOR)

    def _month(
        self, maker: Maker, instrument: Instrument, month: str, staged: set[str]
    ) -> Iterator[Event]:
        wanted, asset = self._wanted, self._asset
        if month not in staged and (wanted.is_sweep or PERIOD > 1):
            if not wanted.only_stale and staged.isdisjoint(months_of(period_of(month))):
                yield self._said(instrument, month, NOTHING_DELIVERED)
        elif not (wanted.only_stale or wanted.again) or instrument.stale(asset, month):
            yield from maker.remake(asset, month)
        elif wanted.again or str(series_partition(instrument.name, month)) not in self._known:
            yield maker.reported(asset, month)

    def _said(self, instrument: Instrument, month: str, what: Made) -> Event:
        partition = series_partition(instrument.name, month)
        return self._reporter.materialization(self._asset, partition, what)

    def _note(self, instrument: str, month: str, error: Exception) -> None:
        self._error = error
        self.failed.append(unmade(self._asset, instrument, month, error, self._context.log))

    def _is_last(self) -> bool:
        """Return whether no other step of the run follows this one."""
        key = dg.AssetKey(self._asset)
        graph = self._context.job_def.asset_layer.asset_graph
        return graph.get(key).child_keys.isdisjoint(graph.executable_asset_keys - {key})
