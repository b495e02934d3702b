"""Restated and adjusted bars: what the catalogue says of an earlier time."""

from datetime import UTC, date, datetime
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from fints_pipeline.base.config import load_config
from fints_pipeline.base.frames import to_arrow
from fints_pipeline.base.lake import Lake, Lineage, series_key
from fints_pipeline.data import partition
from fints_pipeline.data.catalog import DataCatalog, as_of
from fints_pipeline.data.config import DatasetConfig
from fints_pipeline.schemas.corporate_actions import CORPORATE_ACTIONS
from fints_pipeline_tests.data.catalog.lakes import bars_frame, write_bars, write_raw
from fints_pipeline_tests.data.raw import raw_rows

NAME = "binance.AAAUSDT"
FIRST, SECOND = "2025-02-01", "2025-06-01"


@pytest.fixture
def restated(lake: Lake, project: Path) -> DataCatalog:
    """Return a month delivered twice, with other prices the second time, and one delivered once."""
    config = load_config(project / "configs/data/binance.yaml", DatasetConfig, section="dataset")
    for month in ("2024-12", "2025-01"):
        opened = np.arange(f"{month}-10", f"{month}-10T01", dtype="datetime64[m]")
        rows = raw_rows(opened, known_at=FIRST).assign(instrument=NAME)
        if month == "2025-01":
            later = rows.assign(archive="b" * 64, known_at=pd.Timestamp(SECOND, tz="UTC"))
            later["known_at"] = later["known_at"].astype("datetime64[us, UTC]")
            later[["open", "high", "low", "close"]] *= 2
            rows = pd.concat([rows, later], ignore_index=True)
        write_raw(lake, NAME, month, rows)
        partition.build(lake, config, NAME, month)
    return DataCatalog(lake, project / "configs")


def closes(catalog: DataCatalog, when: str | None) -> list[float]:
    table = catalog.bars(NAME, "5m", "2025-01", "2025-01", as_of=when, columns=["close"])
    return table.column("close").to_pylist()


def test_as_of_answers_with_the_delivery_of_that_time(restated: DataCatalog):
    between, after = closes(restated, "2025-03-01"), closes(restated, "2025-07-01")
    assert len(between) == len(after) > 0
    np.testing.assert_allclose(after, [2 * close for close in between])
    # A file that came later than everything is history all the same: its first version counts.
    assert closes(restated, "2025-01-20") == between
    assert closes(restated, None) in (between, after)


def test_months_that_were_not_restated_are_read_not_made(
    restated: DataCatalog, monkeypatch: pytest.MonkeyPatch
):
    made: list[str] = []
    compute = as_of.partition.compute

    def counting(lake, config, instrument, month, when):
        made.append(month)
        return compute(lake, config, instrument, month, when)

    monkeypatch.setattr(as_of.partition, "compute", counting)
    first = restated.bars(NAME, "5m", as_of="2025-03-01")
    assert made == ["2025-01"]
    assert restated.bars(NAME, "5m", as_of="2025-03-01").equals(first)
    assert made == ["2025-01"]
    restated.bars(NAME, "5m", as_of="2025-07-01")
    assert made == ["2025-01", "2025-01"]


def test_nothing_that_closed_later_is_there(restated: DataCatalog):
    moment = datetime(2025, 1, 10, 0, 22, tzinfo=UTC)
    table = restated.bars(NAME, "5m", as_of=moment)
    assert table.column("close_time").to_pylist()[-1] == datetime(2025, 1, 10, 0, 20, tzinfo=UTC)
    december = restated.bars(NAME, "5m", as_of="2024-12-31")
    assert {day.month for day in december.column("session").to_pylist()} == {12}


def write_actions(lake: Lake, kind: str, value: float, ex_date: date) -> None:
    rows = pd.DataFrame(
        {
            "instrument": ["test.AAA"],
            "ex_date": [pd.Timestamp(ex_date)],
            "kind": [kind],
            "value": [value],
            "known_at": pd.to_datetime(["2023-06-01"], utc=True).astype("datetime64[us, UTC]"),
        }
    )
    table = to_arrow(rows, CORPORATE_ACTIONS.arrow_schema)
    key = series_key("corporate_actions", "event", "test.AAA", "all")
    lake.write(key, table, CORPORATE_ACTIONS, Lineage("1", "", {}))


def test_a_split_is_taken_out_of_prices_and_its_arrival_is_seen(lake: Lake):
    write_bars(lake, "test.AAA", "1D", "2023-01", sessions=6)
    catalog = DataCatalog(lake)
    raw = catalog.bars("test.AAA", "1D", to="pandas")
    pd.testing.assert_frame_equal(catalog.bars("test.AAA", "1D", adjust="split", to="pandas"), raw)
    write_actions(lake, "split", 2.0, date(2023, 1, 4))
    split = catalog.bars("test.AAA", "1D", adjust="split", to="pandas")
    factor = np.where(raw["session"] < "2023-01-04", 2.0, 1.0)
    np.testing.assert_allclose(split["close"] * factor, raw["close"])
    np.testing.assert_allclose(split["volume"] / factor, raw["volume"])
    pd.testing.assert_frame_equal(catalog.bars("test.AAA", "1D", to="pandas"), raw)
    # Before the split nothing is adjusted: a view of yesterday does not change tomorrow.
    before = catalog.bars("test.AAA", "1D", adjust="split", as_of="2023-01-03", to="pandas")
    np.testing.assert_array_equal(before["close"], raw["close"][:3])


def test_total_return_reinvests_dividends(lake: Lake):
    write_bars(lake, "test.AAA", "1D", "2023-01", sessions=6)
    write_actions(lake, "dividend", 5.0, date(2023, 1, 4))
    catalog = DataCatalog(lake)
    raw = catalog.bars("test.AAA", "1D", columns=["close"]).column("close").to_numpy()
    total = catalog.bars("test.AAA", "1D", adjust="total", columns=["close"])
    close = total.column("close").to_numpy()
    assert total.column_names == ["close"]
    assert close[3] / close[2] == pytest.approx((raw[3] + 5.0) / raw[2])
    np.testing.assert_allclose(close[4:] / close[3:-1], raw[4:] / raw[3:-1])


def test_series_are_adjusted_one_by_one(lake: Lake):
    for name in ("test.AAA", "test.BBB"):
        write_bars(lake, name, "1D", "2023-01", sessions=6)
    write_actions(lake, "split", 2.0, date(2023, 1, 4))
    table = DataCatalog(lake).bars(["test.BBB", "test.AAA"], "1D", adjust="split")
    first = bars_frame("test.BBB", "1D", "2023-01", sessions=6)["close"].tolist()
    assert table.column("close").to_pylist()[:6] == first
    assert table.schema.field("close").type == pa.float64()
