"""What the UI shows of a fold's models: a line each, their scores, and their MLflow runs."""

from collections.abc import Mapping, Sequence
from typing import Any

import dagster as dg

from fints_pipeline.base.digest import text_digest
from fints_pipeline.base.lake import BundleKey
from fints_pipeline.defs.columns import MODELS
from fints_pipeline.defs.metadata import bundle_metadata, numbers, rows_of

_SEPARATOR = "."  # between a model's name and a key of its metadata


def models_result(lake, experiment, fold, results: Mapping[str, Any], mlflow):
    """Return the materialisation of some of a fold's models.

    Args:
        lake: holds them.
        experiment: an `ExperimentConfig`.
        fold: their fold.
        results: a `Trained` a model.
        mlflow: the module, for links to the runs.
    """
    if not results:
        return unused("no model of the experiment starts from another")
    from fints_pipeline.training.bundles import load_record

    records = {name: load_record(lake, experiment.experiment, fold.key, name) for name in results}
    metadata: dict[str, Any] = {"models": dg.MetadataValue.md(_table(results, records))}
    metadata |= rows_of(len(results), MODELS)
    for name, result in results.items():
        for key, value in _of_model(lake, experiment, fold, name, result, mlflow).items():
            metadata[f"{name}{_SEPARATOR}{key}"] = value
        metadata[f"{name}{_SEPARATOR}columns"] = dg.MetadataValue.table_schema(
            _column_schema(records[name])
        )
    versions = (
        f"{name}={result.manifest.digest}-{result.manifest.lineage.config_fingerprint}"
        for name, result in results.items()
    )
    return dg.MaterializeResult(
        metadata=metadata, data_version=dg.DataVersion(text_digest(*versions))
    )


def unused(why: str) -> dg.MaterializeResult:
    """Return the materialisation of a partition that an experiment has no use for."""
    return dg.MaterializeResult(
        metadata={"unused": why}, data_version=dg.DataVersion(text_digest("unused", why))
    )


def _of_model(lake, experiment, fold, name: str, result, mlflow) -> dict[str, Any]:
    manifest = result.manifest
    key = BundleKey.of("models", experiment=experiment.experiment, fold=fold.key, model=name)
    shown = _mlflow_metadata(mlflow, result.run_id)
    shown |= numbers({**result.metrics, "seconds": result.seconds})
    return bundle_metadata(manifest, lake.store.uri(key.folder), shown)


def _mlflow_metadata(mlflow, run_id: str | None) -> dict[str, Any]:
    """Return the run's id and its address on the page that `make mlflow` serves."""
    if run_id is None:
        return {}
    from fints_pipeline.training.tracking import run_page

    url = run_page(mlflow.get_run(run_id))
    return {"mlflow_run": dg.MetadataValue.url(url), "mlflow_run_id": run_id}


def _column_schema(record) -> dg.TableSchema:
    """Return the columns that a model reads, in the order of its inputs."""
    names: Sequence[str] = record.columns
    columns = [
        dg.TableColumn(name, "float64", "feature, scaled on the training span") for name in names
    ]
    if record.vocabulary_digest is not None:
        columns.append(dg.TableColumn("tokens", "int64", "ids of the fold's vocabulary"))
    return dg.TableSchema(columns=columns)


def _table(results: Mapping[str, Any], records: Mapping[str, Any]) -> str:
    lines = [
        "| model | network | parameters | best epoch | stopped by | validation |",
        "|---|---|---|---|---|---|",
    ]
    for name, result in results.items():
        record = records[name]
        scores = ", ".join(f"{key} {value:.4g}" for key, value in result.metrics.items())
        cells = (
            name, record.network.name, f"{record.fit.parameters:,}", record.fit.best_epoch,
            record.fit.stopped_by, scores,
        )  # fmt: skip
        lines.append("| " + " | ".join(str(cell) for cell in cells) + " |")
    return "\n".join(lines)
