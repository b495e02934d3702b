"""Columns of what assets show and no schema of the lake describes."""

from fints_pipeline.defs.metadata import columns

ARCHIVES = columns(
    [
        ("path", "string", "file below the inbox"),
        ("dataset", "string", "data set that it belongs to"),
        ("instruments", "string", "what it holds, where it was read now"),
        ("rows", "int64", "rows, where it was read now [rows]"),
        ("checksum", "string", "whether a checksum file vouched for it"),
        ("reason", "string", "why it was refused, if it was"),
    ]
)
"""Of the files in the inbox."""

VOCABULARY = columns(
    [
        ("id", "int64", "as models read it; special tokens come first"),
        ("token", "string", "values of the composite's fields, in words"),
    ]
)
"""Of the fold's composite tokens."""

MODELS = columns(
    [
        ("model", "string", "name in the experiment"),
        ("network", "string", "module under models/"),
        ("parameters", "int64", "weights that were fitted [weights]"),
        ("best epoch", "int64", "whose weights were kept [epochs]"),
        ("stopped by", "string", "what ended the fit"),
        ("validation", "string", "scores on the validation span, each in its own unit"),
    ]
)
"""Of a fold's models."""

FOLDS = columns(
    [
        ("experiment", "string", "file under configs/train"),
        ("fold", "string", "key: first test session"),
        ("train", "string", "first to last session that is learned from [exchange trading day]"),
        ("validation", "string", "first to last session that stops a fit [exchange trading day]"),
        ("test", "string", "first to last session that is traded [exchange trading day]"),
    ]
)
"""Of the experiments' folds."""

_MONEY = "[account currency]"
TRADES = columns(
    [
        ("model", "string", "whose signals were traded"),
        ("instrument", "string", "dataset.SYMBOL"),
        ("side", "int64", "1 long, -1 short"),
        ("entry_time", "timestamp", "open of the bar that it was entered at [UTC]"),
        ("exit_time", "timestamp", "open of the bar that it was left at [UTC]"),
        ("entry_price", "double", "mean over its entries [quote currency, split-adjusted]"),
        ("exit_price", "double", "[quote currency, split-adjusted]"),
        ("units", "double", "largest position, absolute [base units, split-adjusted]"),
        ("gross", "double", f"profit before costs {_MONEY}"),
        ("cost", "double", f"spread, slippage, impact, fees {_MONEY}"),
        ("carry", "double", f"dividends less borrow and funding {_MONEY}"),
        ("net", "double", f"gross - cost + carry {_MONEY}"),
        ("exit_reason", "string", "why it was closed"),
    ]
)
"""Of a backtest's closed trades."""

VERDICT = columns(
    [
        ("name", "string", "what evidence has to show"),
        ("passed", "bool", "whether it does"),
        ("found", "string", "what was found, with its figures and their units"),
    ]
)
"""Of the legs that the report's verdict stands on."""
