"""Tables of what speaks for a result and against it: statistics, errors, comparisons, leaks."""

from __future__ import annotations

from typing import Any

from fints_pipeline.base.page.table import Table
from fints_pipeline.base.page.words import count, number, percent
from fints_pipeline.evaluation.report.source import Material

BPS = 1e4


def statistics(material: Material) -> Table:
    """How sure the Sharpe ratio is, a column a model; of the net session returns."""
    columns = [_statistics(material, model) for model in material.metrics["models"].values()]
    rows = tuple((name, *(column[name] for column in columns)) for name in columns[0])
    return Table(("", *material.metrics["models"]), rows)


def _statistics(material: Material, model: dict[str, Any]) -> dict[str, str]:
    sure, net, trials = model["inference"], model["net"], count(material.metrics["trials"])

    def ends(key: str, *, percents: bool) -> str:
        low, high = sure[key]
        if percents:
            return f"{percent(low, 1)} to {percent(high, 1)}"
        return f"{number(low)} to {number(high)}"

    return {
        "Test sessions": count(net["sessions"]),
        "Sharpe, per year": number(net["sharpe"]),
        "… its 95 % interval": ends("interval", percents=False),
        "… with Lo's correction": number(net["sharpe_lo"]),
        "Mean return a year, 95 % interval": ends("return_interval", percents=True),
        "Largest drawdown, 95 % interval": ends("drawdown_interval", percents=True).replace(
            "+", ""
        ),
        "Skewness of session returns": number(sure["skewness"]),
        "Kurtosis (a normal one has 3)": number(sure["kurtosis"]),
        "Probabilistic Sharpe": percent(sure["probabilistic"], 1, sign=False),
        f"Sharpe that luck gives the best of {trials}": number(sure["luck_sharpe"]),
        "Deflated Sharpe": percent(sure["deflated"], 1, sign=False),
        "Shift null, p": number(sure["null_p"], 3),
        "… median Sharpe of the shifts": number(sure["null_median"]),
    }


def errors(material: Material) -> Table:
    """Every model's errors, of returns in basis points; a dash where the model gives none."""
    headings = ("Model", "RMSE, bps", "RMSE ratio", "MAE, bps", "MAPE", "MASE", "Pinball, bps",
                "CRPS, bps", "In 50 %", "In 80 %", "In 90 %", "Brier", "Brier, base",
                "ECE")  # fmt: skip
    return Table(headings, tuple(_errors(*model) for model in material.metrics["models"].items()))


def _errors(name: str, model: dict[str, Any]) -> tuple[str, ...]:
    scores = model["forecast"]

    def bps(key: str) -> str:
        value = scores.get(key)
        return number(None if value is None else value * BPS, 2)

    def share(key: str, digits: int = 0) -> str:
        return percent(scores.get(key), digits, sign=False)

    return (
        name,
        bps("rmse"),
        number(scores.get("rmse_ratio"), 4),
        bps("mae"),
        share("mape"),
        number(scores.get("mase"), 3),
        bps("pinball"),
        bps("crps"),
        *(share(f"coverage_{level}") for level in (50, 80, 90)),
        number(scores.get("brier"), 4),
        number(scores.get("brier_base"), 4),
        share("calibration_error", 1),
    )


def reliability(material: Material) -> Table:
    """What each model said, and how often it came so: quantiles and rises."""
    rows: list[tuple[str, ...]] = []
    for name, model in material.metrics["models"].items():
        found = model["reliability"]
        told = [
            ("return at or below the quantile", row["level"], row) for row in found["quantiles"]
        ] + [("rise", row["said"], row) for row in found["rises"]]
        rows += [
            (
                name,
                what,
                percent(said, 1, sign=False),
                percent(row["observed"], 1, sign=False),
                count(row["rows"]),
            )
            for what, said, row in told
        ]
    return Table(("Model", "What", "Said", "Came", "Bars"), tuple(rows), 2)


def comparison(material: Material) -> Table:
    """The Diebold-Mariano test of every pair of models."""
    rows = tuple(
        (
            pair["first"],
            pair["second"],
            pair["loss"],
            number(pair["statistic"], 2),
            number(pair["p"], 3),
            count(pair["times"]),
            count(pair["lags"]),
        )
        for pair in material.metrics["comparison"]
    )
    return Table(("First", "Second", "Loss", "Statistic", "p", "Times", "Lags"), rows, 3)


def paths(material: Material) -> Table:
    """The paths of a cross-validation, one row a path and model; no row for a walk-forward."""
    rows = tuple(
        (
            name,
            str(place),
            percent(path["total_return"]),
            number(path["sharpe"]),
            percent(path["max_drawdown"], sign=False),
        )
        for name, found in (material.metrics["paths"] or {}).items()
        for place, path in enumerate(found["paths"], start=1)
    )
    return Table(("Model", "Path", "Net return", "Sharpe, per year", "Drawdown"), rows)


def overfitting(material: Material) -> str:
    """The probability of backtest overfitting in a sentence, or why there is none."""
    found = material.metrics["overfitting"]
    if found["not_told"] is not None:
        return f"Probability of backtest overfitting: not told; {found['not_told']}."
    told = percent(found["probability"], 0, sign=False)
    basis = f"{count(found['trials'])} trials on {count(found['sessions'])} sessions"
    return f"Probability of backtest overfitting: {told}, from {basis}; under 50 % is needed."


def leaks(material: Material) -> Table:
    """What was checked for leaks before anything was traded."""
    rows = tuple(
        (row["check"], row["where"], "clean" if row["passed"] else "LEAK", row["seen"])
        for row in material.metrics["audit"]
    )
    return Table(("Check", "Of", "Result", "What was seen"), rows, 4)
