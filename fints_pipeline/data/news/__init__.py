"""News items: read, scored with a small lexicon, counted on bars as of each bar's close."""

from fints_pipeline.data.news.config import NewsConfig
from fints_pipeline.data.news.on_bars import per_bar
from fints_pipeline.data.news.partition import build, subjects
from fints_pipeline.data.news.sentiment import score

__all__ = ["NewsConfig", "build", "per_bar", "score", "subjects"]
