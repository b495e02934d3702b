from datetime import date, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fints_pipeline.data.tickers import (
    ContestedTickerError,
    Spell,
    TickerHistory,
    from_written,
    notes_on,
    written,
)

TODAY = date(2050, 12, 31)
GOOGLE = [
    Spell("GOOG", date(2004, 8, 19), date(2014, 4, 2), "GOOGL"),
    Spell("GOOGL", date(2014, 4, 3), TODAY, "GOOGL"),
    Spell("GOOCV", date(2014, 3, 27), date(2014, 4, 2), "GOOG"),
    Spell("GOOG", date(2014, 4, 3), TODAY, "GOOG"),
]
WASTE = [
    Spell("WMI", date(1998, 7, 17), date(2009, 8, 4), "WM"),
    Spell("WM", date(2009, 8, 5), TODAY, "WM"),
]


def test_bars_of_a_ticker_go_to_who_had_it_on_their_day():
    runs = TickerHistory(GOOGLE).runs("GOOG", date(2014, 1, 2), date(2014, 12, 31))
    assert [(run.first, run.last, run.symbol) for run in runs] == [
        (date(2014, 1, 2), date(2014, 4, 2), "GOOGL"),
        (date(2014, 4, 3), date(2014, 12, 31), "GOOG"),
    ]
    assert notes_on(runs) == ["bars of GOOG from 2014-01-02 to 2014-04-02 are GOOGL's"]


def test_an_unknown_former_owner_is_kept_apart():
    history = TickerHistory(WASTE)
    first, second = history.runs("WM", date(2005, 1, 3), date(2010, 1, 4))
    assert (first.symbol, first.last, second.symbol) == ("WM.UNMAPPED", date(2009, 8, 4), "WM")
    assert "no map file names" in notes_on([first])[0]
    (only,) = TickerHistory().runs("WM", date(2005, 1, 3), date(2010, 1, 4))
    assert only.symbol == "WM"


def test_a_ticker_claimed_twice_is_refused_on_the_days_in_question_alone():
    both = TickerHistory([*GOOGLE, Spell("GOOG", date(2010, 1, 1), date(2010, 12, 31), "X")])
    with pytest.raises(ContestedTickerError, match="GOOG on 2010-01-01: GOOGL and X"):
        both.runs("GOOG", date(2009, 1, 2), date(2011, 1, 3))
    with pytest.raises(ContestedTickerError):
        both.holder("GOOG", date(2010, 6, 1))
    assert both.runs("GOOG", date(2011, 1, 3), date(2012, 1, 3))[0].symbol == "GOOGL"


def test_a_spell_inside_a_longer_one_hides_no_later_claim():
    spells = [
        Spell("X", date(2000, 1, 1), date(2000, 4, 9), "A"),
        Spell("X", date(2000, 1, 10), date(2000, 1, 20), "B"),
        Spell("X", date(2000, 2, 20), date(2000, 3, 1), "C"),
    ]
    with pytest.raises(ContestedTickerError, match="X on 2000-02-20: A and C"):
        TickerHistory(spells).runs("X", date(2000, 2, 1), date(2000, 3, 20))


def test_actions_name_a_ticker_of_their_day_or_an_instrument():
    history = TickerHistory(GOOGLE)
    named = [("GOOG", date(2014, 3, 27)), ("GOOGL", date(2014, 3, 27)), ("GOOG", date(2015, 4, 27))]
    owners = history.owners(named)
    assert [one.symbol for one in owners] == ["GOOGL", "GOOGL", "GOOG"]
    assert history.owns(owners)
    assert not TickerHistory().owns(owners)


@st.composite
def histories(draw: st.DrawFn) -> list[Spell]:
    """Random instruments that hand few tickers on to each other without ever contesting one."""
    spells: list[Spell] = []
    for ticker in "AB":
        day = date(2020, 1, 1)
        for _ in range(draw(st.integers(0, 4))):
            first = day + timedelta(days=draw(st.integers(0, 5)))
            last = first + timedelta(days=draw(st.integers(0, 9)))
            spells.append(Spell(ticker, first, last, draw(st.sampled_from(["A", "B", "C", "D"]))))
            day = last + timedelta(days=1)
    return spells


@settings(max_examples=200)
@given(histories(), st.integers(-5, 60), st.integers(0, 70))
def test_runs_say_of_every_day_what_its_holder_does(spells: list[Spell], start: int, length: int):
    history = TickerHistory(spells)
    first = date(2020, 1, 1) + timedelta(days=start)
    days = [first + timedelta(days=k) for k in range(length + 1)]
    runs = history.runs("A", days[0], days[-1])
    assert from_written(written(runs)) == tuple(runs)
    assert history.agrees(runs)
    unknown = "A.UNMAPPED" if any(one.symbol == "A" for one in spells) else "A"
    told = [run.symbol for day in days for run in runs if run.first <= day <= run.last]
    assert told == [history.holder("A", day) or unknown for day in days]
