from datetime import UTC, date, datetime

import pyarrow as pa
import pytest

from fints_pipeline.base.errors import KeyNotFoundError
from fints_pipeline.base.lake import Lake
from fints_pipeline.data.catalog import DataCatalog
from fints_pipeline.data.formats._base import TICKER_FIELDS
from fints_pipeline.data.ticker_files import merge_history
from fints_pipeline_tests.data.catalog.lakes import write_bars

TODAY = date(2050, 12, 31)
HISTORIES = {
    "lean.GOOGL": [
        ("GOOG", date(2004, 8, 19), date(2014, 4, 2)),
        ("GOOGL", date(2014, 4, 3), TODAY),
    ],
    "lean.GOOG": [
        ("GOOCV", date(2014, 3, 27), date(2014, 4, 2)),
        ("GOOG", date(2014, 4, 3), TODAY),
    ],
    "lean.NEW": [("NEW", date(2020, 1, 2), TODAY)],
    "lean.TFCFA": [("FOXA", date(2013, 6, 29), date(2019, 3, 18))],
}


@pytest.fixture
def catalog(lake: Lake) -> DataCatalog:
    for name, spells in HISTORIES.items():
        rows = [dict(zip(TICKER_FIELDS.names, (*spell, "Q"), strict=True)) for spell in spells]
        table = pa.Table.from_pylist(rows, schema=TICKER_FIELDS)
        merge_history(lake, name, table, "a" * 64, datetime(2021, 4, 1, tzinfo=UTC))
    for name in ("lean.GOOGL", "lean.GOOG"):
        write_bars(lake, name, "1D", "2014-03")
        write_bars(lake, name, "1D", "2014-04", seed=1)
    return DataCatalog(lake)


def instruments(catalog: DataCatalog, name: str, **asked: str) -> set[str]:
    return set(catalog.bars(name, "1D", **asked).column("instrument").to_pylist())


def test_a_bare_symbol_is_a_ticker_of_today_or_of_the_day_asked_for(catalog: DataCatalog):
    assert instruments(catalog, "GOOG") == {"lean.GOOG"}
    assert instruments(catalog, "GOOG", as_of="2014-04-02") == {"lean.GOOGL"}
    assert instruments(catalog, "GOOG", as_of="2014-04-03") == {"lean.GOOG"}
    assert instruments(catalog, "GOOCV", as_of="2014-04-01") == {"lean.GOOG"}
    # Nobody was called so then: today's name is as good as any.
    assert instruments(catalog, "GOOGL", as_of="2014-04-01") == {"lean.GOOGL"}


def test_an_instrument_is_the_same_whatever_it_was_called(catalog: DataCatalog):
    assert instruments(catalog, "lean.GOOG", as_of="2014-04-01") == {"lean.GOOG"}


def test_a_former_ticker_is_told_of(catalog: DataCatalog):
    words = "GOOCV was the ticker of lean.GOOG from 2014-03-27 to 2014-04-02"
    with pytest.raises(KeyNotFoundError) as refusal:
        catalog.bars("GOOCV", "1D")
    assert refusal.value.what == "no bars of a symbol 'GOOCV' today"
    assert words in str(refusal.value)
    with pytest.raises(KeyNotFoundError) as refusal:
        catalog.bars("NEW", "1D")
    assert "NEW is the ticker of lean.NEW since 2020-01-02, of which the lake" in str(refusal.value)
    for call in (catalog.quality, catalog.tickers, lambda name: catalog.coverage(symbol=name)):
        with pytest.raises(KeyNotFoundError, match="today") as refusal:
            call("lean.GOOCV")
        assert "the ticker of lean.GOOG" in str(refusal.value)


def test_a_known_holder_without_bars_is_named(catalog: DataCatalog):
    with pytest.raises(KeyNotFoundError, match=r"FOXA was the ticker of lean.TFCFA on 2014-04-01"):
        catalog.bars("FOXA", "1D", as_of="2014-04-01")


def test_the_tickers_of_an_instrument(catalog: DataCatalog, lake: Lake):
    assert catalog.tickers("GOOGL") == HISTORIES["lean.GOOGL"]
    write_bars(lake, "other.AAA", "1D", "2014-03")
    assert catalog.tickers("AAA") == []
    rows = catalog.sql("SELECT DISTINCT ticker FROM ticker_history WHERE symbol = 'GOOGL'")
    assert sorted(rows.column("ticker").to_pylist()) == ["GOOG", "GOOGL"]
