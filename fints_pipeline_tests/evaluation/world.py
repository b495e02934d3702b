"""A small made-up lake with everything a backtest reads: bars, folds, models' records, predictions.

Prices are martingales; `skill` mixes the realised return into the predictions, so that a test can
ask for a model that knows something. No network is trained.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from statistics import NormalDist

import numpy as np
import pandas as pd
import pyarrow as pa

from fints_pipeline.base.frames import to_arrow
from fints_pipeline.base.lake import ArrowContract, BundleKey, Lake, Lineage, fold_key, series_key
from fints_pipeline.base.locations import Locations
from fints_pipeline.schemas.bars import BARS
from fints_pipeline.schemas.predictions import PREDICTIONS, QUANTILES
from fints_pipeline.training.config import DataConfig
from fints_pipeline.training.dataset import Columns, load_dataset
from fints_pipeline.training.learned import learned_from
from fints_pipeline.training.record import TrainingRecord
from fints_pipeline.walkforward.folds import AnyScheme, Fold, FoldScheme, make_folds

LINEAGE = Lineage("test", "made-up")
EXPERIMENT = "tiny"
KEY = ("instrument", "open_time", "close_time", "session")
MODELS = ("classifier", "patchtst")
TRAIN_YAML = """\
experiment: tiny
data:
  instruments: [{instruments}]
  frequency: 30m
  features: [log_return]
  label: forward_return_2
  direction_label: direction_2
folds: {folds}
models:
  patchtst: {{network: {{name: patchtst, lookback: 16}}}}
