"""A lake that is lived in: months arrive, crash and are restated, and it equals a clean build.

The ticks of the schedule and the sensors are evaluated as the daemon would, month by month, and
what they request is run. `three_months` is part of every change's checks, the whole is slow.
"""

import os
import shutil
import subprocess
import sys
import time
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import dagster as dg
import pytest
import yaml

from fints_pipeline import train
from fints_pipeline.base.lake.contents import Contents
from fints_pipeline.base.locations import Locations
from fints_pipeline.base.time import months_between, next_month
from fints_pipeline.data.synthetic import make_market
from fints_pipeline.definitions import build
from fints_pipeline.defs import retraining, schedules, sensors
from fints_pipeline.defs.fold_stages import FoldStages
from fints_pipeline.defs.launch import Launcher
from fints_pipeline.defs.reconcile import outdated
from fints_pipeline.defs.renewal import planned
from fints_pipeline.defs.resources import Project
from fints_pipeline.defs.settling import settle
from fints_pipeline.training.config import load_experiment
from fints_pipeline_tests.e2e.conftest import CONFIGS, point_at

pytestmark = pytest.mark.slow
TABLES = ("raw_bars", "corporate_actions", "bars", "features", "labels", "tokens")


@dataclass
class Life:
    """A project that months arrive in.

    Attributes:
        locations: Its folders.
        delivery: Where the market's archives wait.
        launcher: Runs what is requested.
        instance: Its Dagster.
        cursor: The inbox sensor's.
        retraining: The retraining sensor's.
        asked: Run keys that were requested, each of which counts once.
        ran: Jobs that ran.
    """

    locations: Locations
    delivery: Path
    launcher: Launcher
    instance: dg.DagsterInstance
    cursor: str | None = None
    retraining: str | None = None
    asked: set[str] = field(default_factory=set)
    ran: list[str] = field(default_factory=list)

    @property
    def project(self) -> Project:
        """The resource over the folders."""
        return Project.from_locations(self.locations)

    def arrive(self, pattern: str, folder: str = "") -> None:
        """Let archives arrive in the inbox, with their modification times."""
        target = self.locations.inbox / "synthetic" / folder
        target.mkdir(parents=True, exist_ok=True)
        for path in sorted(self.delivery.glob(pattern)):
            shutil.copy2(path, target)

    def settle_down(self) -> None:
        """Tick the sensors and run what they request, until they request nothing new."""
        while self._watch_inbox() or self._retrain():
            pass

    def month_ends(self, month: str) -> None:
        """Stage what came; tick the schedule on the first of the month after, and once more."""
        self.launcher.ingest()
        requests = self._last_month(month)
        assert len(requests) == 3
        self._run([request.with_replaced_attrs(job_name="data") for request in requests])
        left = [item.cause for item in outdated(self.locations)]
        assert self._last_month(month) == [], left

    def _last_month(self, month: str) -> list[dg.RunRequest]:
        year, number = map(int, next_month(month).split("-"))
        context = dg.build_schedule_context(
            instance=self.instance,
            scheduled_execution_time=datetime(year, number, 1, 6, tzinfo=UTC),
        )
        requests = schedules.last_month(context, project=self.project)
        return [] if isinstance(requests, dg.SkipReason) else requests

    def _watch_inbox(self) -> int:
        context = dg.build_sensor_context(instance=self.instance, cursor=self.cursor)
        result = sensors.inbox_sensor(context, project=self.project)
        self.cursor = result.cursor
        return self._took(result)

    def _retrain(self) -> int:
        context = dg.build_sensor_context(instance=self.instance, cursor=self.retraining)
        result = retraining.retraining_sensor(context, project=self.project)
        if isinstance(result, dg.SkipReason):
            return 0
        self.retraining = result.cursor
        return self._took(result)

    def _took(self, result: dg.SensorResult) -> int:
        for request in result.dynamic_partitions_requests or []:
            name, keys = request.partitions_def_name, request.partition_keys
            self.instance.add_dynamic_partitions(name, list(keys))
        return self._run(result.run_requests)

    def _run(self, requests: list[dg.RunRequest]) -> int:
        new = [request for request in requests if request.run_key not in self.asked]
        for request in new:
            self.asked.add(request.run_key)
            self.ran.append(request.job_name)
            self.launcher.request(request)
        return len(new)

    def crash(self, line: str) -> None:
        """Kill −9 a backfill as soon as it has said so; settle what it left."""
        command = [sys.executable, "-m", "fints_pipeline.backfill"]
        environment = os.environ | {
            "FINTS_LAKE": str(self.locations.lake_root),
            "FINTS_INBOX": str(self.locations.inbox),
            "FINTS_CONFIGS": str(self.locations.configs),
            "PYTHONUNBUFFERED": "1",
        }
        with subprocess.Popen(
            command, env=environment, stdout=subprocess.PIPE, text=True
        ) as process:
            assert process.stdout is not None
            assert any(line in said for said in process.stdout), f"it never said {line!r}"
            process.kill()
        settled = settle(self.instance, time.time(), launching=False)
        assert len(settled) == 1
        assert "killed" in settled[0].why
        self.locations.lake.sweep()


