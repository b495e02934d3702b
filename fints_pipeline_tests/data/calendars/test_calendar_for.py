import subprocess
import sys

import numpy as np
import pytest

from fints_pipeline.base.errors import CalendarError
from fints_pipeline.data.calendars import calendar_for, calendar_names


def test_the_same_name_gives_the_same_calendar():
    assert calendar_for("XNYS") is calendar_for("XNYS")
    assert calendar_for("XNYS").mode == "reset"
    assert calendar_for("fx_24_5").mode == calendar_for("crypto_24_7").mode == "continuous"


def test_an_unknown_name_gives_the_valid_ones():
    with pytest.raises(CalendarError) as error:
        calendar_for("XNYX")
    message = str(error.value)
    assert "'XNYX'" in message
    assert "did you mean 'XNYS'" in message
    assert all(name in message for name in ("crypto_24_7", "fx_24_5", "XTKS"))


def test_names_hold_no_double_of_our_own_calendars():
    names = calendar_names()
    assert len(names) == len(set(names)) > 50
    assert not {"24/7", "24/5", "us_futures"} & set(names)


def test_round_the_clock_markets_do_not_import_exchange_calendars():
    code = (
        "import sys; from fints_pipeline.data.calendars import calendar_for; "
        "calendar_for('fx_24_5').month_segments('2024-01'); "
        "print('exchange_calendars' in sys.modules)"
    )
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert out.stdout.strip() == "False"


def test_cached_schedules_cannot_be_written_to():
    segments = calendar_for("crypto_24_7").month_segments("2024-01")
    with pytest.raises(ValueError, match="read-only"):
        segments.start[0] = np.datetime64("2000-01-01")
