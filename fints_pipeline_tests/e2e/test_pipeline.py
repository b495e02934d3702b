import json
import shutil
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import dagster as dg
import mlflow
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from fints_pipeline import pipeline, train
from fints_pipeline.base.errors import UserError
from fints_pipeline.base.frames import to_pandas
from fints_pipeline.base.lake import ArrowContract, BundleKey, fold_key, series_key
from fints_pipeline.base.lake.contents import Contents
from fints_pipeline.base.locations import Locations
from fints_pipeline.definitions import build, defs
from fints_pipeline.defs import fold_checks, up_to_date
from fints_pipeline.defs.experiment_stages import ExperimentStages
from fints_pipeline.defs.launch import Launcher
from fints_pipeline.defs.partitions import fold_partition
from fints_pipeline.defs.reconcile import outdated
from fints_pipeline.defs.renewal import planned, renew
from fints_pipeline.defs.resources import Project
from fints_pipeline.defs.retraining import retraining_sensor
from fints_pipeline.features.log_return import LogReturn
from fints_pipeline.schemas.predictions import PREDICTIONS
from fints_pipeline.training.config import load_experiment
from fints_pipeline.walkforward.folds import Fold, Span


def experiment(locations: Locations):
    return load_experiment(locations.train_config("tiny"))


def test_nothing_is_left_to_do(finished: Locations) -> None:
    assert list(outdated(finished)) == []
    assert list(planned(finished, new=True)) == []


def test_the_backtest_would_read_what_it_has_read(finished: Locations) -> None:
    found = folds(finished)
    contents = Contents(finished.lake)
    stages = ExperimentStages(contents, finished, experiment(finished), found)
    for made in (stages.fold_table(), stages.backtest(), stages.explanations(), stages.report()):
        assert made.exists
        assert made.is_current, made.reasons
        assert made.expected == contents.lineage(made.name)


def test_the_up_to_date_checks_were_made_with_the_assets_and_passed(finished: Locations) -> None:
    with dg.DagsterInstance.get() as instance:
        for check in up_to_date.CHECKS:
            (key,) = check.check_keys
            record = instance.event_log_storage.get_asset_check_execution_history(key, limit=1)[0]
            assert record.evaluation.passed, record.evaluation.metadata["evidence"].value
            assert record.evaluation.metadata["looked_at"].value > 0, key


def test_the_broken_archive_is_quarantined_and_the_others_are_in(finished: Locations) -> None:
    records = [
        json.loads(p.read_text()) for p in (finished.lake.root / "quarantine").glob("*.json")
    ]
    assert len(records) == 1
    assert "2024-06" in records[0]["path"]
    assert len(finished.lake.instruments("raw_bars", "1m")) == 3


def test_a_fold_trains_before_it_tests(finished: Locations) -> None:
    folds = train.experiment_folds(finished.lake, experiment(finished))
    assert len(folds) >= 2
    for fold in folds:
        assert fold.train.last < fold.validation.first <= fold.validation.last < fold.test.first


def test_models_and_vocabulary_say_that_they_saw_the_training_span_only(
    finished: Locations,
) -> None:
    for fold in train.experiment_folds(finished.lake, experiment(finished)):
        for model in ("mlm", "classifier", "patchtst"):
            key = BundleKey.of("models", experiment="tiny", fold=fold.key, model=model)
            record = json.loads((finished.lake.open_bundle(key) / "training.json").read_text())
            assert Fold.from_json(record["fold"]) == fold
        key = BundleKey.of("vocabularies", experiment="tiny", fold=fold.key)
        vocabulary = json.loads((finished.lake.open_bundle(key) / "vocabulary.json").read_text())
        assert vocabulary["fit_until"][:10] <= fold.train.last.isoformat()


