"""What features made now would say of their code and config, without the code that makes them."""

from __future__ import annotations

from fints_pipeline.base.config import fingerprint
from fints_pipeline.base.lake import Lineage
from fints_pipeline.features.config import FeaturesConfig

CODE_VERSION = "1"


def made_with(config: FeaturesConfig) -> Lineage:
    """Return what a partition made now would say of its code and config."""
    return Lineage(CODE_VERSION, fingerprint(config))
