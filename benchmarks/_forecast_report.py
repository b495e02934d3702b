"""The long-horizon table in Markdown."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from benchmarks._forecast_rows import Fit, Outcome, Row

HEADER = """# Long-horizon forecasting on ETTh1 and exchange_rate

`make bench ENTRY=forecast` makes this page. Errors are in scaled units (each channel less the
training span's mean, over its standard deviation) over **every** window of the test set. ETTh1 is
split into 12, 4 and 4 months of 30 days, exchange_rate into 70, 10 and 20 %; validation and test
look back over the border. "Drop-last" leaves out the windows that do not fill the last batch of 32,
as the published tables did. Windows, batches and networks are the project's, the loop is the
benchmark's plain one: Adam, mean squared error, the epoch with the lowest validation error kept.
One seed (0), one thread.

"""


def write_report(path: Path, results: Sequence[tuple[Row, Outcome]]) -> str:
    """Write the table with its settings to ``path``, and return it."""
    lines = [
        "| series | H | network | MSE / MAE | drop-last | published | goal | reached |",
        "|---|---|---|---|---|---|---|---|",
        *(_errors(row, result) for row, result in results),
        "",
        "## Settings",
        "",
        "| series | H | network | parameters | settings | training | epochs (best) | seconds |",
        "|---|---|---|---|---|---|---|---|",
        *(_settings(row, result) for row, result in results if row.fit is not None),
        "",
    ]
    text = HEADER + "\n".join(lines)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return text


def reached(row: Row, result: Outcome) -> bool:
    """Tell whether a row with a goal is within it."""
    if row.goal is None:
        return True
    mse, mae, tolerance = row.goal
    if row.at_most:
        return result.mse <= mse
    near = abs(result.mse - mse) <= tolerance
    return near and (mae is None or abs(result.mae - mae) <= tolerance)


def _errors(row: Row, result: Outcome) -> str:
    published = f"{row.published[0]:.4g} / {row.published[1]:.4g}" if row.published else "–"
    verdict = "–" if row.goal is None else "yes" if reached(row, result) else "**no**"
    return (
        f"| {row.series} | {row.horizon} | {row.network} | {result.mse:.4f} / {result.mae:.4f} "
        f"| {result.legacy_mse:.4f} / {result.legacy_mae:.4f} | {published} "
        f"| {_goal(row)} | {verdict} |"
    )


def _goal(row: Row) -> str:
    if row.goal is None:
        return "–"
    mse, mae, tolerance = row.goal
    if row.at_most:
        return f"≤ {mse:.3f}"
    both = f"{mse:.4f}" if mae is None else f"{mse:.4f} / {mae:.4f}"
    return f"{both} ± {tolerance:.4f}"


def _settings(row: Row, result: Outcome) -> str:
    config = row.config.model_dump(mode="json")
    shown = ", ".join(
        f"{name} {value}" for name, value in config.items() if name not in ("horizon", "head")
    )
    return (
        f"| {row.series} | {row.horizon} | {row.network} | {result.parameters:,} | {shown} "
        f"| {_fit(row.fit)} | {result.epochs} ({result.best_epoch}) | {result.seconds:.0f} |"
    )


def _fit(fit: Fit | None) -> str:
    if fit is None:
        return "–"
    rates = {
        "constant": "",
        "halve": ", halved each epoch",
        "after_three": ", ×0.9 an epoch after the third",
    }[fit.rates]
    length = f"≤ {fit.epochs} epochs, patience {fit.patience}"
    return f"batch {fit.batch_size}, rate {fit.rate:g}{rates}, {length}"