"""
BACKTEST_YAML = """\
experiment: tiny
model: classifier
compare: [patchtst]
costs: {half_spread_bps: 0.5, fee_bps: 0.5}
hold: 2
threshold: {quantile: 0.5}
sessions_per_year: 252
synthetic: true
"""


@dataclass
class World:
    """A lake of made-up data; `locations` and `folds` are what its users need.

    With `quantiles`, patchtst gives some, about as wide as the returns are.
    """

    root: Path
    sessions: int = 70
    skill: float = 0.0
    quantiles: bool = False
    seed: int = 0
    symbols: tuple[str, ...] = ("made.UP", "made.TOO")
    scheme: AnyScheme = field(default_factory=lambda: FoldScheme(train=15, validation=8, test=12))
    horizon: int = 2
    bars_a_session: int = 13
    minutes: int = 30
    frequency: str = "30m"

    def __post_init__(self) -> None:
        self.locations = Locations(self.root / "lake", self.root / "inbox", self.root / "configs")
        self.lake = Lake(self.locations.lake_root)
        self.days = [day.date() for day in pd.bdate_range("2023-01-02", periods=self.sessions)]
        self.folds = make_folds(self.days, self.scheme)
        self.data = DataConfig(
            instruments=self.symbols, frequency=self.frequency, features=("log_return",),
            label="forward_return_2", direction_label="direction_2",
        )  # fmt: skip
        rng = np.random.default_rng(self.seed)
        self.bars = {symbol: self._bars(symbol, rng) for symbol in self.symbols}
        self._write_bars()
        self._write_configs()
        for fold in self.folds:
            self._write_fold(fold, rng)

    def _bars(self, symbol: str, rng: np.random.Generator) -> pd.DataFrame:
        count = len(self.days) * self.bars_a_session
        day = np.repeat(np.array(self.days, "M8[us]"), self.bars_a_session)
        step = np.tile(np.arange(self.bars_a_session), len(self.days))
        open_time = day + np.timedelta64(870, "m") + step * np.timedelta64(self.minutes, "m")
        moves = rng.standard_normal(count) * 0.003
        close = 100 * np.exp(np.cumsum(moves))
        open_ = np.concatenate([[100.0], close[:-1]]) * np.exp(rng.standard_normal(count) * 2e-4)
        spread = np.abs(rng.standard_normal((2, count))) * 0.001
        frame = pd.DataFrame(
            {
                "instrument": symbol,
                "open_time": utc(open_time),
                "close_time": utc(open_time + np.timedelta64(self.minutes, "m")),
                "session": day,
                "session_open": utc(day + np.timedelta64(870, "m")),
                "session_close": utc(
                    day + np.timedelta64(870 + self.minutes * self.bars_a_session, "m")
                ),
                "open": open_,
                "high": np.maximum(open_, close) * (1 + spread[0]),
                "low": np.minimum(open_, close) * (1 - spread[1]),
                "close": close,
                "volume": 1000.0,
                "split_factor": 1.0,
                "is_filled": rng.random(count) < 0.01,
                "is_partial": False,
                "is_halted": False,
                "is_suspect": False,
                "is_extended": False,
            }
        )
        return frame.assign(opens_filled=frame["is_filled"], partial_so_far=False)

    def _write_bars(self) -> None:
        for symbol, frame in self.bars.items():
            for month, rows in frame.groupby(frame["session"].dt.strftime("%Y-%m")):
                key = series_key("bars", self.frequency, symbol, str(month))
                table = to_arrow(rows, BARS.arrow_schema)
                self.lake.write(key, table, BARS, LINEAGE)
                key = series_key("features", self.frequency, symbol, str(month))
                features = table.select([*KEY, "is_filled"])
                returns = np.log(rows["close"] / rows["open"]).to_numpy(float)
                features = features.append_column("log_return", pa.array(returns))
                self.lake.write(key, features, ArrowContract("features", features.schema), LINEAGE)
                self._write_labels(table, symbol, str(month))

    def _write_labels(self, table: pa.Table, symbol: str, month: str) -> None:
        """Labels that end with their own bar: those that are scored stand in the predictions."""
        key = series_key("labels", self.frequency, symbol, month)
        columns = {name: table[name] for name in KEY}
        for name in ("forward_return_2", "direction_2"):
            columns[name] = pa.array(np.zeros(table.num_rows))
            columns[f"{name}_end"] = table["close_time"]
        labels = pa.table(columns)
        self.lake.write(key, labels, ArrowContract("labels", labels.schema), LINEAGE)

    def _write_configs(self) -> None:
        scheme = self.scheme
        train = TRAIN_YAML.format(
            instruments=", ".join(self.symbols),
            folds=scheme.model_dump_json(),
        )
        for folder, text in (("train", train), ("backtest", BACKTEST_YAML)):
            path = self.locations.configs / folder / f"{EXPERIMENT}.yaml"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)

    def _write_fold(self, fold: Fold, rng: np.random.Generator) -> None:
        frames = [
            self._predictions(fold, model, span, symbol, rng)
            for model in MODELS
            for symbol in self.symbols
            for span in ("validation", "test")
        ]
        frame = pd.concat(frames, ignore_index=True)
        for model in MODELS:
            self.write_record(fold, model)
        self.write_predictions(fold, frame)

    def write_predictions(self, fold: Fold, frame: pd.DataFrame) -> None:
        """Write a fold's predictions, whose lineage names the models that are there now."""
        keys = [model_key(fold, model) for model in MODELS]
        inputs = {str(key): self.lake.bundle_manifest(key).digest for key in keys}
        table = to_arrow(frame, PREDICTIONS.arrow_schema)
        key = fold_key("predictions", EXPERIMENT, fold.key)
        self.lake.write(key, table, PREDICTIONS, Lineage("test", "made-up", inputs))

    def write_record(self, fold: Fold, model: str, experiment: str = "first") -> None:
        """Publish a model's training record as training does, without the weights."""

        series = load_dataset(
            self.lake, self.data, Columns(features=("log_return",)), fold.extent
        ).series
        rows = {
            name: [np.flatnonzero(fold.spans[name].mask(one.session)) for one in series]
            for name in ("train", "validation")
        }
        record = TrainingRecord.model_validate(
            {
                "experiment": EXPERIMENT, "experiment_fingerprint": experiment, "model": model,
                "network": {"name": "patchtst"}, "fold": fold.to_json(), "inputs": {},
                "frequency": self.frequency, "seed": 0, "threads": 1, "torch_version": "none",
                "metrics": {}, "lookback": 1, "learned": learned_from(fold.spans, series, rows, 1),
                "fit": {
                    "samples": 1, "early_stopping_samples": 1, "parameters": 1, "steps": 1,
                    "best_epoch": 1, "stopped_by": "epochs", "history": (),
                },
            }
        )  # fmt: skip

        def writer(folder: Path) -> None:
            record.write(folder)

        self.lake.write_bundle(model_key(fold, model), writer, LINEAGE)

    def _predictions(
        self, fold: Fold, model: str, span: str, symbol: str, rng: np.random.Generator
    ) -> pd.DataFrame:
        bars = self.bars[symbol]
        log = np.log(bars["close"])
        label = log.shift(-self.horizon) - log
        rows = fold.spans[span].mask(bars["session"].to_numpy())
        own, known = bars[rows], label[rows].to_numpy()
        noise = rng.standard_normal(len(own))
        skill = self.skill if model == "classifier" else 0.0
        told = np.nan_to_num(known) / 0.003 * skill + noise * (1 - skill)
        up, down = np.exp(0.3 * told), np.exp(-0.3 * told)
        total = up + down + 1
        frame = pd.DataFrame(
            {
                "experiment": EXPERIMENT,
                "fold": fold.key,
                "model": model,
                "instrument": symbol,
                "close_time": own["close_time"].array,
                "session": own["session"].array,
                "span": span,
                "expected_return": np.nan,
                "p_down": np.nan,
                "p_flat": np.nan,
                "p_up": np.nan,
                **dict.fromkeys(QUANTILES, np.nan),
                "label": known,
            }
        )
        if model == "classifier":
            frame["p_down"], frame["p_flat"], frame["p_up"] = down / total, 1 / total, up / total
        else:
            frame["expected_return"] = told * 1e-4
            if self.quantiles:
                for name in QUANTILES:
                    point = NormalDist(told.mean() * 1e-4, 0.004).inv_cdf(int(name[1:]) / 100)
                    frame[name] = point + told * 1e-4
        return frame


def model_key(fold: Fold, model: str) -> BundleKey:
    return BundleKey.of("models", experiment=EXPERIMENT, fold=fold.key, model=model)


def utc(times: np.ndarray) -> pd.DatetimeIndex:
    return pd.DatetimeIndex(times).tz_localize("UTC")
