import json
import shutil
from pathlib import Path

import pytest
import yaml

from fints_pipeline import pipeline, train
from fints_pipeline.base.lake import BundleKey
from fints_pipeline.base.locations import Locations
from fints_pipeline.defs.reconcile import outdated
from fints_pipeline.training.config import load_experiment
from fints_pipeline_tests.e2e.conftest import CONFIGS, point_at

# Archives, instrument, fold scheme in sessions; networks are the tiny ones, data is all of it.
MARKETS = {
    "btcusdt": (
        "binance/BTCUSDT-1m-2023-*",
        "binance.BTCUSDT",
        {"kind": "rolling", "train": 75, "validation": 15, "test": 28, "embargo": 1},
    ),
    "eurusd": (
        "histdata/*EURUSD*",
        "histdata.EURUSD",
        {"kind": "rolling", "train": 120, "validation": 20, "test": 35, "embargo": 1},
    ),
}


@pytest.mark.slow
@pytest.mark.shared_data
@pytest.mark.parametrize("market", MARKETS)
def test_the_whole_job_on_real_archives(
    market: str,
    shared_data: Path,
    project: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    pattern, instrument, folds = MARKETS[market]
    locations = Locations(tmp_path / "lake", tmp_path / "inbox", tmp_path / "configs")
    locations.inbox.mkdir()
    for path in shared_data.glob(pattern):
        shutil.copy2(path, locations.inbox)
    shutil.copytree(project / "configs", locations.configs)
    for kind in ("train", "backtest"):
        content = yaml.safe_load((CONFIGS / kind / "tiny.yaml").read_text())
        content["experiment"] = market
        if kind == "train":
            content["data"]["instruments"] = [instrument]
            content["folds"] = folds
        else:
            content |= {"synthetic": False, "flatten_at_session_end": False}
        (locations.configs / kind / f"{market}.yaml").write_text(yaml.safe_dump(content))
    (tmp_path / "dagster").mkdir()
    shutil.copy(project / "dagster.yaml", tmp_path / "dagster")
    point_at(tmp_path, monkeypatch)

    pipeline.run(locations, [market])

    assert list(outdated(locations)) == []
    made = train.experiment_folds(locations.lake, load_experiment(locations.train_config(market)))
    assert len(made) >= 3
    report = locations.lake.open_bundle(BundleKey.of("reports", experiment=market))
    summary = json.loads((report / "report.json").read_text())
    assert summary
    assert "SYNTHETIC" not in (report / "report.md").read_text().upper()
