"""Which folds the configured experiments have on the data that is there."""

import dagster as dg

from fints_pipeline.base.config import fingerprint
from fints_pipeline.base.locations import Locations
from fints_pipeline.defs import fold_checks, pictures
from fints_pipeline.defs.columns import FOLDS as FOLDS_SHOWN
from fints_pipeline.defs.failures import explained
from fints_pipeline.defs.metadata import rows_of
from fints_pipeline.defs.partitions import EXPERIMENTS, FOLDS, fold_partition, register
from fints_pipeline.defs.resources import Project


@dg.asset(
    deps=[
        dg.AssetDep(name, partition_mapping=dg.AllPartitionMapping())
        for name in ("features", "labels")
    ],
    group_name="models",
    kinds={"yaml"},
    owners=["team:research"],
    code_version="2",
    check_specs=[
        dg.AssetCheckSpec(
            "folds_disjoint",
            asset="walk_forward_folds",
            blocking=True,
            description="Training ends before validation, that before test; no test overlaps.",
        )
    ],
)
@explained
def walk_forward_folds(context: dg.AssetExecutionContext, project: Project):
    """Experiments under configs/train and their complete folds, which become partitions here."""
    found, waiting = complete_folds(project.locations)
    register(context.instance, EXPERIMENTS, sorted(found))
    register(context.instance, FOLDS, fold_keys(found))
    yield fold_checks.folds_disjoint(found)
    tables, uncounted = fold_tables(project.locations, found)
    yield dg.MaterializeResult(
        metadata={
            "folds": dg.MetadataValue.md(_table(found)),
            **rows_of(len(fold_keys(found)), FOLDS_SHOWN),
            "waiting": dg.MetadataValue.json(waiting),
            **pictures.of_folds(project.lake, tables),
            **({"uncounted": dg.MetadataValue.json(uncounted)} if uncounted else {}),
        },
        data_version=dg.DataVersion(
            fingerprint({name: [fold.to_json() for fold in folds] for name, folds in found.items()})
        ),
    )
    require_experiments(project.locations)


def complete_folds(locations: Locations) -> tuple[dict[str, list], dict[str, str]]:
    """Return the folds of every experiment whose data suffices, and why the others have none."""
    from fints_pipeline import train
    from fints_pipeline.base.errors import UserError
    from fints_pipeline.training.config import load_experiment

    folds, waiting = {}, {}
    for path in sorted((locations.configs / "train").glob("*.yaml")):
        try:
            experiment = load_experiment(path)
            folds[experiment.experiment] = train.experiment_folds(locations.lake, experiment)
        except UserError as error:  # no data yet, too few sessions, or its file is wrong
            waiting[path.stem] = error.what
    return folds, waiting


def require_experiments(locations: Locations) -> None:
    """Raise a `ConfigError` if the file of an experiment is wrong."""
    from fints_pipeline.training.config import load_experiment

    for path in sorted((locations.configs / "train").glob("*.yaml")):
        load_experiment(path)


def fold_tables(locations: Locations, found: dict[str, list]) -> tuple[dict, dict[str, str]]:
    """Write the fold table of each experiment; return the tables, and why others have none."""
    from fints_pipeline.base.errors import UserError
    from fints_pipeline.training.config import load_experiment
    from fints_pipeline.training.fold_table import publish_fold_table

    tables, uncounted = {}, {}
    for name, folds in found.items():
        experiment = load_experiment(locations.train_config(name))
        try:
            _, tables[name] = publish_fold_table(locations.lake, experiment, folds)
        except UserError as error:  # labels that have not been made yet
            uncounted[name] = error.what
    return tables, uncounted


def fold_keys(found: dict[str, list]) -> list[str]:
    """Return the partition keys of these folds."""
    return [fold_partition(name, fold.key) for name, folds in found.items() for fold in folds]


def _table(found: dict[str, list]) -> str:
    lines = ["| experiment | fold | train | validation | test |", "|---|---|---|---|---|"]
    for name, folds in found.items():
        for fold in folds:
            spans = (fold.train, fold.validation, fold.test)
            cells = " | ".join(f"{span.first} to {span.last}" for span in spans)
            lines.append(f"| {name} | {fold.key} | {cells} |")
    return "\n".join(lines)
