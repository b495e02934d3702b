"""How often the demo's verdict finds the planted edge, and how often one that is not there.

    python -m benchmarks verdict                       50 seeds, with the edge and without
    FINTS_BENCH_SEEDS=1-5 python -m benchmarks verdict

Each seed's SYNTHETIC market goes the demo's whole way (archives, bars, features, labels, tokens,
folds, networks, backtest, verdict), without Dagster: once as it is, which gives the power, and once
with the edge set to 0, which gives the false positives. The share's interval is Wilson's, 95 %.
"""

from __future__ import annotations

import contextlib
import json
import math
import os
import shutil
import tempfile
import time
from pathlib import Path

from fints_pipeline import backtest, train
from fints_pipeline.base.config import load_config
from fints_pipeline.base.locations import Locations
from fints_pipeline.data import partition as bars_partition
from fints_pipeline.data.config import DatasetConfig
from fints_pipeline.data.staging import stage_inbox
from fints_pipeline.data.synthetic import EDGE, make_market
from fints_pipeline.features import partition as features_partition
from fints_pipeline.features.config import FeaturesConfig
from fints_pipeline.labels import partition as labels_partition
from fints_pipeline.labels.config import LabelsConfig
from fints_pipeline.tokenizers import partition as tokens_partition
from fints_pipeline.tokenizers.config import TokenizeConfig
from fints_pipeline.training.config import load_experiment
from fints_pipeline.training.tracking import NullTracker

EXPERIMENT = "demo"
CONFIGS = Path(__file__).resolve().parent.parent / "configs"
Z = 1.96


def build_market(locations: Locations, seed: int, edge: float) -> None:
    """Make a seed's archives and every table that the experiment reads."""
    make_market(locations.inbox / "synthetic", seed=seed, edge=edge)
    path = CONFIGS / "data" / "synthetic.yaml"
    dataset = load_config(path, DatasetConfig, section="dataset")
    features = load_config(path, FeaturesConfig, section="features")
    labels = load_config(path, LabelsConfig, section="labels")
    tokens = load_config(CONFIGS / "tokenize" / "brooks.yaml", TokenizeConfig)
    lake, freq = locations.lake, dataset.model_frequency
    stage_inbox(locations.inbox, lake, [dataset])
    months = [
        (instrument, month)
        for instrument in lake.instruments("raw_bars", "1m")
        for month in lake.months("raw_bars", "1m", instrument)
    ]
    for instrument, month in months:
        bars_partition.build(lake, dataset, instrument, month)
        features_partition.build(lake, features, freq, instrument, month)
        tick = dataset.tick(dataset.symbol(instrument))
        tokens_partition.build(
            lake, tokens, freq, instrument, month, tick=tick, session_mode="reset"
        )
    for instrument, month in months:
        labels_partition.build(lake, labels, freq, instrument, month)


def judge(seed: int, edge: float) -> dict[str, float]:
    """Return the headline numbers of one seed's market, and `passed` as 0 or 1."""
    folder = Path(tempfile.mkdtemp(prefix="fints-verdict-"))
    locations = Locations(folder / "lake", folder / "inbox", CONFIGS)
    try:
        build_market(locations, seed, edge)
        experiment = load_experiment(locations.train_config(EXPERIMENT))
        for fold in train.experiment_folds(locations.lake, experiment):
            names = experiment.names
            train.train_fold(locations.lake, experiment, fold, names, NullTracker())
        config = backtest.load_backtest(locations.backtest_config(EXPERIMENT))
        outcome = backtest.run_backtest(locations, config)
        return {**outcome.metrics, "passed": float(outcome.verdict.passed)}
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def wilson(passed: int, runs: int) -> tuple[float, float]:
    """Return the 95 % interval of a share."""
    share, z2 = passed / runs, Z * Z
    centre = (share + z2 / (2 * runs)) / (1 + z2 / runs)
    half = Z * math.sqrt(share * (1 - share) / runs + z2 / (4 * runs * runs)) / (1 + z2 / runs)
    return centre - half, centre + half


def seeds() -> range:
    """Return the seeds to judge: 0-49, or those of ``FINTS_BENCH_SEEDS`` (``first-last``)."""
    first, _, last = os.environ.get("FINTS_BENCH_SEEDS", "0-49").partition("-")
    return range(int(first), int(last or first) + 1)


def main() -> None:
    """Judge every seed with and without the edge; print a line each, and the shares so far."""
    results: dict[float, list[dict[str, float]]] = {EDGE: [], 0.0: []}
    for seed in seeds():
        for edge, found in results.items():
            started = time.perf_counter()
            with contextlib.redirect_stderr(None):
                found.append(judge(seed, edge))
            shown = {name: round(found[-1][name], 3) for name in ("passed", "sharpe", "deflated")}
            seconds = round(time.perf_counter() - started)
            print(json.dumps({"edge": edge, "seed": seed, **shown, "s": seconds}), flush=True)
        print(summary("power", results[EDGE]), flush=True)
        print(summary("false positives", results[0.0]), flush=True)


def summary(what: str, results: list[dict[str, float]]) -> str:
    """Return one line: how many verdicts passed, the interval of that share, the mean Sharpe."""
    passed = int(sum(result["passed"] for result in results))
    low, high = wilson(passed, len(results))
    sharpe = sum(result["sharpe"] for result in results) / len(results)
    share = f"{passed} of {len(results)} ({low:.1%} to {high:.1%})"
    return f"{what}: {share}, mean net Sharpe {sharpe:.2f}"
