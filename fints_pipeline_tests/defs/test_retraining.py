from types import SimpleNamespace

import dagster as dg
import pytest

from fints_pipeline.base.locations import Locations
from fints_pipeline.defs import retraining
from fints_pipeline.defs.jobs import FOLD_ASSETS
from fints_pipeline.defs.partitions import FOLDS
from fints_pipeline.defs.resources import Project

KEYS = ["demo.2024-09-01", "demo.2024-10-01"]


@pytest.fixture
def tick(instance: dg.DagsterInstance, locations: Locations, monkeypatch):
    """Return a function that evaluates the sensor as if the demo had two complete folds."""
    folds = {"demo": [SimpleNamespace(key=key.partition(".")[2]) for key in KEYS]}
    monkeypatch.setattr(retraining, "complete_folds", lambda _: (folds, {}))
    instance.add_dynamic_partitions(FOLDS.name, KEYS)

    def tick() -> list[tuple[str, str]]:
        context = dg.build_sensor_context(instance=instance)
        result = retraining.retraining_sensor(context, project=Project.from_locations(locations))
        return [(request.job_name, request.partition_key) for request in result.run_requests]

    return tick


def done(instance: dg.DagsterInstance, job: str, key: str) -> None:
    for asset in FOLD_ASSETS[job]:
        instance.report_runless_asset_event(dg.AssetMaterialization(asset, partition=key))


def test_each_fold_goes_its_way_step_by_step(tick, instance):
    assert tick() == [("pretrain", KEYS[0]), ("pretrain", KEYS[1])]
    done(instance, "pretrain", KEYS[0])
    assert tick() == [("train", KEYS[0]), ("pretrain", KEYS[1])]
    done(instance, "train", KEYS[0])
    assert tick() == [("pretrain", KEYS[1])]
    done(instance, "pretrain", KEYS[1])
    done(instance, "train", KEYS[1])
    assert tick() == [("backtest", "demo")]


def test_what_has_no_backtest_is_trained_and_not_traded(tick, instance, monkeypatch):
    monkeypatch.setattr(Locations, "has_backtest", lambda self, experiment: False)
    for key in KEYS:
        assert tick()
        done(instance, "pretrain", key)
        done(instance, "train", key)
    assert tick() == []


def test_nothing_is_asked_for_before_a_fold_is_complete(instance, locations):
    context = dg.build_sensor_context(instance=instance)
    result = retraining.retraining_sensor(context, project=Project.from_locations(locations))
    assert isinstance(result, dg.SkipReason)
