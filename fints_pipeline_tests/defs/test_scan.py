"""The scan by snapshot finds what asking the lake about every partition finds."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from fints_pipeline.base.lake import Lake, Lineage, footers, series_key
from fints_pipeline.base.lake.footers import INDEX, Footers
from fints_pipeline.base.lake.tables import tables
from fints_pipeline.base.locations import Locations
from fints_pipeline.defs import reconcile
from fints_pipeline.defs.instrument import Instrument
from fints_pipeline.defs.reconcile import Outdated, instruments, outdated

EDGE = "synthetic.EDGE"


def slowly(locations: Locations) -> list[Outdated]:
    """Ask the lake about every partition."""
    found = []
    for name in instruments(locations.lake):
        one = Instrument(locations, name)
        for month in one.staged():
            stale = tuple(item for asset in one.tables for item in one.stale(asset, month))
            if stale:
                key = series_key("raw_bars", one.dataset.base_frequency, name, month)
                found.append(Outdated(name, month, stale, locations.lake.digest(key)))
    return found


def change_bars(locations: Locations) -> None:
    """Write a month of bars without its last row."""
    from fints_pipeline.schemas.bars import BARS

    key = series_key("bars", "5m", EDGE, "2024-07")
    lake = locations.lake
    rows = lake.read(key)
    lake.write(key, rows.slice(0, rows.num_rows - 1), BARS, lake.lineage(key))


def other_code(locations: Locations) -> None:
    """Write a month of features as another version of the code would."""
    from fints_pipeline.schemas.features import features_contract

    key, lake = series_key("features", "5m", EDGE, "2024-08"), locations.lake
    contract = features_contract(Instrument(locations, EDGE).features.columns)
    made = lake.lineage(key)
    lineage = Lineage("other", made.config_fingerprint, made.inputs)
    lake.write(key, lake.read(key), contract, lineage)


def other_config(locations: Locations) -> None:
    """Ask for other labels."""
    path = locations.configs / "data" / "synthetic.yaml"
    text = path.read_text()
    assert "horizon: 12" in text
    path.write_text(text.replace("horizon: 12", "horizon: 13"))


def take_away(locations: Locations) -> None:
    locations.lake.remove(series_key("tokens", "5m", EDGE, "2024-07"))


def no_first_month(locations: Locations) -> None:
    for table, freq in (("raw_bars", "1m"), ("bars", "1m"), ("bars", "5m")):
        locations.lake.remove(series_key(table, freq, EDGE, "2024-07"))


CHANGES = (change_bars, other_code, take_away, other_config, no_first_month)


def test_it_finds_what_asking_for_each_partition_finds(locations: Locations, made) -> None:
    assert list(outdated(locations)) == slowly(locations)
    assert list(outdated(locations, [EDGE])) == []
    for change in CHANGES:
        before = list(outdated(locations))
        change(locations)
        now = list(outdated(locations))
        assert now == slowly(locations), change.__name__
        assert now != before, change.__name__


def test_what_has_not_changed_is_not_read_again(
    locations: Locations, made, monkeypatch: pytest.MonkeyPatch
) -> None:
    read: list[str] = []
    honest = Footers._read
    monkeypatch.setattr(Footers, "_read", lambda s, p, t: read.append(p) or honest(s, p, t))
    list(outdated(locations))
    count = len(read)
    assert count > 10
    worked: list[str] = []
    monkeypatch.setattr(reconcile, "_outdated", lambda one, known: worked.append(one.name) or [])
    list(outdated(locations))
    assert (len(read), worked) == (count, [])
    change_bars(locations)
    list(outdated(locations))
    assert len(read) == count + 1
    assert worked == ["synthetic.EDGE", "synthetic.WALKA", "synthetic.WALKB"]


def test_the_index_serves_a_fresh_process_and_may_be_lost_or_damaged(
    locations: Locations, made, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(footers, "LEAST", 1)
    lake = locations.lake
    first = Footers(lake).look(tables(lake))
    assert lake.store.exists(INDEX)
    with monkeypatch.context() as patch:
        patch.setattr(Footers, "_read", None)  # not needed
        assert dict(Footers(lake).look(tables(lake)).stamps()) == dict(first.stamps())
    change_bars(locations)
    key = series_key("bars", "5m", EDGE, "2024-07")
    assert Footers(lake).look(tables(lake)).digest(key) == lake.digest(key) != first.digest(key)
    (lake.root / INDEX).write_bytes(b"nonsense")
    again = Footers(lake).look(tables(lake))
    assert again.lineage(key) == lake.lineage(key)


def test_a_lake_that_may_not_be_written_is_looked_at(
    locations: Locations, made, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(footers, "LEAST", 1)
    blocked: Path = locations.lake.root / INDEX.parent
    blocked.write_text("a file where the folder would be")
    lake = Lake(os.fspath(locations.lake_root))
    found = Footers(lake).look(tables(lake))
    assert found.months("bars", "5m", EDGE) == ["2024-07", "2024-08"]


def test_a_dry_run_loads_neither_dagster_nor_pandera(
    locations: Locations, made, project: Path
) -> None:
    code = (
        "import sys; from fints_pipeline.backfill import main; main(['--dry-run']); "
        "print(sorted({'dagster', 'pandera', 'torch'} & set(sys.modules)))"
    )
    environment = os.environ | {
        "FINTS_LAKE": os.fspath(locations.lake_root),
        "FINTS_CONFIGS": os.fspath(locations.configs),
    }
    command = [sys.executable, "-c", code]
    done = subprocess.run(
        command, cwd=project, env=environment, capture_output=True, text=True, check=True
    )
    assert done.stdout.splitlines()[-1] == "[]"
    assert "4 months to make" in done.stdout
