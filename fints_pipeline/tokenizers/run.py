"""One month of tokens from its bars and the state that the month before left."""

from __future__ import annotations

import pandas as pd

from fints_pipeline.tokenizers.brooks import FIELDS, BrooksTokenizer, State
from fints_pipeline.tokenizers.brooks.tokenizer import PRICES, SessionMode
from fints_pipeline.tokenizers.config import TokenizeConfig
from fints_pipeline.tokenizers.ticks import check_grid

KEY_COLUMNS = ("instrument", "open_time", "close_time", "session", "is_filled")


def tokenize_month(
    config: TokenizeConfig,
    bars: pd.DataFrame,
    tick: float | None,
    session_mode: SessionMode,
    state: bytes | None = None,
) -> tuple[pd.DataFrame, bytes]:
    """Tokenize one instrument's bars, continuing from ``state``.

    Causal: row t is known at its close_time. Months in order with their states handed on give what
    one pass over all of them gives.

    Args:
        config: The grammar's parameters, and what to do with prices off the tick grid.
        bars: BarsSchema rows of one instrument, ascending close_time.
        tick: Price of one tick; None infers it (from the first month; later ones take the state's).
        session_mode: ``reset`` or ``continuous``.
        state: What the call for the month before returned; None starts anew.

    Returns:
        Tokens, with the bars' key columns and an int8 column a field; and the state after them.

    Raises:
        FormatError: prices off the grid that the config or an inferred tick refuses, or ``state``
            is no state.
        ConfigError: ``state`` belongs to another grammar, tick or session mode.
    """
    if tick is not None and config.off_grid == "refuse":
        check_grid(bars[list(PRICES)].to_numpy(float), tick, PRICES)
    tokenizer = BrooksTokenizer(tick, session_mode, config.parameters)
    if state is not None:
        tokenizer.state = State.from_bytes(state)
    tokens = tokenizer.encode(bars)
    frame = bars[list(KEY_COLUMNS)].reset_index(drop=True)
    for column, name in enumerate(FIELDS):
        frame[name] = tokens[:, column]
    return frame, tokenizer.state.to_bytes()
