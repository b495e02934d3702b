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


def read(tmp_path: Path, text: str, known_at: datetime = SEEN, suffix: str = "csv"):
    path = tmp_path / "actions"
    path.write_text(text)
    return read_actions(path, f"corporate_actions.{suffix}", "us", known_at)


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
        (HEADER + "AAPL,2014-06-09,split,\n", "it is empty"),
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


@pytest.mark.parametrize("suffix", ["yaml", "yml", "YAML"])
def test_yaml_says_what_csv_does(tmp_path: Path, suffix: str):
    csv = HEADER + "AAPL,2014-06-09,split,7\nBRK.B,2020-01-02,dividend,0.5\n"
    text = """
    # A comment is welcome.
    - {symbol: AAPL, ex_date: 2014-06-09, kind: split, value: 7}
    - symbol: "BRK.B"
      kind: dividend
      value: 0.5
      ex_date: 2020-01-02
    """
    assert read(tmp_path, text, suffix=suffix).equals(read(tmp_path, csv))
    for empty in ("", "# nothing yet\n", "[]\n"):
        assert read(tmp_path, empty, suffix=suffix).num_rows == 0


ENTRY = "- {symbol: A, ex_date: 2014-06-09, kind: split, value: 7}\n"


@pytest.mark.parametrize(
    ("text", "words", "where"),
    [
        ("symbol: A\n", "no list of actions", ""),
        ("- [1, 2\n", "not readable as YAML", ""),
        ("[" * 5000, "not readable as YAML", ""),
        (ENTRY + "- split\n", "has no keys", "entry 2 (line 2)"),
        (ENTRY + ENTRY.replace("kind", "kinds"), "no key 'kinds'", "entry 2 (line 2)"),
        (
            ENTRY + ENTRY.replace(", value: 7", ""),
            "value is missing",
            "entry 2 (line 2), key value",
        ),
        (ENTRY.replace("}", ", value: 8}"), "twice", "entry 1 (line 1), key value"),
        (ENTRY.replace("7", "seven"), "'seven' is not a positive number", "key value"),
        (ENTRY.replace("7", "-7"), "-7.0 is not a positive number", "key value"),
        (ENTRY.replace("7", "true"), "True is not a positive number", "key value"),
        (ENTRY.replace("7", ".inf"), "inf is not a positive number", "key value"),
        (ENTRY.replace("7}", "1" + "0" * 400 + "}"), "inf is not a positive number", "key value"),
        (ENTRY.replace("7", "[7]"), "a list or a mapping", "key value"),
        (ENTRY.replace("7", ""), "it is empty", "key value"),
        (ENTRY.replace("split", "merger"), "'merger' is not split or dividend", "key kind"),
        (ENTRY.replace("2014-06-09", "09.06.2014"), "not a date like", "key ex_date"),
        (ENTRY.replace("2014-06-09", "2014-02-30"), "2014-02-30' is not a value", "key ex_date"),
        (ENTRY.replace("2014-06-09", "2014-06-09 10:00:00"), "not a date like", "key ex_date"),
        (ENTRY.replace("symbol: A", "symbol: 1"), "put it into quotes", "key symbol"),
        (ENTRY.replace("symbol: A", "symbol: on"), "True is not text", "key symbol"),
        (ENTRY.replace("symbol: A", "symbol: A/B"), "characters other than", "key symbol"),
        (ENTRY + ENTRY, "A splits twice on 2014-06-09", "entry 2 (line 2)"),
    ],
)
def test_wrong_entries_are_named(tmp_path: Path, text: str, words: str, where: str):
    with pytest.raises(ArchiveError) as refusal:
        read(tmp_path, text, suffix="yaml")
    assert words in str(refusal.value)
    assert "corporate_actions.yaml" in str(refusal.value.where)
    assert where in str(refusal.value.where)


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
