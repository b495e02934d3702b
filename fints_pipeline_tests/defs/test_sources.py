"""Exogenous series and news as assets: from the inbox to columns that a model can take."""

import json
import os
import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import dagster as dg
import numpy as np
import pandas as pd
import pytest
from dagster._core.definitions.data_version import CachingStaleStatusResolver, StaleStatus
from dagster._core.loader import LoadingContextForTest

from fints_pipeline import pipeline
from fints_pipeline.base.errors import UserError
from fints_pipeline.base.frames import to_pandas
from fints_pipeline.base.lake import series_key
from fints_pipeline.base.locations import Locations
from fints_pipeline.data.exogenous import partition as series_stage
from fints_pipeline.data.exogenous import versions
from fints_pipeline.data.news import bars_partition
from fints_pipeline.data.synthetic import make_market
from fints_pipeline.definitions import build
from fints_pipeline.defs import causality, deliveries, sensors, source_noise
from fints_pipeline.defs.building import BUILDS
from fints_pipeline.defs.deliveries import outdated_sources, series_known
from fints_pipeline.defs.instrument import Instrument
from fints_pipeline.defs.launch import Launcher
from fints_pipeline.defs.partitions import EXOGENOUS, NEWS, series_partition
from fints_pipeline.defs.reconcile import outdated
from fints_pipeline.defs.resources import Project
from fints_pipeline.features.exogenous import Exogenous

EDGE = "synthetic.EDGE"
MONTHS = ("2024-07", "2024-08")
LAG = 2 * 24 * 60
FEAR = f"""
name: fear
period: day
timezone: UTC
values: {{close: CLOSE}}
unit: points
publication_lag_minutes: {LAG}
files: ^fear
"""
WIRE = """
name: wire
time: at
text: headline
symbol: ticker
"""
LINES = """
news:
  - {source: wire, lag_minutes: 1440, max_age_days: 10}
"""
FEATURES = """features:
  - {name: exogenous, source: fear, values: [close], lag_minutes: 1440, max_age_minutes: 20160}
  - {name: news, source: wire, values: [count, leaning]}
"""


def put(path: Path, content: str, delivered: str = "2024-10-01") -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(content)
    moment = pd.Timestamp(delivered, tz="UTC").timestamp()
    os.utime(path, (moment, moment))


def fear(first: float = 10.0, days: int = 120) -> str:
    dates = pd.date_range("2024-05-20", periods=days).strftime("%Y-%m-%d")
    rows = [f"{date},{first if n == 0 else 10 + n / 8:.3f}" for n, date in enumerate(dates)]
    return "day,CLOSE\n" + "\n".join(rows) + "\n"


def headlines() -> str:
    times = pd.date_range("2024-06-25T03:17", "2024-09-02", freq="7h17min", tz="UTC")
    words = ("strong growth", "weak sales", "a share", "not weak")
    return "\n".join(
        json.dumps({"ticker": "EDGE", "at": str(time), "headline": words[n % 4]})
        for n, time in enumerate(times)
    )


@pytest.fixture
def outside(locations: Locations) -> Locations:
    """Return folders whose inbox holds two months of EDGE, a series and news about EDGE."""
    return filled(locations)


@pytest.fixture(scope="module")
def whole(
    tmp_path_factory: pytest.TempPathFactory, project: Path
) -> Iterator[tuple[dg.DagsterInstance, Locations]]:
    """Return a lake where everything is made, to be looked at only."""
    root = tmp_path_factory.mktemp("sources")
    shutil.copytree(project / "configs", root / "configs")
    locations = filled(Locations(root / "lake", root / "inbox", root / "configs"))
    with dg.instance_for_test() as instance:
        launcher = Launcher(instance, build(locations))
        pipeline.ingest_and_build(launcher, locations, pipeline.Progress())
        yield instance, locations


