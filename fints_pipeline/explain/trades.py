"""From tokens to trades: which token fields pushed the entries that made and lost money.

The decision that opened a trade was made on a window of tokens. Integrated gradients of the
model's score, signed so that towards the traded side is positive, tell how much each token pushed;
what pushed the right way shares the trade's net profit in proportion. So the shares of a trade sum
to its profit, and the rows of a table to what was earned.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.stats import false_discovery_control

from fints_pipeline.explain.config import Trades
from fints_pipeline.training.dataset import FloatArray

NOTHING = "nothing"
"""Field and value of the row for trades that no token pushed towards."""
COLUMNS = (
    "model", "form", "field", "value", "trades", "entries", "winners", "losers", "net",
    "attributed", "push_winners", "push_losers", "null_low", "null_high", "p", "p_adjusted",
)  # fmt: skip


def decisions(trades: pd.DataFrame, fills: pd.DataFrame) -> pd.DataFrame:
    """Return a row for each closed trade of one model, with the decision that opened it.

    Args:
        trades: round trips of one model.
        fills: its fills.

    Returns:
        instrument, side, decided_at (the close of the bar that decided), net (account currency)
        and entries: fills that opened the trade or added to it.
    """
    bought = fills.assign(side=np.sign(fills["units"]).astype(int))
    trips = trades[["instrument", "side", "entry_time", "exit_time", "net"]].copy()
    for name in ("entry_time", "exit_time"):
        trips[name] = pd.to_datetime(trips[name], utc=True).astype("datetime64[us, UTC]")
    bought["filled_at"] = bought["filled_at"].astype("datetime64[us, UTC]")
    keys = ["instrument", "side"]
    opening = bought[[*keys, "filled_at", "decided_at"]].rename(columns={"filled_at": "entry_time"})
    # A stop and a new entry may share a bar; the entry's decision is the later one.
    opening = opening.drop_duplicates([*keys, "entry_time"], keep="last")
    found = trips.merge(opening, on=[*keys, "entry_time"], how="inner")
    filled = {
        (who, side): np.sort(rows["filled_at"].to_numpy())
        for (who, side), rows in bought.groupby(keys, sort=False)
    }
    found["entries"] = [
        # A trade that is stopped in the bar that it entered has one fill, and its times are equal.
        max(1, int(np.searchsorted(times, closed) - np.searchsorted(times, opened)))
        for who, side, opened, closed in zip(
            found["instrument"],
            found["side"],
            found["entry_time"].to_numpy(),
            found["exit_time"].to_numpy(),
            strict=True,
        )
        for times in [filled[who, side]]
    ]
    return found[[*keys, "decided_at", "net", "entries"]]


@dataclass(frozen=True)
class Pushes:
    """What each token of some trades' windows did.

    Attributes:
        push: (N, L) or (N, L, F) attribution, positive towards the traded side.
        tokens: (N, L, F) the grammar's values.
        net: (N,) profit of the trades after costs.
        entries: (N,) fills that opened or added to them.
    """

    push: FloatArray
    tokens: NDArray[np.int64]
    net: FloatArray
    entries: NDArray[np.int64]


def attribution(
    model: str, pushes: Pushes, words: Mapping[str, Sequence[str]], settings: Trades, seed: int
) -> pd.DataFrame:
    """Return the table of one model, a row each token field and value that occurs.

    With factorised tokens the rows share the profit between them. A flat token is one input, and
    all of its fields stand for it: there the rows of each field alone (with the row "nothing") sum
    to the profit, so that fields are views of the same total and not parts of it.

    Args:
        model: its name.
        pushes: of its trades.
        words: values of each field, in the order of the tokens' columns.
        settings: shuffles and the band's level.
        seed: of the shuffles.
    """
    factorised = pushes.push.ndim == 3
    names = [(field, value) for field, values in words.items() for value in values]
    towards, pushed = _by_value(pushes, words)
    total = np.maximum(pushes.push, 0.0).reshape(len(pushes.push), -1).sum(axis=1)
    nothing = total <= 0
    share = towards / np.where(nothing, 1.0, total)[:, None]
    share = np.column_stack([share, nothing.astype(float)])
    pushed = np.column_stack([pushed, np.zeros(len(total))])
    table = pd.DataFrame([*names, (NOTHING, NOTHING)], columns=["field", "value"])
    took, won = share > 0, pushes.net > 0
    table["trades"] = took.sum(axis=0)
    table["entries"] = took.T @ pushes.entries
    table["winners"] = took[won].sum(axis=0)
    table["losers"] = table["trades"] - table["winners"]
    table["net"] = took.T @ pushes.net
    table["attributed"] = share.T @ pushes.net
    for name, chosen in (("push_winners", won), ("push_losers", ~won)):
        table[name] = pushed[chosen].mean(axis=0) if chosen.any() else 0.0
    rng = np.random.default_rng(seed)
    shuffled = np.stack([rng.permutation(pushes.net) for _ in range(settings.shuffles)]) @ share
    tails = (1 - settings.level) / 2
    table["null_low"], table["null_high"] = np.quantile(shuffled, [tails, 1 - tails], axis=0)
    centre = pushes.net.mean() * share.sum(axis=0)
    far = np.abs(table["attributed"].to_numpy() - centre)
    # Sums in another order differ by rounding.
    beyond = np.abs(shuffled - centre) >= far - 1e-9 * (1 + np.abs(pushes.net).sum())
    table["p"] = (1 + beyond.sum(axis=0)) / (1 + settings.shuffles)
    table = table[table["trades"] > 0].reset_index(drop=True)
    table["p_adjusted"] = false_discovery_control(table["p"]) if len(table) else table["p"]
    table["model"], table["form"] = model, "factorised" if factorised else "flat"
    return table[list(COLUMNS)]


def _by_value(pushes: Pushes, words: Mapping[str, Sequence[str]]) -> tuple[FloatArray, FloatArray]:
    """Return (N, J) of each field's values: what pushed towards the trade, and the whole push."""
    towards, whole = [], []
    for place, values in enumerate(words.values()):
        push = pushes.push[..., place] if pushes.push.ndim == 3 else pushes.push
        own = pushes.tokens[..., place]
        for number in range(len(values)):
            here = np.where(own == number, push, 0.0)
            towards.append(np.maximum(here, 0.0).sum(axis=1))
            whole.append(here.sum(axis=1))
    return np.stack(towards, axis=1), np.stack(whole, axis=1)
