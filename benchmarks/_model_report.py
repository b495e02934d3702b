"""The table of models on real bars, in Markdown."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from benchmarks._model_experiments import Part, source_of
from fints_pipeline.training.config import ExperimentConfig

HEADER = """# Every model on real bars

`make bench ENTRY=models` makes this page: BTCUSDT of 2023 and EURUSD of 2018, 5-minute bars, all
models on the same folds, with seed 0 and one thread. The networks and their fits are those of the
ready configs under `configs/train/`; features, label (the log return of the next hour), folds and
the backtest, with its costs, those of `btcusdt_5m` and `eurusd_5m`. Nothing was tuned on a test
span, and no row is left out.

How to read it. "Fit" is the longest fit of a fold, in seconds on one core of a busy machine, the
budget being 300; the epochs are those taken at most. "RMSE / zero" is the error of the expected
return over that of saying "no change": below 1 knows something. "Direction" is the share of right
signs, beside what always saying the commoner sign would have scored. The model trades the strongest
fifth of its validation span's edges, an hour at a time; returns are over all test spans together,
gross without and net with costs, costs in percent of the capital. Sharpe is yearly, net, with its
95 % bootstrap interval; DSR is the deflated Sharpe ratio's probability, which takes into account
that every row is a trial. A model whose forecast is always zero never trades.