def test_predictions_lie_in_the_folds_spans(finished: Locations) -> None:
    for fold in train.experiment_folds(finished.lake, experiment(finished)):
        table = finished.lake.read(fold_key("predictions", "tiny", fold.key))
        PREDICTIONS.validate(table)
        frame = to_pandas(table)
        for name, span in (("validation", fold.validation), ("test", fold.test)):
            sessions = frame.loc[frame["span"] == name, "session"].dt.date
            assert span.first <= sessions.min() <= sessions.max() <= span.last
            assert len(sessions) > 0


def test_fills_come_after_their_decisions_and_equity_adds_up(finished: Locations) -> None:
    folder = finished.lake.open_bundle(BundleKey.of("backtests", experiment="tiny"))
    fills = pq.read_table(folder / "fills.parquet").to_pandas()
    assert len(fills) > 0
    assert (fills["filled_at"] >= fills["decided_at"]).all()
    metrics = json.loads((folder / "metrics.json").read_text())
    assert metrics["synthetic"] is True


def test_the_report_is_one_page_that_says_synthetic(finished: Locations) -> None:
    folder = finished.lake.open_bundle(BundleKey.of("reports", experiment="tiny"))
    page = (folder / "report.html").read_text(encoding="utf-8")
    assert "SYNTHETIC" in page.upper()
    assert "http://" not in page.split("</style>")[0]
    json.loads((folder / "report.json").read_text())
    assert (folder / "report.md").read_text().strip()


def test_dagster_knows_every_partition_with_its_content_hash(finished: Locations) -> None:
    with dg.DagsterInstance.get() as instance:
        for name, table, count in (("features", "features", 6), ("brooks_tokens", "tokens", 6)):
            event = instance.get_latest_materialization_event(dg.AssetKey(name))
            assert event is not None
            materialization = event.asset_materialization
            assert materialization is not None
            instrument, month = materialization.partition.split("|")
            keys = list(finished.lake.keys(table))
            assert len(keys) == count
            digest = next(
                finished.lake.footer(key).digest
                for key in keys
                if (key["instrument"], key["month"]) == (instrument, month)
            )
            assert materialization.tags["dagster/data_version"] == digest
        assert len(instance.get_dynamic_partitions("folds")) >= 2
        assert len(instance.get_dynamic_partitions("instruments")) == 3


def test_every_check_of_a_fold_was_made_and_shows_its_evidence(finished: Locations) -> None:
    keys = {fold_partition("tiny", fold.key) for fold in folds(finished)}
    with dg.DagsterInstance.get() as instance:
        for spec in fold_checks.specs():
            history = instance.event_log_storage.get_asset_check_execution_history(
                dg.AssetCheckKey(dg.AssetKey("predictions"), spec.name), limit=10
            )
            assert {record.partition for record in history} == keys, spec.name
            for record in history:
                evidence = record.evaluation.metadata["evidence"].value
                assert "|---" in evidence
                assert record.evaluation.passed or spec.name == "drift", evidence


DRAWN = (
    "exogenous_series",
    "news_items",
    "bars",
    "news_bars",
    "features",
    "labels",
    "brooks_tokens",
    "predictions",
)
LAST = ("digest", "schema", "file", "folder", "files", "inputs")
LINKS = {
    "trained_models": "mlflow_run",
    "pretrained_models": "mlflow_run",
    "backtest_report": "report",
}


def test_every_asset_shows_what_it_is_and_what_it_made(finished: Locations) -> None:
    graph = defs.resolve_asset_graph()
    with dg.DagsterInstance.get() as instance:
        for key in graph.get_all_asset_keys():
            node, name = graph.get(key), key.to_user_string()
            assert node.description, name
            assert node.group_name != "default", name
            assert node.kinds, name
            assert node.owners, name
            event = instance.get_latest_materialization_event(key)
            assert event is not None, name
            if node.is_materializable:
                assert event.asset_materialization.metadata, name
            shows(name, event.asset_materialization.metadata)