@pytest.fixture
def life(tmp_path: Path, project: Path, monkeypatch: pytest.MonkeyPatch, request):
    """Return an empty project, with an experiment whose folds become complete on the way."""
    months, folds = request.param
    configs = tmp_path / "configs"
    shutil.copytree(project / "configs" / "data", configs / "data")
    shutil.copytree(project / "configs" / "tokenize", configs / "tokenize")
    shutil.copytree(CONFIGS, configs, dirs_exist_ok=True)
    path = configs / "data" / "synthetic.yaml"
    path.write_text(
        path.read_text().replace("  name: synthetic", "  name: synthetic\n  versions: latest")
    )
    path = configs / "train" / "tiny.yaml"
    path.write_text(yaml.safe_dump(yaml.safe_load(path.read_text()) | {"folds": folds}))
    (tmp_path / "dagster").mkdir()
    shutil.copy(project / "dagster.yaml", tmp_path / "dagster")
    point_at(tmp_path, monkeypatch)
    make_market(tmp_path / "market", first_month=months[0], last_month=months[-1])
    make_market(tmp_path / "restated", 9, first_month=months[0], last_month=months[-1])
    locations = Locations(tmp_path / "lake", tmp_path / "inbox", configs)
    with dg.DagsterInstance.get() as instance:
        launcher = Launcher(instance, build(locations))
        lived = Life(locations, tmp_path / "market", launcher, instance)
        lived.arrive("corporate_actions.csv")
        yield lived, months, tmp_path


def restate(life: Life, root: Path, month: str, seen: str) -> None:
    """Deliver a month of EDGE again with other prices, dated when the month ``seen`` ended."""
    year, number = map(int, next_month(seen).split("-"))
    when = datetime(year, number, 3, tzinfo=UTC).timestamp()
    for path in (root / "restated").glob(f"EDGE-1m-{month}*"):
        os.utime(path, (when, when))
    life.delivery, usual = root / "restated", life.delivery
    life.arrive(f"EDGE-1m-{month}*", "restated")
    life.delivery = usual


def equals_a_clean_build(life: Life, root: Path) -> None:
    """Build a lake from the same inbox in one pass, and compare digest for digest."""
    assert list(outdated(life.locations)) == []
    assert list(planned(life.locations, new=True)) == []
    clean = Locations(root / "clean", life.locations.inbox, life.locations.configs)
    (root / "clean-dagster").mkdir()
    with dg.DagsterInstance.local_temp(str(root / "clean-dagster")) as instance:
        launcher = Launcher(instance, build(clean))
        other = Life(clean, life.delivery, launcher, instance)
        other.settle_down()
    for table in TABLES:
        keys = list(clean.lake.keys(table))
        assert keys == list(life.locations.lake.keys(table)), table
        for key in keys:
            assert life.locations.lake.footer(key).digest == clean.lake.footer(key).digest, key
    experiment = load_experiment(life.locations.train_config("tiny"))
    folds = train.experiment_folds(clean.lake, experiment)
    assert folds == train.experiment_folds(life.locations.lake, experiment)
    assert folds
    for fold in folds:
        for name in FoldStages(Contents(clean.lake), experiment, fold).all():
            one, other = (
                Contents(lake).digest(FoldStages(Contents(lake), experiment, fold).name_of(name))
                for lake in (life.locations.lake, clean.lake)
            )
            assert one == other, (fold.key, name)
    assert list(life.locations.lake_root.rglob(".tmp-*")) == []


SHORT = list(months_between("2024-06", "2024-08"))
LONG = list(months_between("2023-01", "2024-12"))


@pytest.mark.parametrize(
    "life",
    [(SHORT, {"kind": "rolling", "train": 40, "validation": 5, "test": 8, "embargo": 1})],
    indirect=True,
    ids=["three_months"],
)
def test_three_months_with_a_crash_and_a_restated_archive(life) -> None:
    lived, months, root = life
    for place, month in enumerate(months):
        lived.arrive(f"*-1m-{month}*")
        if place == 1:
            lived.crash("  3/")
            restate(lived, root, months[0], month)
        if place == 2:
            lived.month_ends(month)
        lived.settle_down()
    assert {"ingest", "data", "pretrain", "train", "backtest"} <= set(lived.ran)
    trained, tested = lived.ran.count("train"), lived.ran.count("backtest")
    restate(lived, root, months[1], months[-1])  # which the folds have trained on
    lived.settle_down()
    assert lived.ran.count("train") > trained
    assert lived.ran.count("backtest") > tested
    equals_a_clean_build(lived, root)


@pytest.mark.parametrize(
    "life",
    [(LONG, {"kind": "rolling", "train": 150, "validation": 20, "test": 100, "embargo": 1})],
    indirect=True,
    ids=["two_years"],
)
def test_two_years_with_two_crashes_and_restated_archives(life) -> None:
    lived, months, root = life
    for place, month in enumerate(months):
        lived.arrive(f"*-1m-{month}*")
        if place == 4:
            restate(lived, root, months[2], month)
        if place == 18:
            restate(lived, root, months[9], month)  # which a fold has trained on
        if place in (6, 15):
            lived.crash("  4/")
        if place % 2:
            lived.month_ends(month)
        lived.settle_down()
    trained = {key.split(":")[1] for key in lived.asked if key and key.startswith("train:")}
    assert lived.ran.count("train") > len(trained) >= 2
    equals_a_clean_build(lived, root)
