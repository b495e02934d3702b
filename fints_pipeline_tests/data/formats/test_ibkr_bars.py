from datetime import UTC, datetime
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pytest

from fints_pipeline.base.errors import ArchiveError
from fints_pipeline.data.formats.ibkr_bars import IbkrBars
from fints_pipeline_tests.data.formats.members import member, named
from fints_pipeline_tests.data.packed_builders import feather, parquet

FORMAT = IbkrBars()


def bars(zone: str | None = "US/Eastern", **changes: object) -> pa.Table:
    columns: dict[str, object] = {
        **{n: [1.0, 2.0] for n in ("open", "high", "low", "close", "volume", "average")},
        "date": pd.DatetimeIndex(["2025-11-06 09:30", "2025-11-06 09:31"]).tz_localize(zone),
        **changes,
    }
    return pa.table({name: value for name, value in columns.items() if value is not None})


@pytest.mark.parametrize("pack", [parquet, feather])
def test_stamps_carry_their_zone(tmp_path: Path, pack):
    file = member(tmp_path, pack(bars()))
    assert FORMAT.recognise(file).matches
    opened = FORMAT.read(file).table.column("open_time").to_pylist()
    assert opened[0] == datetime(2025, 11, 6, 14, 30, tzinfo=UTC)


@pytest.mark.parametrize(
    ("table", "words"),
    [
        (bars(zone=None), "not aware stamps"),
        (bars(average=None), "none of the columns"),
        (bars(low=None), "no column 'low'"),
        (bars(date=["a", "b"]), "not aware stamps"),
    ],
)
def test_other_tables_are_not_recognised(tmp_path: Path, table: pa.Table, words: str):
    evidence = FORMAT.recognise(member(tmp_path, parquet(table)))
    assert not evidence.matches
    assert words in evidence.reasons[0]


def test_text_for_a_price_and_missing_stamps_are_refused(tmp_path: Path):
    with pytest.raises(ArchiveError, match="holds string, not numbers"):
        FORMAT.read(member(tmp_path, parquet(bars(low=["1", "2"]))))
    none = pa.array([None, None], pa.timestamp("us", "UTC"))
    with pytest.raises(ArchiveError, match="row 1, column date"):
        FORMAT.read(member(tmp_path, parquet(bars(date=none))))


def test_symbols_come_from_names():
    assert FORMAT.symbol(named("ibkr_SPY_1min.parquet", "x.zip")) == "SPY"
    assert FORMAT.symbol(named("BRK-B_1m.feather", "x.zip")) == "BRK-B"
