"""Backtest an experiment's predictions and write its report.

    python -m fints_pipeline.backtest --config configs/backtest/demo.yaml

reads the predictions of every fold from the lake, trades them in order (signals at a bar's close,
fills at the next real open, costs on every fill), records the trial, and writes

- `bundles/backtests/…`: equity, fills, trades, folds and metrics;
- `bundles/reports/…`: report.html (opens without a network), report.md and report.json.

The experiment's own config is looked up under configs/train/ by its name.
"""

from __future__ import annotations

import argparse
import math
import os
import sys
import webbrowser
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fints_pipeline.base import cli
from fints_pipeline.base.config import fingerprint, load_config, named_like_its_file, read_yaml
from fints_pipeline.base.errors import KeyNotFoundError
from fints_pipeline.base.lake import BundleKey, BundleManifest, Lake, Lineage, fold_key
from fints_pipeline.base.locations import Locations, lake_location
from fints_pipeline.base.time import minutes

if TYPE_CHECKING:
    from fints_pipeline.audit.findings import Finding
    from fints_pipeline.evaluation.backtest import BacktestResult
    from fints_pipeline.evaluation.config import BacktestConfig
    from fints_pipeline.evaluation.inputs import Inputs
    from fints_pipeline.evaluation.paths import HistoryPath
    from fints_pipeline.evaluation.report.source import Tracked
    from fints_pipeline.evaluation.verdict import Verdict
    from fints_pipeline.training.config import ExperimentConfig
    from fints_pipeline.walkforward.folds import AnyScheme, Fold

CODE_VERSION = "3"
SQLITE = "sqlite:///"
UNIVERSE = "universe"


@dataclass(frozen=True)
class Outcome:
    """A finished backtest.

    Attributes:
        manifest: of the bundle `backtests/<experiment>`.
        metrics: the headline numbers of the primary model, flat.
        verdict: the fixed rule's answer.
        summary: every number, as metrics.json holds it.
    """

    manifest: BundleManifest
    metrics: dict[str, float]
    verdict: Verdict
    summary: dict[str, Any]


def load_backtest(path: Path | str) -> BacktestConfig:
    """Load a backtest's YAML (or JSON) file.

    Raises:
        ConfigError: a key or value is wrong, or the file is not named like its experiment.
    """
    from fints_pipeline.evaluation.config import BacktestConfig

    config = load_config(path, BacktestConfig)
    named_like_its_file(config.experiment, path)
    return config


def run_backtest(locations: Locations, config: BacktestConfig) -> Outcome:
    """Trade the experiment's test predictions and publish what came of it.

    Every model of the run is recorded as a trial before the verdict counts the trials.

    Raises:
        KeyNotFoundError: predictions, models or bars are missing.
        LookAheadError: predictions lie outside the spans of their fold; or a model, its scaler or
            vocabulary, what it started from, or a feature knew what it must not.
    """
    from fints_pipeline.audit.findings import condensed
    from fints_pipeline.evaluation import artefacts, trials
    from fints_pipeline.evaluation.backtest import run
    from fints_pipeline.evaluation.inputs import read_inputs
    from fints_pipeline.evaluation.paths import path_metrics
    from fints_pipeline.evaluation.summary import ruling, summarise, trial_returns, trials_of
    from fints_pipeline.training.config import load_experiment
    from fints_pipeline.walkforward.folds import CrossValidation

    lake = locations.lake
    experiment = load_experiment(locations.train_config(config.experiment))
    data = experiment.data
    config = with_universe_note(locations, config, data.instruments)
    folds = _experiment_folds(lake, experiment)
    inputs = read_inputs(lake, config, folds, data.instruments, data.frequency)
    findings = _audited(locations, config, experiment, inputs)
    paths = _paths(inputs, experiment.folds)
    results = [
        run(
            config if number == 0 else config.model_copy(update={"null_shifts": 0}),
            inputs.bars,
            path.predictions,
            path.folds,
            minutes(data.frequency),
            inputs.rates,
            inputs.dividends,
        )
        for number, path in enumerate(paths)
    ]
    result = results[0]
    tried = trials_of(result, inputs.trained)
    trials.record(lake, tried, trial_returns(result, tried))
    competing = trials.competitors(lake, tried[0])
    summary = summarise(
        result,
        competing,
        trials.returns_of(lake, competing),
        horizon=inputs.horizon,
        paths=path_metrics(results) if isinstance(experiment.folds, CrossValidation) else None,
        audit=condensed([*findings, _fills(results)]),
    )
    manifest = lake.write_bundle(
        BundleKey.of("backtests", experiment=config.experiment),
        lambda folder: artefacts.write(folder, result, summary),
        Lineage(CODE_VERSION, fingerprint([config, inputs.trained]), inputs.digests),
    )
    return Outcome(manifest, headline(summary), ruling(summary), summary)


