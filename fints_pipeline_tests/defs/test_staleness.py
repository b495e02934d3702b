import os
import shutil
from pathlib import Path

import dagster as dg
import pytest
from dagster._core.definitions.data_version import CachingStaleStatusResolver, StaleStatus
from dagster._core.loader import LoadingContextForTest

from fints_pipeline import pipeline
from fints_pipeline.base.errors import UserError
from fints_pipeline.base.locations import Locations
from fints_pipeline.data import partition
from fints_pipeline.data.clock import ClockReport
from fints_pipeline.data.synthetic import make_market
from fints_pipeline.defs.launch import Launcher
from fints_pipeline.defs.partitions import series_partition
from fints_pipeline.defs.reconcile import outdated

EDGE = "synthetic.EDGE"


@pytest.fixture
def built(instance: dg.DagsterInstance, market: Locations, definitions: dg.Definitions) -> Launcher:
    """Return a launcher whose lake holds every month of one symbol."""
    for path in (market.inbox / "synthetic").glob("WALK*"):
        path.unlink()
    latest_counts(market)
    launcher = Launcher(instance, definitions)
    pipeline.ingest_and_build(launcher, market, pipeline.Progress())
    return launcher


def latest_counts(locations: Locations) -> None:
    """Let the later delivery count; by default a restated bar keeps what was known first."""
    path = locations.configs / "data" / "synthetic.yaml"
    path.write_text(
        path.read_text().replace("  name: synthetic", "  name: synthetic\n  versions: latest")
    )


def status(instance: dg.DagsterInstance, definitions: dg.Definitions, asset: str, month: str):
    resolver = CachingStaleStatusResolver(
        instance, definitions.resolve_asset_graph(), LoadingContextForTest(instance)
    )
    return resolver.get_status(dg.AssetKey(asset), str(series_partition(EDGE, month)))


def restate(locations: Locations, scratch: Path) -> None:
    """Deliver August again, a month later and with other prices."""
    market = make_market(scratch, seed=9, first_month="2024-07", last_month="2024-08")
    for archive in market.archives:
        if archive.name.startswith("EDGE-1m-2024-08"):
            later = archive.stat().st_mtime + 30 * 86_400
            for path in (archive, archive.with_name(archive.name + ".CHECKSUM")):
                target = locations.inbox / "synthetic" / path.name
                shutil.copy(path, target)
                os.utime(target, (later, later))


def test_a_restated_archive_makes_its_month_stale_and_no_other(
    instance: dg.DagsterInstance,
    market: Locations,
    definitions: dg.Definitions,
    built: Launcher,
    tmp_path: Path,
) -> None:
    for month in ("2024-07", "2024-08"):
        assert status(instance, definitions, "bars", month) == StaleStatus.FRESH
    assert list(outdated(market)) == []

    restate(market, tmp_path / "later")
    built.ingest()
    assert status(instance, definitions, "bars", "2024-08") == StaleStatus.STALE
    assert status(instance, definitions, "bars", "2024-07") == StaleStatus.FRESH
    assert [(item.month, item.assets) for item in outdated(market)] == [("2024-08", ["bars"])]


def test_refreshing_reaches_the_descendants_and_equals_a_clean_build(
    instance: dg.DagsterInstance,
    market: Locations,
    definitions: dg.Definitions,
    built: Launcher,
    tmp_path: Path,
) -> None:
    restate(market, tmp_path / "later")
    pipeline.ingest_and_build(built, market, pipeline.Progress())
    assert list(outdated(market)) == []
    for asset in ("bars", "features", "labels", "brooks_tokens"):
        assert status(instance, definitions, asset, "2024-08") == StaleStatus.FRESH

    clean = Locations(tmp_path / "clean", market.inbox, market.configs)
    from fints_pipeline.definitions import build

    pipeline.ingest_and_build(Launcher(instance, build(clean)), clean, pipeline.Progress())
    for table in ("bars", "features", "labels", "tokens"):
        keys = list(market.lake.keys(table))
        assert keys == list(clean.lake.keys(table))
        for key in keys:
            assert market.lake.footer(key).digest == clean.lake.footer(key).digest, key


def test_a_changed_config_makes_what_it_makes_stale(market: Locations, built: Launcher) -> None:
    path = market.configs / "data" / "synthetic.yaml"
    path.write_text(path.read_text().replace("name: atr, window: 14", "name: atr, window: 15"))
    found = [(item.month, item.assets) for item in outdated(market)]
    assert found == [("2024-07", ["features"]), ("2024-08", ["features"])]


def test_an_earlier_month_that_arrives_late_is_followed_to_the_end(
    market: Locations, built: Launcher, tmp_path: Path
) -> None:
    later = make_market(tmp_path / "more", first_month="2024-06", last_month="2024-06")
    for archive in later.archives:
        if archive.name.startswith("EDGE"):
            shutil.copy2(archive, market.inbox / "synthetic")
            shutil.copy2(f"{archive}.CHECKSUM", market.inbox / "synthetic")
    pipeline.ingest_and_build(built, market, pipeline.Progress())
    assert list(outdated(market)) == []
    assert market.lake.months("tokens", "5m", EDGE) == ["2024-06", "2024-07", "2024-08"]


def test_bars_whose_clock_does_not_fit_are_not_written(
    instance: dg.DagsterInstance,
    market: Locations,
    definitions: dg.Definitions,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    launcher = Launcher(instance, definitions)
    launcher.ingest()
    wrong = ClockReport(False, "UTC", "America/New_York", "the stamps are 240 minutes off")
    monkeypatch.setattr(partition, "clock", lambda *_: wrong)
    with pytest.raises(UserError, match="240 minutes off"):
        launcher.series(EDGE, "2024-07", ["bars"])
    assert market.lake.instruments("bars", "1m") == []
    assert next(item.assets for item in outdated(market))[0] == "bars"
