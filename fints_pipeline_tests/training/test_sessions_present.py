"""Sessions present are those of the files as they are now, each file read once."""

from datetime import date

import pyarrow as pa
import pytest

from fints_pipeline.base.lake import ArrowContract, Lake, Lineage, series_key
from fints_pipeline.training.config import DataConfig
from fints_pipeline.training.dataset import sessions_present

ONE = ArrowContract("features", pa.schema([pa.field("session", pa.date32())]))
DATA = DataConfig(
    instruments=["a.B/c"],
    frequency="5m",
    features=["x"],
    label="forward_return_12",
    direction_label="direction_12",
)


def write(lake: Lake, month: str, *days: int) -> None:
    rows = pa.table({"session": [date.fromisoformat(f"{month}-{day:02d}") for day in days]})
    key = series_key("features", "5m", "a.B/c", month)
    lake.write(key, rows.cast(ONE.arrow_schema), ONE, Lineage("1", "c", {}))


def test_each_file_is_read_once_until_it_changes(
    lake: Lake, monkeypatch: pytest.MonkeyPatch
) -> None:
    read: list[str] = []
    honest = Lake.read
    monkeypatch.setattr(
        Lake, "read", lambda one, key, *rest: read.append(key["month"]) or honest(one, key, *rest)
    )
    write(lake, "2024-02", 5, 6, 6)
    write(lake, "2024-01", 31)
    first = [date(2024, 1, 31), date(2024, 2, 5), date(2024, 2, 6)]
    assert sessions_present(lake, DATA) == first
    assert sessions_present(Lake(lake.location), DATA) == first
    assert read == ["2024-01", "2024-02"]
    write(lake, "2024-02", 7)
    assert sessions_present(lake, DATA) == [date(2024, 1, 31), date(2024, 2, 7)]
    lake.remove(series_key("features", "5m", "a.B/c", "2024-01"))
    assert sessions_present(lake, DATA) == [date(2024, 2, 7)]
    assert read == ["2024-01", "2024-02", "2024-02"]
