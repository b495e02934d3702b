from pathlib import Path

import dagster as dg
import pytest
from dagster._core.storage.asset_check_execution_record import AssetCheckExecutionRecordStatus

from fints_pipeline import backfill
from fints_pipeline.base.errors import UserError
from fints_pipeline.base.lake import series_key
from fints_pipeline.base.locations import Locations
from fints_pipeline.defs import stages
from fints_pipeline.defs.reconcile import outdated
from fints_pipeline.schemas.raw_bars import RAW_BARS

EDGE, WALK = "synthetic.EDGE", "synthetic.WALKA"
QUIET = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}


def events(instance: dg.DagsterInstance, asset: str) -> dict[str, dg.AssetMaterialization]:
    """Return the materializations of an asset by partition; fail if a partition has two."""
    records = instance.fetch_materializations(dg.AssetKey(asset), limit=100).records
    found = {record.partition_key: record.asset_materialization for record in records}
    assert len(found) == len(records), [record.partition_key for record in records]
    return found


def test_a_range_gives_each_partition_one_event_with_its_own_version(instance, locations, staged):
    staged.refresh(EDGE, "2024-07", "2024-08")
    for asset, table in (("features", "features"), ("brooks_tokens", "tokens")):
        found = events(instance, asset)
        assert set(found) == {f"{EDGE}|2024-07", f"{EDGE}|2024-08"}
        for key, event in found.items():
            footer = locations.lake.footer(series_key(table, "5m", EDGE, key[-7:]))
            assert event.tags["dagster/data_version"] == footer.digest
            assert event.metadata["dagster/row_count"].value == footer.rows
    assert list(outdated(locations, [EDGE])) == []


def test_each_partition_has_its_own_checks(instance, staged):
    staged.refresh(EDGE, "2024-07", "2024-08")
    for check in ("rows_conserved", "clock_fits"):
        history = instance.event_log_storage.get_asset_check_execution_history(
            dg.AssetCheckKey(dg.AssetKey("bars"), check), limit=10
        )
        assert {record.partition for record in history} == {f"{EDGE}|2024-07", f"{EDGE}|2024-08"}
        assert {record.status for record in history} == {AssetCheckExecutionRecordStatus.SUCCEEDED}


def test_inputs_that_are_missing_are_made_first(instance, locations, staged):
    staged.series(EDGE, "2024-08", ["brooks_tokens"])
    assert locations.lake.months("tokens", "5m", EDGE) == ["2024-07", "2024-08"]
    assert set(events(instance, "bars")) == {f"{EDGE}|2024-07", f"{EDGE}|2024-08"}


def test_labels_look_for_the_month_after_even_if_only_one_was_asked_for(locations, staged):
    staged.series(EDGE, "2024-07", ["labels"])
    assert not [
        item
        for item in outdated(locations, [EDGE])
        if "labels" in item.assets and "07" in item.month
    ]
    assert "2024-08" in locations.lake.months("bars", "5m", EDGE)


def test_a_failure_keeps_what_was_made_and_names_what_was_not(
    instance, locations, staged, monkeypatch
):
    whole = stages.STAGES["features"]

    def breaks(instrument, month):
        if month == "2024-07":
            raise UserError("the disk is on fire")
        return whole(instrument, month)

    monkeypatch.setitem(stages.STAGES, "features", breaks)
    with pytest.raises(UserError, match="1 of 2 partitions of features") as error:
        staged.refresh(EDGE, "2024-07", "2024-08", assets=["bars", "features"])
    assert "the disk is on fire" in str(error.value)
    assert set(events(instance, "features")) == {f"{EDGE}|2024-08"}
    assert set(events(instance, "bars")) == {f"{EDGE}|2024-07", f"{EDGE}|2024-08"}

    monkeypatch.setitem(stages.STAGES, "features", whole)
    staged.refresh(EDGE, "2024-07", "2024-08")
    assert list(outdated(locations, [EDGE])) == []
    assert set(events(instance, "bars")) == {f"{EDGE}|2024-07", f"{EDGE}|2024-08"}


def breaking(stage, instrument, month, error):
    """Return a stage that raises for one month."""

    def breaks(this, that):
        if (this.name, that) == (instrument, month):
            raise error
        return stage(this, that)

    return breaks


ALL = ("bars", "features", "labels", "tokens")


def test_a_bad_month_of_bars_keeps_no_other_month_from_being_made(
    instance, locations, staged, monkeypatch
):
    broken = breaking(stages.STAGES["bars"], EDGE, "2024-07", UserError("the clock is wrong"))
    monkeypatch.setitem(stages.STAGES, "bars", broken)
    with pytest.raises(UserError, match="the clock is wrong"):
        staged.refresh(EDGE, "2024-07", "2024-08")
    made = {table: locations.lake.months(table, "5m", EDGE) for table in ALL}
    # Tokens carry a state from month to month.
    assert made == {table: ["2024-08"] for table in ALL[:3]} | {"tokens": []}
    (run,) = instance.get_runs()
    assert run.is_failure
    told = instance.fetch_observations(dg.AssetKey("bars"), limit=10).records
    assert [record.partition_key for record in told] == [f"{EDGE}|2024-07"]


