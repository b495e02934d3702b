"""A torn file of the lake stops what is made from it, and nothing else."""

import os

import dagster as dg
import pytest

from fints_pipeline import backfill
from fints_pipeline.base.errors import DamagedError
from fints_pipeline.base.lake import TableKey, series_key
from fints_pipeline.base.locations import Locations
from fints_pipeline.defs import sensors
from fints_pipeline.defs.instrument import Instrument
from fints_pipeline.defs.launch import Launcher
from fints_pipeline.defs.reconcile import look, outdated
from fints_pipeline.defs.resources import Project

EDGE, WALKA = "synthetic.EDGE", "synthetic.WALKA"
RAW = series_key("raw_bars", "1m", EDGE, "2024-08")
SERIES = (("bars", "1m"), ("bars", "5m"), ("features", "5m"), ("labels", "5m"), ("tokens", "5m"))
DERIVED = [series_key(*series, EDGE, "2024-07") for series in SERIES]


def cut(locations: Locations, key: TableKey) -> None:
    """Leave the first 1000 bytes of a partition's file, as a torn disk would."""
    os.truncate(locations.lake.path(key), 1000)


@pytest.mark.parametrize(
    "key",
    [DERIVED[-1], *(pytest.param(key, marks=pytest.mark.slow) for key in DERIVED[:-1])],
    ids=str,
)
def test_a_torn_partition_is_out_of_date_and_made_again(
    key: TableKey, locations: Locations, made: Launcher
) -> None:
    before = locations.lake.digest(key)
    cut(locations, key)
    reasons = {
        each.key: each.reasons for item in outdated(locations, [EDGE]) for each in item.stale
    }
    assert reasons[key] == ("damaged",)
    one = Instrument(locations, EDGE)
    asset = "brooks_tokens" if key.table == "tokens" else key.table
    assert [(each.key, each.reasons) for each in one.stale(asset, "2024-07")] == [
        (key, ("damaged",))
    ]
    made.refresh(EDGE, "2024-07", "2024-08")
    assert list(outdated(locations, [EDGE])) == []
    assert locations.lake.digest(key) == before
    assert look(locations).damaged == {}


def test_a_torn_slice_is_named_and_the_others_are_made(
    locations: Locations, made: Launcher
) -> None:
    cut(locations, RAW)
    refused: dict[str, str] = {}
    found = {item.instrument for item in outdated(locations, refused=refused)}
    assert WALKA in found
    why = refused.pop(str(RAW))
    path = str(locations.lake.path(RAW))
    for part in (f"data drop --apply '{RAW}'", "data verify", "ingest", path):
        assert part in why
    assert refused == {}
    bars = series_key("bars", "5m", EDGE, "2024-08")
    before = locations.lake.digest(bars)
    wanted = backfill.Wanted(frozenset({EDGE, WALKA}))
    outcome = backfill.backfill(locations, wanted, made.refresh)
    assert str(RAW) in outcome.failed
    assert WALKA not in outcome.failed
    assert list(outdated(locations, [WALKA])) == []
    assert locations.lake.digest(bars) == before  # not made as if nothing had been delivered
    with pytest.raises(DamagedError, match="2024-08"):
        list(outdated(locations, [EDGE]))


def test_a_dry_run_tells_of_a_torn_slice_and_goes_on(
    locations: Locations,
    made: Launcher,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("FINTS_LAKE", str(locations.lake_root))
    monkeypatch.setenv("FINTS_INBOX", str(locations.inbox))
    monkeypatch.setenv("FINTS_CONFIGS", str(locations.configs))
    cut(locations, RAW)
    cut(locations, DERIVED[2])
    assert backfill.main(["--dry-run"]) == 1
    told = capsys.readouterr()
    assert f"{DERIVED[2]}: damaged" in told.out
    assert f"{WALKA} 2024-08" in told.out
    assert f"FAILED {RAW}: " in told.err


def test_the_sensor_goes_on_past_torn_files(
    instance: dg.DagsterInstance, locations: Locations, made: Launcher
) -> None:
    locations.inbox.mkdir()
    cut(locations, RAW)
    cut(locations, DERIVED[2])
    context = dg.build_sensor_context(instance=instance)
    result = sensors.inbox_sensor(context, project=Project.from_locations(locations))
    keys = [request.run_key for request in result.run_requests]
    assert {key.split(":")[1] for key in keys if key.startswith("data:")} >= {EDGE, WALKA}


def test_ingest_goes_on_past_a_torn_slice_and_reads_a_dropped_one_again(
    market: Locations, made: Launcher
) -> None:
    before = market.lake.digest(RAW)
    cut(market, RAW)
    with pytest.raises(DamagedError):
        market.lake.digest(RAW)
    made.ingest()
    market.lake.remove(RAW)
    made.ingest()
    assert market.lake.digest(RAW) == before
