"""How much an archive may unfold to."""

from __future__ import annotations

from pydantic import Field

from fints_pipeline.base.config import Config, load_config
from fints_pipeline.base.locations import Locations


class Limits(Config):
    """Bounds that an archive is held to while it is inflated, whatever its headers claim.

    A project sets its own in ``configs/limits.yaml``.

    Attributes:
        ratio: Inflated bytes a compressed byte. Bars inflate 3- to 30-fold, bombs 1000-fold.
        total_bytes: Inflated bytes of the whole archive.
        members: Number of members, those of archives inside included.
        depth: How many archives deep an archive may hold archives: 1 for zips in a zip.
    """

    ratio: float = Field(default=200.0, gt=1)
    total_bytes: int = Field(default=20_000_000_000, gt=0)
    members: int = Field(default=10_000, gt=0)
    depth: int = Field(default=1, ge=0, le=3)


def load_limits(locations: Locations) -> Limits:
    """Return the project's limits: those of ``configs/limits.yaml``, or the defaults without it.

    Raises:
        ConfigError: the file is wrong.
    """
    path = locations.configs / "limits.yaml"
    return load_config(path, Limits) if path.is_file() else Limits()
