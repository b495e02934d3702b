"""Assets cut by walk-forward fold: vocabulary, pretraining, fine-tuning, forecasts, predictions."""

import os
from typing import Any

import dagster as dg

from fints_pipeline.base.lake import BundleKey
from fints_pipeline.defs.failures import explained
from fints_pipeline.defs.metadata import bundle_metadata, data_version, numbers, table_metadata
from fints_pipeline.defs.partitions import FOLDS, check_known, split_fold
from fints_pipeline.defs.resources import Mlflow, Project

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
    result = train.fit_vocabulary(project.lake, experiment, fold)
    key = BundleKey.of("vocabularies", experiment=experiment.experiment, fold=fold.key)
    return _bundle_result(project, key, result)


@dg.asset(
    deps=["token_vocabulary"],
    partitions_def=FOLDS,
    backfill_policy=_ONE_RUN_A_FOLD,
    group_name="models",
    kinds={"pytorch", "huggingface"},
    owners=["team:research"],
    code_version="1",
)
@explained
def pretrained_mlm(context: dg.AssetExecutionContext, project: Project, mlflow: Mlflow):
    """BertForMaskedLM, pretrained on the tokens of the fold's training span and no others."""
    return _train(context, project, mlflow, "mlm", "pretrain_mlm")


@dg.asset(
    deps=["pretrained_mlm", *_after("labels")],
    partitions_def=FOLDS,
    backfill_policy=_ONE_RUN_A_FOLD,
    group_name="models",
    kinds={"pytorch", "huggingface"},
    owners=["team:research"],
    code_version="1",
)
@explained
def finetuned_classifier(context: dg.AssetExecutionContext, project: Project, mlflow: Mlflow):
    """Sequence classifier of the next move, fine-tuned from the fold's pretrained weights."""
    return _train(context, project, mlflow, "classifier", "finetune_classifier")


@dg.asset(
    deps=_after("features", "labels"),
    partitions_def=FOLDS,
    backfill_policy=_ONE_RUN_A_FOLD,
    group_name="models",
    kinds={"pytorch"},
    owners=["team:research"],
    code_version="1",
)
@explained
def patchtst(context: dg.AssetExecutionContext, project: Project, mlflow: Mlflow):
    """PatchTST forecaster of the continuous features, trained on the fold's training span."""
    return _train(context, project, mlflow, "patchtst", "train_patchtst")


@dg.asset(
    deps=["finetuned_classifier", "patchtst"],
    partitions_def=FOLDS,
    backfill_policy=_ONE_RUN_A_FOLD,
    group_name="models",
    kinds={"parquet", "pytorch"},
    owners=["team:research"],
    code_version="1",
)
@explained
def predictions(context: dg.AssetExecutionContext, project: Project):
    """What the fold's models say of its validation and test bars; no training bar is scored."""
    from fints_pipeline import train
    from fints_pipeline.base.lake import fold_key
    from fints_pipeline.schemas.predictions import PREDICTIONS

    experiment, fold = _fold(context, project)
    result = train.write_predictions(project.lake, experiment, fold)
    key = fold_key("predictions", experiment.experiment, fold.key)
    PREDICTIONS.validate(project.lake.read(key))
    footer = result.footer
    metadata = table_metadata(footer, PREDICTIONS, str(project.lake.path(key)))
    return dg.MaterializeResult(
        metadata=metadata | numbers(result.metrics),
        data_version=data_version(footer.digest, footer.lineage),
    )


def _fold(context, project):
    """Return the run's experiment config and fold, or raise a `KeyNotFoundError`."""
    from fints_pipeline import train
    from fints_pipeline.training.config import load_experiment

    name, key = split_fold(context.partition_key)
    experiment = load_experiment(project.locations.train_config(name))
    folds = {fold.key: fold for fold in train.experiment_folds(project.lake, experiment)}
    return experiment, folds[check_known(f"fold of {name}", key, sorted(folds))]


def _train(context, project, mlflow, model: str, function: str) -> dg.MaterializeResult:
    from fints_pipeline import train
    from fints_pipeline.training.tracking import MlflowTracker

    experiment, fold = _fold(context, project)
    tags = {
        "dagster.run_id": context.run.run_id,
        "dagster.asset": context.asset_key.to_user_string(),
        "dagster.partition": context.partition_key,
    }
    tracker = MlflowTracker(mlflow, tags=tags)
    result = getattr(train, function)(project.lake, experiment, fold, tracker)
    key = BundleKey.of("models", experiment=experiment.experiment, fold=fold.key, model=model)
    return _bundle_result(project, key, result, _mlflow_metadata(mlflow, result.run_id))


def _mlflow_metadata(mlflow, run_id: str | None) -> dict[str, Any]:
    """Return the run's id and its address on the page that `make mlflow` serves."""
    if run_id is None:
        return {}
    experiment_id = mlflow.get_run(run_id).info.experiment_id
    page = os.environ.get("FINTS_MLFLOW_PAGE", "http://127.0.0.1:5000")
    url = f"{page}/#/experiments/{experiment_id}/runs/{run_id}"
    return {"mlflow_run_id": run_id, "mlflow_run": dg.MetadataValue.url(url)}


def _bundle_result(
    project, key: BundleKey, result, more: dict[str, Any] | None = None
) -> dg.MaterializeResult:
    manifest = result.manifest
    metadata = bundle_metadata(manifest, str(project.lake.root / key.folder)) | (more or {})
    metadata |= numbers(result.metrics)
    metadata["seconds"] = dg.MetadataValue.float(result.seconds)
    return dg.MaterializeResult(
        metadata=metadata, data_version=data_version(manifest.digest, manifest.lineage)
    )
