from datetime import UTC, date, datetime
from pathlib import Path

from fints_pipeline.data.formats.pystock import Pystock
from fints_pipeline_tests.data.formats.members import member

HEADER = b"symbol,date,open,high,low,close,volume,adj_close\n"
ROWS = (
    b"CHD,2016-09-02,50.00,50.14,49.85,49.97,100,49.97\n"
    b"CHD,2016-09-01,99.64,99.99,99.02,99.75,200,49.875\n"
    b"PAYS,2016-09-02,10,10,10,10,1,10\nPAYS,2016-09-01,11,11,11,11,1,10.89\n"
    b"REV,2016-09-02,30,30,30,30,1,30\nREV,2016-09-01,3,3,3,3,1,30\n"
)


def prices(tmp_path: Path, content: bytes = HEADER + ROWS):
    return member(tmp_path, content, "prices.csv", "20160902.tar.gz", "America/New_York", "1D")


def test_rows_are_raw_and_know_their_symbols(tmp_path: Path):
    assert Pystock().recognise(prices(tmp_path)).matches
    bars = Pystock().read(prices(tmp_path))
    rows = bars.table.to_pylist()
    assert bars.symbols is not None
    assert bars.symbols.to_pylist()[:2] == ["CHD", "CHD"]
    assert (rows[1]["close"], rows[1]["source_row"]) == (99.75, 3)
    assert rows[1]["open_time"] == datetime(2016, 9, 1, tzinfo=UTC)


def test_the_adjusted_close_shows_splits_and_not_dividends(tmp_path: Path):
    actions = Pystock().read(prices(tmp_path)).actions
    assert actions is not None
    assert [(row["symbol"], row["ex_date"], row["value"]) for row in actions.to_pylist()] == [
        ("CHD", date(2016, 9, 2), 2.0),
        ("REV", date(2016, 9, 2), 0.1),
    ]


def test_a_delivery_is_known_from_the_end_of_its_day():
    known = Pystock().known_at("20160902.tar.gz", "America/New_York")
    assert known == datetime(2016, 9, 3, 4, tzinfo=UTC)
    assert Pystock().known_at("20169902.tar.gz", "UTC") is None
    assert Pystock().known_at("prices.zip", "UTC") is None


def test_symbols_can_be_chosen_and_bad_ones_are_counted(tmp_path: Path):
    content = HEADER + ROWS + b"A B,2016-09-01,1,1,1,1,1,1\n,2016-09-01,1,1,1,1,1,1\n"
    bars = Pystock(symbols=("CHD",)).read(prices(tmp_path, content))
    assert bars.symbols is not None
    assert bars.symbols.to_pylist() == ["CHD", "CHD"]
    assert bars.notes == (
        "2 rows without a usable symbol passed over",
        "4 rows of other symbols passed over",
    )


def test_what_lies_beside_the_prices_is_known(tmp_path: Path):
    for name in ("symbols.txt", "reports.csv"):
        file = member(tmp_path, b"A\tName\n", name, "20160902.tar.gz")
        assert Pystock().recognise(file).holds == "nothing"
    assert not Pystock().recognise(member(tmp_path, b"symbol,date\n", "prices.csv")).matches
    assert not Pystock().recognise(member(tmp_path, b"", "prices.csv")).matches