def shows(name: str, metadata) -> None:
    assert metadata["dagster/row_count"].value > 0, name
    columns = metadata["dagster/column_schema"].value.columns
    assert all(column.description and column.type for column in columns), name
    if name in ("features", "labels"):
        keys = ("instrument", "session", "is_filled")
        bare = [c.name for c in columns if "[" not in c.description and c.name not in keys]
        assert bare == [], name
    if name in DRAWN:
        assert any("[UTC]" in column.description for column in columns), name
        drawn = [str(value.value) for value in metadata.values()]
        assert any(text.startswith("![") and "image/svg" in text for text in drawn), name
    if name in LINKS:
        links = [key for key, value in metadata.items() if isinstance(value, dg.UrlMetadataValue)]
        assert any(LINKS[name] in link for link in links), (name, links)
    of_origin = [key in LAST for key in metadata if "." not in key]  # each model has its own
    assert of_origin == sorted(of_origin), (name, list(metadata))


def folds(locations: Locations) -> list[Fold]:
    return list(train.experiment_folds(locations.lake, experiment(locations)))


def test_a_leaking_feature_turns_the_frozen_models_check_red(
    finished: Locations, monkeypatch: pytest.MonkeyPatch
) -> None:
    honest = LogReturn.compute

    def shifted(self, bars):
        return {name: np.append(v[1:], np.nan) for name, v in honest(self, bars).items()}

    project = Project.from_locations(finished)
    fold = folds(finished)[-1]
    said = finished.lake.read(fold_key("predictions", "tiny", fold.key))
    assert fold_checks.no_look_ahead(project, experiment(finished), fold, said).passed
    monkeypatch.setattr(LogReturn, "compute", shifted)
    result = fold_checks.no_look_ahead(project, experiment(finished), fold, said)
    assert not result.passed
    assert "became" in result.metadata["evidence"].value


