from datetime import date
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from fints_pipeline.base.errors import CalendarError
from fints_pipeline.base.lake import Lake, series_key
from fints_pipeline.data import building, partition
from fints_pipeline.data.building import build_changed
from fints_pipeline.data.calendars import calendar_for, naive_utc
from fints_pipeline.data.staging import stage_inbox
from fints_pipeline_tests.data.archive_builders import FIRST_MS, good_zip, klines, write
from fints_pipeline_tests.data.datasets import binance, histdata

MONTH_MS = 31 * 86_400_000
NAMES = ("AAA-1m-2023-01.zip", "BBB-1m-2023-01.zip")


@pytest.fixture
def inbox(tmp_path: Path) -> Path:
    content = klines(7, FIRST_MS) + klines(5, FIRST_MS + MONTH_MS)
    for name in NAMES:
        write(tmp_path / "inbox" / name, good_zip(name.replace("zip", "csv"), content))
        content += klines(1, FIRST_MS + MONTH_MS + 600_000)
    return tmp_path / "inbox"


def minutes_of_fx(zone: str) -> bytes:
    """Return six summer weeks of FX minutes as HistData writes them, on a zone's clock."""
    schedule = calendar_for("fx_24_5").schedule(date(2023, 6, 4), date(2023, 7, 14))
    utc = np.concatenate(
        [
            np.arange(start, end, np.timedelta64(1, "m"))
            for start, end in zip(
                naive_utc(schedule["start"]), naive_utc(schedule["end"]), strict=True
            )
        ]
    )
    local = pd.DatetimeIndex(utc).tz_localize("UTC").tz_convert(zone)
    return "".join(
        f"{stamp};1.1;1.2;1.0;1.1;0\n" for stamp in local.strftime("%Y%m%d %H%M%S")
    ).encode()


def test_months_on_a_wrong_clock_are_not_built(tmp_path: Path, lake: Lake):
    """The market rests at weekends alone: a month by itself shows too few of them."""
    name = "DAT_ASCII_EURUSD_M1_2023.csv"
    content = minutes_of_fx("America/New_York")
    write(tmp_path / "inbox" / "x.zip", good_zip(name, content))
    for zone, built, failed in (("EST", 0, 2), ("America/New_York", 2, 0)):
        config = histdata(timezone=zone)
        report = stage_inbox(tmp_path / "inbox", lake, [config])
        (found,) = build_changed(lake, [config], report)
        assert (found.months, len(found.failures)) == (built, failed)
        assert all("set `timezone: America/New_York`" in why for _, why in found.failures)
    months = [key["month"] for key in lake.keys("bars")]
    assert set(months) == {"2023-06", "2023-07"}


def digests(lake: Lake) -> dict[str, str]:
    return {str(key): lake.footer(key).digest for key in lake.keys("bars")}


def test_what_changed_is_built_and_nothing_else(inbox: Path, lake: Lake):
    built = build_changed(lake, [binance()], stage_inbox(inbox, lake, [binance()]))
    assert [(each.instrument, each.months) for each in built] == [
        ("binance.AAA", 2),
        ("binance.BBB", 2),
    ]
    assert built[0].bars - built[0].filled == 12
    again = stage_inbox(inbox, lake, [binance()])
    assert build_changed(lake, [binance()], again) == []
    lake.path(series_key("bars", "5m", "binance.AAA", "2023-02")).unlink()
    (mended,) = build_changed(lake, [binance()], again)
    assert (mended.instrument, mended.months) == ("binance.AAA", 1)


def test_new_actions_build_all_months_again(inbox: Path, lake: Lake):
    build_changed(lake, [binance()], stage_inbox(inbox, lake, [binance()]))
    text = b"symbol,ex_date,kind,value\nBBB,2023-02-01,split,2\n"
    write(inbox / "binance" / "corporate_actions.csv", text)
    (built,) = build_changed(lake, [binance()], stage_inbox(inbox, lake, [binance()]))
    assert (built.instrument, built.months) == ("binance.BBB", 2)


@pytest.mark.slow
def test_processes_build_the_same(
    inbox: Path, lake: Lake, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    report = stage_inbox(inbox, lake, [binance()])
    build_changed(lake, [binance()], report)
    other = Lake(tmp_path / "other")
    monkeypatch.setattr(building, "WORTH_PROCESSES", 1)
    build_changed(other, [binance()], stage_inbox(inbox, other, [binance()]), workers=2)
    assert digests(other) == digests(lake)


@pytest.mark.parametrize("step", ["compute", "write"])
def test_a_month_that_fails_stops_no_other(
    inbox: Path, lake: Lake, monkeypatch: pytest.MonkeyPatch, step: str
):
    real = getattr(partition, step)

    def fail(
        lake: Lake, config: object, instrument: str, month: str, *more: object, **named: object
    ):
        if month == "2023-01":
            raise CalendarError("not covered")
        return real(lake, config, instrument, month, *more, **named)

    monkeypatch.setattr(partition, step, fail)
    built = build_changed(lake, [binance()], stage_inbox(inbox, lake, [binance()]))
    assert [(each.months, each.failures) for each in built] == [
        (1, [("2023-01", "not covered")])
    ] * 2
