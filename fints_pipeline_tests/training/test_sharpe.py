"""Learning from what a portfolio earns, and stopping on what the backtest's engine says of it."""

from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from fints_pipeline import train
from fints_pipeline.base.errors import ConfigError
from fints_pipeline.base.lake import Lake
from fints_pipeline.training.bundles import load_model
from fints_pipeline.training.contiguous import ConsecutiveBars, consecutive_bars, held
from fints_pipeline.training.dataset import Columns, Dataset, load_dataset
from fints_pipeline.training.losses.sharpe import Sharpe
from fints_pipeline.training.objectives import PortfolioObjective
from fints_pipeline.training.predict import predict_model
from fints_pipeline.training.prediction_table import joined
from fints_pipeline.training.samples import PastAndFuture
from fints_pipeline.training.validation_sharpe import CAPITAL, ValidationSharpe, market_of
from fints_pipeline.training.windows import WindowTable
from fints_pipeline.walkforward.costs import CostModel
from fints_pipeline.walkforward.folds import Span
from fints_pipeline_tests.training import toy

LOOKBACK = 3
COSTS = CostModel(half_spread_bps=1.0, fee_bps=0.5)


def dataset(lake: Lake, prices: bool = False) -> Dataset:
    data = toy.experiment().data
    columns = Columns(("log_return",), (data.label,), prices=prices)
    span = Span(toy.FIRST_SESSION, toy.FIRST_SESSION.replace(day=14))
    return load_dataset(lake, data, columns, span)


@pytest.fixture
def stretch(toy_lake: Lake) -> ConsecutiveBars:
    """Both instruments' bars, but that the second lacks some."""
    series = dataset(toy_lake).series
    table = WindowTable([one.features for one in series])
    there = [np.ones(len(one), bool) for one in series]
    there[1][[10, 11, 42, 57]]  # 42 is the bar before the second stretch = False
    for one in there:
        one[:LOOKBACK] = False
    rows = np.concatenate([table.global_rows(n, one) for n, one in enumerate(there)])
    windows = PastAndFuture(table, torch.from_numpy(rows.astype(np.int64)), LOOKBACK, 1)
    return consecutive_bars(windows, series, 0)


