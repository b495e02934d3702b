"""The lake: plain hive-partitioned Parquet and file bundles behind one atomic writer."""

from fints_pipeline.base.lake.bundles import BundleKey, BundleManifest
from fints_pipeline.base.lake.contract import ArrowContract, TableValidator
from fints_pipeline.base.lake.footer import Footer, Lineage
from fints_pipeline.base.lake.keys import TableKey, fold_key, series_key
from fints_pipeline.base.lake.lake import Lake

__all__ = [
    "ArrowContract",
    "BundleKey",
    "BundleManifest",
    "Footer",
    "Lake",
    "Lineage",
    "TableKey",
    "TableValidator",
    "fold_key",
    "series_key",
]
