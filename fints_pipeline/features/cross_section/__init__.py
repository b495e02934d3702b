"""Where an instrument stands among the others at each bar: rank and z-score over a universe."""

from fints_pipeline.features.cross_section.config import CrossSectionConfig
from fints_pipeline.features.cross_section.stage import run

__all__ = ["CrossSectionConfig", "run"]
