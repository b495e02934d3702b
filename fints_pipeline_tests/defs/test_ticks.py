from datetime import UTC, date, datetime

import dagster as dg
import pytest
import yaml

from fints_pipeline import backfill
from fints_pipeline.base.lake import series_key
from fints_pipeline.base.locations import Locations
from fints_pipeline.defs import cadence, schedules, sensors
from fints_pipeline.defs.launch import Launcher
from fints_pipeline.defs.partitions import INSTRUMENTS
from fints_pipeline.defs.reconcile import first_staged, look, outdated
from fints_pipeline.defs.resources import Project
from fints_pipeline.schemas.raw_bars import RAW_BARS

EDGE = "synthetic.EDGE"
SYMBOLS = ["synthetic.EDGE", "synthetic.WALKA", "synthetic.WALKB"]


def tick(
    instance: dg.DagsterInstance, locations: Locations, cursor: str | None = None
) -> dg.SensorResult:
    context = dg.build_sensor_context(instance=instance, cursor=cursor)
    return sensors.inbox_sensor(context, project=Project.from_locations(locations))


def first_of(instance: dg.DagsterInstance, locations: Locations, day: datetime):
    context = dg.build_schedule_context(instance=instance, scheduled_execution_time=day)
    return schedules.last_month(context, project=Project.from_locations(locations))


def ranges(requests) -> list[tuple[str, str]]:
    """Return the first and last partition of each request, which are to be made if stale."""
    assert {request.tags["fints/only"] for request in requests} <= {"stale"}
    return [
        (
            request.tags["dagster/asset_partition_range_start"],
            request.tags["dagster/asset_partition_range_end"],
        )
        for request in requests
    ]


SEPTEMBER = datetime(2024, 9, 1, 6, tzinfo=UTC)


def test_the_schedule_asks_for_last_month_of_every_instrument(
    instance: dg.DagsterInstance, locations: Locations, staged: Launcher
) -> None:
    requests = first_of(instance, locations, datetime(2024, 8, 1, 6, tzinfo=UTC))
    assert ranges(requests) == [(f"{name}|2024-06", f"{name}|2024-07") for name in SYMBOLS]


def test_the_month_before_is_made_again_for_its_last_labels(
    instance: dg.DagsterInstance, locations: Locations, staged: Launcher
) -> None:
    for name in SYMBOLS:
        august = series_key("raw_bars", "1m", name, "2024-08")
        rows, footer = locations.lake.read(august), locations.lake.footer(august)
        locations.lake.remove(august)
        staged.refresh(name, "2024-07", "2024-07")
        locations.lake.write(august, rows, RAW_BARS, footer.lineage)
    for request in first_of(instance, locations, SEPTEMBER):
        staged.request(request)
    assert list(outdated(locations)) == []


def test_what_a_schedule_asks_for_is_made_and_not_asked_for_again(
    instance: dg.DagsterInstance, locations: Locations, made: Launcher
) -> None:
    requests = first_of(instance, locations, SEPTEMBER)
    assert [start for start, _ in ranges(requests)] == [f"{name}|2024-07" for name in SYMBOLS[1:]]
    for request in requests:
        made.request(request)
    assert isinstance(first_of(instance, locations, SEPTEMBER), dg.SkipReason)


def test_a_month_without_an_archive_is_not_asked_for(
    instance: dg.DagsterInstance, locations: Locations, staged: Launcher
) -> None:
    assert isinstance(daily(instance, locations, datetime(2024, 10, 15, 6)), dg.SkipReason)


def test_the_schedule_skips_an_empty_lake(
    instance: dg.DagsterInstance, locations: Locations
) -> None:
    assert isinstance(first_of(instance, locations, SEPTEMBER), dg.SkipReason)


def daily(instance: dg.DagsterInstance, locations: Locations, day: datetime):
    context = dg.build_schedule_context(
        instance=instance, scheduled_execution_time=day.replace(tzinfo=UTC)
    )
    return schedules.every_session(context, project=Project.from_locations(locations))


def test_the_daily_schedule_asks_for_the_running_month(
    instance: dg.DagsterInstance, locations: Locations, staged: Launcher
) -> None:
    # SYNTHETIC's market is open on weekdays: on the first of a month, the day before counts.
    requests = daily(instance, locations, datetime(2024, 8, 1, 6))
    assert ranges(requests) == [(f"{name}|2024-06", f"{name}|2024-07") for name in SYMBOLS]


