"""News items about an instrument, scored with the sentiment lexicon: `NEWS`."""

from __future__ import annotations

import pandas as pd
import pandera.pandas as pa
import pyarrow

from fints_pipeline.schemas.contract import TableContract, column, stamp, text


def _known_in_order(frame: pd.DataFrame) -> pd.Series:
    later = frame["known_at"].diff() >= pd.Timedelta(0)
    if len(later):
        later.iloc[0] = True
    return later


def _count(description: str) -> pa.Column:
    return column("int64", pyarrow.int64(), description, unit="words", checks=[pa.Check.ge(0)])


NEWS = TableContract(
    "news",
    pa.DataFrameSchema(
        {
            "instrument": text("source.SYMBOL that the item is about"),
            "known_at": stamp("when the item was published: known from its own second on"),
            "text": text("words of the item, separated by spaces"),
            "words": _count("number of words"),
            "positive": _count("words of the lexicon with good tidings, negation considered"),
            "negative": _count("words of the lexicon with bad tidings, negation considered"),
        },
        checks=[pa.Check(_known_in_order, name="known_at_ascending")],
        strict=True,
        ordered=True,
    ),
)
