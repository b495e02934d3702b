from __future__ import annotations

from pathlib import Path

import pytest

from fints_pipeline import features, labels
from fints_pipeline.base.config import load_config
from fints_pipeline.features import FeaturesConfig
from fints_pipeline.labels import LabelsConfig
from fints_pipeline_tests.strategies import random_bars

DATASETS = sorted(p.stem for p in (Path(__file__).parents[2] / "configs" / "data").glob("*.yaml"))


@pytest.mark.parametrize("dataset", DATASETS)
def test_the_sections_of_every_dataset_compute(dataset: str, project: Path) -> None:
    path = project / "configs" / "data" / f"{dataset}.yaml"
    features_config = load_config(path, FeaturesConfig, section="features")
    labels_config = load_config(path, LabelsConfig, section="labels")
    bars = random_bars(labels_config.lookback + 300, 1, continuous=True)
    table = features.run(features_config, bars).iloc[features_config.lookback :]
    assert not table.isna().any(axis=None)
    known = labels.run(labels_config, bars).iloc[labels_config.lookback : -labels_config.ahead]
    assert known[list(labels_config.columns)].notna().mean().min() > 0.8
