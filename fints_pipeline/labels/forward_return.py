"""Log return from the next open over the horizon."""

from __future__ import annotations

import pandas as pd

from fints_pipeline.labels._forward import forward_return, name
from fints_pipeline.labels.base import Label, Labelled


class ForwardReturn(Label):
    """`forward_return_<horizon>` = ln(O_{t+1+h} / O_{t+1}), opens adjusted for splits, no unit.

    What is decided at bar t's close is entered at the next open and left h bars later, so that the
    label is the gross return of a trade that can be had. Interval: (close_time of t, open_time of
    bar t + 1 + h].

    Null in the last h + 1 rows, and where bar t + 1 or bar t + 1 + h is filled, since no order
    fills there. With `within_session` the column is `forward_return_<horizon>_session`, null also
    where bar t + 1 + h belongs to another session than bar t.

    Horizons count rows: a bar that is missing from the table is not waited for.
    Source: López de Prado, Advances in Financial Machine Learning (2018), 3.2, with the entry moved
    from the close to the next open.
    """

    UNIT = "log return"

    within_session: bool = False

    @property
    def column(self) -> str:
        """Name of the label's column."""
        return name("forward_return", self.horizon, self.within_session)

    def compute(self, bars: pd.DataFrame) -> Labelled:
        """Compute the forward return."""
        return forward_return(bars, self.horizon, self.within_session)
