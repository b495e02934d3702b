"""`DataCatalog.sql`: named views, bound values, and no way out of the lake or into it."""

from pathlib import Path

import pyarrow as pa
import pytest

from fints_pipeline.base.errors import KeyNotFoundError, UserError
from fints_pipeline.base.lake import Lake, fold_key, series_key
from fints_pipeline.base.lake.contract import ArrowContract
from fints_pipeline.data.catalog import DataCatalog
from fints_pipeline_tests.data.catalog.lakes import NO_INPUTS, write_bars


def build(folder: Path) -> DataCatalog:
    lake = Lake(folder / "it's a [la]ke*")
    for name in ("test.000001", "test.AAA"):
        for month in ("2023-01", "2023-02"):
            write_bars(lake, name, "5m", month)
    write_bars(lake, "test.AAA", "1D", "2023-01")
    rows = pa.table({"experiment": ["e"], "fold": ["2024-01-02"], "p": [0.5]})
    key = fold_key("predictions", "e", "2024-01-02")
    lake.write(key, rows, ArrowContract("predictions", rows.schema), NO_INPUTS)
    return DataCatalog(lake)


@pytest.fixture
def catalog(tmp_path: Path) -> DataCatalog:
    return build(tmp_path)


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> DataCatalog:
    """Return a catalogue whose lake, and the folder around it, hold things to steal."""
    folder = tmp_path_factory.mktemp("guarded")
    catalog = build(folder)
    (folder / "secret.csv").write_text("a,b\nsecret,secret\n")
    (catalog.lake.root / "notes.txt").write_text("secret")
    (catalog.lake.root / "linked.parquet").symlink_to(folder / "secret.csv")
    return catalog


def test_views_are_named_after_tables_and_frequencies(catalog: DataCatalog):
    assert catalog.views() == ["bars_1D", "bars_5m", "predictions"]
    names = catalog.sql("SHOW TABLES").column("name").to_pylist()
    assert names == ["bars_1D", "bars_5m", "predictions"]
    assert catalog.sql('SELECT count(*) AS n FROM "bars_1D"').to_pylist() == [{"n": 3}]


def test_rows_are_those_of_the_lake(catalog: DataCatalog):
    found = catalog.sql(
        "SELECT * EXCLUDE (dataset, symbol, month) FROM bars_5m"
        " WHERE instrument = 'test.AAA' ORDER BY open_time"
    )
    wanted = catalog.lake.read_range("bars", "5m", "test.AAA", "2023-01", "2023-02")
    assert found.select(wanted.column_names).cast(wanted.schema).equals(wanted)


def test_names_of_folders_stay_text(catalog: DataCatalog):
    found = catalog.sql(
        "SELECT DISTINCT instrument, dataset, symbol, month FROM bars_5m WHERE symbol = $symbol"
        " ORDER BY month",
        {"symbol": "000001"},
    )
    assert set(found.schema.types) == {pa.string()}
    assert found.to_pylist()[0] == {
        "instrument": "test.000001", "dataset": "test", "symbol": "000001", "month": "2023-01",
    }  # fmt: skip
    fold = catalog.sql("SELECT fold FROM predictions")
    assert (fold.schema.types, fold.column("fold").to_pylist()) == ([pa.string()], ["2024-01-02"])


def test_stamps_are_utc_and_can_be_bucketed(catalog: DataCatalog):
    found = catalog.sql(
        "SELECT time_bucket(INTERVAL 10 MINUTE, close_time) AS t, count(*) AS n FROM bars_5m"
        " WHERE instrument = ? AND session = DATE '2023-01-01' GROUP BY t ORDER BY t",
        ["test.AAA"],
    )
    assert found.schema.field("t").type == pa.timestamp("us", "UTC")
    assert found.column("n").to_pylist() == [1, 2, 1]


def test_sums_of_integers_are_integers(catalog: DataCatalog):
    found = catalog.sql("SELECT sum(is_filled::INT) AS filled, sum(2::HUGEINT ** 80) FROM bars_5m")
    assert found.column("filled").type == pa.int64()
    large = catalog.sql("SELECT 170141183460469231731::HUGEINT AS x").column("x")
    assert int(large[0].as_py()) == 170141183460469231731


def test_a_value_is_bound_never_pasted(catalog: DataCatalog):
    evil = "x' OR '1'='1"
    query = "SELECT count(*) AS n FROM bars_5m WHERE instrument = "
    assert catalog.sql(query + "?", [evil]).to_pylist() == [{"n": 0}]
    assert catalog.sql(query + "$name", {"name": evil}).to_pylist() == [{"n": 0}]
    with pytest.raises(UserError, match="parameter"):
        catalog.sql(query + "?")


def test_a_new_or_changed_partition_is_seen(catalog: DataCatalog):
    query = "SELECT sum(close) AS s, count(*) AS n FROM bars_5m WHERE symbol = 'AAA'"
    before = catalog.sql(query).to_pylist()
    write_bars(catalog.lake, "test.AAA", "5m", "2023-01", seed=7)
    changed = catalog.sql(query).to_pylist()
    assert changed[0]["n"] == before[0]["n"]
    assert changed != before
    write_bars(catalog.lake, "test.AAA", "5m", "2023-03")
    assert catalog.sql(query).to_pylist()[0]["n"] == before[0]["n"] + 12


