from datetime import date, timedelta
from pathlib import Path

import pytest

from fints_pipeline import backtest
from fints_pipeline.base.errors import UserError
from fints_pipeline.base.frames import to_arrow
from fints_pipeline.base.lake import Lineage, series_key
from fints_pipeline.base.locations import Locations
from fints_pipeline.base.time import month_of
from fints_pipeline.experiments import experiments_for
from fints_pipeline.schemas.features import features_contract
from fints_pipeline.training.config import load_experiment
from fints_pipeline_tests.strategies import random_bars

COLUMNS = ["log_return", "high_low_range", "close_location", "body_share"]


@pytest.fixture
def locations(tmp_path: Path, project: Path) -> Locations:
    """Return folders with a copy of the project's data and template configs."""
    configs = tmp_path / "configs"
    for name in ("train", "backtest", "data", "tokenize"):
        (configs / name).mkdir(parents=True)
        for path in (project / "configs" / name).glob("*.yaml"):
            (configs / name / path.name).write_text(path.read_text())
    return Locations(tmp_path / "lake", tmp_path / "inbox", configs)


def put_features(locations: Locations, instrument: str, sessions: int) -> None:
    bars = random_bars(sessions * 4, seed=3, sessions=4, instrument=instrument)
    days = [date(2024, 1, 1) + timedelta(days=one) for one in range(sessions)]
    ordinal = bars["session"].rank(method="dense").astype(int) - 1
    bars["session"] = [days[min(one, sessions - 1)] for one in ordinal]
    contract = features_contract(COLUMNS)
    frame = bars.assign(**dict.fromkeys(COLUMNS, 0.5))
    for month, rows in frame.groupby([month_of(day) for day in bars["session"]]):
        key = series_key("features", "5m", instrument, str(month))
        table = to_arrow(rows, contract.arrow_schema)
        locations.lake.write(key, table, contract, Lineage("1", "c"))


def test_a_configured_experiment_is_run_where_its_instruments_are(locations: Locations) -> None:
    assert experiments_for(locations, ["synthetic.EDGE", "synthetic.WALKA", "synthetic.WALKB"]) == [
        "demo"
    ]


def test_a_config_without_a_backtest_is_not_run_by_itself(locations: Locations) -> None:
    assert "brooks" in {path.stem for path in (locations.configs / "train").glob("*.yaml")}
    assert "brooks" not in experiments_for(locations, ["binance.BTCUSDT"])


def test_no_instruments_is_an_error_that_points_at_the_quarantine(locations: Locations) -> None:
    with pytest.raises(UserError, match="quarantine"):
        experiments_for(locations, [])


def test_other_data_gets_configs_of_its_own_that_load(locations: Locations) -> None:
    put_features(locations, "histdata.USDJPY", 60)
    assert experiments_for(locations, ["histdata.USDJPY"]) == ["own_histdata"]
    experiment = load_experiment(locations.train_config("own_histdata"))
    assert experiment.data.instruments == ("histdata.USDJPY",)
    assert set(experiment.data.features) <= set(COLUMNS)
    config = backtest.load_backtest(locations.backtest_config("own_histdata"))
    assert config.quote_currency == {"histdata.USDJPY": "JPY"}
    assert config.conversion["JPY"].instrument == "histdata.USDJPY"
    assert config.conversion["JPY"].invert
    assert config.synthetic is False


def test_what_the_user_changed_is_left_alone(locations: Locations) -> None:
    put_features(locations, "histdata.AUDUSD", 60)
    experiments_for(locations, ["histdata.AUDUSD"])
    path = locations.train_config("own_histdata")
    path.write_text(path.read_text() + "# mine\n")
    experiments_for(locations, ["histdata.AUDUSD"])
    assert path.read_text().endswith("# mine\n")


def test_too_few_sessions_are_said(locations: Locations) -> None:
    put_features(locations, "histdata.AUDUSD", 3)
    with pytest.raises(UserError, match="3 sessions are too few"):
        experiments_for(locations, ["histdata.AUDUSD"])