Hugging Face's TimeSeriesTransformer draws 20 paths a forecast and is asked at every 12th bar, when
a decision is due. Its negative binomial head is for counts such as volume, and has no row here.
"""
SURE = 0.95
_TRADED = (
    "| model | parameters | fit, s | epochs | RMSE / zero | direction (base) | gross | costs | net "
    "| Sharpe [95 %] | DSR | fills |"
)
_CLASSES = "| model | fit, s | epochs | accuracy (base) | log loss (prior) | test bars |"
_PRETRAINED = "| model | parameters | fit, s | epochs | scores on the validation span |"
_SETTINGS = "| model | ready config | network | fit |"


def write_report(
    path: Path, results: Sequence[tuple[Part, Mapping[str, Any]]], configs: Path
) -> str:
    """Write the tables to ``path``, and return them.

    Args:
        path: the page.
        results: of each part, as `models.results_of` returns them.
        configs: the project's.
    """
    lines = [HEADER]
    for part, result in results:
        lines += [*_part(part, result), ""]
    lines += ["## Settings", "", *_table(_SETTINGS), *_settings(results, configs), ""]
    text = "\n".join(lines)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return text


def _part(part: Part, result: Mapping[str, Any]) -> Iterator[str]:
    config, folds, summary = result["config"], result["folds"], result["summary"]
    what = "every model" if part.kind == "models" else "token and fusion variants"
    yield f"## {config.data.instruments[0]}: {what}"
    yield ""
    spans = "; ".join(f"{fold.test.first} to {fold.test.last}" for fold in folds)
    count = "one fold" if len(folds) == 1 else f"{len(folds)} folds"
    held = summary["buy_and_hold"]
    yield (
        f"{count.capitalize()}, tested on {spans}. {summary['trials']} trials on these days so "
        f"far. Buying and holding returned {held['total_return']:+.2%} "
        f"(Sharpe {held['sharpe']:.2f})."
    )
    yield ""
    yield _shown(summary["models"])
    yield ""
    yield from _table(_TRADED)
    for name, numbers in summary["models"].items():
        yield _traded(name, numbers, result)
    classes = result["classes"]
    if classes:
        yield ""
        yield "Classifiers of something else than a direction, on the test spans:"
        yield ""
        yield from _table(_CLASSES)
        for name, scores in classes.items():
            yield (
                f"| {name} | {_seconds(result, name)} | {_epochs(result, name)} "
                f"| {scores['accuracy']:.3f} ({scores['base_rate']:.3f}) "
                f"| {scores['log_loss']:.3f} ({scores['prior_log_loss']:.3f}) "
                f"| {scores['rows']:.0f} |"
            )
    yield ""
    yield "Pretrained, for others to start from:"
    yield ""
    yield from _table(_PRETRAINED)
    for name in config.names:
        if name not in summary["models"] and name not in classes:
            yield _pretrained(name, result)


def _shown(models: Mapping[str, Any]) -> str:
    """Count what the table shows."""
    traded = [one for one in models.values() if one["trading"]["fills"]]
    ratios = [one["forecast"].get("rmse_ratio") for one in models.values()]
    known = [ratio for ratio in ratios if ratio is not None]
    return (
        f"Of {len(traded)} models that traded, {_count(traded, 'gross')} earned something before "
        f"costs and {_count(traded, 'net')} after them; "
        f"{sum((one['inference']['deflated'] or 0) >= SURE for one in traded)} reached a deflated "
        f"Sharpe ratio of {SURE}. Of {len(known)} that forecast the return, "
        f"{sum(ratio < 1 for ratio in known)} erred less than no change."
    )


def _count(models: Sequence[Mapping[str, Any]], scenario: str) -> int:
    return sum(one[scenario]["total_return"] > 0 for one in models)


def _traded(name: str, numbers: Mapping[str, Any], result: Mapping[str, Any]) -> str:
    forecast, inference = numbers["forecast"], numbers["inference"]
    low, high = inference["interval"]
    sharpe = numbers["net"]["sharpe"]
    ratio = "–" if sharpe is None else f"{_two(sharpe)} [{_two(low)}, {_two(high)}]"
    costs = numbers["trading"]["cost"] / result["capital"]
    cells = (
        name,
        f"{result['records'][name][0].fit.parameters:,}",
        _seconds(result, name),
        _epochs(result, name),
        _number(forecast.get("rmse_ratio"), "{:.4f}"),
        f"{_number(forecast['directional_accuracy'], '{:.3f}')} "
        f"({_number(forecast['base_rate'], '{:.3f}')})",
        f"{numbers['gross']['total_return']:+.2%}",
        f"{costs:.2%}",
        f"{numbers['net']['total_return']:+.2%}",
        ratio,
        _number(inference["deflated"], "{:.3f}"),
        f"{numbers['trading']['fills']}",
    )
    return "| " + " | ".join(cells) + " |"


def _pretrained(name: str, result: Mapping[str, Any]) -> str:
    records = result["records"][name]
    scores = ", ".join(
        f"{metric} {_mean([record.metrics[metric] for record in records]):.4g}"
        for metric in records[0].metrics
    )
    return (
        f"| {name} | {records[0].fit.parameters:,} | {_seconds(result, name)} "
        f"| {_epochs(result, name)} | {scores} |"
    )


def _settings(results: Sequence[tuple[Part, Mapping[str, Any]]], configs: Path) -> Iterator[str]:
    seen = set()
    for part, result in results:
        config: ExperimentConfig = result["config"]
        for name, model in config.models.items():
            if name in seen:
                continue
            seen.add(name)
            network = model.network.model_dump(mode="json", exclude_unset=True)
            fit = model.fit.model_dump(mode="json", exclude_unset=True)
            start = f"starts from {model.starts_from}; " if model.starts_from else ""
            source = source_of(part, name, configs)
            yield f"| {name} | {source}.yaml | {start}{_said(network)} | {_said(fit)} |"


def _said(settings: Mapping[str, Any]) -> str:
    parts = (
        f"{name} {_inner(value)}" for name, value in settings.items() if value not in (None, {})
    )
    return ", ".join(parts) or "–"


def _inner(value: Any) -> str:
    return f"({_said(value)})" if isinstance(value, Mapping) else str(value)


def _seconds(result: Mapping[str, Any], name: str) -> str:
    return _number(max(result["seconds"][name]), "{:.0f}")


def _epochs(result: Mapping[str, Any], name: str) -> str:
    taken = max(len(record.fit.history) for record in result["records"][name])
    return str(taken) if taken else "–"


def _table(header: str) -> tuple[str, str]:
    return header, "|" + "---|" * (header.count("|") - 1)


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values)


def _two(value: float | None) -> str:
    return _number(value, "{:.2f}")


def _number(value: float | None, form: str) -> str:
    return "–" if value is None or math.isnan(value) else form.format(value)
