"""What a restated month, or a changed config, makes out of date of trained folds, and nothing else.

Two folds of the toy market: the first trains in January, the second in February.
"""

import shutil
from pathlib import Path

import dagster as dg
import pyarrow.compute as pc
import pytest
import yaml

from fints_pipeline import train
from fints_pipeline.base.lake import ArrowContract, Lake, fold_key, series_key
from fints_pipeline.base.lake.contents import Contents
from fints_pipeline.base.locations import Locations
from fints_pipeline.defs import retraining, up_to_date
from fints_pipeline.defs.fold_stages import FoldStages
from fints_pipeline.defs.renewal import planned
from fints_pipeline.defs.resources import Project
from fints_pipeline.training.tracking import NullTracker
from fints_pipeline_tests.training import toy

FIRST, SECOND = "2024-02-06", "2024-03-02"
TOKENS = {"vocabulary", "mlm", "classifier", "predictions"}


def experiment(epochs: int = 1):
    content = toy.experiment().model_dump(mode="json")["models"]
    for model in content.values():
        model["fit"]["epochs"] = 1
    content["patchtst"]["fit"]["epochs"] = epochs
    spans = {"train": 20, "validation": 5, "test": 25, "embargo": 1}
    return toy.experiment(models=content, folds=spans)


@pytest.fixture(scope="module")
def lakes(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with a toy lake of three months, and one whose folds are trained too."""
    root = tmp_path_factory.mktemp("toys")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(toy, "SESSIONS", 78)
        toy.fill(Lake(root / "tables"))
    shutil.copytree(root / "tables", root / "trained")
    lake, ours = Lake(root / "trained"), experiment()
    for fold in train.experiment_folds(lake, ours):
        train.train_fold(lake, ours, fold, ours.names, NullTracker())
    return root


@pytest.fixture
def locations(lakes: Path, tmp_path: Path, request) -> Locations:
    """Return folders of the test's own, over a copy of a lake."""
    shutil.copytree(lakes / getattr(request, "param", "trained"), tmp_path / "lake")
    (tmp_path / "configs" / "train").mkdir(parents=True)
    configure(Locations(tmp_path / "lake", tmp_path / "inbox", tmp_path / "configs"))
    return Locations(tmp_path / "lake", tmp_path / "inbox", tmp_path / "configs")


def configure(locations: Locations, epochs: int = 1) -> None:
    content = experiment(epochs).model_dump(mode="json")
    (locations.configs / "train" / "toy.yaml").write_text(yaml.safe_dump(content))


def restate(lake: Lake, table: str, column: str, month: str, instrument: str = "toy.A") -> None:
    """Write a month again with the first value of a column changed."""
    key = series_key(table, "5m", instrument, month)
    rows, lineage = lake.read(key), lake.lineage(key)
    place = rows.schema.get_field_index(column)
    values = pc.add(rows[column], rows[column].type.to_pandas_dtype()(1)).combine_chunks()
    rows = rows.set_column(place, rows.schema.field(place), values.cast(rows[column].type))
    lake.write(key, rows, ArrowContract(table, rows.schema), lineage)


def stale(locations: Locations, epochs: int = 1) -> dict[str, dict[str, tuple[str, ...]]]:
    """Return the reasons of each stage that is not current, by fold."""
    contents, ours = Contents(locations.lake), experiment(epochs)
    found = {}
    for fold in train.experiment_folds(locations.lake, ours):
        made = FoldStages(contents, ours, fold).all()
        found[fold.key] = {name: one.reasons for name, one in made.items() if not one.is_current}
    return found


def test_folds_that_were_just_trained_are_current(locations: Locations) -> None:
    assert stale(locations) == {FIRST: {}, SECOND: {}}
    assert list(planned(locations, new=True)) == []


def test_a_restated_month_makes_stale_what_read_it_and_nothing_else(locations: Locations) -> None:
    restate(locations.lake, "features", "log_return", "2024-01", "toy.B")
    why = ("features/5m/toy.B/2024-01 changed",)
    assert stale(locations) == {FIRST: {"patchtst": why, "predictions": why}, SECOND: {}}


def test_restated_tokens_make_the_vocabulary_stale_with_what_is_trained_on_it(
    locations: Locations,
) -> None:
    restate(locations.lake, "tokens", "trend", "2024-01")
    found = stale(locations)
    assert set(found[FIRST]) == TOKENS
    assert found[SECOND] == {}


def test_a_month_after_training_makes_the_predictions_stale_alone(locations: Locations) -> None:
    restate(locations.lake, "features", "log_return", "2024-03")
    found = stale(locations)
    assert {fold: set(stages) for fold, stages in found.items()} == {
        FIRST: {"predictions"},  # whose test ends on the first of March
        SECOND: {"predictions"},
    }


def test_a_month_outside_the_spans_leaves_the_folds_current(locations: Locations) -> None:
    lake = locations.lake
    for table in ("features", "labels", "tokens", "bars"):
        key = series_key(table, "5m", "toy.A", "2024-01")
        rows = lake.read(key)
        early = series_key(table, "5m", "toy.A", "2023-11")
        lake.write(early, rows, ArrowContract(table, rows.schema), lake.lineage(key))
    assert stale(locations) == {FIRST: {}, SECOND: {}}


def test_a_month_that_arrives_within_the_span_makes_stale_what_would_read_it(
    locations: Locations,
) -> None:
    lake, ours = locations.lake, experiment()
    folds = train.experiment_folds(lake, ours)
    keys = [series_key(table, "5m", "toy.B", "2024-03") for table in ("features", "tokens")]
    labels = series_key("labels", "5m", "toy.B", "2024-03")
    kept = {key: (lake.read(key), lake.lineage(key)) for key in (*keys, labels)}
    for key in kept:
        lake.remove(key)
    train.write_predictions(lake, ours, folds[1])
    assert stale(locations)[SECOND] == {}
    for key, (rows, lineage) in kept.items():
        lake.write(key, rows, ArrowContract(key.table, rows.schema), lineage)
    reasons = stale(locations)[SECOND]
    assert set(reasons) == {"predictions"}
    assert "features/5m/toy.B/2024-03 has arrived" in reasons["predictions"]


def test_a_changed_config_makes_stale_the_models_that_it_is_of(locations: Locations) -> None:
    found = stale(locations, epochs=2)
    why = ("its config changed",)
    assert found == {fold: {"patchtst": why, "predictions": why} for fold in (FIRST, SECOND)}


def test_what_is_made_again_is_current_again(locations: Locations) -> None:
    restate(locations.lake, "features", "log_return", "2024-01")
    ours = experiment()
    first = train.experiment_folds(locations.lake, ours)[0]
    train.train_model(locations.lake, ours, first, "patchtst")
    assert set(stale(locations)[FIRST]) == {"predictions"}
    train.write_predictions(locations.lake, ours, first)
    assert stale(locations) == {FIRST: {}, SECOND: {}}


@pytest.fixture
def instance():
    with dg.instance_for_test() as instance:
        yield instance


class Ticks:
    """The retraining sensor's ticks, with their cursor."""

    def __init__(self, instance: dg.DagsterInstance, locations: Locations) -> None:
        self.instance, self.locations = instance, locations
        self.cursor: str | None = None
        self.keys: list[str] = []

    def tick(self) -> list[tuple[str, str]]:
        """Return what is asked for: job and partition."""
        context = dg.build_sensor_context(instance=self.instance, cursor=self.cursor)
        result = retraining.retraining_sensor(
            context, project=Project.from_locations(self.locations)
        )
        self.cursor = result.cursor
        self.keys += [request.run_key for request in result.run_requests]
        return [(request.job_name, request.partition_key) for request in result.run_requests]


@pytest.fixture
def ticks(instance: dg.DagsterInstance, locations: Locations) -> Ticks:
    return Ticks(instance, locations)


def test_the_sensor_asks_for_stale_folds_once_in_each_state(ticks: Ticks) -> None:
    lake, asked = ticks.locations.lake, [("train", f"toy.{FIRST}")]
    assert ticks.tick() == []
    key = series_key("features", "5m", "toy.A", "2024-01")
    before, lineage = lake.read(key), lake.lineage(key)
    restate(lake, "features", "log_return", "2024-01")
    first = lake.read(key)
    assert ticks.tick() == asked
    assert ticks.tick() == []
    restate(lake, "features", "log_return", "2024-01")
    assert ticks.tick() == asked
    lake.write(key, first, ArrowContract("features", first.schema), lineage)
    assert ticks.tick() == asked  # a state that was asked for before, and came back
    lake.write(key, before, ArrowContract("features", before.schema), lineage)
    assert ticks.tick() == []
    assert len(set(ticks.keys)) == 3


def test_a_changed_config_is_asked_for_and_asked_for_again_when_it_changes_back(
    ticks: Ticks,
) -> None:
    asked = [("train", f"toy.{fold}") for fold in (FIRST, SECOND)]
    for epochs in (2, 3, 2):
        configure(ticks.locations, epochs)
        assert ticks.tick() == asked
        assert ticks.tick() == []
    assert len(set(ticks.keys)) == 6


@pytest.mark.parametrize("locations", ["tables"], indirect=True)
def test_each_fold_goes_its_way_step_by_step(ticks: Ticks) -> None:
    ours, lake = experiment(), ticks.locations.lake
    first, second = train.experiment_folds(lake, ours)
    assert ticks.tick() == [("pretrain", f"toy.{fold}") for fold in (FIRST, SECOND)]
    train.fit_vocabulary(lake, ours, first)
    assert ticks.tick() == []  # part of it is there: the run goes on, or has failed
    train.train_model(lake, ours, first, "mlm")
    assert ticks.tick() == [("train", f"toy.{FIRST}")]
    (begun,) = planned(ticks.locations, new=False)
    assert begun.name == f"train toy.{FIRST}"
    assert {step.partition for step in planned(ticks.locations, new=True)} == {
        f"toy.{FIRST}",
        f"toy.{SECOND}",
    }
    train.train_fold(lake, ours, second, ours.names, NullTracker())
    train.train_fold(lake, ours, first, ours.names, NullTracker())
    assert ticks.tick() == []


def test_nothing_is_asked_for_while_a_run_of_the_fold_is_under_way(ticks: Ticks) -> None:
    restate(ticks.locations.lake, "features", "log_return", "2024-01")
    run = dg.DagsterRun(
        job_name="train",
        status=dg.DagsterRunStatus.STARTED,
        tags={"dagster/partition": f"toy.{FIRST}"},
    )
    ticks.instance.add_run(run)
    assert ticks.tick() == []
    ticks.instance.delete_run(run.run_id)
    assert ticks.tick() == [("train", f"toy.{FIRST}")]


def test_predictions_that_were_withdrawn_are_missing_of_a_fold_that_was_begun(
    ticks: Ticks,
) -> None:
    lake = ticks.locations.lake
    lake.remove(fold_key("predictions", "toy", FIRST))
    (step,) = planned(ticks.locations, new=False)
    assert step.reasons == (f"predictions/toy/{FIRST}: missing",)
    assert ticks.tick() == [("train", f"toy.{FIRST}")]
    assert ticks.tick() == []


def test_the_check_names_what_is_out_of_date(locations: Locations) -> None:
    assert up_to_date.evaluate(locations, up_to_date.folds_begun).passed
    restate(locations.lake, "features", "log_return", "2024-01")
    result = up_to_date.evaluate(locations, up_to_date.folds_begun)
    assert not result.passed
    assert result.severity == dg.AssetCheckSeverity.WARN
    assert f"models/toy/{FIRST}/patchtst" in result.metadata["evidence"].value
    assert SECOND not in result.metadata["evidence"].value
