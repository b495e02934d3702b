"""Where the money went: every cost part of a ledger by instrument."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

from fints_pipeline.walkforward.ledger import Ledger


def cost_breakdown(ledger: Ledger, symbols: Sequence[str]) -> pd.DataFrame:
    """Costs by part.

    Returns:
        One row an instrument: `instrument`, then `spread`, `slippage`, `impact`, `fee`, `borrow`,
        `funding` (negative when holding earned it), `cost` (their sum) and `dividend` (received,
        no cost), account currency.
    """
    parts = ledger.parts()
    frame = pd.DataFrame({"instrument": list(symbols), **parts})
    dividend = frame.pop("dividend")
    return frame.assign(cost=frame.drop(columns="instrument").sum(axis=1), dividend=dividend)