def filled(locations: Locations) -> Locations:
    make_market(locations.inbox / "synthetic", first_month=MONTHS[0], last_month=MONTHS[1])
    for path in (locations.inbox / "synthetic").glob("WALK*"):
        path.unlink()
    put(locations.configs / "exogenous" / "fear.yaml", FEAR)
    put(locations.configs / "news" / "wire.yaml", WIRE)
    config = locations.configs / "data" / "synthetic.yaml"
    text = config.read_text()
    assert "features:\n" in text
    config.write_text(text.replace("features:\n", FEATURES, 1) + LINES)
    put(locations.inbox / "fear-daily.csv", fear())
    put(locations.inbox / "wire.jsonl", headlines())
    return locations


@pytest.fixture
def built(
    instance: dg.DagsterInstance,
    outside: Locations,
    definitions: dg.Definitions,
    whole: tuple[dg.DagsterInstance, Locations],
) -> Launcher:
    """Return a launcher over a copy of that lake."""
    shutil.copytree(whole[1].lake_root, outside.lake_root, ignore=shutil.ignore_patterns("staging"))
    return Launcher(instance, definitions)


def frame(locations: Locations, table: str, month: str = MONTHS[1]) -> pd.DataFrame:
    return to_pandas(locations.lake.read(series_key(table, "5m", EDGE, month)))


def materialization(
    instance: dg.DagsterInstance, asset: str, partition: str
) -> dg.AssetMaterialization:
    records = instance.fetch_materializations(
        dg.AssetRecordsFilter(dg.AssetKey(asset), asset_partitions=[partition]), limit=5
    ).records
    found = records[0].asset_materialization
    assert found is not None
    return found


def checks(instance: dg.DagsterInstance, asset: str, partition: str) -> dict[str, bool]:
    found = {}
    for name in ("schema_and_digest", "known_after_its_period", "no_look_ahead", "up_to_date"):
        key = dg.AssetCheckKey(dg.AssetKey(asset), name)
        records = instance.event_log_storage.get_asset_check_execution_history(key, limit=50)
        for record in records:
            said = record.evaluation
            if isinstance(said, dg.AssetCheckEvaluation) and said.partition == partition:
                found.setdefault(name, said.passed)
    return found


def test_the_pipeline_brings_them_to_the_features(
    whole: tuple[dg.DagsterInstance, Locations],
):
    _, outside = whole
    table = frame(outside, "features")
    close = table["close_time"]
    # Known two days after its day, used a day later: three days behind.
    days = (close - pd.Timestamp("2024-05-20", tz="UTC")) // pd.Timedelta(days=1) - 3
    np.testing.assert_allclose(table["fear_close"], 10 + days / 8)
    times = pd.to_datetime([json.loads(line)["at"] for line in headlines().splitlines()])
    usable = times + pd.Timedelta(days=1)
    before = frame(outside, "features", MONTHS[0])["close_time"].iloc[-1]
    edges = [before, *close]
    expected = [((usable > a) & (usable <= b)).sum() for a, b in zip(edges, close, strict=False)]
    assert table["wire_count"].tolist() == expected
    counted = frame(outside, "news_bars")
    assert (counted["wire_known_at"] + pd.Timedelta(days=1) <= counted["close_time"]).all()
    assert not list(outdated_sources(outside))
    assert not list(outdated(outside))


def test_their_pages_say_what_was_made(
    whole: tuple[dg.DagsterInstance, Locations],
):
    instance, outside = whole
    series = materialization(instance, "exogenous_series", "fear").metadata
    assert series["dagster/row_count"].value == 120
    columns = {each.name: each for each in series["dagster/column_schema"].value.columns}
    assert list(columns) == ["series", "period_end", "known_at", "close"]
    assert columns["close"].description == "value of the period [points]"
    assert series["close"].value.startswith("![close](data:image/svg+xml;base64,")
    assert series["restated"].value == 0
    items = materialization(instance, "news_items", "wire.EDGE").metadata
    assert items["dagster/row_count"].value == len(headlines().splitlines())
    assert items["months"].value == "2024-06 to 2024-09"
    assert "items_a_month" in items
    bars = materialization(instance, "news_bars", str(series_partition(EDGE, MONTHS[1]))).metadata
    assert bars["wire_count"].value == frame(outside, "news_bars")["wire_count"].sum()
    inputs = bars["inputs"].value
    assert {"news/event/wire.EDGE/2024-07", "bars/5m/synthetic.EDGE/2024-07"} <= set(inputs)


