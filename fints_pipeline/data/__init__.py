"""From raw rows to bars that can be trusted: calendars, cleaning, corporate actions, resampling."""
