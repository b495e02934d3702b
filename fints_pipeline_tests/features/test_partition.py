"""Months of features and cross-sections in a lake equal the whole history."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from fints_pipeline import features
from fints_pipeline.base.errors import ConfigError, UserError
from fints_pipeline.base.frames import to_arrow, to_pandas
from fints_pipeline.base.lake import ArrowContract, Lake, Lineage, series_key
from fints_pipeline.base.lake.lineage import ABSENT, staleness
from fints_pipeline.features import FeaturesConfig, cross_section, partition
from fints_pipeline.features.cross_section import CrossSectionConfig
from fints_pipeline.features.cross_section import partition as cross_section_partition
from fints_pipeline.schemas.bars import BARS
from fints_pipeline_tests.contracts import laws
from fints_pipeline_tests.strategies import random_bars

MADE = Lineage("1", "c")
NAMES = ("test.A", "test.B")
MONTHS = ("2024-01", "2024-02", "2024-03")
CONFIG = FeaturesConfig(
    features=[
        {"name": "atr", "window": 14},
        {"name": "intraday_seasonality", "sessions": 12},
        {"name": "vwap_distance", "anchor": "session"},
    ]
)
COMPARED = CrossSectionConfig(universe=NAMES, features=("atr_14",))


def history(name: str) -> pd.DataFrame:
    bars = random_bars(500, len(name) + ord(name[-1]), sessions=9, instrument=name, splits=0.1)
    return bars[bars["session"] < "2024-04-01"]


def month(frame: pd.DataFrame, name: str) -> pd.DataFrame:
    return frame[frame["session"].dt.strftime("%Y-%m") == name]


def put_bars(lake: Lake, name: str, months: tuple[str, ...] = MONTHS) -> None:
    for part in months:
        table = to_arrow(month(history(name), part), BARS.arrow_schema)
        lake.write(series_key("bars", "5m", name, part), table, BARS, MADE)


def read(lake: Lake, table: str, part: str, name: str = NAMES[0]) -> pd.DataFrame:
    return to_pandas(lake.read(series_key(table, "5m", name, part)))


def test_months_with_session_lookbacks_equal_the_whole(lake: Lake) -> None:
    put_bars(lake, NAMES[0])
    whole = features.run(CONFIG, history(NAMES[0]))
    for part in MONTHS:
        footer = partition.build(lake, CONFIG, "5m", NAMES[0], part)
        expected = month(whole, part)
        laws.assert_same_rows(
            read(lake, "features", part).reset_index(drop=True),
            expected.reset_index(drop=True),
            part,
        )
    assert sorted(footer.lineage.inputs) == [f"bars/5m/{NAMES[0]}/{part}" for part in MONTHS[1:]]
    first = lake.footer(series_key("features", "5m", NAMES[0], MONTHS[0]))
    assert first.lineage.inputs[f"bars/5m/{NAMES[0]}/2023-12"] == ABSENT


def test_an_exogenous_series_is_read_and_remembered(lake: Lake) -> None:
    put_bars(lake, NAMES[0], MONTHS[:1])
    config = FeaturesConfig(features=[{"name": "exogenous", "source": "vix"}])
    with pytest.raises(UserError, match="vix"):
        partition.build(lake, config, "5m", NAMES[0], MONTHS[0])
    stamp = pa.timestamp("us", tz="UTC")
    schema = pa.schema([("period_end", stamp), ("known_at", stamp), ("value", pa.float64())])
    times = pd.to_datetime(["2024-01-03", "2024-01-05"], utc=True)
    frame = pd.DataFrame({"period_end": times, "known_at": times, "value": [1.0, 2.0]})
    key = series_key("exogenous", "1D", "vix", "all")
    lake.write(key, to_arrow(frame, schema), ArrowContract("exogenous", schema), MADE)
    partition.build(lake, config, "5m", NAMES[0], MONTHS[0])
    assert set(read(lake, "features", MONTHS[0])["vix_value"].dropna()) == {1.0, 2.0}
    made = series_key("features", "5m", NAMES[0], MONTHS[0])
    assert not staleness(lake, made)
    frame.loc[1, "value"] = 3.0
    lake.write(key, to_arrow(frame, schema), ArrowContract("exogenous", schema), MADE)
    assert "exogenous/1D/vix/all changed" in staleness(lake, made).reasons


def test_a_cross_section_waits_for_its_members(lake: Lake) -> None:
    part = MONTHS[1]
    put_bars(lake, NAMES[0])
    partition.build(lake, CONFIG, "5m", NAMES[0], part)
    cross_section_partition.build(lake, COMPARED, "5m", NAMES[0], part)
    key = series_key("cross_section", "5m", NAMES[0], part)
    assert read(lake, "cross_section", part)[list(COMPARED.columns)].isna().all(axis=None)
    put_bars(lake, NAMES[1])
    partition.build(lake, CONFIG, "5m", NAMES[1], part)
    assert staleness(lake, key).reasons == (f"features/5m/{NAMES[1]}/{part} has arrived",)
    cross_section_partition.build(lake, COMPARED, "5m", NAMES[0], part)
    tables = {name: features.run(CONFIG, history(name)) for name in NAMES}
    expected = month(cross_section.run(COMPARED, tables)[NAMES[0]], part)
    got = read(lake, "cross_section", part)
    laws.assert_same_rows(got, expected.reset_index(drop=True), part)
    assert np.isfinite(got["atr_14_cross_rank"]).any()


def test_an_instrument_outside_the_universe_is_refused(lake: Lake) -> None:
    with pytest.raises(ConfigError, match="universe"):
        cross_section_partition.build(lake, COMPARED, "5m", "test.C", MONTHS[0])


def test_the_table_is_the_one_that_the_data_stage_writes(lake: Lake, tmp_path: Path) -> None:
    from fints_pipeline.data.exogenous import ExogenousConfig
    from fints_pipeline.data.outside_building import ingest_file

    put_bars(lake, NAMES[0], MONTHS[:1])
    (tmp_path / "rates.csv").write_text("day,rate\n2024-01-02,1.5\n2024-01-04,2.5\n")
    source = ExogenousConfig(
        name="rates", frequency="1D", period="day", timezone="UTC", values={"rate": "rate"}
    )
    ingest_file(lake, tmp_path / "rates.csv", source)
    config = FeaturesConfig(features=[{"name": "exogenous", "source": "rates", "values": ["rate"]}])
    partition.build(lake, config, "5m", NAMES[0], MONTHS[0])
    assert set(read(lake, "features", MONTHS[0])["rates_rate"].dropna()) == {1.5, 2.5}
