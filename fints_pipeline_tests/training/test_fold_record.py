"""Folds stay where they are once made, whatever arrives."""

from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fints_pipeline import train
from fints_pipeline.base.errors import ConfigError, LakeError
from fints_pipeline.base.lake import Lake, series_key
from fints_pipeline.training.fold_record import _new, has_every_month, recorded_folds
from fints_pipeline.walkforward.folds import Fold, FoldScheme, make_folds
from fints_pipeline_tests.training import toy

DAYS = [date(2024, 1, 1) + timedelta(days=n) for n in range(60)]
SCHEME = {"train": 10, "validation": 3, "test": 4, "embargo": 1}


@pytest.fixture
def lake(tmp_path) -> Lake:
    return Lake(tmp_path / "lake")


def always(_: Fold) -> bool:
    return True


def made(lake: Lake, days: list[date], **changes: object):
    return recorded_folds(lake, toy.experiment(folds={**SCHEME, **changes}), days, always)


@pytest.mark.parametrize("kind", ["rolling", "expanding"])
def test_an_earlier_month_moves_no_recorded_fold(lake: Lake, kind: str) -> None:
    before = made(lake, DAYS[13:40], kind=kind)
    assert before == make_folds(DAYS[13:40], FoldScheme(kind=kind, **SCHEME))
    assert made(lake, DAYS[:40], kind=kind) == before
    later = made(lake, DAYS, kind=kind)
    assert later[: len(before)] == before
    assert later[len(before)].test.first == before[-1].test.last + timedelta(days=1)
    assert later == make_folds(DAYS[13:], FoldScheme(kind=kind, **SCHEME))


def test_a_session_that_fills_a_hole_moves_no_recorded_fold(lake: Lake) -> None:
    holed = [day for day in DAYS[:40] if day != DAYS[5]]
    before = made(lake, holed)
    assert made(lake, DAYS[:40]) == before
    assert made(lake, DAYS)[: len(before)] == before


@given(
    st.sampled_from(["rolling", "expanding"]),
    st.integers(0, 2),
    st.integers(1, 5),
    st.lists(st.integers(20, 60), min_size=1, max_size=4),
)
def test_folds_added_step_by_step_are_those_made_at_once(kind, embargo, test, ends) -> None:
    scheme = FoldScheme(kind=kind, train=8, validation=2, test=test, embargo=embargo)
    known = ()
    for end in sorted(ends):
        known = (*known, *_new(known, DAYS[:end], scheme))
    assert known == make_folds(DAYS[: max(ends)], scheme)


def test_another_scheme_or_universe_has_folds_of_its_own(lake: Lake) -> None:
    before = made(lake, DAYS[13:40])
    other = made(lake, DAYS[:40], test=5)
    assert other == make_folds(DAYS[:40], FoldScheme(**{**SCHEME, "test": 5}))
    data = {**toy.experiment().data.model_dump(), "instruments": ("toy.A",)}
    fewer = toy.experiment(folds=SCHEME, data=data)
    assert recorded_folds(lake, fewer, DAYS[:40], always) == make_folds(
        DAYS[:40], FoldScheme(**SCHEME)
    )
    assert made(lake, DAYS[:40]) == before


def test_the_number_of_folds_may_change(lake: Lake) -> None:
    one = made(lake, DAYS[13:], max_folds=1)
    assert len(one) == 1
    three = made(lake, DAYS, max_folds=3)
    assert three[:1] == one
    assert len(three) == 3
    assert made(lake, DAYS, max_folds=2) == three[:2]


def test_folds_whose_data_is_gone_are_left_out_and_come_back(lake: Lake) -> None:
    whole = made(lake, DAYS)
    assert made(lake, DAYS[:30]) == whole[:3]
    with pytest.raises(ConfigError, match="one fold needs"):
        made(lake, DAYS[:5])
    assert made(lake, DAYS) == whole


def test_folds_are_recorded_up_to_the_first_that_is_not_settled(lake: Lake) -> None:
    experiment = toy.experiment(folds=SCHEME)
    sessions = [day for day in DAYS if day != DAYS[30]]
    early = recorded_folds(lake, experiment, sessions, lambda fold: fold.test.last < DAYS[30])
    assert early == make_folds(sessions, FoldScheme(**SCHEME))
    assert made(lake, DAYS) == make_folds(DAYS, FoldScheme(**SCHEME))
    untouched = Lake(lake.root / "other")
    recorded_folds(untouched, experiment, sessions, lambda _: False)
    assert not (untouched.root / "folds").exists()


def test_a_month_that_an_instrument_lacks_leaves_its_folds_open(lake: Lake) -> None:
    toy.fill(lake)
    data = toy.experiment().data
    (fold,) = make_folds(DAYS[9:48], FoldScheme(train=20, validation=5, test=5, max_folds=1))
    assert has_every_month(lake, data)(fold)
    path = lake.path(series_key("features", "5m", "toy.B", "2024-02"))
    path.rename(path.with_name(".hidden"))
    assert not has_every_month(lake, data)(fold)


def test_nothing_is_written_where_nothing_is_new(lake: Lake) -> None:
    made(lake, DAYS)
    (path,) = (lake.root / "folds").iterdir()
    stamp = path.stat().st_mtime_ns
    made(lake, DAYS)
    assert path.stat().st_mtime_ns == stamp


def test_a_damaged_record_is_refused(lake: Lake) -> None:
    made(lake, DAYS)
    (path,) = (lake.root / "folds").iterdir()
    path.write_text('{"a": {"2024-01-01": 3}}')
    with pytest.raises(LakeError, match="record of folds"):
        made(lake, DAYS)


def test_experiment_folds_stay_when_an_earlier_month_arrives(lake: Lake, tmp_path) -> None:
    experiment = toy.experiment()
    whole = Lake(tmp_path / "whole")
    toy.fill(whole)
    toy.fill(lake)
    hidden = [path for path in lake.root.rglob("*month=2024-01*") if path.is_dir()]
    assert hidden
    small = toy.experiment(folds={"train": 6, "validation": 2, "test": 2, "embargo": 1})
    moved = [(path, path.with_name(".hidden")) for path in hidden]
    for path, aside in moved:
        path.rename(aside)
    late = train.experiment_folds(lake, small)
    for path, aside in moved:
        aside.rename(path)
    assert train.experiment_folds(lake, small)[: len(late)] == late
    assert train.experiment_folds(whole, small)[0] != late[0]
    assert train.experiment_folds(whole, experiment)
