import json
import subprocess
import sys
from pathlib import Path

import dagster as dg

from fints_pipeline.definitions import defs
from fints_pipeline.defs.events import CODE_VERSION, PARENTS

# Asset: (upstream assets, partitions, group). A change here is a change of what users see.
GRAPH = {
    "raw_archives": ((), None, "data"),
    "raw_slices": (("raw_archives",), "instrument|month", "data"),
    "bars": (("raw_slices",), "instrument|month", "data"),
    "raw_exogenous": (("raw_archives",), "exogenous", "data"),
    "exogenous_series": (("raw_exogenous",), "exogenous", "data"),
    "raw_news": (("raw_archives",), "news", "data"),
    "news_items": (("raw_news",), "news", "data"),
    "news_bars": (("bars", "news_items"), "instrument|month", "features"),
    "features": (("bars", "exogenous_series", "news_bars"), "instrument|month", "features"),
    "labels": (("bars", "features"), "instrument|month", "features"),
    "brooks_tokens": (("bars", "brooks_tokens"), "instrument|month", "tokens"),
    "walk_forward_folds": (("features", "labels"), None, "models"),
    "token_vocabulary": (("brooks_tokens",), "folds", "tokens"),
    "pretrained_models": (("features", "token_vocabulary"), "folds", "models"),
    "trained_models": (
        ("features", "labels", "pretrained_models", "token_vocabulary"),
        "folds",
        "models",
    ),
    "predictions": (("pretrained_models", "trained_models"), "folds", "models"),
    "walk_forward_backtest": (("bars", "predictions"), "experiments", "evaluation"),
    "explanations": (("walk_forward_backtest",), "experiments", "evaluation"),
    "backtest_report": (("explanations", "walk_forward_backtest"), "experiments", "evaluation"),
}
JOBS = {
    "ingest": {"raw_archives"},
    "exogenous": {"exogenous_series"},
    "news": {"news_items"},
    "data": {"bars", "news_bars", "features", "labels", "brooks_tokens"},
    "folds": {"walk_forward_folds"},
    "pretrain": {"token_vocabulary", "pretrained_models"},
    "train": {"trained_models", "predictions"},
    "backtest": {"walk_forward_backtest", "backtest_report"},
    "explain": {"explanations", "backtest_report"},
    "up_to_date": set(),
}


def partitions_name(definition: dg.PartitionsDefinition | None) -> str | None:
    if isinstance(definition, dg.MultiPartitionsDefinition):
        return "|".join(definition.partition_dimension_names)
    return getattr(definition, "name", None)


def test_the_asset_graph() -> None:
    graph = defs.resolve_asset_graph()
    found = {
        key.to_user_string(): (
            tuple(sorted(parent.to_user_string() for parent in graph.get(key).parent_keys)),
            partitions_name(graph.get(key).partitions_def),
            graph.get(key).group_name,
        )
        for key in graph.get_all_asset_keys()
    }
    assert found == GRAPH


def test_every_asset_has_a_description_owner_kind_and_code_version() -> None:
    graph = defs.resolve_asset_graph()
    for key in graph.materializable_asset_keys:
        node = graph.get(key)
        assert node.description, key
        assert node.owners, key
        assert node.kinds, key
        assert node.code_version, key


def test_the_jobs_hold_their_assets() -> None:
    for name, assets in JOBS.items():
        job = defs.resolve_job_def(name)
        selected = {key.to_user_string() for key in job.asset_layer.executable_asset_keys}
        assert selected == assets, name


def test_schedules_and_sensors_are_off_until_turned_on() -> None:
    repository = defs.get_repository_def()
    off = dg.DefaultScheduleStatus.STOPPED
    schedules = dict.fromkeys(("every_session", "last_month"), off)
    assert {s.name: s.default_status for s in repository.schedule_defs} == schedules
    off_sensor = dg.DefaultSensorStatus.STOPPED
    names = ("failure_alarm", "fold_sensor", "inbox_sensor", "retraining_sensor")
    expected = dict.fromkeys(names, off_sensor)
    assert {s.name: s.default_status for s in repository.sensor_defs} == expected


def test_a_month_maps_to_its_neighbours_of_the_same_instrument() -> None:
    dg.Definitions.validate_loadable(defs)
    graph = defs.resolve_asset_graph()
    mapping = graph.get(dg.AssetKey("labels")).partition_mappings[dg.AssetKey("bars")]
    months = mapping.downstream_mappings_by_upstream_dimension["month"].partition_mapping
    assert (months.start_offset, months.end_offset) == (-1, 1)


def test_what_runs_report_of_a_partition_agrees_with_the_graph() -> None:
    graph = defs.resolve_asset_graph()
    for name, parents in PARENTS.items():
        node = graph.get(dg.AssetKey(name))
        assert {key.to_user_string() for key in node.parent_keys} == set(parents)
        assert node.code_version == CODE_VERSION


PROBE = """
import json, sys
import fints_pipeline.definitions
heavy = ["torch", "mlflow", "lightning", "transformers", "pandera", "numba"]
print(json.dumps({"heavy": [name for name in heavy if name in sys.modules]}))
"""


def test_the_code_location_loads_without_heavy_libraries(project: Path) -> None:
    # Without timing: how long it takes is the benchmark `code-location`'s business.
    result = subprocess.run(
        [sys.executable, "-c", PROBE], cwd=project, capture_output=True, text=True, check=True
    )
    assert json.loads(result.stdout)["heavy"] == []
