"""MSE and MAE of the forecasters on ETTh1 and exchange_rate, beside the published figures (slow).

Standard borders and scaling, every window of the test set; `drop-last` is the same without the
windows that do not fill the last batch of 32, which is what the papers published. The windows, the
order of batches and the networks are the project's; the loop is the plain one below: Adam, mean
squared error, the epoch with the lowest validation error kept. One thread, seed 0.

What was trained before, to the last whole epoch, is read from FINTS_SCRATCH (or the system's
temporary folder) while its settings are the same. The table is printed and written to
docs/results/forecast.md.
"""

from __future__ import annotations

import copy
import json
import math
import os
import tempfile
import time
from pathlib import Path

import torch
from torch import nn

from benchmarks._forecast_report import write_report
from benchmarks._forecast_rows import Fit, Outcome, Row, rows
from benchmarks._long_horizon import Series, Windows, load_series, score, windows
from fints_pipeline.models._base import network_module, parameter_count
from fints_pipeline.training.batches import Batches
from fints_pipeline.training.seeds import derived_seed, reproducible

PROJECT = Path(__file__).resolve().parent.parent
SEED, THREADS = 0, 1
LEGACY_BATCH = 32


def data_folder() -> Path:
    """Return the folder of the shared data."""
    return Path(os.environ.get("FINTS_SHARED_DATA", PROJECT.parent / "shared" / "data"))


def scratch_folder() -> Path:
    """Return the folder of results that are kept between runs."""
    home = Path(os.environ.get("FINTS_SCRATCH", tempfile.gettempdir()))
    folder = home / "fints-forecast"
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def outcome(row: Row, folder: Path) -> Outcome:
    """Return a row's outcome: the one kept in ``folder``, or a fresh one that is then kept."""
    kept = folder / f"{row.key}.json"
    if kept.exists():
        return Outcome(**json.loads(kept.read_text()))
    found = measure(row, load_series(row.series, data_folder()))
    part = kept.with_suffix(".part")
    part.write_text(json.dumps(vars(found), indent=2))
    part.replace(kept)
    return found


def measure(row: Row, series: Series) -> Outcome:
    """Train a row's network and score it on the test set."""
    lookback = getattr(row.config, "lookback", 1)
    splits = windows(series, lookback, row.horizon, calendar=row.network == "itransformer")
    with reproducible(SEED, THREADS):
        network = network_module(row.network).build(row.config)
        fit = train(network, row, row.fit, splits) if row.fit is not None else None
        mse, mae = score(network, splits["test"])
        legacy = score(network, splits["test"], drop_last=LEGACY_BATCH)
    parameters = parameter_count(network)
    if fit is None:
        return Outcome(mse, mae, *legacy, parameters, 0, 0, 0.0)
    return Outcome(mse, mae, *legacy, parameters, fit.epoch, fit.best, fit.seconds)


class Progress:
    """A fit's state after its last whole epoch, kept in a file, so that no epoch is run twice.

    The batches and the dropout of an epoch depend on the seed and its number alone.
    """

    def __init__(self, path: Path, network: nn.Module, optimizer: torch.optim.Optimizer) -> None:
        self.path, self.network, self.optimizer = path, network, optimizer
        self.epoch = self.best = 0
        self.seconds = 0.0
        self.lowest, self.weights = math.inf, network.state_dict()
        if path.exists():
            state = torch.load(path, weights_only=True)
            network.load_state_dict(state.pop("network"))
            optimizer.load_state_dict(state.pop("optimizer"))
            self.__dict__.update(state)

    def add(self, error: float, seconds: float) -> None:
        """Note an epoch with its validation error and how long it took, and save."""
        self.epoch += 1
        self.seconds += seconds
        if error < self.lowest:
            self.lowest, self.best = error, self.epoch
            self.weights = copy.deepcopy(self.network.state_dict())
        state = {
            name: getattr(self, name) for name in ("epoch", "best", "seconds", "lowest", "weights")
        } | {
            "network": self.network.state_dict(),
            "optimizer": self.optimizer.state_dict(),
        }
        part = self.path.with_suffix(".part")
        torch.save(state, part)
        part.replace(self.path)


def train(network: nn.Module, row: Row, fit: Fit, splits: dict[str, Windows]) -> Progress:
    """Fit a network, and leave it with the weights of its best epoch."""
    optimizer = torch.optim.Adam(network.parameters(), lr=fit.rate)
    progress = Progress(scratch_folder() / f"{row.fit_key}.pt", network, optimizer)
    while progress.epoch < fit.epochs and progress.epoch - progress.best < fit.patience:
        started = time.perf_counter()
        _one_epoch(network, optimizer, fit, splits["train"], progress.epoch + 1)
        error, _ = score(network, splits["validation"])
        took = time.perf_counter() - started
        progress.add(error, took)
        print(
            f"    {row.series} {row.horizon} {row.network}: epoch {progress.epoch} of at most "
            f"{fit.epochs}, validation {error:.4f}, {took:.1f} s",
            flush=True,
        )
    network.load_state_dict(progress.weights)
    return progress


def _one_epoch(
    network: nn.Module, optimizer: torch.optim.Optimizer, fit: Fit, samples: Windows, epoch: int
) -> None:
    for group in optimizer.param_groups:
        group["lr"] = fit.rate * _factor(fit, epoch)
    torch.manual_seed(derived_seed(SEED, epoch))
    network.train()
    step = (epoch - 1) * -(-len(samples) // fit.batch_size)
    for batch in Batches(samples, fit.batch_size, SEED, step=step):
        future = batch.pop("future")
        optimizer.zero_grad(set_to_none=True)
        torch.autograd.backward(nn.functional.mse_loss(network(**batch), future))
        optimizer.step()


def _factor(fit: Fit, epoch: int) -> float:
    if fit.rates == "halve":
        return float(0.5 ** (epoch - 1))
    if fit.rates == "after_three":
        return float(0.9 ** max(0, epoch - 3))
    return 1.0


def main() -> None:
    """Train what has not been trained, print the table and write it."""
    print(__doc__)
    folder = scratch_folder()
    results = [(row, outcome(row, folder)) for row in rows()]
    print(write_report(PROJECT / "docs" / "results" / "forecast.md", results))
