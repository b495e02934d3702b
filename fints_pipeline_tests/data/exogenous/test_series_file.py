"""Files of exogenous series into the lake."""

import os
import re
from datetime import UTC, datetime, timedelta
from itertools import permutations
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import yaml

from fints_pipeline.base.config import load_config, parse_config
from fints_pipeline.base.errors import ConfigError, FormatError, UserError
from fints_pipeline.base.frames import to_pandas
from fints_pipeline.base.lake import Footer, Lake
from fints_pipeline.data.catalog.contents import Contents
from fints_pipeline.data.exogenous import ExogenousConfig, join, raw_key_of, series_key_of
from fints_pipeline.data.exogenous.partition import stale
from fints_pipeline.data.exogenous.series_file import read_rows
from fints_pipeline.data.exogenous.versions import natural
from fints_pipeline.data.outside_building import ingest_file
from fints_pipeline.data.source_file import SourceFile


def config(**changes: object) -> ExogenousConfig:
    values: dict[str, object] = {
        "name": "rate",
        "period": "date",
        "period_close": "16:15",
        "timezone": "America/New_York",
        "values": {"value": "VALUE"},
    }
    return parse_config(values | changes, ExogenousConfig, where="rate.yaml")


def file(folder: Path, text: str, delivered: str = "2024-06-01") -> Path:
    path = folder / "rate.csv"
    path.write_text(text)
    moment = pd.Timestamp(delivered, tz="UTC").timestamp()
    os.utime(path, (moment, moment))
    return path


def read_series(path: Path, series: ExogenousConfig) -> pd.DataFrame:
    rows = read_rows(SourceFile(path, path.name, path.name), series)
    return rows.assign(known_at=natural(rows, series))


def ingest(lake: Lake, series: ExogenousConfig, path: Path) -> Footer:
    ingest_file(lake, path, series)
    return lake.footer(series_key_of(series))


def test_values_are_known_after_the_close_on_the_wall_clock(tmp_path: Path):
    path = file(tmp_path, "date,VALUE\n2024-01-05,1.5\n2024-07-05,2\n2024-07-08,.\n")
    rows = read_series(path, config(publication_lag_minutes=30))
    assert rows["period_end"].tolist() == [
        pd.Timestamp("2024-01-05T21:15Z"), pd.Timestamp("2024-07-05T20:15Z"),
    ]  # fmt: skip
    assert (rows["known_at"] - rows["period_end"] == timedelta(minutes=30)).all()
    assert rows["value"].tolist() == [1.5, 2.0]


def test_a_file_without_any_value_is_refused(tmp_path: Path, lake: Lake):
    with pytest.raises(FormatError, match="holds no value of the series"):
        ingest(lake, config(), file(tmp_path, "date,VALUE\n2024-01-05,.\n"))
    assert not list(lake.keys("raw_exogenous"))


def test_a_published_column_counts_instead(tmp_path: Path):
    text = "date,out,VALUE\n2024-03-31,2024-04-26,3\n2024-03-31,2024-05-30,3.1\n"
    series = config(published="out", timezone="UTC", period_close="00:00")
    rows = read_series(file(tmp_path, text), series)
    assert rows["known_at"].dt.strftime("%m-%d").tolist() == ["04-26", "05-30"]
    early = "date,out,VALUE\n2024-03-31,2024-03-30,3\n"
    with pytest.raises(FormatError, match="before its period ends"):
        read_series(file(tmp_path, early), series)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("date,VALUES\n2024-01-05,1\n", r"no column 'VALUE'[\s\S]*'VALUES'"),
        ("date,VALUE\n2024-01-05,1\n05.01.2024,1\n", r"'05.01.2024' is not written as[\s\S]*row 2"),
        ("date,VALUE\n2024-01-05,1\n2024-01-06,l2\n", r"'l2' is not a number[\s\S]*row 2"),
        ("date,VALUE\n2024-01-05,inf\n", "'inf' is not a number"),
        ("date,VALUE\n2024-01-05,1,7\n", r"3 cells where 2 are expected[\s\S]*row 2"),
        ("date,VALUE,VALUE\n2024-01-05,1,7\n", "'VALUE' stands there twice"),
        ("date,VALUE\n", "no rows"),
        ("", "no column 'date'"),
    ],
)
def test_what_does_not_fit_is_refused_with_its_place(tmp_path: Path, text: str, message: str):
    with pytest.raises(UserError, match=message):
        read_series(file(tmp_path, text), config())


