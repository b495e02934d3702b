from collections import defaultdict
from pathlib import Path

import pytest

from fints_pipeline import backfill as command
from fints_pipeline.backfill import Wanted, backfill
from fints_pipeline.base.errors import KeyNotFoundError, UserError
from fints_pipeline.base.locations import Locations


class Item:
    """An instrument's month of the test's own lake."""

    def __init__(self, instrument: str, month: str, state: int = 0) -> None:
        self.instrument, self.month = instrument, month
        self.assets = ["bars"]
        self.fingerprint = f"{instrument} {month} {state}"


class Stale:
    """A lake that forgets what is made; `again` months become stale a second time."""

    def __init__(self, months, again=()) -> None:
        self.left = dict.fromkeys(months, 0)
        self.again = set(again)
        self.calls = defaultdict(int)
        self.broken: set = set()

    def outdated(self, _locations):
        return [Item(*month, state) for month, state in sorted(self.left.items())]

    def build(self, instrument, month, _assets):
        key = instrument, month
        self.calls[key] += 1
        if key in self.broken:
            raise UserError("the archive is torn")
        if key in self.again:
            self.again.discard(key)
            self.left[key] += 1
        else:
            del self.left[key]


ALL = Wanted()
MONTHS = [(s, m) for s in ("a.X", "a.Y") for m in ("2023-01", "2023-02", "2023-03")]


@pytest.fixture
def run(monkeypatch, tmp_path: Path):
    def run(lake: Stale, wanted: Wanted = ALL):
        monkeypatch.setattr("fints_pipeline.defs.reconcile.outdated", lake.outdated)
        return backfill(Locations(tmp_path, tmp_path, tmp_path), wanted, lake.build, lambda _: None)

    return run


def test_every_month_is_made_once(run):
    lake = Stale(MONTHS)
    assert run(lake).made == 6
    assert set(lake.calls.values()) == {1}


def test_what_becomes_stale_on_the_way_is_made_again(run):
    lake = Stale(MONTHS, again=[("a.X", "2023-01")])
    assert run(lake).made == 7
    assert lake.left == {}


def test_a_failure_stops_its_instrument_and_no_other(run):
    lake = Stale(MONTHS)
    lake.broken = {("a.X", "2023-02")}
    outcome = run(lake)
    assert outcome.made == 4
    assert outcome.left == 1
    assert outcome.failed == {"a.X 2023-02": "the archive is torn"}


def test_a_second_call_resumes(run):
    lake = Stale(MONTHS)
    lake.broken = {("a.X", "2023-02")}
    run(lake)
    lake.broken.clear()
    assert run(lake).made == 2
    assert lake.left == {}


def test_a_range_and_symbols_limit_it(run):
    lake = Stale(MONTHS)
    run(lake, Wanted(frozenset(["a.Y"]), "2023-02", "2023-02"))
    assert list(lake.calls) == [("a.Y", "2023-02")]


def test_an_unknown_symbol_names_the_nearest(monkeypatch, tmp_path: Path):
    monkeypatch.setattr("fints_pipeline.defs.reconcile.instruments", lambda _: ["binance.BTCUSDT"])
    locations = Locations(tmp_path, tmp_path, tmp_path)
    assert command.choose(locations, ["BTCUSDT"]) == {"binance.BTCUSDT"}
    with pytest.raises(KeyNotFoundError, match="BTCUSDT"):
        command.choose(locations, ["BTCUSD"])


@pytest.mark.parametrize("arguments", [["--from", "2023-13"], ["--to", "January"]])
def test_a_wrong_month_is_refused(arguments, capsys):
    with pytest.raises(SystemExit):
        command.parse(arguments)
    assert "write it like 2023-01" in capsys.readouterr().err
