"""Models in the lake: weights, config and training record, published as one."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from torch import nn

from fints_pipeline.base.lake import BundleKey, BundleManifest, Lake, Lineage
from fints_pipeline.models._base import NetworkConfig, network_module
from fints_pipeline.training.record import TrainingRecord


@dataclass(frozen=True)
class Fitted:
    """A fitted network with what it was fitted on."""

    network: nn.Module
    config: NetworkConfig
    record: TrainingRecord

    def write(self, folder: Path) -> None:
        """Write config.json, model.safetensors and training.json into ``folder``."""
        network_module(self.config.name).save(self.network, self.config, folder)
        self.record.write(folder)


@dataclass(frozen=True)
class Loaded:
    """A network out of the lake, in evaluation mode, with its record and its bundle's digest."""

    network: nn.Module
    record: TrainingRecord
    digest: str


def model_key(experiment: str, fold: str, model: str) -> BundleKey:
    """Return the key of a fold's model."""
    return BundleKey.of("models", experiment=experiment, fold=fold, model=model)


def publish(
    lake: Lake, fitted: Fitted, code_version: str, config_fingerprint: str
) -> BundleManifest:
    """Publish a fitted model; its lineage holds the inputs of its record."""
    record = fitted.record
    key = model_key(record.experiment, record.spans.key, record.model)
    lineage = Lineage(code_version, config_fingerprint, record.inputs)
    return lake.write_bundle(key, fitted.write, lineage)


def load_model(lake: Lake, experiment: str, fold: str, model: str) -> Loaded:
    """Return a published model after checking every file's SHA-256.

    Raises:
        KeyNotFoundError: it has not been trained.
        LakeError: a file is damaged.
    """
    key = model_key(experiment, fold, model)
    folder = lake.open_bundle(key)
    record = TrainingRecord.read(folder)
    network = network_module(record.network.name).load(folder)
    return Loaded(network, record, lake.bundle_manifest(key).digest)


def load_record(lake: Lake, experiment: str, fold: str, model: str) -> TrainingRecord:
    """Return what a published model learned from.

    Raises:
        KeyNotFoundError: it has not been trained.
        LakeError: a file is damaged.
    """
    return TrainingRecord.read(lake.open_bundle(model_key(experiment, fold, model)))


@dataclass(frozen=True)
class Pretrained:
    """The bundle of a model to start from: where its files lie, its key and digest."""

    folder: Path
    key: BundleKey
    digest: str


def open_pretrained(lake: Lake, experiment: str, fold: str, model: str) -> Pretrained:
    """Return one of the fold's published models to start from, its files' digests checked.

    Raises:
        KeyNotFoundError: it has not been trained.
    """
    key = model_key(experiment, fold, model)
    return Pretrained(lake.open_bundle(key), key, lake.bundle_manifest(key).digest)