def test_a_period_that_stands_in_a_file_twice_is_refused(lake: Lake, tmp_path: Path):
    text = "date,VALUE\n2024-01-05,1\n2024-01-05,2\n"
    with pytest.raises(FormatError, match=r"twice[\s\S]*row 2"):
        ingest(lake, config(), file(tmp_path, text))
    assert not lake.exists(raw_key_of(config()))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"frequency": "daily"}, "frequency"),
        ({"timezone": "New York"}, "time zone"),
        ({"values": {"known_at": "x"}}, "cannot be called"),
        ({"published": "out", "publication_lag_minutes": 5}, "not both"),
        ({"max_age": 3}, "unknown"),
    ],
)
def test_a_wrong_config_is_refused(changes: dict[str, object], message: str):
    with pytest.raises(ConfigError, match=message):
        config(**changes)


def test_the_monthly_series_of_the_docs_is_taken_and_listed(
    lake: Lake, tmp_path: Path, project: Path
):
    page = (project / "docs" / "exogenous.md").read_text()
    example = re.findall(r"```yaml\n(.*?)```", page, re.DOTALL)[0]
    series = parse_config(yaml.safe_load(example), ExogenousConfig, where="cpi.yaml")
    rows = "2024-01-01,2024-02-13,1.5\n2024-02-01,2024-03-12,2.5\n"
    footer = ingest(lake, series, file(tmp_path, "observation_date,vintage_date,CPIAUCSL\n" + rows))
    assert footer.rows == 2
    assert series.frequency == "1M"
    ingest(lake, config(frequency="1W"), file(tmp_path, "date,VALUE\n2024-01-05,1\n"))
    assert Contents(lake).frequencies(table="exogenous") == ["1W", "1M"]


def test_the_same_file_again_changes_nothing(lake: Lake, tmp_path: Path):
    path = file(tmp_path, "date,VALUE\n2024-01-05,1\n2024-01-08,\n2024-01-09,2\n")
    first = ingest(lake, config(), path)
    assert (first.rows, ingest(lake, config(), path).digest) == (2, first.digest)


def test_a_restated_value_is_known_from_its_own_file_on(lake: Lake, tmp_path: Path):
    ingest(lake, config(), file(tmp_path, "date,VALUE\n2024-01-05,1\n2024-01-08,2\n"))
    later = "date,VALUE\n2024-01-05,1\n2024-01-08,2.5\n2024-06-14,3\n"
    for _ in range(2):
        ingest(lake, config(), file(tmp_path, later, delivered="2024-06-20"))
    # An older file again adds nothing.
    ingest(lake, config(), file(tmp_path, "date,VALUE\n2024-01-05,1\n2024-01-08,2\n"))
    rows = to_pandas(lake.read(series_key_of(config())))
    assert rows["value"].tolist() == [1, 2, 3, 2.5]
    assert rows["known_at"].iloc[-1] == pd.Timestamp("2024-06-20", tz="UTC")
    close = pd.Series(pd.to_datetime(["2024-01-09", "2024-06-13", "2024-06-21"], utc=True))
    joined = join(pd.DataFrame({"close_time": close}), rows)
    assert joined["value"].tolist() == [2, 2, 3]


