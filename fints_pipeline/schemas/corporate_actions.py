"""Splits and dividends, as delivered: `CORPORATE_ACTIONS`."""

from __future__ import annotations

import pandera.pandas as pa

from fints_pipeline.schemas.contract import TableContract, day, number, stamp, text

CORPORATE_ACTIONS = TableContract(
    "corporate_actions",
    pa.DataFrameSchema(
        {
            "instrument": text("dataset.SYMBOL"),
            "ex_date": day("first session that trades after the action"),
            "kind": text("which action", isin=["split", "dividend"]),
            "value": number(
                "split: new shares for each old one; dividend: quote currency a share",
                checks=[pa.Check.gt(0)],
            ),
            "known_at": stamp("when the action was delivered"),
        },
        strict=True,
        ordered=True,
    ),
)
