"""Scored items from their deliveries: one partition an instrument and UTC month."""

from __future__ import annotations

from collections.abc import Iterator

import pyarrow as pa

from fints_pipeline.base.config import fingerprint
from fints_pipeline.base.lake import Footer, Lake, Lineage, TableKey, series_key
from fints_pipeline.base.lake.lineage import Known, Staleness, digests, staleness
from fints_pipeline.data.news.lexicon import NEGATIONS, NEGATIVE, POSITIVE
from fints_pipeline.data.news.sentiment import REACH, score
from fints_pipeline.schemas.news import NEWS

CODE_VERSION = "2"
TABLE = "news"
RAW = "raw_news"
FREQUENCY = "event"


def news_key(subject: str, month: str) -> TableKey:
    """Return the partition of a subject's (``source.SYMBOL``) scored items of one month."""
    return series_key(TABLE, FREQUENCY, subject, month)


def raw_key(subject: str, month: str) -> TableKey:
    """Return the partition of a subject's delivered items of one month."""
    return series_key(RAW, FREQUENCY, subject, month)


def subjects(lake: Lake) -> list[str]:
    """Return what archives hold news about, as ``source.SYMBOL``."""
    return lake.instruments(RAW, FREQUENCY)


def made_with() -> Lineage:
    """Return what a partition made now would say of its code and of the lexicon."""
    words = [sorted(POSITIVE), sorted(NEGATIVE), sorted(NEGATIONS), REACH]
    return Lineage(CODE_VERSION, fingerprint(words))


def stale(lake: Known, subject: str) -> Iterator[tuple[str, Staleness]]:
    """Yield a subject's months that are missing or out of date, with the reasons."""
    expected = made_with()
    for month in lake.months(RAW, FREQUENCY, subject):
        found = staleness(lake, news_key(subject, month), expected=expected)
        if found:
            yield month, found


def build(lake: Lake, subject: str, month: str) -> Footer:
    """Make ``news/event/<subject>/<month>`` from the deliveries.

    Items of the same moment and text are one, however often they were delivered.

    Raises:
        KeyNotFoundError: no archive holds news about the subject in that month.
    """
    key = raw_key(subject, month)
    made = made_with()
    lineage = Lineage(made.code_version, made.config_fingerprint, digests(lake, [key]))
    return lake.write(news_key(subject, month), scored(lake.read(key)), NEWS, lineage)


def scored(raw: pa.Table) -> pa.Table:
    """Return distinct items in order of time with the words that lean counted.

    Args:
        raw: Rows of the table ``raw_news``, in any order.
    """
    distinct = raw.group_by(["published_at", "text", "instrument"], use_threads=False)
    items = distinct.aggregate([]).sort_by([("published_at", "ascending"), ("text", "ascending")])
    counts = [score(text.split()) for text in items["text"].to_pylist()]
    columns = {
        "instrument": items["instrument"],
        "known_at": items["published_at"],
        "text": items["text"],
        "words": pa.array([each.words for each in counts], pa.int64()),
        "positive": pa.array([each.positive for each in counts], pa.int64()),
        "negative": pa.array([each.negative for each in counts], pa.int64()),
    }
    return pa.table(columns).select(NEWS.arrow_schema.names).cast(NEWS.arrow_schema)
