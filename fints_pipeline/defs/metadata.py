"""What the UI shows of a partition: rows, digest, columns, lineage."""

from typing import TYPE_CHECKING, Any

import dagster as dg

from fints_pipeline.base.lake import BundleManifest, Footer, Lineage

if TYPE_CHECKING:
    from fints_pipeline.schemas.contract import TableContract


def table_metadata(footer: Footer, contract: "TableContract", path: str) -> dict[str, Any]:
    """Return row count, column schema with units, digest and inputs of a written partition."""
    columns = [
        dg.TableColumn(
            name, kind, description=text, constraints=dg.TableColumnConstraints(nullable=nullable)
        )
        for name, kind, text, nullable in contract.describe()
    ]
    return {
        "dagster/row_count": footer.rows,
        "dagster/column_schema": dg.TableSchema(columns=columns),
        "digest": footer.digest,
        "schema": footer.schema_fingerprint,
        "file": dg.MetadataValue.path(path),
        "inputs": dg.MetadataValue.json(dict(footer.lineage.inputs)),
    }


def bundle_metadata(manifest: BundleManifest, folder: str) -> dict[str, Any]:
    """Return files, digest and inputs of a published bundle."""
    return {
        "digest": manifest.digest,
        "files": dg.MetadataValue.json(dict(manifest.files)),
        "folder": dg.MetadataValue.path(folder),
        "inputs": dg.MetadataValue.json(dict(manifest.lineage.inputs)),
    }


def data_version(digest: str, lineage: Lineage) -> dg.DataVersion:
    """Return the version of what an experiment made: its content and the config it was made with.

    Two experiments, or two configs of one, never pass for each other, even with equal content.
    """
    return dg.DataVersion(f"{digest}-{lineage.config_fingerprint}")


def numbers(values: dict[str, float]) -> dict[str, Any]:
    """Return metrics as metadata that the UI can plot over partitions."""
    return {name: dg.MetadataValue.float(float(value)) for name, value in values.items()}
