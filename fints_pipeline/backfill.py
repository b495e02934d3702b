"""Make the months that are missing or out of date, headless, with progress, and nothing else.

    python -m fints_pipeline.backfill                                     # all of it
    python -m fints_pipeline.backfill --symbols BTCUSDT ETHUSDT --from 2023-01 --to 2023-06
    python -m fints_pipeline.backfill --dry-run                           # what, and why
    python -m fints_pipeline.backfill --folds                             # and models that read it

Each instrument is a run of the `data` job in the Dagster instance of DAGSTER_HOME, with events of
each month, so it shows on the page. What is done stays done: after a failure, or an interruption by
Ctrl-C or kill, the same command goes on where it was. A month that fails stops no other, but for
what is made from it, and an instrument or a source that fails stops no other.

With `--folds` what is then out of date of folds that were trained, of backtests and of reports is
made too; with `--folds all` the folds that were never trained as well.
"""

from __future__ import annotations

import argparse
import re
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, MutableMapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from fints_pipeline.base import cli
from fints_pipeline.base.errors import ConfigError, KeyNotFoundError, UserError, nearest
from fints_pipeline.base.locations import Locations

if TYPE_CHECKING:
    from fints_pipeline.base.lake.snapshot import Snapshot
    from fints_pipeline.defs.deliveries import OutdatedSource
    from fints_pipeline.defs.launch import Launcher
    from fints_pipeline.defs.reconcile import Outdated
    from fints_pipeline.defs.steps import Step

Told = Callable[[str, str], None]
Refresh = Callable[[str, str, str, Told], None]


@dataclass(frozen=True)
class Wanted:
    """Which months to look at.

    Attributes:
        instruments: ``dataset.SYMBOL``; empty takes all that were staged.
        first: First month, inclusive, for example ``2023-01``; None has no bound.
        last: Last month, inclusive; None has no bound.
    """

    instruments: frozenset[str] = frozenset()
    first: str | None = None
    last: str | None = None

    def __contains__(self, item: Outdated) -> bool:
        """Return whether an instrument's month is wanted."""
        return (
            (not self.instruments or item.instrument in self.instruments)
            and (self.first is None or item.month >= self.first)
            and (self.last is None or item.month <= self.last)
        )

    def span(self, staged: Sequence[str]) -> tuple[str, str]:
        """Return the first and the last wanted month of those that were staged, ascending.

        All between them are looked at: what is made makes others stale, earlier labels too.
        """
        return max(self.first or staged[0], staged[0]), min(self.last or staged[-1], staged[-1])


@dataclass
class Outcome:
    """What a backfill did.

    Attributes:
        made: Partitions made, each asset's month counted.
        failed: The message of each failure, by instrument, data set or experiment.
        steps: Jobs that ran for folds and experiments.
        sources: Exogenous series and subjects of news made.
    """

    made: int = 0
    failed: dict[str, str] = field(default_factory=dict)
    steps: int = 0
    sources: int = 0


def backfill(
    locations: Locations, wanted: Wanted, refresh: Refresh, say: Callable[[str], None] = print
) -> Outcome:
    """Make what is missing or stale among the wanted months, and what becomes stale thereby.

    Args:
        locations: Lake and configs.
        wanted: Which months.
        refresh: Makes what is stale of an instrument's months from a first to a last, telling each
            asset and partition; raises when some could not be made.
        say: Prints a line.
    """
    from fints_pipeline.defs.instrument import Instrument

    outcome = Outcome()
    work: dict[str, list[Outdated]] = {}
    for item in _work(locations, wanted, refused=outcome.failed):
        work.setdefault(item.instrument, []).append(item)
    counter = _Counter(sum(len(item.assets) for items in work.values() for item in items), say)
    for instrument in work:
        first, last = wanted.span(Instrument(locations, instrument).staged())
        counter.begin()
        try:
            refresh(instrument, first, last, counter.tell)
        except Exception as error:  # whatever it is, it is of this instrument alone
            outcome.failed[instrument] = str(error)
            say(f"  {instrument}  FAILED")
    outcome.made = counter.made
    return outcome


class _Counter:
    """Says each partition with its number; what becomes stale on the way is counted as it comes."""

    def __init__(self, due: int, say: Callable[[str], None]) -> None:
        self.made = 0
        self._due = due
        self._say = say
        self._last = 0.0

    def begin(self) -> None:
        self._last = time.perf_counter()

    def tell(self, asset: str, partition: str) -> None:
        self.made += 1
        now = time.perf_counter()
        of = max(self._due, self.made)
        self._say(f"  {self.made}/{of}  {partition}  {asset}  {now - self._last:.1f} s")
        self._last = now


