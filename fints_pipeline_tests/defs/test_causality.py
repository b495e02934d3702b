import shutil
from pathlib import Path

import dagster as dg
import numpy as np
import pyarrow.compute as pc
import pytest
from dagster._core.storage.asset_check_execution_record import AssetCheckExecutionRecordStatus

from fints_pipeline.base.errors import UserError
from fints_pipeline.base.lake import series_key
from fints_pipeline.base.locations import Locations
from fints_pipeline.data import bars as bars_stage
from fints_pipeline.data.staging import stage_inbox
from fints_pipeline.defs import causality
from fints_pipeline.defs.archives import dataset_configs
from fints_pipeline.defs.building import BUILDS
from fints_pipeline.defs.instrument import Instrument
from fints_pipeline.features.log_return import LogReturn
from fints_pipeline.tokenizers import run as tokens_stage

EDGE = "synthetic.EDGE"


@pytest.fixture
def instrument(locations: Locations, made) -> Instrument:
    return Instrument(locations, EDGE)


@pytest.mark.parametrize("asset", ["bars", "features", "brooks_tokens"])
def test_what_the_project_makes_is_causal(instrument, asset):
    found = causality.check(instrument, asset, "2024-08", cuts=2)
    assert found.passed, found.to_markdown()
    assert all(cut.rows > 20 and cut.noised > 20 for cut in found.cuts)
    assert "none" in found.to_markdown()


def test_the_real_lake_is_left_alone(instrument, locations):
    def state():
        return {p: p.stat().st_mtime_ns for p in locations.lake_root.rglob("*.parquet")}

    before = state()
    causality.check(instrument, "brooks_tokens", "2024-08")
    assert state() == before


def leak(monkeypatch: pytest.MonkeyPatch) -> None:
    """Shift a feature by one bar, so that a row shows the next one's value."""
    honest = LogReturn.compute

    def shifted(self, bars):
        return {name: np.append(v[1:], np.nan) for name, v in honest(self, bars).items()}

    monkeypatch.setattr(LogReturn, "compute", shifted)


def test_a_feature_shifted_by_one_bar_turns_it_red(instance, locations, staged, monkeypatch):
    leak(monkeypatch)
    with pytest.raises(UserError, match="features failed its check no_look_ahead"):
        staged.series(EDGE, "2024-07", ["bars", "features"])
    (record,) = instance.event_log_storage.get_asset_check_execution_history(
        dg.AssetCheckKey(dg.AssetKey("features"), "no_look_ahead"), limit=5
    )
    assert record.status == AssetCheckExecutionRecordStatus.FAILED
    evidence = record.evaluation.metadata["evidence"].value
    assert "column log_return" in evidence
    assert "became" in evidence
    # Nothing downstream can read it.
    assert not locations.lake.exists(series_key("features", "5m", EDGE, "2024-07"))


def test_bars_that_know_the_months_end_turn_it_red(instrument, monkeypatch):
    honest = bars_stage.run

    def knowing(config, raw, *arguments):
        result = honest(config, raw, *arguments)
        last = raw.column("close")[-1]
        for freq, table in result.tables.items():
            volume = pc.add(table.column("volume"), last)
            at = table.schema.get_field_index("volume")
            result.tables[freq] = table.set_column(at, table.schema.field(at), volume)
        return result

    monkeypatch.setattr(bars_stage, "run", knowing)
    found = causality.check(instrument, "bars", "2024-07")
    assert not found.passed
    assert "volume" in found.to_markdown()


def test_a_factor_that_knows_next_months_split_turns_it_red(locations, made, monkeypatch):
    walk = Instrument(locations, "synthetic.WALKB")
    honest = bars_stage.split_factor

    def adjusted_to_today(actions, *arguments):
        return honest(actions, *arguments) * actions["value"].prod()

    assert found_in_july(walk).passed
    monkeypatch.setattr(bars_stage, "split_factor", adjusted_to_today)
    found = found_in_july(walk)
    assert not found.passed
    assert "split_factor" in found.to_markdown()


def found_in_july(instrument: Instrument) -> causality.Evidence:
    BUILDS["bars"](instrument, "2024-07")
    return causality.check(instrument, "bars", "2024-07")


@pytest.mark.shared_data
def test_real_bars_around_a_split_are_causal(locations: Locations, shared_data: Path):
    """Apple's shares were split seven for one on 2014-06-09."""
    for part in ("daily/aapl.zip", "factor_files/aapl.csv", "map_files/aapl.csv"):
        (locations.inbox / "lean" / part).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(shared_data / "corporate_actions/lean" / part, locations.inbox / "lean" / part)
    stage_inbox(locations.inbox, locations.lake, dataset_configs(locations))
    apple = Instrument(locations, "lean.AAPL")
    for asset in ("bars", "features"):
        BUILDS[asset](apple, "2014-06")
        found = causality.check(apple, asset, "2014-06", cuts=10)
        assert found.passed, found.to_markdown()
        assert min(cut.at for cut in found.cuts) < np.datetime64("2014-06-09")
        assert max(cut.at for cut in found.cuts) > np.datetime64("2014-06-10")


def test_tokens_that_look_one_bar_ahead_turn_it_red(instrument, monkeypatch):
    honest = tokens_stage.BrooksTokenizer.encode

    def ahead(self, bars):
        return np.roll(honest(self, bars), -1, axis=0)

    monkeypatch.setattr(tokens_stage.BrooksTokenizer, "encode", ahead)
    BUILDS["brooks_tokens"](instrument, "2024-07")
    assert not causality.check(instrument, "brooks_tokens", "2024-07").passed


def test_cuts_are_the_same_each_time(instrument):
    first, second = (causality.check(instrument, "bars", "2024-07", cuts=2) for _ in range(2))
    assert first == second
