"""What a tracked run keeps beside numbers: config, environment, pictures, and the model."""

from __future__ import annotations

import json
import platform
import shutil
from importlib.metadata import distributions
from pathlib import Path

import numpy as np
import yaml

from fints_pipeline.base.page import sketch
from fints_pipeline.training import mlflow_model
from fints_pipeline.training.config import ExperimentConfig
from fints_pipeline.training.environment import environment_tags
from fints_pipeline.training.record import FitRecord


def write_run_files(
    folder: Path, experiment: ExperimentConfig, fit: FitRecord, bundle: Path
) -> None:
    """Write the files of a run.

    `bundle/` is the published model as it is, `model/` the same for ``mlflow.pyfunc.load_model``,
    `config.yaml` the experiment, `environment.json` the versions of all that is installed, and
    `plots/fit.svg` the fit epoch by epoch.

    Args:
        folder: where to.
        experiment: its config.
        fit: how the fit went.
        bundle: of the published model.
    """
    text = yaml.safe_dump(experiment.model_dump(mode="json"), sort_keys=False, allow_unicode=True)
    (folder / "config.yaml").write_text(text, encoding="utf-8")
    environment = json.dumps(installed() | environment_tags(experiment), indent=1)
    (folder / "environment.json").write_text(environment + "\n", encoding="utf-8")
    if fit.history:
        (folder / "plots").mkdir()
        (folder / "plots" / "fit.svg").write_text(fit_picture(fit), encoding="utf-8")
    shutil.copytree(bundle, folder / "bundle")
    mlflow_model.save(bundle, folder / "model")


def installed() -> dict[str, object]:
    """Return the platform, Python's version and those of all packages."""
    packages = {one.metadata["Name"]: one.version for one in distributions()}
    return {
        "platform": platform.platform(),
        "python": platform.python_version(),
        "packages": dict(sorted(packages.items())),
    }


def fit_picture(fit: FitRecord) -> str:
    """Return losses, learning rate and what else was told of each epoch, a line a row (SVG)."""
    names = [name for name in fit.history[0] if name != "epoch"]
    lines = {
        name.replace("_", " "): np.array([epoch[name] for epoch in fit.history], dtype=np.float64)
        for name in names
    }
    return sketch.rows(lines, high=48)