def test_their_checks_are_green_but_for_a_source_that_has_stopped(
    whole: tuple[dg.DagsterInstance, Locations],
):
    instance, _ = whole
    assert checks(instance, "exogenous_series", "fear") == {
        "schema_and_digest": True,
        "known_after_its_period": True,
        "no_look_ahead": True,
        "up_to_date": False,
    }
    assert checks(instance, "news_items", "wire.EDGE") == {
        "schema_and_digest": True,
        "no_look_ahead": True,
    }
    month = str(series_partition(EDGE, MONTHS[1]))
    for asset in ("news_bars", "features"):
        assert checks(instance, asset, month) == {"schema_and_digest": True, "no_look_ahead": True}


def asks_whether_one_is_sure(instance: dg.DagsterInstance, definitions: dg.Definitions) -> bool:
    """Return whether Dagster's page would ask before it launches the data job.

    It does when something that the job's assets read, and it does not make itself, can be made and
    has never been.
    """
    graph = definitions.resolve_asset_graph()
    made = {dg.AssetKey(name) for name in BUILDS}
    read = {parent for key in made for parent in graph.get(key).parent_keys} - made
    return any(
        graph.get(key).is_materializable and instance.get_latest_materialization_event(key) is None
        for key in read
    )


def test_a_lake_without_them_is_complete_and_nobody_is_asked_whether_he_is_sure(
    instance: dg.DagsterInstance, market: Locations, definitions: dg.Definitions
):
    launcher = Launcher(instance, definitions)
    assert asks_whether_one_is_sure(instance, definitions)
    for _ in range(2):
        launcher.ingest()
    assert not asks_whether_one_is_sure(instance, definitions)
    for name in ("exogenous_series", "news_items"):
        key = dg.AssetKey(name)
        (event,) = instance.fetch_materializations(key, limit=9).records  # told once
        assert event.partition_key is None
        assert instance.get_materialized_partitions(key) == set()
    launcher.series(EDGE, MONTHS[0], list(BUILDS))
    resolver = CachingStaleStatusResolver(
        instance, definitions.resolve_asset_graph(), LoadingContextForTest(instance)
    )
    for name in ("news_bars", "features"):
        status = resolver.get_status(dg.AssetKey(name), str(series_partition(EDGE, MONTHS[0])))
        assert status == StaleStatus.FRESH
    put(market.configs / "exogenous" / "fear.yaml", FEAR)
    put(market.inbox / "fear-daily.csv", fear())
    launcher.ingest()
    launcher.source("exogenous", "fear")
    assert instance.get_materialized_partitions(dg.AssetKey("exogenous_series")) == {"fear"}


def test_a_restated_file_makes_just_what_reads_it_stale(
    instance: dg.DagsterInstance, outside: Locations, built: Launcher
):
    before = frame(outside, "features")
    put(outside.inbox / "fear-later.csv", fear(first=99.0), delivered="2024-08-20")
    # A file that came before the first one: its values come first, the others restate them.
    built.ingest()
    (stale,) = outdated_sources(outside)
    assert (stale.asset, stale.name) == ("exogenous_series", "fear")
    assert "raw_exogenous/1D/fear/all changed" in stale.cause
    context = dg.build_sensor_context(instance=instance)
    result = sensors.inbox_sensor(context, project=Project.from_locations(outside))
    (request,) = [each for each in result.run_requests if each.job_name == "exogenous"]
    assert request.partition_key == "fear"
    built.source(request.job_name, str(request.partition_key))
    assert not list(outdated_sources(outside))
    assert {item.month for item in outdated(outside)} == set(MONTHS)
    assert {asset for item in outdated(outside) for asset in item.assets} == {"features"}
    built.refresh(EDGE, *MONTHS)
    assert not list(outdated(outside))
    restated = materialization(instance, "exogenous_series", "fear").metadata["restated"].value
    assert restated == 1
    # May's first day is no bar's business: the features come out the same.
    pd.testing.assert_frame_equal(frame(outside, "features"), before)


