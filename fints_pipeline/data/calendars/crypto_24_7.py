"""Crypto markets: always open, a session is a UTC day."""

from __future__ import annotations

from datetime import date

import numpy as np
import pandas as pd

from fints_pipeline.data.calendars._base import Calendar, Stamps, days_between, schedule_frame


class Crypto247(Calendar):
    """Around the clock; the session of a stamp is its UTC date."""

    name = "crypto_24_7"
    mode = "continuous"

    def trading_day(self, open_times: Stamps) -> Stamps:
        """Return each stamp's UTC date."""
        return open_times.astype("datetime64[D]")

    def schedule(self, first: date, last: date) -> pd.DataFrame:
        """Return one segment a day, midnight to midnight UTC."""
        days = days_between(first, last)
        return schedule_frame(days, start=days, end=days + np.timedelta64(1, "D"))