def _work(
    locations: Locations,
    wanted: Wanted,
    known: Snapshot | None = None,
    refused: MutableMapping[str, str] | None = None,
) -> Iterator[Outdated]:
    from fints_pipeline.defs.reconcile import outdated

    found = outdated(locations, wanted.instruments, known, refused)
    return (item for item in found if item in wanted)


def choose(
    locations: Locations, symbols: Sequence[str], *, arriving: bool = False
) -> frozenset[str]:
    """Return the staged instruments that ``symbols`` name, as SYMBOL or dataset.SYMBOL.

    Args:
        locations: Lake and configs.
        symbols: The names.
        arriving: Whether archives lie in the inbox that may hold what was never staged: such a name
            is then returned as it is, and names nothing yet.

    Raises:
        KeyNotFoundError: one of them was never staged, and nothing is arriving.
    """
    from fints_pipeline.defs.reconcile import instruments

    known = instruments(locations.lake)
    chosen: set[str] = set()
    for symbol in symbols:
        found = {name for name in known if symbol in (name, name.partition(".")[2])}
        if not found and not arriving:
            raise KeyNotFoundError(
                f"no archive of {symbol!r} has been staged",
                where=locations.lake.location,
                fix=nearest(symbol, known) or "put archives into the inbox and run `ingest`",
            )
        chosen |= found or {symbol}  # none at all would mean all of them
    return frozenset(chosen)


