"""News items as their archives gave them, every delivery kept: `RAW_NEWS`."""

from __future__ import annotations

import pandera.pandas as pa
import pyarrow

from fints_pipeline.schemas.contract import TableContract, column, stamp, text

RAW_NEWS = TableContract(
    "raw_news",
    pa.DataFrameSchema(
        {
            "instrument": text("source.SYMBOL that the item is about"),
            "published_at": stamp("when the item was published"),
            "text": text("words of the item, separated by spaces"),
            "archive": text("SHA-256 of the archive that delivered the item"),
            "source_row": column(
                "int64", pyarrow.int64(), "place of the item in the archive, from 1"
            ),
            "known_at": stamp("when the archive was delivered: its file's modification time"),
        },
        strict=True,
        ordered=True,
    ),
)
