"""A toy lake: two instruments whose features, labels and tokens follow from one simple rule.

Bars are 5 minutes, 40 a session, sessions are consecutive days. The log return is an AR(1) with
coefficient 0.6, so that forecasts can beat "no change"; the tokens tell the last return's sign.
"""

from __future__ import annotations

from datetime import date, timedelta

import numpy as np
import pandas as pd
import pyarrow as pa

from fints_pipeline.base.frames import to_arrow
from fints_pipeline.base.lake import ArrowContract, Lake, Lineage, series_key
from fints_pipeline.tokenizers.brooks import FIELDS
from fints_pipeline.training.config import ExperimentConfig

INSTRUMENTS = ("toy.A", "toy.B")
FIRST_SESSION = date(2024, 1, 10)
SESSIONS, BARS = 40, 40
HORIZON = 3
UTC = pa.timestamp("us", tz="UTC")
KEY = [("instrument", pa.string()), ("open_time", UTC), ("close_time", UTC)]
KEY += [("session", pa.date32())]
PRICES = ("open", "close", "split_factor")


def experiment(**changes: object) -> ExperimentConfig:
    """Return tiny models on the toy lake: folds of 20 + 5 + 5 sessions, one between each."""
    fit = {"epochs": 3, "batch_size": 32, "learning_rate": 0.01, "stride": 2}
    content = {
        "experiment": "toy",
        "data": {
            "instruments": INSTRUMENTS,
            "frequency": "5m",
            "features": ["log_return", "noise"],
            "label": f"forward_return_{HORIZON}",
            "direction_label": f"direction_{HORIZON}",
        },
        "folds": {"train": 20, "validation": 5, "test": 5, "embargo": 1},
        "models": {
            "mlm": {
                "network": {
                    "name": "brooks_mlm", "max_length": 12, "width": 16, "layers": 1, "heads": 2,
                    "dropout": 0.0,
                },
                "fit": {**fit, "epochs": 10, "stride": 5},
            },
            "classifier": {
                "network": {"name": "brooks_classifier"}, "starts_from": "mlm", "fit": fit,
                "lookback": 6,
            },
            "patchtst": {
                "network": {
                    "name": "patchtst", "lookback": 16, "horizon": 4, "patch": 4, "stride": 2,
                    "width": 8, "heads": 2, "feed_forward": 16, "layers": 1, "dropout": 0.0,
                    "instance_norm": "scale",
                },
                "fit": fit,
            },
        },
        "hardware": {"threads": 1, "accelerator": "cpu"},
    }  # fmt: skip
    return ExperimentConfig.model_validate({**content, **changes})


def changed(name: str, **changes: object) -> ExperimentConfig:
    """Return the toy experiment with the model ``name`` alone, and some of its keys changed.

    A mapping is merged with what stands there, anything else replaces it. Models that it starts
    from stay too.
    """
    content = experiment().model_dump(mode="json")["models"]
    model = content[name]
    for key, value in changes.items():
        model[key] = {**(model.get(key) or {}), **value} if isinstance(value, dict) else value
    kept = {name: model}
    if isinstance(model["starts_from"], str):
        kept[model["starts_from"]] = content[model["starts_from"]]
    return experiment(models=kept)


def fill(lake: Lake, seed: int = 0) -> None:
    """Write the toy tables of every instrument, a partition a month."""
    for number, instrument in enumerate(INSTRUMENTS):
        frame = bars(instrument, np.random.default_rng([seed, number]))
        write_tables(lake, frame)


def write_tables(lake: Lake, frame: pd.DataFrame) -> None:
    """Write features, labels, tokens and prices of one instrument's frame."""
    label, direction = f"forward_return_{HORIZON}", f"direction_{HORIZON}"
    flag, number = pa.bool_(), pa.float64()
    labels = [(label, number), (f"{label}_end", UTC), (direction, number)]
    labels += [(f"{direction}_end", UTC)]
    tables = {
        "features": [*KEY, ("is_filled", flag), ("log_return", number), ("noise", number)],
        "labels": [*KEY, *labels],
        "tokens": [*KEY, ("is_filled", flag), *((name, pa.int8()) for name in FIELDS)],
        "bars": [*KEY, *((name, number) for name in PRICES), ("opens_filled", flag)],
    }
    for table, columns in tables.items():
        contract = ArrowContract(table, pa.schema(columns))
        for month, rows in frame.groupby(frame["session"].dt.strftime("%Y-%m")):
            key = series_key(table, "5m", rows["instrument"].iloc[0], str(month))
            lake.write(key, to_arrow(rows, contract.arrow_schema), contract, Lineage("1", "toy"))


def bars(instrument: str, rng: np.random.Generator) -> pd.DataFrame:
    """Return one instrument's rows of all tables side by side."""
    days = [FIRST_SESSION + timedelta(days=n) for n in range(SESSIONS)]
    session = np.repeat(np.array(days, dtype="datetime64[us]"), BARS)
    place = np.tile(np.arange(BARS), SESSIONS)
    open_time = session + (place * 5 + 14 * 60).astype("timedelta64[m]")
    returns = _returns(len(session), rng)
    filled = rng.random(len(session)) < 0.01
    frame = pd.DataFrame(
        {
            "instrument": instrument,
            "open_time": pd.to_datetime(open_time, utc=True),
            "close_time": pd.to_datetime(open_time + np.timedelta64(5, "m"), utc=True),
            "session": session,
            "is_filled": filled,
            "log_return": np.where(np.arange(len(returns)) == 0, np.nan, returns),
            "noise": rng.normal(size=len(returns)),
        }
    )
    _add_labels(frame, returns)
    _add_tokens(frame, returns)
    close = 100 * np.exp(np.cumsum(returns))
    frame["open"] = np.concatenate([[100.0], close[:-1]])
    frame["close"], frame["split_factor"], frame["opens_filled"] = close, 1.0, filled
    return frame


def _returns(count: int, rng: np.random.Generator) -> np.ndarray:
    shocks = rng.normal(scale=1e-3, size=count)
    returns = np.zeros(count)
    for t in range(1, count):
        returns[t] = 0.6 * returns[t - 1] + shocks[t]
    return returns


def _add_labels(frame: pd.DataFrame, returns: np.ndarray) -> None:
    """Opens equal the close before: the label is the sum of the next HORIZON returns."""
    count = len(frame)
    known = count - HORIZON - 1
    value = np.full(count, np.nan)
    value[:known] = [returns[t + 1 : t + 1 + HORIZON].sum() for t in range(known)]
    end = pd.Series(pd.NaT, index=frame.index, dtype="datetime64[us, UTC]")
    end.iloc[:known] = frame["open_time"].iloc[HORIZON + 1 :].to_numpy()
    direction = np.where(np.isnan(value), np.nan, np.sign(value) * (np.abs(value) > 1e-3))
    for name, values in (("forward_return", value), ("direction", direction)):
        frame[f"{name}_{HORIZON}"] = values
        frame[f"{name}_{HORIZON}_end"] = end


def _add_tokens(frame: pd.DataFrame, returns: np.ndarray) -> None:
    for name in FIELDS:
        frame[name] = np.zeros(len(frame), dtype=np.int8)
    frame["trend"] = np.digitize(returns, [-1e-3, 0, 1e-3]).astype(np.int8)
