"""News items put into a lake by hand."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

import pandas as pd

from fints_pipeline.base.lake import Lake
from fints_pipeline.data.news import NewsConfig, build, subjects
from fints_pipeline.data.news.intake import split
from fints_pipeline.data.news.items import with_origin
from fints_pipeline.data.news.partition import stale
from fints_pipeline.data.slices import merge
from fints_pipeline.schemas.raw_news import RAW_NEWS


@dataclass(frozen=True)
class Item:
    """One news item."""

    symbol: str
    known_at: datetime
    words: tuple[str, ...]


def put_items(lake: Lake, source: str, items: Sequence[Item]) -> None:
    """Deliver items and make their tables."""
    config = NewsConfig(name=source, time="time", text="text", symbol="symbol")
    frame = pd.DataFrame(
        {
            "symbol": [item.symbol for item in items],
            "published_at": pd.to_datetime([item.known_at for item in items], utc=True).as_unit(
                "us"
            ),
            "text": [" ".join(item.words) for item in items],
        }
    )
    sha256 = hashlib.sha256(repr(items).encode()).hexdigest()
    delivered = datetime(2024, 12, 1, tzinfo=UTC)
    for key, rows in split(with_origin(frame, sha256, delivered, config)).items():
        merge(lake, key, {sha256: rows}, config.reading, RAW_NEWS)
    for subject in subjects(lake):
        for month, _ in stale(lake, subject):
            build(lake, subject, month)
