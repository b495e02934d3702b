"""ExperimentConfig: one YAML file, one experiment."""

from fints_pipeline.training.config.data import DataConfig
from fints_pipeline.training.config.experiment import ExperimentConfig, load_experiment
from fints_pipeline.training.config.fit import FitConfig, RegularisationConfig, StopConfig
from fints_pipeline.training.config.hardware import HardwareConfig
from fints_pipeline.training.config.kinds import (
    KINDS,
    ClassifyTokensModel,
    EstimatorModel,
    ForecastModel,
    FusionModel,
    MaskedPatchesModel,
    MaskedTokensModel,
    TagTokensModel,
)
from fints_pipeline.training.config.model import ModelConfig

__all__ = [
    "KINDS",
    "ClassifyTokensModel",
    "DataConfig",
    "EstimatorModel",
    "ExperimentConfig",
    "FitConfig",
    "ForecastModel",
    "FusionModel",
    "HardwareConfig",
    "MaskedPatchesModel",
    "MaskedTokensModel",
    "ModelConfig",
    "RegularisationConfig",
    "StopConfig",
    "TagTokensModel",
    "load_experiment",
]
