"""Every check of a series partition, seen red with its evidence by who reads the page."""

import zipfile
from collections.abc import Callable
from pathlib import Path

import dagster as dg
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from dagster._core.storage.asset_check_execution_record import AssetCheckExecutionRecordStatus

from fints_pipeline.base.errors import UserError
from fints_pipeline.base.lake import series_key
from fints_pipeline.data import partition
from fints_pipeline.data.synthetic import make_market
from fints_pipeline.defs import building, cadence, proofs
from fints_pipeline.defs.instrument import Instrument
from fints_pipeline.defs.launch import Launcher
from fints_pipeline.schemas.bars import BARS

EDGE = "synthetic.EDGE"
DAY_MS = 86_400_000
LOST_WEEK = [f"2024-07-{day}" for day in range(15, 20)]


def evaluation(instance: dg.DagsterInstance, asset: str, check: str) -> dg.AssetCheckEvaluation:
    """Return the only evaluation of a check."""
    (record,) = instance.event_log_storage.get_asset_check_execution_history(
        dg.AssetCheckKey(dg.AssetKey(asset), check), limit=5
    )
    failed = record.status == AssetCheckExecutionRecordStatus.FAILED
    assert failed != record.evaluation.passed
    return record.evaluation


def tampered(path: Path, **columns) -> None:
    """Change columns of a partition behind the lake's back; its footer stays."""
    table = pq.read_table(path)
    for name, change in columns.items():
        at = table.schema.get_field_index(name)
        field = table.schema.field(at)
        values = change(table.column(name).to_numpy())
        table = table.set_column(at, field, pa.array(values, field.type, from_pandas=True))
    pq.write_table(table, path)


def rewritten(archive: Path, change: Callable[[str], str]) -> None:
    """Write an archive again with every line changed; an empty one is left out."""
    with zipfile.ZipFile(archive) as file:
        (member,) = file.namelist()
        lines = file.read(member).decode().splitlines(keepends=True)
    with zipfile.ZipFile(archive, "w") as file:
        file.writestr(member, "".join(map(change, lines)))
    Path(f"{archive}.CHECKSUM").unlink()


def without_the_week(line: str) -> str:
    day = np.datetime64(int(line.split(",")[0]) // DAY_MS, "D")
    return "" if str(day) in LOST_WEEK else line


def an_hour_later(line: str) -> str:
    cells = line.split(",")
    for place in (0, 6):  # open and close time
        cells[place] = str(int(cells[place]) + 3_600_000)
    return ",".join(cells)


@pytest.mark.slow
def test_a_lost_week_turns_coverage_red_and_the_bars_are_kept(instance, locations, definitions):
    make_market(locations.inbox / "synthetic", first_month="2024-07", last_month="2024-07")
    rewritten(locations.inbox / "synthetic" / "EDGE-1m-2024-07.zip", without_the_week)
    launcher = Launcher(instance, definitions)
    launcher.ingest()
    launcher.series(EDGE, "2024-07", ["bars"])
    found = evaluation(instance, "bars", "coverage")
    assert not found.passed
    assert found.severity == dg.AssetCheckSeverity.WARN
    assert found.metadata["empty_sessions"].value.split(", ") == LOST_WEEK
    assert locations.lake.exists(series_key("bars", "1m", EDGE, "2024-07"))
    launcher.series("synthetic.WALKA", "2024-07", ["bars"])
    history = instance.event_log_storage.get_asset_check_execution_history(
        dg.AssetCheckKey(dg.AssetKey("bars"), "coverage"), limit=1
    )
    assert history[0].evaluation.passed


@pytest.mark.slow
def test_rows_that_cleaning_loses_turn_conservation_red_and_nothing_is_written(
    instance, locations, staged, monkeypatch
):
    honest = partition.compute

    def loses(*arguments):
        computed = honest(*arguments)
        computed.quality.__dict__["rows_in"] += 7
        return computed

    monkeypatch.setattr(partition, "compute", loses)
    with pytest.raises(UserError, match="rows were lost in cleaning"):
        staged.series(EDGE, "2024-07", ["bars"])
    found = evaluation(instance, "bars", "rows_conserved")
    assert not found.passed
    assert "quality" in found.metadata
    assert not locations.lake.exists(series_key("bars", "1m", EDGE, "2024-07"))


@pytest.mark.slow
def test_stamps_an_hour_late_turn_the_clock_red_and_nothing_is_written(
    instance, market, definitions
):
    rewritten(market.inbox / "synthetic" / "EDGE-1m-2024-07.zip", an_hour_later)
    launcher = Launcher(instance, definitions)
    launcher.ingest()
    with pytest.raises(UserError, match="set `timezone: Europe/London`"):
        launcher.series(EDGE, "2024-07", ["bars"])
    found = evaluation(instance, "bars", "clock_fits")
    assert not found.passed
    assert "60 minutes off the market's hours" in found.metadata["evidence"].value
    assert not market.lake.exists(series_key("bars", "1m", EDGE, "2024-07"))


def test_a_partition_changed_after_it_was_written_is_taken_away_again(
    instance, locations, staged, monkeypatch
):
    honest = building.features

    def then_changed(instrument, month):
        honest(instrument, month)
        path = locations.lake.path(series_key("features", "5m", EDGE, month))
        tampered(path, log_return=lambda values: values + 1e-12)

    monkeypatch.setattr(building, "features", then_changed)
    with pytest.raises(UserError, match="features failed its check schema_and_digest"):
        staged.series(EDGE, "2024-07", ["bars", "features"])
    found = evaluation(instance, "features", "schema_and_digest")
    assert not found.passed
    assert "do not have the digest in the footer" in found.metadata["wrong"].value
    assert not locations.lake.exists(series_key("features", "5m", EDGE, "2024-07"))


def test_rows_against_the_schema_are_named_with_their_partition(locations, made):
    key = series_key("bars", "30m", EDGE, "2024-07")
    tampered(locations.lake.path(key), high=lambda high: high * 0.5)
    found = proofs.as_written("bars", Instrument(locations, EDGE), "2024-07", BARS)
    assert not found.passed
    assert found.blocking
    assert str(key) in found.evidence["wrong"]
    assert "high" in found.evidence["wrong"]


def test_a_label_that_is_known_at_its_own_bar_turns_red(locations, made):
    instrument = Instrument(locations, EDGE)
    assert proofs.known_later("labels", instrument, "2024-07").passed
    label = instrument.labels.labels[0]
    path = locations.lake.path(series_key("labels", "5m", EDGE, "2024-07"))
    closes = pq.read_table(path).column("close_time").to_numpy()
    tampered(path, **{label.end_column: lambda end: np.where(np.isnat(end), end, closes)})
    found = proofs.known_later("labels", instrument, "2024-07")
    assert not found.passed
    row = next(
        line
        for line in found.evidence["evidence"].value.splitlines()
        if line.startswith(f"| {label.column} |")
    )
    known, early = (int(row.split("|")[place]) for place in (2, 4))
    assert early == known > 1000


def test_more_partitions_than_the_page_can_show_turn_red_with_advice(
    instance, market, definitions, monkeypatch
):
    monkeypatch.setattr(cadence, "MOST_PARTITIONS", 100)
    Launcher(instance, definitions).ingest()
    found = evaluation(instance, "raw_archives", "few_enough_partitions")
    assert not found.passed
    assert found.severity == dg.AssetCheckSeverity.WARN
    assert found.metadata["instruments"].value == 3
    assert "slow above 100" in found.metadata["advice"].value
