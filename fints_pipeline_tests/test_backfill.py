from contextlib import nullcontext
from pathlib import Path

import pytest

from fints_pipeline import backfill as command
from fints_pipeline.backfill import Wanted, backfill
from fints_pipeline.base.errors import KeyNotFoundError, UserError
from fints_pipeline.base.locations import Locations

MONTHS = ("2023-01", "2023-02", "2023-03")


class Item:
    """An instrument's month of the test's own lake."""

    assets = ("bars", "features")

    def __init__(self, instrument: str, month: str) -> None:
        self.instrument, self.month = instrument, month


class World:
    """A lake that knows what is stale, and a refresh that makes it."""

    def __init__(self, stale) -> None:
        self.stale = set(stale)
        self.calls: list[tuple[str, str, str]] = []
        self.broken: set[str] = set()

    def outdated(self, _locations, names, _known=None, _refused=None):
        found = [item for item in sorted(self.stale) if not names or item[0] in names]
        return [Item(*item) for item in found]

    def refresh(self, instrument, first, last, told):
        self.calls.append((instrument, first, last))
        if instrument in self.broken:
            raise UserError("the archive is torn")
        for item in sorted(self.stale):
            if item[0] == instrument and first <= item[1] <= last:
                self.stale.discard(item)
                for asset in Item.assets:
                    told(asset, "|".join(item))


class Staged:
    def __init__(self, _locations, _name) -> None:
        pass

    def staged(self):
        return list(MONTHS)


@pytest.fixture
def run(monkeypatch, tmp_path: Path):
    lines: list[str] = []

    def run(world: World, wanted: Wanted = Wanted()):  # noqa: B008  it is frozen
        monkeypatch.setattr("fints_pipeline.defs.reconcile.outdated", world.outdated)
        monkeypatch.setattr("fints_pipeline.defs.instrument.Instrument", Staged)
        locations = Locations(tmp_path, tmp_path, tmp_path)
        return backfill(locations, wanted, world.refresh, lines.append), lines

    return run


def test_each_instrument_is_one_call_over_all_its_months(run):
    world = World([("a.X", "2023-02"), ("a.Y", "2023-01"), ("a.Y", "2023-03")])
    outcome, lines = run(world)
    assert world.calls == [("a.X", "2023-01", "2023-03"), ("a.Y", "2023-01", "2023-03")]
    assert outcome.made == 6
    assert world.stale == set()
    assert lines[0].split()[:3] == ["1/6", "a.X|2023-02", "bars"]
    assert lines[-1].split()[0] == "6/6"


def test_nothing_is_launched_where_nothing_is_stale(run):
    world = World([])
    assert run(world)[0].made == 0
    assert world.calls == []


def test_a_failure_stops_no_other_instrument(run):
    world = World([("a.X", "2023-02"), ("a.Y", "2023-01")])
    world.broken = {"a.X"}
    outcome, _ = run(world)
    assert outcome.failed == {"a.X": "the archive is torn"}
    assert world.stale == {("a.X", "2023-02")}


def test_a_second_call_resumes(run):
    world = World([("a.X", "2023-02"), ("a.Y", "2023-01")])
    world.broken = {"a.X"}
    run(world)
    world.broken.clear()
    assert run(world)[0].made == 2
    assert world.stale == set()


def test_a_range_and_symbols_limit_it(run):
    world = World([(name, month) for name in ("a.X", "a.Y") for month in MONTHS])
    run(world, Wanted(frozenset(["a.Y"]), "2023-02", "2023-02"))
    assert world.calls == [("a.Y", "2023-02", "2023-02")]


def test_what_lies_outside_the_wanted_months_launches_nothing(run):
    world = World([("a.X", "2023-01")])
    run(world, Wanted(first="2023-02"))
    assert world.calls == []


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


def test_a_source_that_fails_stops_no_other(capsys):
    class Source:
        def __init__(self, job, name, asset):
            self.job, self.name, self.asset = job, name, asset

    def make(job, name):
        if name == "vix":
            raise ZeroDivisionError("a defect")
        made.append((job, name))

    made: list[tuple[str, str]] = []
    stale = [Source("exogenous", "vix", "exogenous_series"), Source("news", "s.A", "news_items")]
    assert command.make_sources(stale, make) == {"vix": "a defect"}
    assert made == [("news", "s.A")]
    assert capsys.readouterr().out.split() == ["vix", "FAILED", "s.A", "news_items"]


class Step:
    """A job that is to be run."""

    name = "train demo.2024-01-02"
    reasons = ("models/demo/2024-01-02/mlm: its config changed", "predictions: missing")


def test_what_is_to_be_done_for_folds_is_shown_with_its_causes(capsys):
    assert command._show(iter(()), iter(()), iter([Step()])) == 0
    assert capsys.readouterr().out.splitlines() == [
        Step.name, *(f"    {reason}" for reason in Step.reasons), "1 jobs to run",
    ]  # fmt: skip
    command._show(iter(()), iter(()))
    assert capsys.readouterr().out == "nothing is stale\n"


class Other:
    """A series of the test's own lake."""

    name, asset, cause = "vix", "exogenous_series", "it is missing"


def test_sources_count_as_work(capsys):
    assert command._show(iter([Other()]), iter(())) == 0
    assert capsys.readouterr().out.splitlines()[-1] == "1 series or subjects of news to make"
    assert command._close(command.Outcome(sources=1)) == 0
    assert capsys.readouterr().out == "1 series or subjects of news made\n"


class Jobs:
    """Jobs that make sources, but not the one that is called broken."""

    def source(self, _job, name):
        if name == "broken":
            raise UserError("the file is torn")

    refresh = None


def test_the_command_counts_the_sources_that_it_made(monkeypatch, tmp_path: Path, capsys):
    class Stale:
        job, asset = "exogenous", "exogenous_series"

        def __init__(self, name):
            self.name = name

    monkeypatch.setenv("FINTS_LAKE", str(tmp_path / "lake"))
    monkeypatch.setattr("fints_pipeline.definitions.build", lambda _: None)
    monkeypatch.setattr("fints_pipeline.defs.launch.launcher", lambda _: nullcontext(Jobs()))
    monkeypatch.setattr(command, "_others", lambda _: [Stale("vix"), Stale("broken")])
    assert command.main(["--no-ingest"]) == 1
    told = capsys.readouterr()
    assert told.out.splitlines()[-1] == "1 series or subjects of news made"
    assert told.err == "FAILED broken: the file is torn\n"


def test_folds_are_left_alone_unless_asked_for():
    assert command.parse([]).folds is None
    assert command.parse(["--folds"]).folds == "stale"
    assert command.parse(["--folds", "all"]).folds == "all"