def test_a_missing_purge_turns_its_check_red(
    finished: Locations, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = folds(finished)[0]
    close = replace(first, validation=Span(first.train.last, first.validation.last))
    project = Project.from_locations(finished)
    assert fold_checks.labels_do_not_overlap(project, experiment(finished), close).passed
    monkeypatch.setattr(
        "fints_pipeline.walkforward.masks._apart", lambda part, *_: np.ones(len(part), bool)
    )
    assert not fold_checks.labels_do_not_overlap(project, experiment(finished), close).passed


def test_models_of_other_spans_turn_their_check_red(finished: Locations) -> None:
    first = folds(finished)[0]
    moved = replace(first, train=Span(first.train.first, first.train.last - timedelta(days=1)))
    project = Project.from_locations(finished)
    assert fold_checks.training_span(project, experiment(finished), first).passed
    result = fold_checks.training_span(project, experiment(finished), moved)
    assert "belongs to other spans" in result.metadata["wrong"].value


def test_mlflow_holds_one_parent_with_the_folds_below_it(finished: Locations) -> None:
    home = mlflow.get_experiment_by_name("tiny")
    runs = mlflow.search_runs([home.experiment_id])
    children = runs[runs["tags.mlflow.parentRunId"].notna()]
    assert len(runs) - len(children) == 1
    folds = train.experiment_folds(finished.lake, experiment(finished))
    assert set(children["tags.fold"]) == {fold.key for fold in folds}
    assert set(children["tags.model"]) == {"mlm", "classifier", "patchtst"}
    folder = finished.lake.open_bundle(BundleKey.of("reports", experiment="tiny"))
    linked = json.loads((folder / "report.json").read_text())["mlflow"]["runs"]
    assert {run["run_id"] for run in linked} == set(children["run_id"])
    page = (folder / "report.html").read_text(encoding="utf-8")
    assert all(f'href="{run["url"]}"' in page for run in linked)


def test_the_folds_asset_shows_their_table_and_timeline(finished: Locations) -> None:
    with dg.DagsterInstance.get() as instance:
        event = instance.get_latest_materialization_event(dg.AssetKey("walk_forward_folds"))
    shown = event.asset_materialization.metadata
    assert "image/svg" in str(shown["tiny_timeline"].value)
    for fold in folds(finished):
        assert f"| {fold.key} | train |" in str(shown["tiny_table"].value)
    assert (Path(shown["tiny_files"].value) / "folds.csv").exists()


def test_a_second_run_makes_nothing_anew(finished: Locations, capsys) -> None:
    before = {key: finished.lake.footer(key).digest for key in finished.lake.keys("tokens")}
    with pipeline.opened(finished) as (launcher, progress):
        pipeline.ingest_and_build(launcher, finished, progress)
    steps = [line.split()[0] for line in capsys.readouterr().out.splitlines()]
    assert steps == ["ingest"]
    assert before == {key: finished.lake.footer(key).digest for key in finished.lake.keys("tokens")}


@pytest.fixture
def elsewhere(finished: Locations, tmp_path: Path):
    """Return a copy of the finished project with an instance of its own, and its launcher."""
    lake, configs = tmp_path / "lake", tmp_path / "configs"
    shutil.copytree(finished.lake_root, lake)
    shutil.copytree(finished.configs, configs)
    locations = Locations(lake, finished.inbox, configs)
    with dg.instance_for_test() as instance:
        launcher = Launcher(instance, build(locations))
        launcher.folds()
        yield locations, launcher, instance


def test_a_red_check_leaves_no_predictions_and_no_one_takes_the_fold_for_done(
    elsewhere, monkeypatch: pytest.MonkeyPatch
) -> None:
    locations, launcher, instance = elsewhere
    first = folds(locations)[0]
    partition, key = fold_partition("tiny", first.key), fold_key("predictions", "tiny", first.key)
    honest = LogReturn.compute

    def shifted(self, bars):
        return {name: np.append(v[1:], np.nan) for name, v in honest(self, bars).items()}

    monkeypatch.setattr(LogReturn, "compute", shifted)
    assert locations.lake.exists(key)
    with pytest.raises(UserError, match="no_look_ahead"):
        launcher.request(
            dg.RunRequest(
                job_name="train",
                partition_key=partition,
                asset_selection=[dg.AssetKey("predictions")],
            )
        )
    assert not locations.lake.exists(key)
    assert partition not in instance.get_materialized_partitions(dg.AssetKey("predictions"))
    history = instance.event_log_storage.get_asset_check_execution_history(
        dg.AssetCheckKey(dg.AssetKey("predictions"), "no_look_ahead"), limit=1
    )
    assert not history[0].evaluation.passed
    assert "became" in history[0].evaluation.metadata["evidence"].value
    context = dg.build_sensor_context(instance=instance)
    result = retraining_sensor(context, project=Project.from_locations(locations))
    asked = [(request.job_name, request.partition_key) for request in result.run_requests]
    assert asked == [("train", partition)]  # and no backtest
    assert not up_to_date.evaluate(locations, up_to_date.backtests).passed


def test_what_a_restated_month_made_stale_is_made_again_down_to_the_report(
    elsewhere,
) -> None:
    locations, launcher, _ = elsewhere
    lake, found = locations.lake, folds(locations)
    key = series_key("labels", "5m", "synthetic.EDGE", "2024-08")
    rows = lake.read(key)
    place = rows.schema.get_field_index("forward_return_12")
    values = pa.chunked_array([rows["forward_return_12"].to_numpy() * 1.5])
    rows = rows.set_column(place, rows.schema.field(place), values)
    lake.write(key, rows, ArrowContract("labels", rows.schema), lake.lineage(key))
    stale = [step.name for step in planned(locations, new=False)]
    assert f"train tiny.{found[-1].key}" in stale
    said: list[str] = []
    broken = locations.configs / "train" / "broken.yaml"
    broken.write_text("nonsense: 1\n")  # stops no other experiment
    renewed = renew(locations, launcher, new=False, say=said.append)
    broken.unlink()
    assert set(renewed.failed) == {"folds"}
    assert "broken.yaml" in renewed.failed["folds"]
    assert said.pop(0) == "  folds  FAILED"
    assert [line.split()[0] for line in said[-2:]] == ["backtest", "explain"]
    assert len(said) == renewed.steps
    assert list(planned(locations, new=True)) == []
    assert renew(locations, launcher, new=False, say=said.append).steps == 0
