import dagster as dg

from fints_pipeline.base.locations import Locations
from fints_pipeline.defs import retraining
from fints_pipeline.defs.folds import complete_folds
from fints_pipeline.defs.resources import Project


def test_nothing_is_asked_for_before_a_fold_is_complete(instance, locations: Locations) -> None:
    context = dg.build_sensor_context(instance=instance)
    result = retraining.retraining_sensor(context, project=Project.from_locations(locations))
    assert isinstance(result, dg.SkipReason)


def test_an_experiment_with_a_wrong_file_stops_no_other(
    instance, locations: Locations, definitions: dg.Definitions
) -> None:
    (locations.configs / "train" / "demo.yaml").write_text("experiment: demo\nfolds: 3\n")
    _, waiting = complete_folds(locations)
    assert "demo" in waiting
    assert len(waiting) > 1
    job = definitions.resolve_job_def("folds")
    result = job.execute_in_process(instance=instance, raise_on_error=False)
    assert not result.success
    (failure,) = [event for event in result.all_events if event.is_step_failure]
    assert "demo.yaml" in str(failure.step_failure_data.user_failure_data)
    assert instance.get_latest_materialization_event(dg.AssetKey("walk_forward_folds"))
