"""The catalogue over a real month: the outage of 24 March 2023 shows."""

from pathlib import Path

import pytest

from fints_pipeline.base.config import load_config
from fints_pipeline.base.lake import Lake
from fints_pipeline.data import partition
from fints_pipeline.data.catalog import DataCatalog
from fints_pipeline.data.config import DatasetConfig
from fints_pipeline.data.maintenance import find_garbage, plan, verify
from fints_pipeline.data.staging import stage_inbox

pytestmark = pytest.mark.shared_data


def test_march_2023(project: Path, shared_data: Path, lake: Lake, tmp_path: Path):
    name = "BTCUSDT-1m-2023-03.zip"
    inbox = tmp_path / "inbox"
    inbox.mkdir()
    (inbox / name).symlink_to(shared_data / "binance" / name)
    config = load_config(project / "configs/data/binance.yaml", DatasetConfig, section="dataset")
    stage_inbox(inbox, lake, [config])
    partition.build(lake, config, "binance.BTCUSDT", "2023-03")
    catalog = DataCatalog(lake, project / "configs")
    (minute,) = catalog.coverage(symbol="BTCUSDT", freq="1m")
    assert minute.partial_sessions == ("2023-03-24",)
    # 12:39 to 14:00 without a bar: some minutes are filled, the rest are holes.
    assert (minute.filled or 0) + (minute.holes or 0) == 80
    assert minute.rows == 31 * 1440 - (minute.holes or 0)
    outage = catalog.bars("BTCUSDT", "1m", "2023-03-24T12:40Z", "2023-03-24T14:00Z", to="pandas")
    assert outage["is_filled"].all()
    query = "SELECT sum(is_filled::INT) AS n FROM bars_1m WHERE session = DATE '2023-03-24'"
    assert catalog.sql(query).to_pylist() == [{"n": minute.filled}]
    assert list(verify(lake)) == []
    assert list(plan(lake)) == []
    assert find_garbage(lake, min_age_hours=0) == []