def test_the_daily_schedule_leaves_out_the_markets_that_were_closed(locations: Locations) -> None:
    names = ["binance.BTCUSDT", "histdata.EURUSD", "spy_1m.SPY"]
    tuesday, saturday, holiday = date(2024, 7, 2), date(2024, 7, 6), date(2024, 7, 4)
    assert schedules.open_on(locations, names, tuesday) == names
    assert schedules.open_on(locations, names, saturday) == names[:1]
    assert schedules.open_on(locations, names, holiday) == names[:2]


def test_the_daily_schedule_skips_an_exchanges_holiday(
    instance: dg.DagsterInstance, locations: Locations
) -> None:
    instance.add_dynamic_partitions(INSTRUMENTS.name, ["spy_1m.SPY"])
    holiday = daily(instance, locations, datetime(2024, 7, 5, 6))
    assert isinstance(holiday, dg.SkipReason)
    assert "2024-07-04" in str(holiday.skip_message)


def test_the_inbox_sensor_stages_then_builds_each_month_once(
    instance: dg.DagsterInstance, market: Locations, definitions: dg.Definitions
) -> None:
    first = tick(instance, market)
    assert [request.job_name for request in first.run_requests] == ["ingest"]
    assert tick(instance, market, first.cursor).run_requests == []

    Launcher(instance, definitions).ingest()
    second = tick(instance, market, first.cursor)
    assert second.dynamic_partitions_requests[0].partition_keys == SYMBOLS
    asked = [request.tags for request in second.run_requests]
    assert [tags["dagster/asset_partition_range_start"] for tags in asked] == [
        f"{name}|2024-07" for name in SYMBOLS
    ]
    assert {tags["dagster/asset_partition_range_end"][-7:] for tags in asked} == {"2024-08"}
    assert {tags["fints/only"] for tags in asked} == {"stale"}
    assert tick(instance, market, second.cursor).run_requests == []


def test_a_new_file_in_the_inbox_is_seen(instance: dg.DagsterInstance, market: Locations) -> None:
    before = tick(instance, market)
    path = next((market.inbox / "synthetic").glob("*.zip"))
    path.with_name("NEW-1m-2024-07.zip").write_bytes(path.read_bytes())
    after = tick(instance, market, before.cursor)
    assert [request.job_name for request in after.run_requests] == ["ingest"]
    assert after.run_requests[0].run_key != before.run_requests[0].run_key


def test_the_fold_sensor_adds_nothing_before_there_is_data(
    instance: dg.DagsterInstance, locations: Locations
) -> None:
    context = dg.build_sensor_context(instance=instance)
    result = sensors.fold_sensor(context, project=Project.from_locations(locations))
    assert [request.partition_keys for request in result.dynamic_partitions_requests] == [[], []]


def data_keys(instance: dg.DagsterInstance, locations: Locations) -> set[str]:
    """Return the run keys by which the inbox sensor asks for EDGE."""
    locations.inbox.mkdir(exist_ok=True, parents=True)
    requests = tick(instance, locations).run_requests
    return {request.run_key for request in requests if request.run_key.startswith(f"data:{EDGE}")}


def set_window(locations: Locations, window: int) -> None:
    path = locations.configs / "data" / "synthetic.yaml"
    config = yaml.safe_load(path.read_text())
    for feature in config["features"]:
        if feature["name"] == "atr":
            feature["window"] = window
    path.write_text(yaml.safe_dump(config))


def test_each_change_of_a_config_is_asked_for(
    instance: dg.DagsterInstance, locations: Locations, made: Launcher
) -> None:
    keys = []
    for window in (20, 21, 22):
        set_window(locations, window)
        keys.append(data_keys(instance, locations))
    assert len(set().union(*keys)) == 3
    set_window(locations, 20)
    assert data_keys(instance, locations) == keys[0]


def set_dataset(locations: Locations, **values: object) -> None:
    path = locations.configs / "data" / "synthetic.yaml"
    config = yaml.safe_load(path.read_text())
    config["dataset"] |= values
    path.write_text(yaml.safe_dump(config))


class Ticks:
    """Ticks of the inbox sensor, one after the other, as Dagster's daemon makes them.

    Requests whose run key was ever used are dropped.
    """

    def __init__(self, instance: dg.DagsterInstance, locations: Locations) -> None:
        self.instance, self.locations = instance, locations
        self.cursor: str | None = None
        self.used: set[str | None] = set()

    def jobs(self) -> list[str | None]:
        """Return the jobs that runs are launched of."""
        result = tick(self.instance, self.locations, self.cursor)
        self.cursor = result.cursor
        new = [each for each in result.run_requests if each.run_key not in self.used]
        self.used |= {each.run_key for each in new}
        return [each.job_name for each in new]


