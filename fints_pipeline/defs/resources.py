"""What assets need from outside: the project's folders, and MLflow."""

import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import dagster as dg

from fints_pipeline.base.lake import Lake
from fints_pipeline.base.locations import Locations, lake_location
from fints_pipeline.defs.alarm import Alarm


class Project(dg.ConfigurableResource):
    """The project's folders, as strings because Dagster's config knows no paths."""

    lake_root: str
    inbox: str
    configs: str

    @classmethod
    def from_locations(cls, locations: Locations) -> "Project":
        """Return the resource for these folders."""
        return cls(
            lake_root=str(locations.lake_root),
            inbox=str(locations.inbox),
            configs=str(locations.configs),
        )

    @property
    def locations(self) -> Locations:
        """The folders."""
        return Locations(lake_location(self.lake_root), Path(self.inbox), Path(self.configs))

    @property
    def lake(self) -> Lake:
        """The lake."""
        return self.locations.lake


def _mlflow(context: dg.InitResourceContext) -> Iterator[Any]:
    """Start dagster-mlflow on the experiment's parent run; folds nest below it.

    dagster-mlflow opens one MLflow run a Dagster run. Given the id of the experiment's own run,
    which is found by its tag, it continues that one: every fold of an experiment ends up under it.
    """
    import mlflow
    from dagster_mlflow.resources import MlFlow

    from fints_pipeline.defs.partitions import split_fold
    from fints_pipeline.training.config import load_experiment
    from fints_pipeline.training.parent_runs import parent_run_id

    # Its first use of a store announces every table that it makes.
    logging.getLogger("mlflow").setLevel(logging.WARNING)
    partition = context.run.tags.get("dagster/partition", "") if context.run else ""
    locations = context.resources.project.locations
    experiment = load_experiment(locations.train_config(split_fold(partition)[0]))
    config = {
        "experiment_name": experiment.experiment,
        "mlflow_run_id": parent_run_id(mlflow, experiment),
        "env": {},
        "extra_tags": {},
    }
    tracking = MlFlow(context.replace_config(config))
    yield tracking
    tracking.cleanup_on_error()
    while mlflow.active_run() is not None:
        mlflow.end_run()


Mlflow = dg.ResourceParam[Any]
"""The `mlflow` resource: the module's functions, on the experiment's run."""

mlflow_resource = dg.ResourceDefinition(
    resource_fn=_mlflow,
    required_resource_keys={"project"},
    description="dagster-mlflow, on the run that MLflow keeps for the experiment",
)


def resources(locations: Locations) -> dict[str, Any]:
    """Return the resources of the code location."""
    return {
        "alarm": Alarm.from_environment(),
        "project": Project.from_locations(locations),
        "mlflow": mlflow_resource,
    }
