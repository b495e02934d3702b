"""A file of an exogenous series into the lake's table ``exogenous``."""

from __future__ import annotations

import io
from datetime import timedelta
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa

from fints_pipeline.base.config import fingerprint
from fints_pipeline.base.digest import file_sha256
from fints_pipeline.base.errors import FormatError, nearest
from fints_pipeline.base.lake import Footer, Lake, Lineage, TableKey, series_key
from fints_pipeline.data.exogenous.config import ExogenousConfig
from fints_pipeline.data.exogenous.restating import merge
from fints_pipeline.schemas.exogenous import exogenous_contract

CODE_VERSION = "1"
TABLE = "exogenous"
_ONE_PART = "all"
_MIDNIGHT = timedelta(0)


def series_key_of(config: ExogenousConfig) -> TableKey:
    """Return the partition that holds the series."""
    return series_key(TABLE, config.frequency, config.name, _ONE_PART)


def ingest(lake: Lake, config: ExogenousConfig, path: Path) -> Footer:
    """Read a file and merge it into the lake.

    A period that the lake has with other values keeps them and gets the new ones beside, known
    from the file's modification time on: what was known when is not forgotten. The same file again
    changes nothing.

    Raises:
        FormatError: the file does not fit the config, or contradicts the lake.
    """
    rows = read_series(path, config)
    contract = exogenous_contract(list(config.values))
    key = series_key_of(config)
    delivered = pd.Timestamp(path.stat().st_mtime_ns, unit="ns", tz="UTC").floor("us")
    inputs = dict(lake.footer(key).lineage.inputs) if lake.exists(key) else {}
    inputs[f"archives/{path.name}"] = file_sha256(path)
    lineage = Lineage(CODE_VERSION, fingerprint(config), inputs)
    change = partial(merge, rows, contract.arrow_schema, delivered)
    return lake.update(key, change, contract, lineage)


def read_series(path: Path, config: ExogenousConfig) -> pd.DataFrame:
    """Return the rows of a CSV or Parquet file in the columns of the table.

    Raises:
        FormatError: a column is missing, a period or number cannot be read, or periods repeat.
    """
    cells = _cells(path, config)
    period_end = _period_end(cells, config, path)
    known_at = period_end + timedelta(minutes=config.publication_lag_minutes)
    if config.published is not None:
        known_at = _stamps(cells[config.published], config, path, config.published)
    early = known_at < period_end
    if early.any():
        raise FormatError(
            "a value is published before its period ends",
            where=f"{path.name}: row {int(early.to_numpy().argmax()) + 1}",
            fix="mend `published`, `period_close` or `timezone` in the config",
        )
    frame = pd.DataFrame({"series": config.name, "period_end": period_end, "known_at": known_at})
    for name, column in config.values.items():
        frame[name] = _numbers(cells[column], config, path, column)
    frame = frame.dropna(subset=list(config.values), how="all")
    twice = frame.duplicated(["period_end", "known_at"])
    if twice.any():
        raise FormatError(
            "a period stands in the file twice",
            where=f"{path.name}: row {int(twice.idxmax()) + 1}",
        )
    return frame.sort_values(["known_at", "period_end"], ignore_index=True)


def _cells(path: Path, config: ExogenousConfig) -> pd.DataFrame:
    """Return the file's cells as text."""
    try:
        if path.suffix == ".parquet":
            cells = pd.read_parquet(io.BytesIO(path.read_bytes())).reset_index().astype(str)
        else:
            cells = pd.read_csv(path, sep=config.separator, dtype=str, keep_default_na=False)
    except (OSError, ValueError, pa.ArrowException) as error:
        raise FormatError(f"the file cannot be read: {error}", where=str(path)) from None
    wanted = [config.period, *config.values.values(), *filter(None, [config.published])]
    for column in wanted:
        if column not in cells.columns:
            raise FormatError(
                f"no column {column!r}", where=str(path), fix=nearest(column, cells.columns)
            )
    return cells


def _period_end(cells: pd.DataFrame, config: ExogenousConfig, path: Path) -> pd.Series:
    close = timedelta(hours=config.period_close.hour, minutes=config.period_close.minute)
    return _stamps(cells[config.period], config, path, config.period, close)


def _stamps(
    column: pd.Series,
    config: ExogenousConfig,
    path: Path,
    name: str,
    time_of_day: timedelta = _MIDNIGHT,
) -> pd.Series:
    """Return UTC stamps; a wall-clock time that is ambiguous is taken as the later of the two."""
    parsed = pd.to_datetime(column, format=config.period_format, errors="coerce")
    if parsed.isna().any():
        row = int(parsed.isna().to_numpy().argmax())
        raise FormatError(
            f"{column.iloc[row]!r} is not written as {config.period_format}",
            where=f"{path.name}: row {row + 1}, column {name}",
            fix="set `period_format`",
        )
    if parsed.dt.tz is None:
        wall = parsed + time_of_day
        winter = np.zeros(len(wall), dtype=np.bool_)
        parsed = wall.dt.tz_localize(config.timezone, ambiguous=winter, nonexistent="shift_forward")
    return parsed.dt.tz_convert("UTC").astype("datetime64[us, UTC]")


def _numbers(column: pd.Series, config: ExogenousConfig, path: Path, name: str) -> pd.Series:
    text = column.str.strip()
    absent = text.isin([*config.missing, "nan", "None"])
    values = pd.to_numeric(text.mask(absent), errors="coerce").astype("float64")
    wrong = (values.isna() & ~absent).to_numpy() | values.abs().eq(float("inf")).to_numpy()
    if wrong.any():
        row = int(wrong.argmax())
        raise FormatError(
            f"{column.iloc[row]!r} is not a number",
            where=f"{path.name}: row {row + 1}, column {name}",
            fix="list it under `missing` if it stands for no value",
        )
    return values