@pytest.mark.parametrize("delivered", ["2024-06-01", "2023-12-01"])
def test_restatements_that_cannot_be_dated_are_refused(lake: Lake, tmp_path: Path, delivered: str):
    """At the same moment, or both before the period had ended."""
    ingest(lake, config(), file(tmp_path, "date,VALUE\n2024-01-05,1\n", delivered))
    other = delivered.replace("12-01", "12-02")
    with pytest.raises(FormatError, match="neither is the later one"):
        ingest(lake, config(), file(tmp_path, "date,VALUE\n2024-01-05,2\n", other))
    assert lake.footer(raw_key_of(config())).rows == 1


def test_the_order_of_staging_plays_no_part(tmp_path: Path):
    """Three deliveries, of which the last takes the second's correction back."""
    texts = [
        ("date,VALUE\n2024-01-05,1\n2024-01-08,2\n", "2024-02-01"),
        ("date,VALUE\n2024-01-05,1\n2024-01-08,2.5\n", "2024-03-01"),
        ("date,VALUE\n2024-01-05,1\n2024-01-08,2\n2024-02-05,3\n", "2024-04-01"),
    ]
    digests = set()
    for number, order in enumerate(permutations(texts)):
        own = Lake(tmp_path / f"lake{number}")
        for text, delivered in order:
            ingest(own, config(), file(tmp_path, text, delivered))
        digests.add(own.footer(series_key_of(config())).digest)
        rows = to_pandas(own.read(series_key_of(config())))
        assert rows["value"].tolist() == [1, 2, 3, 2.5, 2]
        known = rows["known_at"].dt.strftime("%m-%d").tolist()
        assert known == ["01-05", "01-08", "02-05", "03-01", "04-01"]
    assert len(digests) == 1


def test_a_config_that_reads_otherwise_reads_all_files_again(lake: Lake, tmp_path: Path):
    first = file(tmp_path, "date,VALUE,OTHER\n2024-01-05,1,7\n")
    ingest(lake, config(), first)
    later = file(tmp_path, "date,VALUE,OTHER\n2024-01-08,2,8\n", "2024-06-02")
    both = config(values={"value": "VALUE", "other": "OTHER"})
    assert ingest(lake, both, later).rows == 2
    rows = to_pandas(lake.read(series_key_of(both)))
    assert rows[["value", "other"]].to_numpy().tolist() == [[1, 7], [2, 8]]


def test_a_lag_that_changes_makes_the_series_stale(lake: Lake, tmp_path: Path):
    ingest(lake, config(), file(tmp_path, "date,VALUE\n2024-01-05,1\n"))
    assert not stale(lake, config())
    assert "config changed" in str(stale(lake, config(publication_lag_minutes=5)).reasons)


@pytest.mark.shared_data
def test_vix(project: Path, shared_data: Path, lake: Lake):
    vix = load_config(project / "configs" / "exogenous" / "vix.yaml", ExogenousConfig)
    footer = ingest(lake, vix, shared_data / "exogenous" / "vix-daily.csv")
    assert footer.rows == 9235
    rows = to_pandas(lake.read(series_key_of(vix)))
    by_day = rows.set_index(rows["period_end"].dt.strftime("%Y-%m-%d"))
    assert by_day.loc["2020-03-16", "close"] == pytest.approx(82.69)
    # Known at 16:15 in New York: 20:15 UTC in March after the change of the clocks.
    assert by_day.loc["2020-03-16", "known_at"] == datetime(2020, 3, 16, 20, 15, tzinfo=UTC)
    closes = pd.date_range("2020-03-16 19:00", "2020-03-17 00:00", freq="5min", tz="UTC")
    bars = pd.DataFrame({"close_time": closes.as_unit("us")})
    joined = join(bars, rows, max_age=timedelta(days=vix.max_age_days))
    changed = int(np.flatnonzero(joined["close"] == by_day.loc["2020-03-16", "close"])[0])
    assert bars["close_time"].iloc[changed] == pd.Timestamp("2020-03-16T20:15Z")
    assert joined["close"].iloc[changed - 1] == by_day.loc["2020-03-13", "close"]
