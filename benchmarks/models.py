"""Every model on real bars: trained and traded on the same folds, in one table (slow).

    FINTS_SCRATCH=folder python -m benchmarks models

BTCUSDT of January to June 2023 and EURUSD of 2018, 5-minute bars. The networks are those of the
ready configs under configs/train/, on the folds, the seed and the backtest of btcusdt_5m and
eurusd_5m. Tables, models and the backtests lie in a lake under FINTS_SCRATCH (or the system's
temporary folder): a fit that is there, of the same config and data, is not run again. The table is
printed and written to docs/results/models.md. FINTS_BENCH_FOLDS (3) is the number of folds,
FINTS_BENCH_PARTS a comma-separated choice of what is trained, such as models_eurusd_5m.
"""

from __future__ import annotations

import json
import os
import shutil
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from benchmarks._model_classes import class_rows
from benchmarks._model_experiments import Part, backtest_of, experiment, parts, write_configs
from benchmarks._model_report import write_report
from fints_pipeline import backtest, pipeline, train
from fints_pipeline.base.errors import KeyNotFoundError
from fints_pipeline.base.lake import BundleKey, BundleManifest, Lake, fold_key
from fints_pipeline.base.locations import Locations
from fints_pipeline.training import console
from fints_pipeline.training.bundles import model_key
from fints_pipeline.training.config import ExperimentConfig
from fints_pipeline.training.predict import predicts_returns
from fints_pipeline.training.record import TrainingRecord
from fints_pipeline.walkforward.folds import Fold

PROJECT = Path(__file__).resolve().parent.parent
ARCHIVES = {"binance": "BTCUSDT", "histdata": "EURUSD"}


def main() -> None:
    """Train and trade what has not been, print the table and write it."""
    print(__doc__, flush=True)
    folds = int(os.environ.get("FINTS_BENCH_FOLDS", "3"))
    chosen = os.environ.get("FINTS_BENCH_PARTS")
    locations = _locations()
    write_configs(PROJECT / "configs", locations.configs, folds)
    _make_tables(locations)
    console.show_progress()
    done = []
    for part in parts(folds):
        if chosen is None or part.name in chosen.split(","):
            done.append((part, results_of(locations, part)))
    print(write_report(PROJECT / "docs" / "results" / "models.md", done, PROJECT / "configs"))


def results_of(locations: Locations, part: Part) -> dict[str, Any]:
    """Train, predict and trade a part's models; return its numbers."""
    config, lake = experiment(locations.configs, part), locations.lake
    folds = train.experiment_folds(lake, config)[: part.folds]
    seconds = Seconds(Path(str(locations.lake_root)).parent / "seconds.json")
    for fold in folds:
        print(f"{part.name} {fold.key}", flush=True)
        _fit_fold(lake, config, fold, seconds)
    records = {
        name: [_record(lake, model_key(config.experiment, fold.key, name)) for fold in folds]
        for name in config.names
    }
    traded = tuple(name for name in config.names if predicts_returns(records[name][0]))
    rules = backtest_of(PROJECT / "configs", part, traded)
    outcome = backtest.run_backtest(locations, rules)
    return {
        "config": config,
        "folds": folds,
        "records": records,
        "seconds": {name: [seconds[config, fold, name] for fold in folds] for name in config.names},
        "summary": outcome.summary,
        "capital": rules.capital,
        "classes": class_rows(lake, config, folds, records),
    }


class Seconds:
    """How long each fit took, kept in a file."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.known: dict[str, float] = json.loads(path.read_text()) if path.exists() else {}

    def __getitem__(self, key: tuple[ExperimentConfig, Fold, str]) -> float:
        """Return a fit's; NaN where it is not known."""
        return self.known.get(self._name(*key), float("nan"))

    def __setitem__(self, key: tuple[ExperimentConfig, Fold, str], value: float) -> None:
        """Keep a fit's."""
        self.known[self._name(*key)] = value
        self.path.write_text(json.dumps(self.known, indent=1))

    def _name(self, config: ExperimentConfig, fold: Fold, model: str) -> str:
        return f"{config.experiment}.{fold.key}.{model}"


def _fit_fold(lake: Lake, config: ExperimentConfig, fold: Fold, seconds: Seconds) -> None:
    if config.reads_tokens and _manifest(lake, _vocabulary(config, fold)) is None:
        train.fit_vocabulary(lake, config, fold)
    fresh = False
    for name in config.names:
        if _is_fitted(lake, config, fold, name):
            continue
        result = train.train_model(lake, config, fold, name)
        seconds[config, fold, name] = result.seconds
        console.print_results({name: result})
        fresh = True
    if fresh or not lake.exists(fold_key("predictions", config.experiment, fold.key)):
        started = time.perf_counter()
        train.write_predictions(lake, config, fold)
        print(f"  predictions {time.perf_counter() - started:6.1f} s", flush=True)


def _vocabulary(config: ExperimentConfig, fold: Fold) -> BundleKey:
    return BundleKey.of("vocabularies", experiment=config.experiment, fold=fold.key)


def _is_fitted(lake: Lake, config: ExperimentConfig, fold: Fold, name: str) -> bool:
    manifest = _manifest(lake, model_key(config.experiment, fold.key, name))
    if manifest is None:
        return False
    lineage = manifest.lineage
    return lineage.config_fingerprint == config.model_fingerprint(name, fold) and all(
        lineage.inputs.get(str(parent)) == lake.bundle_manifest(parent).digest
        for parent in _parents(config, fold, name)
    )


def _manifest(lake: Lake, key: BundleKey) -> BundleManifest | None:
    try:
        return lake.bundle_manifest(key)
    except KeyNotFoundError:
        return None


def _record(lake: Lake, key: BundleKey) -> TrainingRecord:
    return TrainingRecord.read(lake.open_bundle(key))


def _parents(config: ExperimentConfig, fold: Fold, name: str) -> Iterator[BundleKey]:
    for parent in config.model(name).parents.values():
        yield model_key(config.experiment, fold.key, parent)


def _locations() -> Locations:
    scratch = Path(os.environ.get("FINTS_SCRATCH", tempfile.gettempdir())) / "fints-models"
    scratch.mkdir(parents=True, exist_ok=True)
    return Locations(scratch / "lake", scratch / "inbox", scratch / "configs")


def _make_tables(locations: Locations) -> None:
    """Ingest the archives and make every table, where they are not there or out of date."""
    shared = Path(os.environ.get("FINTS_SHARED_DATA", PROJECT.parent / "shared" / "data"))
    for folder, symbol in ARCHIVES.items():
        inbox = locations.inbox / folder
        inbox.mkdir(parents=True, exist_ok=True)
        for archive in sorted((shared / folder).glob(f"*{symbol}*")):
            if not (inbox / archive.name).exists():
                shutil.copyfile(archive, inbox / archive.name)
    home = locations.inbox.parent / "dagster"
    home.mkdir(exist_ok=True)
    shutil.copyfile(PROJECT / "dagster.yaml", home / "dagster.yaml")
    os.environ["DAGSTER_HOME"] = str(home)
    with pipeline.opened(locations) as (launcher, progress):
        pipeline.ingest_and_build(launcher, locations, progress)
