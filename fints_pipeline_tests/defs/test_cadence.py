import os
import subprocess
import sys
from pathlib import Path

import dagster as dg
import pytest

from fints_pipeline.base.lake import Lake
from fints_pipeline.data.synthetic import make_market
from fints_pipeline.defs import cadence
from fints_pipeline.defs.cadence import months_of, period_of, periods, too_many
from fints_pipeline.defs.partitions import MONTHS


@pytest.mark.parametrize(
    ("months", "periods"),
    [(1, ["2024-01", "2024-05", "2024-12"]), (3, ["2024-01", "2024-04", "2024-10"])],
)
def test_a_month_lies_in_the_period_that_lists_it(months, periods):
    for month, period in zip(["2024-01", "2024-05", "2024-12"], periods, strict=True):
        assert period_of(month, months) == period
        assert month in months_of(period, months)
    assert {period_of(month, 12) for month in months_of("2024-01", 12)} == {"2024-01"}


def test_many_instruments_are_warned_of_before_the_page_is_slow(monkeypatch):
    months = len(MONTHS.get_partition_keys())
    assert periods() == months
    assert too_many(3) is None
    warning = too_many(cadence.MOST_PARTITIONS // months)
    assert "FINTS_CADENCE" in warning
    assert "FINTS_CADENCE=quarter" in too_many(2 * cadence.MOST_PARTITIONS // months)
    assert "FINTS_CADENCE=year" in too_many(500)
    assert "lakes of their own" in too_many(5000)


def test_only_a_coarser_cadence_is_advised(monkeypatch):
    monkeypatch.setattr(cadence, "MOST_PARTITIONS", 10 * periods())
    near = too_many(9)
    assert "before there are more, set FINTS_CADENCE=quarter" in near
    monkeypatch.setattr(cadence, "PERIOD", 12)
    assert "FINTS_CADENCE=" not in too_many(5000)


@pytest.mark.parametrize(
    ("variable", "value", "what"),
    [
        ("FINTS_CADENCE", "week", "'week' is no cadence"),
        ("FINTS_FIRST_MONTH", "2010", "'2010' is not a month"),
        ("FINTS_FIRST_MONTH", "2010-1", "'2010-1' is not a month"),
        ("FINTS_CAUSALITY_CUTS", "few", "'few' is no number of cuts"),
        ("FINTS_INBOX", "s3://market/inbox", "the inbox is a folder, not a bucket"),
    ],
)
def test_a_wrong_variable_is_named_without_a_traceback(project: Path, variable, value, what):
    environment = os.environ | {variable: value}
    command = [sys.executable, "-m", "fints_pipeline.backfill", "--no-ingest"]
    done = subprocess.run(command, cwd=project, env=environment, capture_output=True, text=True)
    assert done.returncode == 2
    assert what in done.stderr
    assert variable in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.slow
def test_a_quarter_is_one_partition_of_three_months(tmp_path: Path, project: Path):
    make_market(tmp_path / "inbox" / "synthetic", 0, "2024-06", "2024-08")
    (tmp_path / "dagster").mkdir()
    environment = os.environ | {
        "FINTS_CADENCE": "quarter",
        "FINTS_LAKE": str(tmp_path / "lake"),
        "FINTS_INBOX": str(tmp_path / "inbox"),
        "DAGSTER_HOME": str(tmp_path / "dagster"),
    }
    command = [sys.executable, "-m", "fints_pipeline.backfill"]

    def backfill() -> str:
        done = subprocess.run(command, cwd=project, env=environment, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        return done.stdout

    backfill()
    lake = Lake(tmp_path / "lake")
    assert lake.months("tokens", "5m", "synthetic.EDGE") == ["2024-06", "2024-07", "2024-08"]
    with dg.DagsterInstance.from_config(str(tmp_path / "dagster")) as instance:
        for asset in ("raw_slices", "bars", "features", "labels", "brooks_tokens"):
            made = instance.get_materialized_partitions(dg.AssetKey(asset))
            names = ("EDGE", "WALKA", "WALKB")
            expected = {f"synthetic.{n}|{q}" for n in names for q in ("2024-04", "2024-07")}
            assert made == expected, asset
    assert "nothing was stale" in backfill()
