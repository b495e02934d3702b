"""News items: parsed, scored with a small lexicon, counted on bars as of each bar's close."""

from fints_pipeline.data.news.on_bars import per_bar
from fints_pipeline.data.news.sentiment import score
from fints_pipeline.data.news.stocknet import read_tweets
from fints_pipeline.data.news.store import ingest

__all__ = ["ingest", "per_bar", "read_tweets", "score"]
