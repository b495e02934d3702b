"""How much an archive may unfold to."""

from __future__ import annotations

from fints_pipeline.base.config import Config


class Limits(Config):
    """Bounds that an archive is held to while it is inflated, whatever its headers claim.

    Attributes:
        ratio: Inflated bytes a compressed byte. Bars inflate 3- to 30-fold, bombs 1000-fold.
        total_bytes: Inflated bytes of the whole archive.
        members: Number of members, those of archives inside included.
        depth: How many archives deep an archive may hold archives: 1 for zips in a zip.
    """

    ratio: float = 200.0
    total_bytes: int = 20_000_000_000
    members: int = 10_000
    depth: int = 1
