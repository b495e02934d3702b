from datetime import date

import pytest

from fints_pipeline.base import time
from fints_pipeline.base.errors import ConfigError


@pytest.mark.parametrize(("text", "expected"), [("1m", 1), ("30m", 30), ("2h", 120), ("1D", 1440)])
def test_minutes(text: str, expected: int) -> None:
    assert time.minutes(text) == expected


@pytest.mark.parametrize("text", ["", "m", "0m", "5", "5M", "-1m", "1.5h"])
def test_not_a_frequency(text: str) -> None:
    with pytest.raises(ConfigError, match="not a frequency"):
        time.minutes(text)


def test_months() -> None:
    assert time.month_of(date(2023, 1, 31)) == "2023-01"
    assert time.next_month("2023-12") == "2024-01"
    assert time.previous_month("2024-01") == "2023-12"
    assert time.next_month("2024-01", -14) == "2022-11"
    assert list(time.months_between("2023-11", "2024-02")) == [
        "2023-11",
        "2023-12",
        "2024-01",
        "2024-02",
    ]
    assert time.first_day("2024-02") == date(2024, 2, 1)


@pytest.mark.parametrize("text", ["2023-13", "2023-1", "23-01", "2023/01"])
def test_not_a_month(text: str) -> None:
    with pytest.raises(ConfigError, match="not a month"):
        time.next_month(text)