def with_universe_note(
    locations: Locations, config: BacktestConfig, instruments: Sequence[str]
) -> BacktestConfig:
    """Take over what the datasets' files say of their universes, where the config says nothing."""
    from fints_pipeline.evaluation.config import Universe

    if config.universe_note is not None:
        return config
    traded = {instrument.partition(".")[0] for instrument in instruments}
    notes = [
        load_config(path, Universe, section=UNIVERSE).note.rstrip(".")
        for path in locations.dataset_configs()
        if path.stem in traded and UNIVERSE in read_yaml(path)
    ]
    return config.model_copy(update={"universe_note": "; ".join(notes) or None})


def _experiment_folds(lake: Lake, experiment: ExperimentConfig) -> tuple[Fold, ...]:
    """The folds that the features in the lake suffice for.

    Raises:
        KeyNotFoundError: there are no features of the experiment.
    """
    from fints_pipeline.training.dataset import sessions_present
    from fints_pipeline.training.fold_record import has_every_month, recorded_folds

    data = experiment.data
    sessions = sessions_present(lake, data)
    if not sessions:
        raise KeyNotFoundError(
            f"no features of {', '.join(data.instruments)} at {data.frequency} in the lake",
            where=lake.location,
            fix="run the data, pretrain and train jobs first",
        )
    return recorded_folds(lake, experiment, sessions, has_every_month(lake, data))


def _audited(
    locations: Locations, config: BacktestConfig, experiment: ExperimentConfig, inputs: Inputs
) -> list[Finding]:
    """What was checked for leaks before anything is traded.

    Raises:
        LookAheadError: a check is not clean.
    """
    from fints_pipeline.audit.features import audit_features
    from fints_pipeline.audit.findings import refuse
    from fints_pipeline.audit.fold import audit_fold
    from fints_pipeline.features.config import FeaturesConfig
    from fints_pipeline.walkforward.folds import Span

    lake, data = locations.lake, experiment.data
    findings = [
        one for fold in inputs.folds for one in audit_fold(lake, experiment, fold, config.models)
    ]
    known = {path.stem for path in locations.dataset_configs()}
    configs = {
        instrument: load_config(
            locations.dataset_config(instrument), FeaturesConfig, section="features"
        )
        for instrument in data.instruments
        if instrument.partition(".")[0] in known
    }
    extents = [fold.extent for fold in inputs.folds]
    span = Span(min(one.first for one in extents), max(one.last for one in extents))
    findings += audit_features(lake, configs, data.frequency, data.features, span)
    refuse(findings, f"the backtest of {config.experiment}")
    return findings


def _fills(results: Sequence[BacktestResult]) -> Finding:
    """What the engine's own audit of every ledger has let pass."""
    from fints_pipeline.audit.findings import Finding

    ledgers = [
        book for r in results for run in r.runs for book in (run.net, run.gross, run.doubled)
    ]
    seen = "every fill is later than its decision, and the fills make the equity"
    return Finding("fills", "every ledger", True, seen, sum(len(book.fills) for book in ledgers))


def _paths(inputs: Inputs, scheme: AnyScheme) -> list[HistoryPath]:
    """What to trade: the folds as they follow each other, or each path of a cross-validation."""
    from fints_pipeline.evaluation.paths import HistoryPath, paths_of
    from fints_pipeline.walkforward.folds import CrossValidation

    if isinstance(scheme, CrossValidation):
        return paths_of(inputs.predictions, inputs.folds)
    return [HistoryPath(inputs.predictions, inputs.folds)]