def test_features_make_a_series_first_that_is_out_of_date(
    instance: dg.DagsterInstance, outside: Locations, built: Launcher
):
    put(outside.inbox / "fear-later.csv", fear(first=99.0), delivered="2024-08-20")
    built.ingest()
    built.series(EDGE, MONTHS[0], ["features"])
    assert not list(outdated_sources(outside))
    assert materialization(instance, "exogenous_series", "fear").metadata["restated"].value == 1


def test_a_series_whose_file_is_wrong_stops_no_other(outside: Locations, built: Launcher):
    before = series_known(outside)
    (outside.configs / "exogenous" / "broken.yaml").write_text("nonsense: 1\n")
    assert series_known(outside) == before
    assert set(before) == {"fear"}
    put(outside.inbox / "fear-later.csv", fear(first=99.0), delivered="2024-08-20")
    with pytest.raises(UserError, match=r"broken\.yaml"):
        built.ingest()
    assert not list(outdated_sources(outside))


def test_ingest_registers_partitions_and_tells_versions_once(
    instance: dg.DagsterInstance, outside: Locations, definitions: dg.Definitions
):
    launcher = Launcher(instance, definitions)
    for _ in range(2):
        launcher.ingest()
    assert instance.get_dynamic_partitions(EXOGENOUS.name) == ["fear"]
    assert instance.get_dynamic_partitions(NEWS.name) == ["wire.EDGE"]
    for asset, partition in (("raw_exogenous", "fear"), ("raw_news", "wire.EDGE")):
        records = instance.fetch_materializations(
            dg.AssetRecordsFilter(dg.AssetKey(asset), asset_partitions=[partition]), limit=5
        ).records
        assert len(records) == 1, asset


def test_a_series_that_is_known_too_early_turns_red(
    instance: dg.DagsterInstance,
    outside: Locations,
    definitions: dg.Definitions,
    monkeypatch: pytest.MonkeyPatch,
):
    """Its publication lag forgotten: two checks see it, and nothing downstream can read it."""
    launcher = Launcher(instance, definitions)
    launcher.ingest()
    honest = series_stage.resolve

    def early(raw, config):
        return honest(raw, config.model_copy(update={"publication_lag_minutes": 0}))

    monkeypatch.setattr(series_stage, "resolve", early)
    with pytest.raises(UserError, match="known_after_its_period"):
        launcher.source("exogenous", "fear")
    assert checks(instance, "exogenous_series", "fear") == {
        "schema_and_digest": True,
        "known_after_its_period": False,
    }
    config = deliveries.series_config(outside, "fear")
    assert not outside.lake.exists(series_stage.series_key_of(config))


def test_a_data_set_that_asks_for_no_news_does_without(
    instance: dg.DagsterInstance, market: Locations, definitions: dg.Definitions
):
    launcher = Launcher(instance, definitions)
    launcher.ingest()
    launcher.series(EDGE, MONTHS[0], ["bars", "news_bars"])
    partition = str(series_partition(EDGE, MONTHS[0]))
    assert "asks for none" in str(
        materialization(instance, "news_bars", partition).metadata["note"].value
    )


def test_features_name_what_is_missing(
    instance: dg.DagsterInstance, outside: Locations, definitions: dg.Definitions
):
    (outside.inbox / "fear-daily.csv").unlink()
    launcher = Launcher(instance, definitions)
    launcher.ingest()
    with pytest.raises(
        UserError, match=r"exogenous/1D/fear/all, which is not in the lake[\s\S]*inbox"
    ):
        launcher.series(EDGE, MONTHS[0], ["bars", "features"])


