from datetime import UTC, date, datetime
from pathlib import Path

import pytest

from fints_pipeline.base.errors import ArchiveError
from fints_pipeline.base.lake import Lake
from fints_pipeline.data.action_files import action_key, merge_actions, read_actions
from fints_pipeline.schemas.corporate_actions import CORPORATE_ACTIONS

HEADER = "symbol,ex_date,kind,value\n"
SEEN = datetime(2024, 1, 1, tzinfo=UTC)
LATER = datetime(2024, 6, 1, tzinfo=UTC)


def read(tmp_path: Path, text: str, known_at: datetime = SEEN):
    path = tmp_path / "actions"
    path.write_text(text)
    return read_actions(path, "corporate_actions.csv", "us", known_at)


def test_rows_are_read_with_their_instrument(tmp_path: Path):
    table = read(tmp_path, HEADER + "AAPL,2014-06-09,split,7\nBRK.B,2020-01-02,dividend,0.5\n")
    CORPORATE_ACTIONS.validate(table)
    assert table.to_pylist()[0] == {
        "instrument": "us.AAPL",
        "ex_date": date(2014, 6, 9),
        "kind": "split",
        "value": 7.0,
        "known_at": SEEN,
    }
    assert table.column("instrument").to_pylist()[1] == "us.BRK.B"


def test_header_without_rows_is_no_mistake(tmp_path: Path):
    assert read(tmp_path, HEADER).num_rows == 0
    assert read(tmp_path, HEADER.strip()).num_rows == 0


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "the header is ''"),
        ("ticker,date,kind,value\n", "the header is 'ticker,date,kind,value'"),
        (HEADER + "AAPL,09.06.2014,split,7\n", "column ex_date"),
        (HEADER + "AAPL,2014-02-30,split,7\n", "column ex_date"),
        (HEADER + "AAPL,2014-06-09,merger,7\n", "not split or dividend"),
        (HEADER + "AAPL,2014-06-09,split,seven\n", "'seven' is not a number"),
        (HEADER + "AAPL,2014-06-09,split,0\n", "not a positive number"),
        (HEADER + "AAPL,2014-06-09,split,inf\n", "not a positive number"),
        (HEADER + "AAPL,2014-06-09,split,\n", "the cell is empty"),
        (HEADER + "A/B,2014-06-09,split,7\n", "characters other than"),
        (HEADER + "AAPL,2014-06-09,split\n", "3 cells where 4 are expected"),
        (HEADER + "AAPL,2014-06-09,split,7\nAAPL,2014-06-09,split,2\n", "splits twice"),
    ],
)
def test_wrong_rows_are_named(tmp_path: Path, text: str, words: str):
    with pytest.raises(ArchiveError) as refusal:
        read(tmp_path, text)
    assert words in str(refusal.value)
    assert "row " in str(refusal.value)


def test_restated_value_stands_beside_the_first_and_repeats_add_nothing(tmp_path: Path, lake: Lake):
    first = read(tmp_path, HEADER + "A,2024-03-01,split,2\n")
    again = read(tmp_path, HEADER + "A,2024-03-01,split,2\nB,2024-03-01,split,5\n", LATER)
    restated = read(tmp_path, HEADER + "A,2024-03-01,split,3\n", LATER)
    (change,), (key,) = merge_actions(lake, first, "a" * 64, CORPORATE_ACTIONS)
    assert (key, change.before, change.rows) == (action_key("us.A"), None, 1)
    changes, keys = merge_actions(lake, again, "b" * 64, CORPORATE_ACTIONS)
    assert [each.instrument for each in changes] == ["us.B"]
    assert keys == [action_key("us.A"), action_key("us.B")]
    merge_actions(lake, restated, "c" * 64, CORPORATE_ACTIONS)
    rows = lake.read(action_key("us.A")).to_pylist()
    assert [(row["value"], row["known_at"]) for row in rows] == [(2.0, SEEN), (3.0, LATER)]
