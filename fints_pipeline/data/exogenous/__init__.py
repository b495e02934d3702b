"""Series from outside the traded market: read with a publication lag, joined as of their time."""

from fints_pipeline.data.exogenous.config import ExogenousConfig
from fints_pipeline.data.exogenous.joining import join
from fints_pipeline.data.exogenous.partition import build, raw_key_of, series_key_of

__all__ = ["ExogenousConfig", "build", "join", "raw_key_of", "series_key_of"]
