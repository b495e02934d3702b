"""Which ticker an instrument had when, as delivered: `TICKER_HISTORY`."""

from __future__ import annotations

import pandera.pandas as pa

from fints_pipeline.schemas.contract import TableContract, day, stamp, text

TICKER_HISTORY = TableContract(
    "ticker_history",
    pa.DataFrameSchema(
        {
            "instrument": text("dataset.SYMBOL; the symbol is the last ticker, and stays"),
            "ticker": text("what the instrument was called on its exchange"),
            "first_day": day("first day on which it was called so"),
            "last_day": day("last day on which it was called so; 2050-12-31 stands for today"),
            "exchange": text("the vendor's code of the exchange, empty where it gives none"),
            "known_at": stamp("when the history was delivered; the latest delivery counts"),
        },
        strict=True,
        ordered=True,
    ),
)
