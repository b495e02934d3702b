"""A data set's YAML, drafted from what a file shows, for a person to finish."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import yaml

from fints_pipeline.base.time import MINUTES_A_DAY, minutes
from fints_pipeline.data.inspection import Finding

_SATURDAY, _SUNDAY = 5, 6
_WIDTH = 100
_FREQUENCIES = ("1m", "5m", "30m", "1D")


def draft(found: Finding, name: str) -> str:
    """Return the YAML text of a data set that takes files like this one.

    Args:
        found: A file whose format was recognised, or whose layout could be guessed at least partly.
        name: The data set's name.
    """
    base = found.frequency
    calendar, asset_class = _market(found)
    dataset: dict[str, Any] = {
        "name": re.sub(r"[^a-z0-9_]", "_", name.casefold()).lstrip("_0123456789") or "mine",
        "format": found.form.name if found.form is not None else "custom",
    }
    if found.guess is not None:
        dataset["layout"] = found.guess.layout
    dataset |= {
        "calendar": calendar,
        "timezone": found.timezone,
        "asset_class": asset_class,
        "has_volume": _has_volume(found),
        "base_frequency": base,
        "frequencies": [base, *(f for f in _FREQUENCIES if minutes(f) > minutes(base))],
        "model_frequency": "5m" if minutes(base) < minutes("5m") else base,
        "ticks": {found.symbol or "*": found.tick or 0.01},
        "max_fill_minutes": 60 if minutes(base) < MINUTES_A_DAY else 0,
    }
    questions = found.guess.open_questions if found.guess is not None else []
    notes = [
        f"Drafted from {found.file.where}; look at every line.",
        "timezone is a guess unless stamps are epochs or carry their offset: run the clock check.",
        "calendar and asset_class are told by weekends alone; ticks by the prices of this file.",
        *(f"OPEN: {question}" for question in questions),
        "Copy `features:`, `labels:` and `tokenize:` from another data set to go on to models.",
    ]
    text = yaml.safe_dump({"dataset": dataset}, sort_keys=False, default_flow_style=None,
                          width=_WIDTH, allow_unicode=True)  # fmt: skip
    return "".join(f"# {note}\n" for note in notes) + "\n" + text


def _market(found: Finding) -> tuple[str, str]:
    """Return a calendar and an asset class, by which days of the week have bars."""
    if found.bars is None or not found.bars.table.num_rows:
        return "XNYS", "equity"
    opened = found.bars.table.column("open_time").to_numpy().astype("datetime64[D]")
    # 1970-01-01 was a Thursday.
    weekdays = set(((np.unique(opened).astype(np.int64) + 3) % 7).tolist())
    if _SATURDAY in weekdays:
        return "crypto_24_7", "crypto"
    return ("fx_24_5", "fx") if _SUNDAY in weekdays else ("XNYS", "equity")


def _has_volume(found: Finding) -> bool:
    if found.bars is None:
        return True
    volume = found.bars.table.column("volume").to_numpy()
    return bool((np.nan_to_num(volume) > 0).any())
