import numpy as np
import pandas as pd
import pytest

from fints_pipeline.explain.config import Trades
from fints_pipeline.explain.trades import NOTHING, Pushes, attribution, decisions

WORDS = {"trend": ("na", "up", "down"), "noise": ("na", "a", "b")}
SETTINGS = Trades(shuffles=500)


def pushes(factorised: bool, seed: int = 0, count: int = 200) -> Pushes:
    """Trades pushed by ``trend``: with `up` they won, with `down` they lost; `noise` is drawn."""
    rng = np.random.default_rng(seed)
    trend = rng.integers(1, 3, count)
    tokens = np.zeros((count, 4, 2), np.int64)
    tokens[:, :, 1] = rng.integers(1, 3, (count, 4))
    tokens[:, -1, 0] = trend
    push = np.zeros((count, 4, 2)) if factorised else np.zeros((count, 4))
    push[:, -1] = [1.0, 0.0] if factorised else 1.0
    if factorised:
        push[..., 1] += rng.normal(scale=0.05, size=(count, 4))
    net = np.where(trend == 1, 5.0, -5.0) + rng.normal(size=count)
    return Pushes(push, tokens, net, np.ones(count, np.int64))


@pytest.mark.parametrize("factorised", [True, False])
def test_the_planted_values_made_and_lost_the_money(factorised: bool) -> None:
    table = attribution("net", pushes(factorised), WORDS, SETTINGS, 0)
    table = table.set_index(["field", "value"])
    best, worst = table["attributed"].idxmax(), table["attributed"].idxmin()
    assert (best, worst) == (("trend", "up"), ("trend", "down"))
    for planted in (best, worst):
        row = table.loc[planted]
        assert not row["null_low"] <= row["attributed"] <= row["null_high"]
        assert row["p_adjusted"] < 0.05
    assert table.loc[best, "winners"] == table.loc[best, "trades"]
    drawn = table.loc[("noise", "a")]
    assert drawn["p_adjusted"] > table.loc[best, "p_adjusted"]
    assert drawn["p_adjusted"] > 0.01
    assert table.loc[best, "push_winners"] > table.loc[best, "push_losers"]


def test_the_shares_of_factorised_tokens_sum_to_the_profit() -> None:
    made = pushes(factorised=True)
    made.push[3] = -1.0  # nothing pushed towards this trade
    table = attribution("net", made, WORDS, SETTINGS, 0)
    assert table["attributed"].sum() == pytest.approx(made.net.sum())
    nothing = table[table["field"] == NOTHING].iloc[0]
    assert nothing["trades"] == 1
    assert nothing["attributed"] == pytest.approx(made.net[3])


def test_each_field_of_flat_tokens_sums_to_the_profit() -> None:
    made = pushes(factorised=False)
    table = attribution("net", made, WORDS, SETTINGS, 0)
    for _, rows in table.groupby("field"):
        assert rows["attributed"].sum() == pytest.approx(made.net.sum())


def test_without_a_tie_between_tokens_and_profit_the_p_values_are_uniform() -> None:
    found = []
    for seed in range(60):
        made = pushes(factorised=True, seed=seed, count=80)
        rng = np.random.default_rng([seed, 1])
        blind = Pushes(made.push, made.tokens, rng.permutation(made.net), made.entries)
        table = attribution("net", blind, WORDS, Trades(shuffles=200), seed)
        found.append(float(table.set_index(["field", "value"]).loc[("trend", "up"), "p"]))
    assert 0.3 < np.mean(found) < 0.7
    assert np.mean(np.array(found) < 0.1) < 0.25


def fill(minute: int, units: float) -> dict[str, object]:
    at = pd.Timestamp("2024-01-02 14:00", tz="UTC") + pd.Timedelta(minutes=minute)
    return {
        "instrument": "a.B", "units": units, "filled_at": at,
        "decided_at": at - pd.Timedelta(minutes=5),
    }  # fmt: skip


def test_a_trade_is_joined_to_the_decision_that_opened_it() -> None:
    # Long, added to, turned into a short at minute 20, closed at 30.
    fills = pd.DataFrame([fill(0, 10), fill(10, 5), fill(20, -25), fill(30, 10)])
    trades = pd.DataFrame(
        {
            "instrument": "a.B", "side": [1, -1], "net": [3.0, -2.0],
            "entry_time": fills["filled_at"].iloc[[0, 2]].dt.tz_localize(None).to_numpy(),
            "exit_time": fills["filled_at"].iloc[[2, 3]].dt.tz_localize(None).to_numpy(),
        }
    )  # fmt: skip
    found = decisions(trades, fills)
    assert found["decided_at"].tolist() == fills["decided_at"].iloc[[0, 2]].tolist()
    assert found["entries"].tolist() == [2, 1]
    assert found["net"].tolist() == [3.0, -2.0]


def test_a_trade_that_is_stopped_in_its_first_bar_has_one_entry() -> None:
    fills = pd.DataFrame([fill(0, 10), fill(0, -10)])
    at = fills["filled_at"].iloc[[0]].dt.tz_localize(None).to_numpy()
    trades = pd.DataFrame(
        {"instrument": "a.B", "side": [1], "net": [-1.0], "entry_time": at, "exit_time": at}
    )
    assert decisions(trades, fills)["entries"].tolist() == [1]