def test_dagsters_own_badges_are_fresh(whole: tuple[dg.DagsterInstance, Locations]):
    instance, locations = whole
    graph = build(locations).resolve_asset_graph()
    resolver = CachingStaleStatusResolver(instance, graph, LoadingContextForTest(instance))
    month = str(series_partition(EDGE, MONTHS[1]))
    for asset, partition in (
        ("exogenous_series", "fear"),
        ("news_items", "wire.EDGE"),
        ("news_bars", month),
        ("features", month),
    ):
        status = resolver.get_status(dg.AssetKey(asset), partition)
        causes = resolver.get_stale_causes(dg.AssetKey(asset), partition)
        assert status == StaleStatus.FRESH, (asset, [cause.reason for cause in causes])


def looked_at(whole: tuple[dg.DagsterInstance, Locations]) -> Instrument:
    return Instrument(whole[1], EDGE)


def made_again(instrument: Instrument, folder: Path) -> Instrument:
    """Return the instrument over a copy of its lake where August is made by what is patched."""
    locations = replace(instrument.locations, lake_root=folder / "lake")
    shutil.copytree(instrument.locations.lake_root, folder / "lake")
    over = Instrument(locations, EDGE)
    series_stage.build(over.lake, deliveries.series_config(locations, "fear"))
    for asset in ("news_bars", "features"):
        BUILDS[asset](over, MONTHS[1])
    return over


@pytest.mark.parametrize("asset", ["news_bars", "features"])
def test_what_was_known_later_plays_no_part(
    whole: tuple[dg.DagsterInstance, Locations], asset: str
):
    found = causality.check(looked_at(whole), asset, MONTHS[1], cuts=2)
    assert found.passed, found.to_markdown()
    assert all(cut.rows > 20 for cut in found.cuts)
    # Raw bars after the cut, and beside them the series' rows and the items.
    assert all(cut.noised > 200 for cut in found.cuts)


def test_a_publication_lag_that_is_ignored_turns_features_red(
    whole: tuple[dg.DagsterInstance, Locations], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
):
    """The series is right; the join uses what is published only in three days' time."""
    instrument = looked_at(whole)
    honest = Exogenous._last_known

    def hasty(self, known_at, value, moment):
        return honest(self, known_at - np.timedelta64(LAG + self.lag_minutes, "m"), value, moment)

    monkeypatch.setattr(Exogenous, "_last_known", hasty)
    found = causality.check(made_again(instrument, tmp_path), "features", MONTHS[1])
    assert not found.passed
    assert "column fear_close" in found.to_markdown()


def test_a_series_without_its_lag_turns_features_red(
    whole: tuple[dg.DagsterInstance, Locations], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
):
    """The raw rows are made into a series that says of each value that it was known at once."""
    instrument = looked_at(whole)
    honest = series_stage.resolve
    monkeypatch.setattr(
        series_stage,
        "resolve",
        lambda raw, config: honest(raw, config.model_copy(update={"publication_lag_minutes": 0})),
    )
    over = made_again(instrument, tmp_path)
    found = causality.check(over, "features", MONTHS[1])
    assert not found.passed
    assert "column fear_close" in found.to_markdown()
    monkeypatch.setattr(versions, "resolve", series_stage.resolve)
    config = deliveries.series_config(over.locations, "fear")
    assert not source_noise.series_is_causal(over.lake, config).passed


def test_news_that_is_counted_before_its_lag_turns_red(
    whole: tuple[dg.DagsterInstance, Locations], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
):
    instrument = looked_at(whole)
    honest = bars_partition.per_bar

    def hasty(bars, items, lag, max_age):
        return honest(bars, items, pd.Timedelta(0).to_pytimedelta(), max_age)

    monkeypatch.setattr(bars_partition, "per_bar", hasty)
    over = made_again(instrument, tmp_path)
    for asset in ("news_bars", "features"):
        found = causality.check(over, asset, MONTHS[1])
        assert not found.passed
        assert "column wire_" in found.to_markdown()
