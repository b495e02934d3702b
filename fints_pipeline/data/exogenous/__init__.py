"""Series from outside the traded market: read with a publication lag, joined as of their time."""

from fints_pipeline.data.exogenous.config import ExogenousConfig
from fints_pipeline.data.exogenous.joining import join
from fints_pipeline.data.exogenous.series_file import ingest, read_series, series_key_of

__all__ = ["ExogenousConfig", "ingest", "join", "read_series", "series_key_of"]
