"""The ten fields in the grammar's order; a token's column and value are its positions here."""

from __future__ import annotations

from fints_pipeline.tokenizers.brooks import (
    bar,
    breakout,
    combo,
    context,
    entry,
    event,
    magnet,
    pullback,
    swing,
    trend,
)

FIELDS: dict[str, tuple[str, ...]] = {
    "trend": trend.VALUES,
    "context": context.VALUES,
    "bar": bar.VALUES,
    "combo": combo.VALUES,
    "swing": swing.VALUES,
    "pullback": pullback.VALUES,
    "entry": entry.VALUES,
    "breakout": breakout.VALUES,
    "magnet": magnet.VALUES,
    "event": event.VALUES,
}
FIELD_NAMES = tuple(FIELDS)
NA = 0
