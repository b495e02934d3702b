"""Labels: targets that look ahead, one a file, each with the time at which it becomes known.

The file's name is the config name: `- {name: direction, horizon: 12}` is the class in
`direction.py`.
"""

from fints_pipeline.labels.base import Label, Labelled
from fints_pipeline.labels.config import LabelsConfig
from fints_pipeline.labels.stage import run

__all__ = ["Label", "Labelled", "LabelsConfig", "run"]