class Momentum(nn.Module):
    """Forecasts the last return, times a weight."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.tensor(500.0))

    def forward(self, past: torch.Tensor) -> torch.Tensor:
        return self.weight * past[:, -1:, :]


def test_the_loss_of_a_stretch_is_the_plain_loops(stretch: ConsecutiveBars) -> None:
    network, loss = Momentum(), Sharpe(cost_bps=2.0)
    objective = PortfolioObjective(loss, None, 0)
    draws = torch.Generator()
    position = np.zeros(2)
    for positions in torch.arange(len(stretch)).split(40)[:4]:
        value, weight = objective(network, stretch.batch(positions, draws))
        earned = []
        for t in positions.tolist():
            total = 0.0
            for i in range(2):
                row = int(stretch.row_TI[t, i])
                before = position[i]
                if row >= 0:
                    last = float(stretch.windows.table.values[row, 0])
                    position[i] = np.tanh(500.0 * last)
                    total += before * np.expm1(last)
                total -= 2e-4 * abs(position[i] - before)
            earned.append(total)
        expected = -np.mean(earned) / np.std(earned)
        assert value.item() == pytest.approx(expected, rel=1e-3), positions[0]
        assert int(weight) == len(positions)


def test_what_is_carried_into_a_stretch_has_no_gradient(stretch: ConsecutiveBars) -> None:
    place = torch.tensor([[0, 1], [2, -1], [-1, 3]])
    position = torch.tensor([0.1, 0.2, 0.3, 0.4], requires_grad=True)
    grid = held(position, place)
    assert grid.tolist() == pytest.approx(np.array([[0.1, 0.2], [0.3, 0.2], [0.3, 0.4]]))
    empty = held(position, torch.tensor([[-1, -1], [2, -1]]))
    assert empty.tolist() == pytest.approx(np.array([[0.0, 0.0], [0.3, 0.0]]))
    objective = PortfolioObjective(Sharpe(), None, 0)
    alone, weight = objective(Momentum(), stretch.batch(torch.tensor([7]), torch.Generator()))
    assert (alone.item(), int(weight)) == (0.0, 0), "one bar has no Sharpe ratio"


def test_early_stopping_trades_as_the_plain_loop_does(toy_lake: Lake) -> None:
    series = dataset(toy_lake, prices=True).series
    span = Span(series[0].session[0].astype(object), series[0].session[-1].astype(object))
    rng = np.random.default_rng(0)
    chosen = [~one.is_filled for one in series]
    said = [np.sign(rng.normal(size=int(rows.sum()))) for rows in chosen]
    market, session, at = market_of(series, span, chosen, COSTS)
    score = ValidationSharpe(market, session, at, lambda _: said, COSTS)(nn.Identity())
    # One instrument after the other: a plain account that trades at the next real open.
    cash, units, wanted = CAPITAL, np.zeros(2), np.full(2, np.nan)
    rate, levels = 1.5e-4, [CAPITAL]
    count = len(series[0])
    told = [dict(zip(rows.tolist(), one, strict=True)) for rows, one in zip(at, said, strict=True)]
    for t in range(count):
        for i, one in enumerate(series):
            assert one.prices is not None
            price = one.prices.open[t]
            if np.isfinite(wanted[i]) and one.prices.tradable[t]:
                change = wanted[i] - units[i]
                cash -= change * price + abs(change) * price * rate
                units[i], wanted[i] = wanted[i], np.nan
        closes = np.array([one.prices.close[t] for one in series if one.prices is not None])
        equity = cash + float(units @ closes)
        for i in range(2):
            if t in told[i]:
                wanted[i] = told[i][t] / 2 * equity / closes[i]
        if t + 1 == count or session[t + 1] != session[t]:
            levels.append(equity)
    returns = np.diff(levels) / levels[:-1]
    assert score == pytest.approx(returns.mean() / returns.std(ddof=1), rel=1e-3)
    idle = [np.zeros(len(one)) for one in said]
    assert ValidationSharpe(market, session, at, lambda _: idle, COSTS)(nn.Identity()) == 0.0


def fitted(lake: Lake, **changes: Any) -> tuple[Any, Any]:
    experiment = toy.changed("patchtst", **changes)
    fold = train.experiment_folds(lake, experiment)[0]
    train.train_model(lake, experiment, fold, "patchtst")
    part = predict_model(lake, experiment, fold, "patchtst", None)
    assert part is not None
    return load_model(lake, "toy", fold.key, "patchtst").record, joined(part.tables).to_pandas()


def test_a_network_learns_positions(toy_lake: Lake) -> None:
    fit = {"stride": 1, "batch_size": 64, "epochs": 3}
    stop = {"on": "sharpe", "costs": COSTS.model_dump()}
    record, rows = fitted(
        toy_lake, loss={"name": "sharpe", "cost_bps": 1.0}, fit={**fit, "stop": stop}
    )
    assert record.output == "position"
    assert rows["expected_return"].abs().max() <= record.label_scale
    assert record.metrics["return_correlation"] > 0.2, "momentum is planted"
    history = record.fit.history
    best = max(epoch["validation_sharpe"] for epoch in history)
    assert best > 0
    kept = history[record.fit.best_epoch - 1]
    assert kept["validation_sharpe"] == best, "the epoch that earned most is kept"


def test_forecasts_stop_on_the_sharpe_ratio_too(toy_lake: Lake) -> None:
    record, rows = fitted(toy_lake, fit={"stop": {"on": "sharpe"}})
    assert record.output == "return"
    assert all("validation_sharpe" in epoch for epoch in record.fit.history)
    assert any(name.startswith("bars/5m/toy.A") for name in record.inputs)
    assert rows["expected_return"].notna().all()


@pytest.mark.parametrize(
    ("name", "changes", "message"),
    [
        ("patchtst", {"loss": {"name": "sharpe"}}, "fit.stride to 1"),
        ("mlm", {"fit": {"stop": {"on": "sharpe"}}}, "is for forecasters"),
    ],
)
def test_what_does_not_go_together_is_refused(
    name: str, changes: dict[str, Any], message: str
) -> None:
    with pytest.raises((ConfigError, ValueError), match=message):
        toy.changed(name, **changes)
