from pathlib import Path

import pytest

from fints_pipeline.data.layout_guess import guess_layout
from fints_pipeline_tests.data.formats.members import member
from fints_pipeline_tests.data.packed_builders import parquet

CASES = {
    "MetaTrader": (
        b"<DATE>\t<TIME>\t<OPEN>\t<HIGH>\t<LOW>\t<CLOSE>\t<TICKVOL>\n"
        b"2024.01.02\t09:30:00\t1.1\t1.3\t1.0\t1.2\t5\n",
        {"columns": {"time": ["<DATE>", "<TIME>"], "open": "<OPEN>", "high": "<HIGH>",
                     "low": "<LOW>", "close": "<CLOSE>", "volume": "<TICKVOL>"},
         "separator": "\t"},
    ),
    "German": (
        b"Datetime;Open;High;Low;Last;Vol\n02.01.2024 09:30;1,1;1,3;1,0;1,2;5\n",
        {"columns": {"time": "Datetime", "open": "Open", "high": "High", "low": "Low",
                     "close": "Last", "volume": "Vol"},
         "separator": ";", "decimal": ",", "time_format": "%d.%m.%Y %H:%M"},
    ),
    "epochs": (
        b"t,o,h,l,c,v,ticker\n1704187800000,1,2,0.5,1.5,9,SPY\n",
        {"columns": {"time": "t", "open": "o", "high": "h", "low": "l", "close": "c",
                     "volume": "v", "symbol": "ticker"}},
    ),
    "ISO without header": (
        b"2024-01-02 09:30:00,1,2,0.5,1.5,9\n2024-01-02 09:31:00,1,2,0.5,1.5,9\n",
        {"columns": {"time": 1, "open": 2, "high": 3, "low": 4, "close": 5, "volume": 6}},
    ),
    "symbol first": (
        b"SPY,20240102,09:30,1,2,0.5,1.5\nSPY,20240102,09:31,1,2,0.5,1.5\n",
        {"columns": {"time": [2, 3], "symbol": 1, "open": 4, "high": 5, "low": 6, "close": 7}},
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", CASES)
def test_common_layouts_are_guessed(tmp_path: Path, case: str):
    content, layout = CASES[case]
    guess = guess_layout(member(tmp_path, content))
    assert guess.layout == layout
    assert guess.complete
    assert guess.evidence


def test_tables_are_guessed_by_their_columns(tmp_path: Path):
    guess = guess_layout(member(tmp_path, parquet()))
    assert guess.complete
    assert guess.layout["columns"]["time"] == "timestamp"


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "no lines"),
        (b"hello\nworld\n", "no separator"),
        (b"a,b,c,d,e\n1,2,3,4,5\n", "no column seems to hold time, open"),
        (b"1,2,3,4,5,6\n", "no column seems to hold stamps"),
        (b"2024-01-02,1,2,x,y\n2024-01-03,1,2,x,y\n", "fewer than four"),
        (b"\x00\x01" * 50, "not UTF-8"),
        (b"time,open,high,low,close\nsoon,1,2,3,4\n", "in no format that was tried"),
        (b"time,open,high,low,close\n01/02/2024,1,2,3,4\n", "the day or the month first"),
    ],
)
def test_what_is_open_is_said(tmp_path: Path, content: bytes, words: str):
    guess = guess_layout(member(tmp_path, content))
    assert any(words in question for question in guess.open_questions)
