"""Features: causal columns computed from bars, one family a file.

The file's name is the config name: `- {name: atr, window: 14}` is the class in `atr.py`.
"""

from fints_pipeline.features.base import Feature
from fints_pipeline.features.config import FeaturesConfig
from fints_pipeline.features.stage import run
from fints_pipeline.features.stream import FeatureStream

__all__ = ["Feature", "FeatureStream", "FeaturesConfig", "run"]
