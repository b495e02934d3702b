"""Scored news items into the lake's table ``news``, one partition an instrument and month."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from functools import partial

import pyarrow as pa

from fints_pipeline.base.config import fingerprint
from fints_pipeline.base.digest import text_digest
from fints_pipeline.base.lake import Footer, Lake, Lineage, series_key
from fints_pipeline.base.time import month_of
from fints_pipeline.data.news.lexicon import NEGATIONS, NEGATIVE, POSITIVE
from fints_pipeline.data.news.sentiment import REACH, score
from fints_pipeline.data.news.stocknet import Item
from fints_pipeline.schemas.news import NEWS

CODE_VERSION = "1"
TABLE = "news"
FREQUENCY = "event"


def ingest(
    lake: Lake, dataset: str, items: Iterable[Item], source: str, sha256: str
) -> dict[tuple[str, str], Footer]:
    """Score items and merge them into the lake; an item that is there already adds nothing.

    Args:
        lake: The lake.
        dataset: What the items are about: ``<dataset>.<symbol>`` names their instrument.
        items: The items, in any order.
        source: Name of the file that they come from.
        sha256: Its digest.

    Returns:
        Footers by instrument and month of publication (UTC).
    """
    rows: dict[tuple[str, str], list[dict[str, object]]] = defaultdict(list)
    for item in items:
        instrument = f"{dataset}.{item.symbol}"
        rows[instrument, month_of(item.known_at.date())].append(_row(instrument, item))
    words = fingerprint([sorted(POSITIVE), sorted(NEGATIVE), sorted(NEGATIONS), REACH])
    footers = {}
    for (instrument, month), found in sorted(rows.items()):
        key = series_key(TABLE, FREQUENCY, instrument, month)
        inputs = dict(lake.footer(key).lineage.inputs) if lake.exists(key) else {}
        inputs[f"archives/{source}"] = sha256
        lineage = Lineage(CODE_VERSION, text_digest(words), inputs)
        table = pa.Table.from_pylist(found, schema=NEWS.arrow_schema)
        footers[instrument, month] = lake.update(key, partial(_merge, table), NEWS, lineage)
    return footers


def _row(instrument: str, item: Item) -> dict[str, object]:
    counts = score(item.words)
    return {
        "instrument": instrument,
        "known_at": item.known_at,
        "text": " ".join(item.words),
        "words": counts.words,
        "positive": counts.positive,
        "negative": counts.negative,
    }


def _merge(rows: pa.Table, before: pa.Table | None) -> pa.Table:
    """Return both tables' items; items of the same moment and text are one."""
    both = rows if before is None else pa.concat_tables([rows, before])
    seen = both.group_by(["known_at", "text"], use_threads=False).aggregate(
        [(name, "first") for name in ("instrument", "words", "positive", "negative")]
    )
    names = [name.removesuffix("_first") for name in seen.column_names]
    ordered = seen.rename_columns(names).sort_by([("known_at", "ascending"), ("text", "ascending")])
    return ordered.select(NEWS.arrow_schema.names).cast(NEWS.arrow_schema)
