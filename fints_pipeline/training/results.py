"""What the functions of `fints_pipeline.train` return."""

from __future__ import annotations

from dataclasses import dataclass

import pyarrow as pa

from fints_pipeline.base.lake import BundleManifest, Footer, Lineage


@dataclass(frozen=True)
class Trained:
    """A published vocabulary or model.

    Attributes:
        manifest: of its bundle.
        metrics: scores on the validation span; the size for a vocabulary.
        seconds: that it took.
        run_id: of its MLflow run, where there is one.
    """

    manifest: BundleManifest
    metrics: dict[str, float]
    seconds: float
    run_id: str | None = None


@dataclass(frozen=True)
class Unpublished:
    """A fold's predictions before they stand in the lake.

    Attributes:
        table: their rows.
        lineage: where they come from.
        seconds: that they took.
    """

    table: pa.Table
    lineage: Lineage
    seconds: float


@dataclass(frozen=True)
class Predicted:
    """A published predictions table: its footer, row counts, and the seconds that it took."""

    footer: Footer
    metrics: dict[str, float]
    seconds: float
