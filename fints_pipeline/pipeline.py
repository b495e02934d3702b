"""The whole way in one command: ingest, data, pretrain, train, backtest.

``python -m fints_pipeline.pipeline --experiment demo`` runs the jobs of the Dagster code location
in order and in this process, with their events recorded in the Dagster instance of
``DAGSTER_HOME``. Months that are up to date are left alone.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

from fints_pipeline.base import cli
from fints_pipeline.base.errors import UserError
from fints_pipeline.base.lake import BundleKey
from fints_pipeline.base.locations import Locations

if TYPE_CHECKING:
    from fints_pipeline.defs.launch import Launcher


class Progress:
    """Prints each step with the seconds that it took."""

    def step(self, job: str, what: str, run: Callable[..., None], *arguments: object) -> None:
        """Run one step and print its line."""
        started = time.perf_counter()
        run(*arguments)
        print(f"  {job:<9} {what:<56} {time.perf_counter() - started:6.1f} s", flush=True)


def ingest_and_build(launcher: Launcher, locations: Locations, progress: Progress) -> None:
    """Stage the inbox, then make every missing or stale series, news and month of an instrument.

    Raises:
        UserError: a month could not be made, or stays stale although its job has run.
    """
    from fints_pipeline.defs.deliveries import outdated_sources
    from fints_pipeline.defs.instrument import Instrument
    from fints_pipeline.defs.reconcile import look, outdated

    progress.step("ingest", str(locations.inbox), launcher.ingest)
    for source in list(outdated_sources(locations, look(locations))):
        progress.step(source.job, source.name, launcher.source, source.job, source.name)
    for instrument in sorted({item.instrument for item in outdated(locations)}):
        staged = Instrument(locations, instrument).staged()
        span = staged[0], staged[-1]
        what = f"{instrument} {span[0]} to {span[1]}"
        progress.step("data", what, launcher.refresh, instrument, *span)
    if left := next(outdated(locations), None):
        raise UserError(
            f"{left.instrument} {left.month} is still stale after its run: {left.cause}"
        )


def train_and_test(
    launcher: Launcher, locations: Locations, experiments: Iterable[str], progress: Progress
) -> None:
    """Pretrain, train and predict every fold of each experiment, then backtest and report it."""
    from fints_pipeline import train
    from fints_pipeline.training.config import load_experiment

    progress.step("folds", str(locations.configs / "train"), launcher.folds)
    for name in experiments:
        experiment = load_experiment(locations.train_config(name))
        for fold in train.experiment_folds(locations.lake, experiment):
            for job in ("pretrain", "train"):
                what = f"{name} {fold.key}"
                progress.step(job, what, launcher.fold, job, experiment, fold.key)
        progress.step("backtest", name, launcher.backtest, name)
        if locations.has_explain(name):
            progress.step("explain", name, launcher.explain, name)


def run(locations: Locations, experiments: Sequence[str]) -> None:
    """Run every stage for these experiments and print their headline tables.

    Raises:
        ConfigError: ``DAGSTER_HOME`` is not set, or an experiment's config is wrong.
        KeyNotFoundError: there is no such experiment; nothing is made then.
    """
    from fints_pipeline.training.config import load_experiment

    for name in experiments:
        load_experiment(locations.train_config(name))
    with opened(locations) as (launcher, progress):
        ingest_and_build(launcher, locations, progress)
        train_and_test(launcher, locations, experiments, progress)
    summarise(locations, experiments)


@contextmanager
def opened(
    locations: Locations, progress: Progress | None = None
) -> Iterator[tuple[Launcher, Progress]]:
    """Yield a launcher on the Dagster instance of ``DAGSTER_HOME``, and a progress printer.

    Raises:
        ConfigError: ``DAGSTER_HOME`` is not set.
    """
    from fints_pipeline.definitions import build
    from fints_pipeline.defs.launch import launcher

    with launcher(build(locations)) as jobs:
        yield jobs, progress or Progress()


def summarise(locations: Locations, experiments: Iterable[str]) -> None:
    """Print each experiment's headline table and where its report lies."""
    from fints_pipeline.evaluation.headline import print_headline

    for name in experiments:
        backtest = locations.lake.open_bundle(BundleKey.of("backtests", experiment=name))
        report = locations.lake.open_bundle(BundleKey.of("reports", experiment=name))
        summary = json.loads((backtest / "metrics.json").read_text(encoding="utf-8"))
        print_headline(summary, report / "report.html")


def main(argv: Sequence[str] | None = None) -> None:
    """Parse the command line and run the pipeline."""
    parser = argparse.ArgumentParser(
        prog="python -m fints_pipeline.pipeline", description=__doc__.split("\n")[0]
    )
    parser.add_argument(
        "--experiment",
        action="append",
        required=True,
        metavar="NAME",
        help="an experiment under configs/train; give it again for more",
    )
    arguments = parser.parse_args(argv)
    run(Locations.from_environment(), arguments.experiment)


if __name__ == "__main__":
    sys.exit(cli.run(main))
