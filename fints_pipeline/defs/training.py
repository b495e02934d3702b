"""Assets cut by walk-forward fold: vocabulary, pretrained and trained models, predictions."""

from collections.abc import Iterable, Iterator

import dagster as dg

from fints_pipeline.base.lake import BundleKey
from fints_pipeline.base.lake.contents import Contents
from fints_pipeline.defs import fold_checks, pictures
from fints_pipeline.defs.columns import VOCABULARY
from fints_pipeline.defs.failures import explained
from fints_pipeline.defs.fold_stages import FoldStages
from fints_pipeline.defs.metadata import (
    bundle_metadata,
    data_version,
    numbers,
    rows_of,
    table_metadata,
)
from fints_pipeline.defs.models import models_result, unused
from fints_pipeline.defs.partitions import FOLDS, check_known, fold_partition, split_fold
from fints_pipeline.defs.resources import Mlflow, Project
from fints_pipeline.defs.targets import is_refresh

_ONE_RUN_A_FOLD = dg.BackfillPolicy.multi_run(max_partitions_per_run=1)


def _after(*assets: str) -> list[dg.AssetDep]:
    """Depend on every month of the data assets: which of them a fold reads, its config says.

    The exact ones stand in the lineage of what the fold writes.
    """
    return [dg.AssetDep(name, partition_mapping=dg.AllPartitionMapping()) for name in assets]


@dg.asset(
    deps=_after("brooks_tokens"),
    partitions_def=FOLDS,
    backfill_policy=_ONE_RUN_A_FOLD,
    group_name="tokens",
    kinds={"huggingface"},
    owners=["team:research"],
    code_version="1",
)
@explained
def token_vocabulary(context: dg.AssetExecutionContext, project: Project):
    """Composite tokens seen in the fold's training span, with the Hugging Face tokenizer of it."""
    from fints_pipeline import train

    experiment, fold = _fold(context, project)
    if not experiment.reads_tokens:
        return unused("no model of the experiment reads tokens")
    result = train.fit_vocabulary(project.lake, experiment, fold)
    key = BundleKey.of("vocabularies", experiment=experiment.experiment, fold=fold.key)
    return _vocabulary_result(project, key, result)


@dg.asset(
    deps=["token_vocabulary", *_after("features")],
    partitions_def=FOLDS,
    backfill_policy=_ONE_RUN_A_FOLD,
    group_name="models",
    kinds={"pytorch", "huggingface"},
    owners=["team:research"],
    code_version="2",
)
@explained
def pretrained_models(context: dg.AssetExecutionContext, project: Project, mlflow: Mlflow):
    """Models that others of the experiment start from, such as a language model of its tokens."""
    experiment, fold = _fold(context, project)
    return _train(context, project, mlflow, experiment, fold, experiment.pretrained)


@dg.asset(
    deps=["token_vocabulary", "pretrained_models", *_after("features", "labels")],
    partitions_def=FOLDS,
    backfill_policy=_ONE_RUN_A_FOLD,
    group_name="models",
    kinds={"pytorch", "huggingface"},
    owners=["team:research"],
    code_version="2",
)
@explained
def trained_models(context: dg.AssetExecutionContext, project: Project, mlflow: Mlflow):
    """The experiment's other models: forecasters, classifiers and estimators of the next move."""
    experiment, fold = _fold(context, project)
    names = [name for name in experiment.names if name not in experiment.pretrained]
    return _train(context, project, mlflow, experiment, fold, names)