def test_partitions_with_other_columns_share_a_view(catalog: DataCatalog):
    for month, column in (("2023-01", "atr_14"), ("2023-02", "atr_20")):
        rows = pa.table({"instrument": ["test.AAA"], column: [1.0]})
        key = series_key("features", "5m", "test.AAA", month)
        catalog.lake.write(key, rows, ArrowContract("features", rows.schema), NO_INPUTS)
    found = catalog.sql("SELECT atr_14, atr_20 FROM features_5m ORDER BY month")
    assert found.to_pylist() == [{"atr_14": 1.0, "atr_20": None}, {"atr_14": None, "atr_20": 1.0}]


@pytest.mark.parametrize(
    ("query", "message"),
    [
        ("SELECT * FROM bars_5", r"no view 'bars_5'[\s\S]*'bars_5m'"),
        ("SELECT clse FROM bars_5m", r"no column 'clse'[\s\S]*'close'"),
        ("SELECT sessions FROM predictions, bars_5m", r"no column 'sessions'[\s\S]*'session"),
    ],
)
def test_bad_names_give_the_nearest_good_ones(catalog: DataCatalog, query: str, message: str):
    with pytest.raises(KeyNotFoundError, match=message):
        catalog.sql(query)


PARTITION = "{lake}/bars/freq=5m/instrument=test%2EAAA/month=2023-01/data.parquet"
WRITES = [
    "CREATE TABLE t AS SELECT 1",
    "CREATE OR REPLACE VIEW bars_5m AS SELECT 1",
    "DROP VIEW bars_5m",
    "INSERT INTO bars_5m SELECT * FROM bars_5m",
    "DELETE FROM bars_5m",
    "UPDATE bars_5m SET close = 0",
    "COPY (SELECT 1) TO '{outside}/stolen.csv'",
    "COPY (SELECT 1 AS x) TO '{partition}' (FORMAT parquet)",
    "EXPLAIN ANALYZE COPY (SELECT 1 AS x) TO '{partition}' (FORMAT parquet)",
    "WITH t AS (SELECT 1) INSERT INTO bars_5m SELECT * FROM t",
    "EXPORT DATABASE '{outside}/stolen'",
    "ATTACH '{outside}/x.db'",
    "SELECT 1; COPY (SELECT 1) TO '{outside}/stolen.csv'",
    "SELECT 1; SELECT 2",
    "SET lock_configuration = false",
    "RESET enable_external_access",
    "PRAGMA enable_external_access",
    "SET allowed_paths = ['/']",
    "INSTALL httpfs",
    "LOAD httpfs",
    "CALL enable_logging()",
    "CREATE MACRO f() AS 1",
    "PREPARE p AS SELECT 1",
    "CHECKPOINT",
    "",
    "-- nothing",
    "SELEC 1",
]
READS = [
    "SELECT * FROM read_csv('{outside}/secret.csv')",
    "SELECT * FROM '{outside}/secret.csv'",
    "SELECT * FROM read_text('{outside}/secret.csv')",
    "SELECT * FROM read_blob('{lake}/../secret.csv')",
    "SELECT * FROM read_csv('{lake}/bars/../../secret.csv')",
    "SELECT * FROM read_text('{lake}/notes.txt')",
    "SELECT * FROM read_text('file://{outside}/secret.csv')",
    "SELECT * FROM glob('{outside}/*')",
    "SELECT * FROM glob('{lake}/**')",
    "SELECT * FROM read_parquet('{lake}/linked.parquet')",
    "SELECT * FROM read_csv('https://example.invalid/x.csv')",
    "SELECT * FROM query('SELECT * FROM read_text(''{outside}/secret.csv'')')",
    "SELECT * FROM sniff_csv('{outside}/secret.csv')",
    "SELECT * FROM parquet_metadata('{lake}/linked.parquet')",
    "SELECT getenv('HOME')",
    "SELECT * FROM a_python_variable",
    "SELECT * FROM sqlite_scan('{outside}/x.db', 't')",
]


@pytest.mark.parametrize("query", WRITES + READS)
def test_nothing_can_be_written_and_nothing_else_be_read(guarded: DataCatalog, query: str):
    a_python_variable = pa.table({"secret": ["secret"]})
    lake, outside = guarded.lake.root, guarded.lake.root.parent
    partition = guarded.lake.path(series_key("bars", "5m", "test.AAA", "2023-01"))
    for name, path in (("lake", lake), ("outside", outside), ("partition", partition)):
        query = query.replace(f"{{{name}}}", str(path).replace("'", "''"))
    before = partition.read_bytes()
    files = sorted(outside.rglob("*"))
    with pytest.raises(UserError) as error:
        guarded.sql(query)
    assert "secret,secret" not in str(error.value)
    assert partition.read_bytes() == before
    assert sorted(outside.rglob("*")) == files
    assert a_python_variable.num_rows == 1
    assert guarded.sql("SELECT count(*) AS n FROM bars_5m").to_pylist() == [{"n": 48}]


def test_an_empty_lake_has_no_views(tmp_path: Path):
    with pytest.raises(KeyNotFoundError, match="holds no table yet"):
        DataCatalog(tmp_path / "lake").sql("SELECT * FROM bars_5m")
    assert DataCatalog(tmp_path / "lake").sql("SELECT 1 AS x").to_pylist() == [{"x": 1}]
