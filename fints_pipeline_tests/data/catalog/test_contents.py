"""What the catalogue says of a lake without reading rows."""

from datetime import UTC, datetime

import pyarrow.parquet as pq
import pytest

from fints_pipeline.base.errors import KeyNotFoundError
from fints_pipeline.base.lake import Lake, series_key
from fints_pipeline.data.catalog import DataCatalog, inventory
from fints_pipeline_tests.data.catalog.lakes import write_bars

QUALITY = {
    "sessions": 3,
    "filled": 2,
    "holes": 1,
    "rejected": 4,
    "partial_sessions": ["2023-01-02"],
    "empty_sessions": ["2023-01-09"],
}


@pytest.fixture
def catalog(lake: Lake) -> DataCatalog:
    for month in ("2023-01", "2023-02", "2023-05"):
        quality = QUALITY if month != "2023-05" else None
        write_bars(lake, "test.000001", "1m", month, quality=quality)
        write_bars(lake, "test.000001", "5m", month)
    write_bars(lake, "other.AAA", "1D", "2023-01", sessions=5)
    return DataCatalog(lake)


def test_names(catalog: DataCatalog):
    assert catalog.tables() == ["bars"]
    assert catalog.datasets() == ["other", "test"]
    assert catalog.symbols("test") == ["000001"]
    assert catalog.symbols("test", "1D") == []
    assert catalog.frequencies() == ["1m", "5m", "1D"]
    assert catalog.frequencies("000001") == ["1m", "5m"]
    assert catalog.instruments("1D") == ["other.AAA"]


def test_coverage_tells_first_last_holes_and_quality(catalog: DataCatalog):
    (one,) = catalog.coverage(symbol="000001", freq="5m")
    assert (one.dataset, one.symbol, one.table) == ("test", "000001", "bars")
    assert one.first == datetime(2023, 1, 1, tzinfo=UTC)
    assert one.last == datetime(2023, 5, 3, 0, 20, tzinfo=UTC)
    assert one.missing_months == ("2023-03", "2023-04")
    assert one.rows == 36
    # Two months have an account, at the base frequency; it counts for the others too.
    assert (one.sessions, one.filled, one.holes, one.rejected) == (6, 4, 2, 8)
    assert one.empty_sessions == ("2023-01-09", "2023-01-09")
    assert one.outdated == ()
    (daily,) = catalog.coverage(dataset="other")
    assert (daily.rows, daily.holes, daily.sessions) == (5, None, None)


def test_digests_change_with_any_month(catalog: DataCatalog):
    before = catalog.coverage(symbol="000001")
    write_bars(catalog.lake, "test.000001", "5m", "2023-02", seed=9)
    after = catalog.coverage(symbol="000001")
    assert [a.digest == b.digest for a, b in zip(before, after, strict=True)] == [True, False]
    key = series_key("bars", "5m", "test.000001", "2023-02")
    assert catalog.digests("000001", "5m")["2023-02"] == catalog.lake.footer(key).digest


def test_quality_by_month(catalog: DataCatalog):
    assert catalog.quality("000001") == {"2023-01": QUALITY, "2023-02": QUALITY}


def test_schema_has_units(catalog: DataCatalog):
    columns = {name: (kind, text) for name, kind, text, _ in catalog.schema("bars")}
    assert columns["close"][0] == "double"
    assert "quote currency" in columns["close"][1]


@pytest.mark.parametrize(
    ("ask", "message"),
    [
        (lambda c: c.symbols("tset"), r"no data set 'tset'[\s\S]*'test'"),
        (lambda c: c.coverage(dataset="tets"), r"no data set 'tets'[\s\S]*'test'"),
        (lambda c: c.coverage(symbol="00001"), r"no symbol '00001'[\s\S]*'000001'"),
        (lambda c: c.coverage(freq="5min"), r"no frequency '5min'[\s\S]*'5m'"),
        (lambda c: c.schema("bar"), r"no table 'bar'[\s\S]*'bars'"),
        (lambda c: c.digests("000001", "30m"), r"no frequency '30m'"),
        (lambda c: c.quality("AAB"), r"no symbol 'AAB'[\s\S]*'AAA'"),
        (lambda c: c.frequencies("AAB"), r"no symbol 'AAB'[\s\S]*'AAA'"),
    ],
)
def test_bad_names_give_the_nearest_good_ones(catalog: DataCatalog, ask, message: str):
    with pytest.raises(KeyNotFoundError, match=message):
        ask(catalog)


def test_an_unchanged_lake_costs_no_footer(catalog: DataCatalog, monkeypatch: pytest.MonkeyPatch):
    catalog.coverage()
    read: list[object] = []
    read_metadata = pq.read_metadata

    def counting(path):
        read.append(path)
        return read_metadata(path)

    monkeypatch.setattr(inventory.pq, "read_metadata", counting)
    catalog.coverage()
    assert read == []
    write_bars(catalog.lake, "test.000001", "5m", "2023-02", seed=9)
    catalog.coverage()
    assert len(read) == 1


def test_damaged_files_are_listed_and_hide_no_others(catalog: DataCatalog):
    path = catalog.lake.path(series_key("bars", "1D", "other.AAA", "2023-01"))
    path.write_bytes(b"PAR1 no more")
    assert list(catalog.damaged()) == [path]
    assert [one.instrument for one in catalog.coverage()] == ["test.000001", "test.000001"]


def test_folders_that_are_no_tables_are_left_alone(catalog: DataCatalog):
    for folder in ("staging/x=1", "inbox/year=2023", "bundles/models", "loose"):
        (catalog.lake.root / folder).mkdir(parents=True)
    assert catalog.tables() == ["bars"]