def write_report(locations: Locations, config: BacktestConfig) -> BundleManifest:
    """Write the report of the experiment's last backtest, and the fold table that it shows.

    Raises:
        KeyNotFoundError: there is no backtest yet.
    """
    from fints_pipeline.evaluation.report import render, source
    from fints_pipeline.tokenizers.brooks import FIELDS
    from fints_pipeline.training.config import load_experiment
    from fints_pipeline.training.fold_table import publish_fold_table

    lake = locations.lake
    lake.bundle_manifest(BundleKey.of("backtests", experiment=config.experiment))
    experiment = load_experiment(locations.train_config(config.experiment))
    folds = _experiment_folds(lake, experiment)
    publish_fold_table(lake, experiment, folds)
    material = source.collect(
        lake,
        config,
        experiment.data.frequency,
        FIELDS,
        experiment.model_dump(mode="json"),
        _tracked(lake, config, folds),
    )
    return lake.write_bundle(
        BundleKey.of("reports", experiment=config.experiment),
        lambda folder: render.write(folder, material),
        Lineage(CODE_VERSION, fingerprint(config), material.digests),
    )


def _tracked(lake: Lake, config: BacktestConfig, folds: Sequence[Fold]) -> Tracked:
    """The runs in MLflow that fitted what was traded, or why there are none."""
    from fints_pipeline.evaluation.inputs import recorded
    from fints_pipeline.evaluation.report.source import Tracked
    from fints_pipeline.training.tracking import tracked_runs

    store = os.environ.get("MLFLOW_TRACKING_URI", "")
    if not store or (store.startswith(SQLITE) and not Path(store.removeprefix(SQLITE)).exists()):
        return Tracked("MLFLOW_TRACKING_URI names no store that is there")
    import mlflow

    name = config.experiment
    trained = {
        recorded(lake, name, fold.key, model)[1]
        for fold in folds
        if lake.exists(fold_key("predictions", name, fold.key))
        for model in config.models
    }
    runs = tracked_runs(mlflow, name, trained)
    if not runs:
        return Tracked("no finished run of these models is in MLflow")
    return Tracked(None, tuple(runs))


def headline(summary: dict[str, Any]) -> dict[str, float]:
    """The primary model's main numbers; NaN where there is none."""
    model = summary["models"][summary["primary"]]
    wanted = {
        "net": ("total_return", "annual_return", "sharpe", "sharpe_lo", "max_drawdown"),
        "trading": ("turnover", "hit_rate", "cost_share", "fills"),
        "inference": ("probabilistic", "deflated", "null_p"),
        "forecast": ("directional_accuracy", "base_rate", "rank_ic"),
    }
    return {
        name: math.nan if model[group][name] is None else float(model[group][name])
        for group, names in wanted.items()
        for name in names
    }


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line; return 0, whatever the verdict is."""
    from fints_pipeline.evaluation.headline import print_headline

    args = _parser().parse_args(argv)
    locations = Locations.from_environment()
    # The configs of one project lie together: train/ beside the backtest/ that was named.
    locations = replace(locations, configs=args.config.resolve().parent.parent)
    if args.lake is not None:
        locations = replace(locations, lake_root=args.lake)
    config = load_backtest(args.config)
    outcome = run_backtest(locations, config)
    write_report(locations, config)
    page = locations.lake.open_bundle(BundleKey.of("reports", experiment=config.experiment))
    print_headline(outcome.summary, page / "report.html")
    if args.open:
        webbrowser.open((page / "report.html").resolve().as_uri())
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m fints_pipeline.backtest",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "--config", type=Path, required=True, help="YAML file under configs/backtest/"
    )
    parser.add_argument(
        "--lake", type=lake_location, help="the lake (default: FINTS_LAKE or data_lake)"
    )
    parser.add_argument("--open", action="store_true", help="open the report in a browser")
    return parser


if __name__ == "__main__":
    sys.exit(cli.run(main))