def parse(argv: Sequence[str] | None) -> argparse.Namespace:
    """Return the command line's arguments."""
    parser = argparse.ArgumentParser(
        prog="python -m fints_pipeline.backfill",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--symbols", nargs="+", default=[], metavar="SYMBOL", help="default: all")
    parser.add_argument("--from", dest="first", type=_month, metavar="YYYY-MM")
    parser.add_argument("--to", dest="last", type=_month, metavar="YYYY-MM")
    parser.add_argument("--dry-run", action="store_true", help="print what is stale and why")
    parser.add_argument(
        "--folds",
        nargs="?",
        const="stale",
        choices=["stale", "all"],
        help="make folds and backtests that are out of date too; `all`: those never made as well",
    )
    parser.add_argument("--no-ingest", action="store_true", help="leave the inbox alone")
    return parser.parse_args(argv)


def _month(text: str) -> str:
    if not re.fullmatch(r"\d{4}-(0[1-9]|1[0-2])", text):
        raise argparse.ArgumentTypeError(f"{text!r} is not a month; write it like 2023-01")
    return text


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line."""
    arguments = parse(argv)
    if arguments.first and arguments.last and arguments.first > arguments.last:
        raise ConfigError(f"--from {arguments.first} is after --to {arguments.last}")
    locations = Locations.from_environment()
    if not arguments.no_ingest:
        _warn_of_no_inbox(locations)
    if arguments.dry_run:
        from fints_pipeline.defs.deliveries import outdated_sources
        from fints_pipeline.defs.reconcile import look

        _warn(locations)
        refused: dict[str, str] = {}
        files = [] if arguments.no_ingest else _arriving(locations, refused)
        unknown = bool(files) or bool(refused)  # what the inbox holds
        chosen = choose(locations, arguments.symbols, arriving=unknown)
        wanted = Wanted(chosen, arguments.first, arguments.last)
        known = look(locations)
        work = _work(locations, wanted, known, refused)
        steps = _steps(locations, arguments.folds)
        shown = _show(outdated_sources(locations, known), work, steps, arriving=unknown)
        return shown or _tell_failed(refused)
    from fints_pipeline.definitions import build
    from fints_pipeline.defs.launch import launcher

    with launcher(build(locations)) as jobs:
        failed = {} if arguments.no_ingest else _ingest(locations, jobs)
        others = _others(locations)
        unmade = make_sources(others, jobs.source)
        wanted = Wanted(choose(locations, arguments.symbols), arguments.first, arguments.last)
        _warn(locations)
        outcome = backfill(locations, wanted, jobs.refresh)
        if arguments.folds:
            _renew(locations, jobs, outcome, new=arguments.folds == "all")
    outcome.sources = len(others) - len(unmade)
    outcome.failed |= failed | unmade
    return _close(outcome)


def make_sources(
    stale: Iterable[OutdatedSource], make: Callable[[str, str], None]
) -> dict[str, str]:
    """Make series and subjects of news; return the message of each that failed.

    Args:
        stale: What is missing or out of date.
        make: Runs a job for one of them.
    """
    failed = {}
    for source in stale:
        try:
            make(source.job, source.name)
        except Exception as error:  # of this one alone: the bars do without, or fail by it in turn
            failed[source.name] = str(error)
        print(f"  {source.name}  {'FAILED' if source.name in failed else source.asset}")
    return failed


def _ingest(locations: Locations, jobs: Launcher) -> dict[str, str]:
    """Stage the inbox, if there is one; return the message of a failure.

    What is staged already can be made all the same.
    """
    failed = {}
    if locations.inbox.is_dir():
        try:
            jobs.ingest()
        except Exception as error:
            failed["ingest"] = str(error)
            print("  ingest  FAILED")
        _tell_refused(locations)
    return failed


def _tell_refused(locations: Locations) -> None:
    """Name the archives in the inbox that stand refused."""
    from fints_pipeline.data.quarantine import Quarantine

    for record in Quarantine(locations.lake.root).standing():
        fix = f" ({record.fix})" if record.fix else ""
        print(f"warning: {record.path} is refused: {record.reason}{fix}", file=sys.stderr)


def _warn_of_no_inbox(locations: Locations) -> None:
    from fints_pipeline.defs.arriving import missing
    from fints_pipeline.defs.reconcile import instruments

    if locations.inbox.is_dir():
        return
    if warning := missing(locations, staged=bool(instruments(locations.lake))):
        print(f"warning: {warning}", file=sys.stderr)


def _warn(locations: Locations) -> None:
    """Say when archives reach back too far, or are more than Dagster's page bears."""
    from fints_pipeline.defs.cadence import too_early, too_many
    from fints_pipeline.defs.reconcile import first_staged, look

    known = look(locations)
    names = known.instruments("raw_bars")
    for warning in (too_early(first_staged(known)), too_many(len(names))):
        if warning:
            print(f"warning: {warning}", file=sys.stderr)


def _others(locations: Locations) -> list[OutdatedSource]:
    from fints_pipeline.defs.deliveries import outdated_sources
    from fints_pipeline.defs.reconcile import look

    return list(outdated_sources(locations, look(locations)))


def _arriving(locations: Locations, refused: MutableMapping[str, str]) -> list[str]:
    """Say which files of the inbox are to be ingested first, and return them."""
    from fints_pipeline.defs.arriving import arriving, told

    try:
        files = arriving(locations)
    except UserError as error:  # what is staged can be looked at all the same
        refused["inbox"] = str(error)
        return []
    if files:
        print(told(files))
    return files


def _steps(locations: Locations, folds: str | None) -> Iterator[Step]:
    if not folds:
        return iter(())
    from fints_pipeline.defs.renewal import planned

    return planned(locations, new=folds == "all")


def _renew(locations: Locations, jobs: Launcher, outcome: Outcome, *, new: bool) -> None:
    """Make what is out of date of folds and experiments."""
    from fints_pipeline.defs.renewal import renew

    renewed = renew(locations, jobs, new=new)
    outcome.steps = renewed.steps
    outcome.failed |= renewed.failed


def _show(
    others: Iterator[OutdatedSource],
    work: Iterator[Outdated],
    steps: Iterable[Step] = (),
    *,
    arriving: bool = False,
) -> int:
    sources = 0
    for sources, other in enumerate(others, start=1):  # noqa: B007
        print(f"{other.name}  {other.asset}\n    {other.cause}")
    count = 0
    for count, item in enumerate(work, start=1):  # noqa: B007  the count is what is left of it
        print(f"{item.instrument} {item.month}  {' '.join(item.assets)}\n    {item.cause}")
    due = 0
    for due, step in enumerate(steps, start=1):  # noqa: B007
        print(f"{step.name}\n    {f'{chr(10)}    '.join(step.reasons)}")
    told = [f"{sources} series or subjects of news to make"] * bool(sources)
    told += [f"{count} months to make"] * bool(count) + [f"{due} jobs to run"] * bool(due)
    nothing = "nothing of what is staged is stale" if arriving else "nothing is stale"
    print(", ".join(told) or nothing)
    return 0


def _close(outcome: Outcome) -> int:
    told = [f"{outcome.sources} series or subjects of news made"] * bool(outcome.sources)
    told += [f"{outcome.made} partitions made"] * bool(outcome.made)
    told += [f"{outcome.steps} jobs run"] * bool(outcome.steps)
    if told or not outcome.failed:
        print(", ".join(told) or "nothing was stale")
    return _tell_failed(outcome.failed)


def _tell_failed(failed: Mapping[str, str]) -> int:
    for name, message in failed.items():
        print(f"FAILED {name}: {message}", file=sys.stderr)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(cli.run(main))
