"""One tracked fit: log what goes in, fit, publish, log what came out."""

from __future__ import annotations

import time
from collections.abc import Callable

from fints_pipeline.base.digest import text_digest
from fints_pipeline.base.lake import Lake
from fints_pipeline.base.scratch import scratch
from fints_pipeline.training.bundles import Fitted, model_key, publish
from fints_pipeline.training.config import ExperimentConfig
from fints_pipeline.training.environment import environment_tags
from fints_pipeline.training.loop import OnMetrics
from fints_pipeline.training.results import Trained
from fints_pipeline.training.tracking import Tracker
from fints_pipeline.walkforward.folds import Fold


def fit_and_publish(
    lake: Lake,
    experiment: ExperimentConfig,
    fold: Fold,
    model: str,
    fit: Callable[[OnMetrics], Fitted],
    tracker: Tracker,
    code_version: str,
) -> Trained:
    """Fit one of a fold's models under the tracker's eyes and publish it.

    Args:
        lake: where the model goes.
        experiment: its config.
        fold: its spans.
        model: its name in the experiment.
        fit: reads the data and fits; is given the function that logs an epoch.
        tracker: where to log.
        code_version: of the stage.
    """
    started = time.perf_counter()
    with tracker.run(experiment, fold.key, model) as log:
        log.tags(environment_tags(experiment))
        log.parameters(experiment.model(model).model_dump(mode="json"))
        spans = fold.spans.items()
        log.parameters({"span": {name: f"{span.first} to {span.last}" for name, span in spans}})
        fitted = fit(log.metrics)
        record = fitted.record
        pairs = (f"{key}={digest}" for key, digest in sorted(record.inputs.items()))
        log.tags({"data_manifest": text_digest(*pairs)})
        log.metrics(record.metrics, record.fit.steps)
        fingerprint = experiment.model_fingerprint(model, fold)
        manifest = publish(lake, fitted, code_version, fingerprint)
        if log.run_id is not None:
            from fints_pipeline.training.run_files import write_run_files

            bundle = lake.open_bundle(model_key(experiment.experiment, fold.key, model))
            with scratch("run") as folder:
                files = folder / "files"
                files.mkdir()
                write_run_files(files, experiment, record.fit, bundle)
                log.artifacts(files)
    return Trained(manifest, record.metrics, time.perf_counter() - started, log.run_id)
