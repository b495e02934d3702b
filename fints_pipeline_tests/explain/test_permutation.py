import numpy as np
import pytest
from scipy.stats import spearmanr
from sklearn.metrics import log_loss

from fints_pipeline.explain.permutation import donors, log_likelihood, rank_ic
from fints_pipeline.explain.subject import Timeline
from fints_pipeline.training.dataset import Series

SESSIONS, BARS = 12, 20


def timeline() -> Timeline:
    """Two instruments; every third bar is a window."""
    session = np.repeat(np.datetime64("2024-01-01") + np.arange(SESSIONS), BARS)
    minute = np.tile(np.arange(BARS) * 5, SESSIONS)
    opens = session.astype("datetime64[us]") + minute.astype("timedelta64[m]")
    empty = np.empty((len(opens), 0))
    series = tuple(
        Series(
            name, opens, opens + np.timedelta64(5, "m"), session, np.zeros(len(opens), bool),
            empty, {}, empty.astype(np.int8),
        )
        for name in ("a.A", "a.B")
    )  # fmt: skip
    place = np.arange(0, len(opens), 3)
    number = np.repeat([0, 1], len(place))
    return Timeline(series, number, np.tile(place, 2), np.array([0, len(opens)]))


@pytest.mark.parametrize("seed", range(5))
def test_a_donor_is_of_the_same_instrument_and_slot_and_shares_nothing(seed: int) -> None:
    windows, apart = timeline(), 30
    slot = windows.slot(30)
    taken = donors(windows, slot, apart, np.random.default_rng(seed))
    assert (taken >= 0).all()
    assert (windows.number[taken] == windows.number).all()
    assert (slot[taken] == slot).all()
    assert (np.abs(windows.place[taken] - windows.place) >= apart).all()
    assert sorted(taken) == list(range(len(windows)))  # each is used once: marginals stay


def test_without_a_partner_far_enough_away_a_window_is_left_out() -> None:
    windows = timeline()
    assert (donors(windows, windows.slot(30), 10_000, np.random.default_rng(0)) == -1).all()


def test_slots_count_from_the_sessions_first_bar() -> None:
    windows = timeline()
    slot = windows.slot(30)
    assert slot.tolist() == ((windows.place % BARS) * 5 // 30).tolist()


def test_the_metrics_are_those_of_scipy_and_scikit_learn() -> None:
    rng = np.random.default_rng(0)
    said, came = rng.normal(size=100).round(1), rng.normal(size=100).round(1)
    assert rank_ic(said, came) == pytest.approx(spearmanr(said, came).statistic, abs=1e-12)
    assert rank_ic(np.zeros(5), np.arange(5.0)) == 0
    p, classes = rng.dirichlet(np.ones(3), 100), rng.integers(0, 3, 100)
    assert log_likelihood(p, classes) == pytest.approx(-log_loss(classes, p, labels=[0, 1, 2]))
