"""Make the months that are missing or out of date, headless, with progress, and nothing else.

    python -m fints_pipeline.backfill                                     # all of it
    python -m fints_pipeline.backfill --symbols BTCUSDT ETHUSDT --from 2023-01 --to 2023-06
    python -m fints_pipeline.backfill --dry-run                           # what, and why

Each month is a run of the `data` job in the Dagster instance of DAGSTER_HOME, so it shows on the
page. What is done stays done: after a failure, or an interruption by Ctrl-C or kill, the same
command goes on where it was. A month that fails leaves out its instrument's later months, whose
tokens start from it, and no other instrument's.
"""

from __future__ import annotations

import argparse
import re
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from fints_pipeline.base import cli
from fints_pipeline.base.errors import ConfigError, KeyNotFoundError, UserError, nearest
from fints_pipeline.base.locations import Locations

if TYPE_CHECKING:
    from fints_pipeline.defs.reconcile import Outdated

Build = Callable[[str, str, Sequence[str]], None]


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


@dataclass
class Outcome:
    """What a backfill did.

    Attributes:
        made: instrument-months made, each once a round.
        failed: the message of each instrument's failure, by ``instrument month``.
        left: instrument-months that were left out since an earlier month failed.
    """

    made: int = 0
    failed: dict[str, str] = field(default_factory=dict)
    left: int = 0


def backfill(
    locations: Locations, wanted: Wanted, build: Build, say: Callable[[str], None] = print
) -> Outcome:
    """Make what is missing or stale among the wanted months, until nothing is.

    Labels wait for the month after theirs, and a restated month makes later ones stale, so the
    lake is asked again after each round.

    Args:
        locations: Lake and configs.
        wanted: Which months.
        build: Makes some assets of an instrument's month; raises `UserError` when it fails.
        say: Prints a line.
    """
    outcome = Outcome()
    broken: set[str] = set()
    done: set[str] = set()
    while work := [item for item in _work(locations, wanted) if item.fingerprint not in done]:
        for number, item in enumerate(work, start=1):
            done.add(item.fingerprint)
            if item.instrument in broken:
                outcome.left += 1
                continue
            started = time.perf_counter()
            name = f"{item.instrument} {item.month}"
            try:
                build(item.instrument, item.month, item.assets)
            except UserError as error:
                broken.add(item.instrument)
                outcome.failed[name] = str(error)
                say(f"  {number}/{len(work)}  {name}  FAILED")
                continue
            outcome.made += 1
            seconds = time.perf_counter() - started
            say(f"  {number}/{len(work)}  {name}  {' '.join(item.assets)}  {seconds:.1f} s")
    return outcome


def _work(locations: Locations, wanted: Wanted) -> Iterator[Outdated]:
    from fints_pipeline.defs.reconcile import outdated

    return (item for item in outdated(locations) if item in wanted)


def choose(locations: Locations, symbols: Sequence[str]) -> frozenset[str]:
    """Return the staged instruments that ``symbols`` name, as SYMBOL or dataset.SYMBOL.

    Raises:
        KeyNotFoundError: one of them was never staged.
    """
    from fints_pipeline.defs.reconcile import instruments

    known = instruments(locations.lake)
    chosen: set[str] = set()
    for symbol in symbols:
        found = {name for name in known if symbol in (name, name.partition(".")[2])}
        if not found:
            raise KeyNotFoundError(
                f"no archive of {symbol!r} has been staged",
                where=str(locations.lake.root),
                fix=nearest(symbol, known) or "put archives into the inbox and run `ingest`",
            )
        chosen |= found
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
    if arguments.dry_run:
        wanted = Wanted(choose(locations, arguments.symbols), arguments.first, arguments.last)
        return _show(_work(locations, wanted))
    from fints_pipeline.definitions import build
    from fints_pipeline.defs.launch import launcher

    with launcher(build(locations)) as jobs:
        if not arguments.no_ingest and locations.inbox.is_dir():
            jobs.ingest()
        wanted = Wanted(choose(locations, arguments.symbols), arguments.first, arguments.last)
        outcome = backfill(locations, wanted, jobs.series)
    return _close(outcome)


def _show(work: Iterator[Outdated]) -> int:
    count = 0
    for count, item in enumerate(work, start=1):  # noqa: B007  the count is what is left of it
        print(f"{item.instrument} {item.month}  {' '.join(item.assets)}\n    {item.cause}")
    print(f"{count} months to make" if count else "nothing is stale")
    return 0


def _close(outcome: Outcome) -> int:
    print(f"{outcome.made} made" if outcome.made or outcome.failed else "nothing was stale")
    for name, message in outcome.failed.items():
        print(f"FAILED {name}: {message}", file=sys.stderr)
    if outcome.left:
        print(
            f"{outcome.left} later months were left out; mend the above and run again",
            file=sys.stderr,
        )
    return 1 if outcome.failed else 0


if __name__ == "__main__":
    sys.exit(cli.run(main))
