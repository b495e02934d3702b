import dagster as dg

from fints_pipeline.base.locations import Locations
from fints_pipeline.defs import retraining
from fints_pipeline.defs.resources import Project


def test_nothing_is_asked_for_before_a_fold_is_complete(instance, locations: Locations) -> None:
    context = dg.build_sensor_context(instance=instance)
    result = retraining.retraining_sensor(context, project=Project.from_locations(locations))
    assert isinstance(result, dg.SkipReason)
