"""A published model as MLflow keeps it: its bundle, a loader, and the signature of its inputs.

``mlflow.pyfunc.load_model`` gives an object whose ``predict`` takes a mapping of the network's
inputs, in scaled units and with the ids of the fold's vocabulary, and returns what the network
says. To predict bars of the lake, with scalers, vocabulary and spans seen to, use
``python -m fints_pipeline.predict``.
"""

from __future__ import annotations

import inspect
import warnings
from collections.abc import Mapping
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from fints_pipeline.models._base import network_module
from fints_pipeline.training.calendar_columns import COLUMNS
from fints_pipeline.training.masking import FIRST_ORDINARY
from fints_pipeline.training.record import TrainingRecord
from fints_pipeline.training.tokens import FRAME

Arrays = dict[str, NDArray[np.generic]]
ROWS = "x"
"""Name of an estimator's input."""
_REQUIREMENTS = ("torch", "transformers", "lightgbm", "safetensors", "numpy")


class LoadedModel:
    """What MLflow calls: a network out of a bundle."""

    def __init__(self, folder: Path) -> None:
        self.record = TrainingRecord.read(folder)
        self._module: Any = network_module(self.record.network.name)
        self._network: Any = self._module.load(folder)

    def predict(
        self, model_input: Mapping[str, Any], params: Mapping[str, Any] | None = None
    ) -> NDArray[np.generic] | list[NDArray[np.generic]]:
        """Return the network's output: numbers, class scores, or scores field by field."""
        if self._module.TASK == "estimator":
            said: NDArray[np.generic] = self._module.predict(self._network, model_input[ROWS])
            return said
        given = {name: torch.from_numpy(np.asarray(value)) for name, value in model_input.items()}
        with torch.no_grad():
            output = self._network(**given)
        output = getattr(output, "logits", output)
        if isinstance(output, tuple):
            return [part.numpy() for part in output]
        found: NDArray[np.generic] = output.numpy()
        return found


def _load_pyfunc(path: str) -> LoadedModel:
    """Return the model in the folder ``path``; MLflow calls it by this name."""
    return LoadedModel(Path(path))


def save(bundle: Path, folder: Path) -> None:
    """Write a published model's bundle into ``folder`` as an MLflow model with a signature."""
    with warnings.catch_warnings():
        # MLflow's own types warn at their import.
        warnings.filterwarnings("ignore", ".*inferred as AnyType", UserWarning)
        # The signature is made from an example; there is no need to keep it as well.
        warnings.filterwarnings("ignore", ".*input example was not provided", UserWarning)
        _save(bundle, folder)


def _save(bundle: Path, folder: Path) -> None:
    import mlflow.pyfunc
    from mlflow.models import ModelSignature
    from mlflow.types import Schema, TensorSpec

    model = LoadedModel(bundle)
    inputs = example(model)
    said = model.predict(inputs)
    outputs = said if isinstance(said, list) else [said]

    def spec(name: str | None, array: NDArray[np.generic]) -> TensorSpec:
        return TensorSpec(array.dtype, (-1, *array.shape[1:]), name)

    names = [None] if len(outputs) == 1 else [f"field_{place}" for place in range(len(outputs))]
    signature = ModelSignature(
        Schema([spec(name, array) for name, array in inputs.items()]),
        Schema([spec(name, array) for name, array in zip(names, outputs, strict=True)]),
    )
    mlflow.pyfunc.save_model(
        path=str(folder),
        loader_module=__name__,
        data_path=str(bundle),
        signature=signature,
        pip_requirements=[f"{name}=={version(name)}" for name in _REQUIREMENTS],
        metadata={"experiment": model.record.experiment, "fold": model.record.spans.key},
    )


def example(model: LoadedModel) -> Arrays:
    """Return one sample of the inputs that the network cannot do without, all alike."""
    record = model.record
    config: Any = record.network
    lookback, channels = record.lookback, len(record.columns)
    if model._module.TASK == "estimator":
        return {ROWS: np.zeros((1, lookback * channels), np.float32)}
    length = lookback if model._module.TASK == "fusion" else lookback + FRAME
    fields = _field_sizes(config)
    ids = np.full((1, length) if fields is None else (1, length, len(fields)), FIRST_ORDINARY)
    known: Arrays = {
        "past": np.zeros((1, lookback, channels), np.float32),
        "past_time": np.zeros((1, lookback, len(COLUMNS)), np.float32),
        "future_time": np.zeros((1, getattr(config, "horizon", 0), len(COLUMNS)), np.float32),
        "instrument": np.zeros(1, np.int64),
        "input_ids": ids.astype(np.int64),
    }
    if model._module.TASK == "masked_patches":
        known["masked"] = np.arange(config.patches) % 2 == np.zeros((1, channels, 1))
    return {name: known[name] for name in _needed(model._network, record) if name in known}


def _field_sizes(config: Any) -> tuple[int, ...] | None:
    """Return the ids of each field that a network's encoder reads, None for flat tokens."""
    for name in ("token_encoder", "encoder"):
        config = getattr(config, name, None) or config
    return getattr(config, "field_sizes", None)


def _needed(network: Any, record: TrainingRecord) -> list[str]:
    """Return the inputs without a default, and those that the record says are there."""
    config: Any = record.network
    parameters = inspect.signature(network.forward).parameters
    told = {"past_time", "future_time"} if getattr(config, "time_columns", None) else set()
    told |= {"instrument"} if (getattr(config, "instruments", None) or 1) > 1 else set()
    if getattr(config, "patches", None) is not None:
        told.add("past")
    if record.vocabulary_digest is not None:
        told.add("input_ids")
    return [
        name
        for name, parameter in parameters.items()
        if parameter.default is inspect.Parameter.empty or name in told
    ]