def test_a_bad_month_of_bars_stops_no_other_instrument(
    instance, locations, definitions, staged, monkeypatch
):
    broken = breaking(stages.STAGES["bars"], EDGE, "2024-07", UserError("the clock is wrong"))
    monkeypatch.setitem(stages.STAGES, "bars", broken)
    tags = {
        "dagster/asset_partition_range_start": f"{EDGE}|2024-07",
        "dagster/asset_partition_range_end": f"{WALK}|2024-08",
    }
    assets = ["bars", "features", "labels", "brooks_tokens"]
    assert not launch(instance, definitions, assets, **tags).success
    for table in ALL:
        assert locations.lake.months(table, "5m", WALK) == ["2024-07", "2024-08"]


def test_a_restated_month_that_is_refused_fails_the_run_though_what_follows_is_current(
    instance, locations, made, monkeypatch
):
    made.refresh(EDGE, "2024-07", "2024-08")
    key = series_key("raw_bars", "1m", EDGE, "2024-07")
    slice_, footer = locations.lake.read(key), locations.lake.footer(key)
    locations.lake.write(key, slice_.slice(0, slice_.num_rows - 5), RAW_BARS, footer.lineage)
    broken = breaking(stages.STAGES["bars"], EDGE, "2024-07", UserError("the clock is wrong"))
    monkeypatch.setitem(stages.STAGES, "bars", broken)
    with pytest.raises(UserError, match="the clock is wrong"):
        made.refresh(EDGE, "2024-07", "2024-08")


def test_a_defect_in_one_month_stops_no_other_and_no_other_instrument(
    locations, staged, monkeypatch
):
    broken = breaking(stages.STAGES["bars"], EDGE, "2024-07", ZeroDivisionError("a defect"))
    monkeypatch.setitem(stages.STAGES, "bars", broken)
    outcome = backfill.backfill(locations, backfill.Wanted(), staged.refresh)
    assert list(outcome.failed) == [EDGE]
    assert "ZeroDivisionError: a defect" in outcome.failed[EDGE]
    assert locations.lake.months("features", "5m", EDGE) == ["2024-08"]
    assert locations.lake.months("tokens", "5m", WALK) == ["2024-07", "2024-08"]


def path(locations: Locations) -> Path:
    return locations.lake.path(series_key("bars", "5m", EDGE, "2024-07"))


def launch(instance, definitions, assets, **tags):
    job = definitions.resolve_job_def("data")
    result = job.execute_in_process(
        instance=instance,
        tags={name.replace("__", "/"): value for name, value in tags.items()},
        asset_selection=[dg.AssetKey(name) for name in assets],
        run_config=QUIET,
        raise_on_error=False,
    )
    return result


def test_a_range_that_a_job_backfill_launches_is_made_whole(
    instance, locations, definitions, staged
):
    """Such a run carries its first partition's tags too, and Dagster sees that one alone."""
    tags = {
        "dagster/asset_partition_range_start": f"{EDGE}|2024-07",
        "dagster/asset_partition_range_end": f"{WALK}|2024-08",
        "dagster/partition/instrument": EDGE,
        "dagster/partition/month": "2024-07",
    }
    assert launch(instance, definitions, ["bars"], **tags).success
    for name in (EDGE, WALK):
        assert locations.lake.months("bars", "5m", name) == ["2024-07", "2024-08"]


def test_a_range_passes_over_months_without_data(instance, definitions, staged):
    tags = {
        "dagster/asset_partition_range_start": f"{EDGE}|2024-08",
        "dagster/asset_partition_range_end": f"{EDGE}|2024-10",
    }
    assert launch(instance, definitions, ["bars"], **tags).success
    rows = {
        key: e.metadata["dagster/row_count"].value for key, e in events(instance, "bars").items()
    }
    assert rows.pop(f"{EDGE}|2024-08") > 0
    assert rows == {f"{EDGE}|2024-09": 0, f"{EDGE}|2024-10": 0}


def test_a_single_month_without_data_is_an_error(staged):
    with pytest.raises(UserError, match="2024-10 does not exist"):
        staged.series(EDGE, "2024-10", ["bars"])


def test_a_run_that_takes_up_a_dead_one_makes_the_rest_and_reports_all(
    instance, locations, definitions, staged
):
    staged.series(EDGE, "2024-07", ["bars"])
    before = path(locations).stat().st_mtime_ns
    tags = {
        "dagster/asset_partition_range_start": f"{EDGE}|2024-07",
        "dagster/asset_partition_range_end": f"{EDGE}|2024-08",
        "dagster/parent_run_id": "the-run-that-died",
    }
    result = launch(instance, definitions, ["bars"], **tags)
    assert result.success
    made = [event.partition for event in result.all_events if event.is_step_materialization]
    assert made == [f"{EDGE}|2024-07", f"{EDGE}|2024-08"]
    assert path(locations).stat().st_mtime_ns == before


def test_partitions_that_dagster_has_not_heard_of_are_reported(instance, locations, made):
    before = path(locations).stat().st_mtime_ns
    made.refresh(EDGE, "2024-07", "2024-08")
    assert set(events(instance, "features")) == {f"{EDGE}|2024-07", f"{EDGE}|2024-08"}
    assert path(locations).stat().st_mtime_ns == before


@pytest.mark.parametrize(
    ("tags", "message"),
    [
        ({"dagster/partition": "2024-07"}, "is not an instrument and a month"),
        ({"dagster/partition": f"{EDGE}|1999-07"}, "is not a month from"),
        ({"dagster/partition": "synthetic.NONE|2024-07"}, "has been staged"),
    ],
)
def test_a_wrong_partition_is_named(instance, definitions, staged, tags, message):
    result = launch(instance, definitions, ["bars"], **tags)
    assert not result.success
    (failure,) = [event for event in result.all_events if event.is_step_failure]
    assert message in failure.step_failure_data.user_failure_data.description
