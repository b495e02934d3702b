"""What the UI shows of a partition: what one looks for first, then its rows, columns, origin."""

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

import dagster as dg

from fints_pipeline.base.lake import BundleManifest, Footer, Lineage

if TYPE_CHECKING:
    from fints_pipeline.schemas.contract import TableContract

Shown = Mapping[str, Any]


def table_metadata(
    footer: Footer, contract: "TableContract", path: str, shown: Shown | None = None
) -> dict[str, Any]:
    """Return what was ``shown``, rows, columns with units, digest and inputs of a partition."""
    return {
        **(shown or {}),
        **rows_of(footer.rows, schema_of(contract)),
        "digest": footer.digest,
        "schema": footer.schema_fingerprint,
        "file": dg.MetadataValue.path(path),
        "inputs": dg.MetadataValue.json(dict(footer.lineage.inputs)),
    }


def bundle_metadata(
    manifest: BundleManifest, folder: str, shown: Shown | None = None
) -> dict[str, Any]:
    """Return what was ``shown``, then digest, files and inputs of a published bundle."""
    return {
        **(shown or {}),
        "digest": manifest.digest,
        "folder": dg.MetadataValue.path(folder),
        "files": dg.MetadataValue.json(dict(manifest.files)),
        "inputs": dg.MetadataValue.json(dict(manifest.lineage.inputs)),
    }


def rows_of(count: int, columns: dg.TableSchema) -> dict[str, Any]:
    """Return how many rows a partition, or its main table, has, and its columns."""
    return {"dagster/row_count": count, "dagster/column_schema": columns}


def schema_of(contract: "TableContract") -> dg.TableSchema:
    """Return a contract's columns, each with its meaning and unit."""
    return dg.TableSchema(
        [
            dg.TableColumn(
                name, kind, text, constraints=dg.TableColumnConstraints(nullable=nullable)
            )
            for name, kind, text, nullable in contract.describe()
        ]
    )


def columns(described: Iterable[tuple[str, str, str]]) -> dg.TableSchema:
    """Return columns of (name, type, meaning and unit), where there is no contract."""
    return dg.TableSchema([dg.TableColumn(*one) for one in described])


def data_version(digest: str, lineage: Lineage) -> dg.DataVersion:
    """Return the version of what an experiment made: its content and the config it was made with.

    Two experiments, or two configs of one, never pass for each other, even with equal content.
    """
    return dg.DataVersion(f"{digest}-{lineage.config_fingerprint}")


def numbers(values: Mapping[str, float]) -> dict[str, Any]:
    """Return metrics as metadata that the UI can plot over partitions."""
    return {name: dg.MetadataValue.float(float(value)) for name, value in values.items()}
