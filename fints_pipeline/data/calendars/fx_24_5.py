"""Spot FX: Sunday 17:00 to Friday 17:00 New York, a session ends at 17:00 New York."""

from __future__ import annotations

from datetime import date

import numpy as np
import pandas as pd

from fints_pipeline.data.calendars._base import Calendar, Stamps, days_between, schedule_frame

NEW_YORK = "America/New_York"
# The 17:00 close moved to midnight: New York wall clock plus this is the trading day's clock.
SHIFT = np.timedelta64(7, "h")
CLOSE = np.timedelta64(17, "h")
DAY = np.timedelta64(1, "D")


class Fx245(Calendar):
    """Five sessions a week, Monday to Friday; Monday's opens on Sunday at 17:00 New York.

    In UTC the close is 21:00 in summer and 22:00 in winter. The clocks change on a Sunday at 02:00,
    when the market is closed, so every session lasts 24 hours. New Year's Day, on which no centre
    trades, has no session. Christmas has one: some centres quote, and where they stop shows as
    holes.
    """

    name = "fx_24_5"
    mode = "continuous"

    def trading_day(self, open_times: Stamps) -> Stamps:
        """Return the date of the New York wall clock plus seven hours."""
        stamps = pd.DatetimeIndex(open_times.astype("datetime64[us]")).tz_localize("UTC")
        wall: Stamps = stamps.tz_convert(NEW_YORK).tz_localize(None).to_numpy()
        return (wall + SHIFT).astype("datetime64[D]")

    def schedule(self, first: date, last: date) -> pd.DataFrame:
        """Return one segment for each day from Monday to Friday but the first of January."""
        days = days_between(first, last)
        new_year = days == days.astype("datetime64[Y]").astype("datetime64[D]")
        days = days[np.is_busday(days) & ~new_year]
        return schedule_frame(
            days, start=_new_york(days - DAY + CLOSE), end=_new_york(days + CLOSE)
        )


def _new_york(wall: Stamps) -> pd.DatetimeIndex:
    return pd.DatetimeIndex(wall.astype("datetime64[us]")).tz_localize(NEW_YORK)
