"""The trial ledger: distinct, append-only, safe between processes, damaged lines refused."""

import json
import multiprocessing
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest

from fints_pipeline.base.errors import LakeError
from fints_pipeline.base.lake import Lake
from fints_pipeline.evaluation import trials
from fints_pipeline.evaluation.trials import Trial

TRIAL = Trial(
    experiment="demo",
    experiment_fingerprint="e",
    strategy_fingerprint="s",
    model="classifier",
    instruments=("made.UP",),
    first_session="2023-01-02",
    last_session="2023-03-01",
    sessions=40,
    sharpe=0.1,
)


def test_running_again_is_no_new_trial(tmp_path: Path):
    assert trials.record(Lake(tmp_path), [TRIAL]) == 1
    assert trials.record(Lake(tmp_path), [replace(TRIAL, sharpe=0.2), TRIAL]) == 0
    assert trials.read(Lake(tmp_path)) == [TRIAL]


@pytest.mark.parametrize(
    "change",
    [
        {"model": "patchtst"},
        {"strategy_fingerprint": "other"},
        {"experiment_fingerprint": "other"},
        {"last_session": "2023-04-01"},
    ],
)
def test_anything_else_is(tmp_path: Path, change: dict[str, str]):
    trials.record(Lake(tmp_path), [TRIAL])
    assert trials.record(Lake(tmp_path), [replace(TRIAL, **change)]) == 1


def test_earlier_lines_are_never_touched(tmp_path: Path):
    trials.record(Lake(tmp_path), [TRIAL])
    before = (tmp_path / trials.FILE).read_bytes()
    trials.record(Lake(tmp_path), [replace(TRIAL, model="patchtst")])
    assert (tmp_path / trials.FILE).read_bytes().startswith(before)


def test_only_trials_on_the_same_days_and_instruments_compete(tmp_path: Path):
    other_market = replace(TRIAL, instruments=("made.ELSE",))
    other_days = replace(TRIAL, first_session="2023-03-02", last_session="2023-05-01")
    overlapping = replace(TRIAL, first_session="2023-03-01", last_session="2023-05-01")
    shared = replace(TRIAL, instruments=("made.ELSE", "made.UP"))
    trials.record(Lake(tmp_path), [TRIAL, other_market, other_days, overlapping, shared])
    assert trials.competitors(Lake(tmp_path), TRIAL) == [TRIAL, overlapping, shared]


def test_a_line_cut_short_by_a_crash_was_never_recorded(tmp_path: Path):
    trials.record(Lake(tmp_path), [TRIAL])
    path = tmp_path / trials.FILE
    whole = path.read_bytes()
    path.write_bytes(whole + whole[:30])
    assert trials.read(Lake(tmp_path)) == [TRIAL]
    other = replace(TRIAL, model="patchtst")
    trials.record(Lake(tmp_path), [other])
    assert trials.read(Lake(tmp_path)) == [TRIAL, other]


def test_a_damaged_line_is_refused(tmp_path: Path):
    trials.record(Lake(tmp_path), [TRIAL])
    path = tmp_path / trials.FILE
    path.write_text(json.dumps({"key": "x"}) + "\n" + path.read_text())
    with pytest.raises(LakeError, match="line 1"):
        trials.read(Lake(tmp_path))
    with pytest.raises(LakeError, match="line 1"):
        trials.record(Lake(tmp_path), [TRIAL])


def _record_many(root: Path, worker: int) -> None:
    for n in range(10):
        trials.record(
            Lake(root), [replace(TRIAL, model=f"own-{worker}-{n}"), replace(TRIAL, model="same")]
        )


def test_concurrent_writers_lose_and_double_nothing(tmp_path: Path):
    context = multiprocessing.get_context("spawn")
    workers = [context.Process(target=_record_many, args=(tmp_path, n)) for n in range(3)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    models = [trial.model for trial in trials.read(Lake(tmp_path))]
    assert len(models) == len(set(models)) == 31


def test_returns_are_kept_as_they_came_the_first_time(tmp_path: Path):
    days = pd.DatetimeIndex(["2023-01-02", "2023-01-03"])
    first, second = pd.Series([0.1, -0.2], days), pd.Series([0.3, 0.3], days)
    other = replace(TRIAL, model="patchtst")
    trials.record(Lake(tmp_path), [TRIAL, other], {TRIAL.key: first})
    trials.record(Lake(tmp_path), [TRIAL], {TRIAL.key: second})
    (found,) = trials.returns_of(Lake(tmp_path), [TRIAL, other])
    pd.testing.assert_series_equal(
        found, first, check_names=False, check_freq=False, check_index_type=False
    )