@dg.asset(
    deps=["pretrained_models", "trained_models"],
    partitions_def=FOLDS,
    backfill_policy=_ONE_RUN_A_FOLD,
    group_name="models",
    kinds={"parquet", "pytorch"},
    owners=["team:research"],
    code_version="2",
    check_specs=fold_checks.specs(),
)
@explained
def predictions(context: dg.AssetExecutionContext, project: Project):
    """What the fold's models say of its validation and test bars; no training bar is scored."""
    from fints_pipeline import train
    from fints_pipeline.base.lake import fold_key
    from fints_pipeline.schemas.predictions import PREDICTIONS

    lake = project.lake
    experiment, fold = _fold(context, project)
    # Before the predictions, which refuse a leak: the check shows red with its evidence.
    yield from _proven(
        [fold_checks.training_span(project, experiment, fold)], lake, experiment, fold
    )
    made = train.predict_fold(lake, experiment, fold)
    PREDICTIONS.validate(made.table)
    checks = fold_checks.evaluate(project, experiment, fold, made.table)
    yield from _proven(checks, lake, experiment, fold)
    result = train.publish_predictions(lake, experiment, fold, made)
    footer = result.footer
    key = fold_key("predictions", experiment.experiment, fold.key)
    shown = pictures.of_predictions(made.table.to_pandas()) | numbers(result.metrics)
    yield dg.MaterializeResult(
        metadata=table_metadata(footer, PREDICTIONS, lake.uri(key), shown),
        data_version=data_version(footer.digest, footer.lineage),
    )


def _proven(
    checks: Iterable[dg.AssetCheckResult], lake, experiment, fold
) -> Iterator[dg.AssetCheckResult]:
    """Yield a fold's checks; if one that blocks fails, withdraw its predictions, former ones too.

    Raises:
        LookAheadError: one failed; all were yielded before.
    """
    from fints_pipeline import train
    from fints_pipeline.base.errors import LookAheadError

    failed = []
    for check in checks:
        yield check
        if not check.passed and check.severity == dg.AssetCheckSeverity.ERROR:
            failed.append(str(check.check_name))
    if failed:
        train.withdraw_predictions(lake, experiment, fold)
        raise LookAheadError(
            f"the fold failed {', '.join(failed)}",
            where=fold_partition(experiment.experiment, fold.key),
            fix="the check's evidence says more; the fold has no predictions until it passes",
        )


def _fold(context, project):
    """Return the run's experiment config and fold, or raise a `KeyNotFoundError`."""
    from fints_pipeline import train
    from fints_pipeline.training.config import load_experiment

    name, key = split_fold(context.partition_key)
    experiment = load_experiment(project.locations.train_config(name))
    folds = {fold.key: fold for fold in train.experiment_folds(project.lake, experiment)}
    return experiment, folds[check_known(f"fold of {name}", key, sorted(folds))]


def _train(context, project, mlflow, experiment, fold, names) -> dg.MaterializeResult:
    """Train some models of a fold; what each came to stands in the asset's metadata.

    A run that is to make only what is out of date leaves current models as they are.
    """
    from fints_pipeline import train
    from fints_pipeline.training.tracking import MlflowTracker

    tags = {
        "dagster.run_id": context.run.run_id,
        "dagster.asset": context.asset_key.to_user_string(),
        "dagster.partition": context.partition_key,
    }
    tracker = MlflowTracker(mlflow, tags=tags)
    results = {}
    for name in names:
        kept = _current(project, experiment, fold, name) if is_refresh(context) else None
        results[name] = kept or train.train_model(project.lake, experiment, fold, name, tracker)
    return models_result(project.lake, experiment, fold, results, mlflow)


def _current(project, experiment, fold, name):
    """Return one of a fold's models, as `train_model` does, if it would come out the same."""
    from fints_pipeline.training.bundles import load_record
    from fints_pipeline.training.results import Trained

    contents = Contents(project.lake)
    stages = FoldStages(contents, experiment, fold)
    manifest = contents.manifest(stages.name_of(name))
    if manifest is None or not stages.model(name).is_current:
        return None
    record = load_record(project.lake, experiment.experiment, fold.key, name)
    return Trained(manifest, record.metrics, 0.0)


def _vocabulary_result(project, key: BundleKey, result) -> dg.MaterializeResult:
    manifest = result.manifest
    shown = numbers({**result.metrics, "seconds": result.seconds})
    shown |= rows_of(int(result.metrics["size"]), VOCABULARY)
    return dg.MaterializeResult(
        metadata=bundle_metadata(manifest, project.lake.store.uri(key.folder), shown),
        data_version=data_version(manifest.digest, manifest.lineage),
    )
