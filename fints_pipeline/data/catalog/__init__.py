"""What is in the lake and how to read it: `DataCatalog`."""

from fints_pipeline.data.catalog.catalog import DataCatalog
from fints_pipeline.data.catalog.coverage import Coverage

__all__ = ["Coverage", "DataCatalog"]
