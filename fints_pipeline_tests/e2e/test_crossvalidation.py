"""A cross-validated experiment from end to end: splits trained, predicted, traded path by path."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import yaml

from fints_pipeline import backtest, train
from fints_pipeline.base.frames import to_arrow, to_pandas
from fints_pipeline.base.lake import BundleKey, Lineage, fold_key, series_key
from fints_pipeline.base.locations import Locations
from fints_pipeline.schemas.bars import BARS
from fints_pipeline.training.config import load_experiment
from fints_pipeline.training.fold_table import fold_table_key, publish_fold_table
from fints_pipeline.training.record import TrainingRecord
from fints_pipeline_tests.training import toy

FOLDS = {
    "kind": "combinatorial", "groups": 4, "test_groups": 2, "sessions": 10, "validation": 2,
    "embargo": 0,
}  # fmt: skip
BACKTEST = {
    "experiment": "toy", "model": "patchtst", "hold": 3, "threshold": {"quantile": 0.5},
    "costs": {"half_spread_bps": 0.1}, "sessions_per_year": 252, "null_shifts": 200,
    "bootstrap": {"samples": 100}, "synthetic": True,
}  # fmt: skip

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def traded(tmp_path_factory: pytest.TempPathFactory) -> Locations:
    root = tmp_path_factory.mktemp("crossvalidated")
    locations = Locations(root / "lake", root / "inbox", root / "configs")
    toy.fill(locations.lake)
    for number, instrument in enumerate(toy.INSTRUMENTS):
        write_bars(locations, toy.bars(instrument, np.random.default_rng([0, number])))
    experiment = toy.changed("patchtst").model_dump(mode="json") | {"folds": FOLDS}
    for name, content in (("train", experiment), ("backtest", BACKTEST)):
        path = locations.configs / name / "toy.yaml"
        path.parent.mkdir(parents=True)
        path.write_text(yaml.safe_dump(content))
    lake = ["--lake", str(locations.lake_root)]
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("MLFLOW_TRACKING_URI", raising=False)
        assert train.main(["--config", str(locations.train_config("toy")), *lake]) == 0
        assert backtest.main(["--config", str(locations.backtest_config("toy")), *lake]) == 0
    return locations


def write_bars(locations: Locations, frame: pd.DataFrame) -> None:
    """Prices that the toy's returns add up to, every open at the close before."""
    close = 100 * np.exp(np.cumsum(np.nan_to_num(frame["log_return"].to_numpy())))
    opens = np.concatenate([[100.0], close[:-1]])
    days = frame.groupby("session")
    flags = ("is_partial", "is_halted", "is_suspect", "is_extended", "partial_so_far")
    bars = frame[["instrument", "open_time", "close_time", "session", "is_filled"]].assign(
        session_open=days["open_time"].transform("min"),
        session_close=days["close_time"].transform("max"),
        open=opens, high=np.maximum(opens, close), low=np.minimum(opens, close), close=close,
        volume=1000.0, split_factor=1.0, opens_filled=frame["is_filled"],
        **dict.fromkeys(flags, False),
    )  # fmt: skip
    for month, rows in bars.groupby(bars["session"].dt.strftime("%Y-%m")):
        key = series_key("bars", "5m", rows["instrument"].iloc[0], str(month))
        locations.lake.write(key, to_arrow(rows, BARS.arrow_schema), BARS, Lineage("1", "toy"))


def folds(locations: Locations):
    experiment = load_experiment(locations.train_config("toy"))
    return train.experiment_folds(locations.lake, experiment)


def test_every_split_is_trained_off_its_test_and_predicts_it(traded: Locations) -> None:
    found = folds(traded)
    assert len(found) == 6
    assert sum(fold.is_ordered for fold in found) == 1
    for fold in found:
        frame = to_pandas(traded.lake.read(fold_key("predictions", "toy", fold.key)))
        for name in ("validation", "test"):
            days = set(frame.loc[frame["span"] == name, "session"].dt.date)
            expected = set(fold_days(fold, name))
            assert days <= expected
            assert len(days) == len(expected)


def fold_days(fold, name: str) -> list:
    days = [toy.FIRST_SESSION + pd.Timedelta(days=n) for n in range(toy.SESSIONS)]
    return [day for day in days if day in fold.spans[name]]


def test_what_a_fit_saw_lies_within_what_the_fold_table_lets_it(traded: Locations) -> None:
    experiment = load_experiment(traded.train_config("toy"))
    _, table = publish_fold_table(traded.lake, experiment, folds(traded))
    assert (table.spans.loc[table.spans["span"] == "train", "purged"] > 0).any()
    for fold in folds(traded):
        key = BundleKey.of("models", experiment="toy", fold=fold.key, model="patchtst")
        record = TrainingRecord.read(traded.lake.open_bundle(key))
        rows = table.spans[table.spans["fold"] == fold.key].set_index("span")
        for split in ("train", "validation"):
            seen = [part for parts in record.learned[split].values() for part in parts]
            first, last = min(one[0] for one in seen), max(one[1] for one in seen)
            assert pd.Timestamp(first) >= rows.loc[split, "input_start"]
            # The forecast's own horizon is a bar longer than the label.
            assert pd.Timestamp(last) <= rows.loc[split, "label_end"] + pd.Timedelta(minutes=5)
        tests = table.intervals[
            (table.intervals["fold"] == fold.key) & (table.intervals["kind"] == "test")
        ]
        for first, last in (part for parts in record.learned["train"].values() for part in parts):
            apart = (pd.Timestamp(last) <= tests["start"]) | (pd.Timestamp(first) >= tests["end"])
            assert apart.all()


def test_the_paths_are_assembled_traded_and_told(traded: Locations) -> None:
    content = report(traded, "report.json")
    paths = content["paths"]["patchtst"]["paths"]
    assert len(paths) == 3
    assert len({path["total_return"] for path in paths}) == 3
    # The toy's returns follow each other: whatever split a group is taken from, it is forecast.
    assert all(path["sharpe"] > 0 for path in paths)
    assert content["models"]["patchtst"]["forecast"]["rank_ic"] > 0.2
    assert content["models"]["patchtst"]["net"]["sessions"] == 40
    assert "Cross-validated" in content["verdict"]["sentence"]
    folder = traded.lake.open_bundle(fold_table_key("toy"))
    table = pd.read_csv(folder / "paths.csv", parse_dates=["first", "last"])
    assert table.groupby("path").size().tolist() == [4, 4, 4]
    for fold in folds(traded):
        assert (table["fold"] == fold.key).sum() == 2


def report(locations: Locations, name: str):
    folder: Path = locations.lake.open_bundle(BundleKey.of("reports", experiment="toy"))
    return json.loads((folder / name).read_text(encoding="utf-8"))