def test_a_config_that_is_changed_back_and_forth_is_asked_for_each_time(
    instance: dg.DagsterInstance, locations: Locations, made: Launcher
) -> None:
    locations.inbox.mkdir(parents=True, exist_ok=True)
    ticks = Ticks(instance, locations)
    for minutes in (60, 30, 60, 30):
        set_dataset(locations, max_fill_minutes=minutes)
        assert "data" in ticks.jobs(), minutes
        assert ticks.jobs() == []


def test_files_are_staged_again_by_each_change_of_the_rules_to_read_them(
    instance: dg.DagsterInstance, market: Locations
) -> None:
    ticks = Ticks(instance, market)
    for zone in ("UTC", "Etc/GMT+5") * 2:
        set_dataset(market, timezone=zone)
        assert ticks.jobs() == ["ingest"], zone
        assert ticks.jobs() == []
    for members in (10, 20):
        (market.configs / "limits.yaml").write_text(f"members: {members}\n")
        assert ticks.jobs() == ["ingest"], members
        assert ticks.jobs() == []


def test_a_config_written_later_and_one_that_is_mended_ask_for_the_files_again(
    instance: dg.DagsterInstance, market: Locations
) -> None:
    path = market.configs / "data" / "synthetic.yaml"
    config = path.read_text()
    path.unlink()
    ticks = Ticks(instance, market)
    assert ticks.jobs() == ["ingest"]
    for text in (config, "name: [", config):
        path.write_text(text)
        assert ticks.jobs() == ["ingest"], text
        assert ticks.jobs() == []


@pytest.mark.parametrize("cursor", ["0" * 32, "1234", "9f" * 16, "[1]", '{"data": 1}'])
def test_a_cursor_of_another_format_counts_as_none(
    instance: dg.DagsterInstance, market: Locations, cursor: str
) -> None:
    assert [each.job_name for each in tick(instance, market, cursor).run_requests] == ["ingest"]


def test_a_missing_month_is_asked_for_again_once_its_archive_is_restated(
    instance: dg.DagsterInstance, locations: Locations, staged: Launcher
) -> None:
    before = data_keys(instance, locations)
    assert data_keys(instance, locations) == before
    key = series_key("raw_bars", "1m", EDGE, "2024-07")
    rows, footer = locations.lake.read(key), locations.lake.footer(key)
    locations.lake.write(key, rows.slice(0, rows.num_rows - 5), RAW_BARS, footer.lineage)
    assert data_keys(instance, locations).isdisjoint(before)


def test_a_data_set_without_its_config_stops_no_other(
    instance: dg.DagsterInstance, locations: Locations, staged: Launcher
) -> None:
    key = series_key("raw_bars", "1m", EDGE, "2024-07")
    other = series_key("raw_bars", "1m", "elsewhere.EDGE", "2024-07")
    footer = locations.lake.footer(key)
    locations.lake.write(other, locations.lake.read(key), RAW_BARS, footer.lineage)
    instance.add_dynamic_partitions(INSTRUMENTS.name, ["elsewhere.EDGE"])
    assert len(data_keys(instance, locations)) == 1
    requests = daily(instance, locations, datetime(2024, 8, 1, 6))
    assert [start for start, _ in ranges(requests)] == [f"{name}|2024-06" for name in SYMBOLS]
    outcome = backfill.backfill(locations, backfill.Wanted(), lambda *_: None, lambda _: None)
    assert list(outcome.failed) == ["elsewhere"]
    assert "no dataset 'elsewhere'" in outcome.failed["elsewhere"]


def test_months_without_a_partition_are_left_alone(
    instance: dg.DagsterInstance,
    locations: Locations,
    staged: Launcher,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Of a history that begins before the first month, and of a session that is still to come."""
    monkeypatch.setattr(cadence, "FIRST_MONTH", "2024-08")
    assert {item.month for item in outdated(locations)} == {"2024-08"}
    requests = first_of(instance, locations, SEPTEMBER)
    assert ranges(requests) == [(f"{name}|2024-08", f"{name}|2024-08") for name in SYMBOLS]
    warning = cadence.too_early(first_staged(look(locations)))
    assert warning is not None
    assert "FINTS_FIRST_MONTH=2024-07" in warning
    assert cadence.has_partition("2024-09", datetime(2024, 9, 1, tzinfo=UTC))
    assert not cadence.has_partition("2024-09", datetime(2024, 8, 31, 22, tzinfo=UTC))
