"""One month of tokens in the lake: bars and the month before's state in, tokens and state out."""

from __future__ import annotations

import base64
from dataclasses import replace

from fints_pipeline.base.errors import KeyNotFoundError
from fints_pipeline.base.frames import to_arrow, to_pandas
from fints_pipeline.base.lake import Footer, Lake, TableKey, series_key
from fints_pipeline.base.lake.lineage import any_before, digests
from fints_pipeline.base.time import months_between, previous_month
from fints_pipeline.schemas.bars import BARS
from fints_pipeline.schemas.tokens import tokens_contract
from fints_pipeline.tokenizers.brooks import FIELDS
from fints_pipeline.tokenizers.brooks.tokenizer import SessionMode
from fints_pipeline.tokenizers.config import NOTE, TokenizeConfig
from fints_pipeline.tokenizers.made_with import made_with
from fints_pipeline.tokenizers.run import tokenize_month

STATE = "brooks_state"
GRAMMAR = "grammar"


def build(
    lake: Lake,
    config: TokenizeConfig,
    freq: str,
    instrument: str,
    month: str,
    *,
    tick: float | None,
    session_mode: SessionMode,
) -> Footer:
    """Compute and write ``tokens/freq/instrument/month``.

    It continues from the state in the footer of the tokens of the last earlier month that has bars.
    That month's digest enters the lineage, and the months without bars in between enter it as
    absent; of a series' first month, whatever is earlier does. A change there, or an arrival, makes
    this month stale.

    Raises:
        KeyNotFoundError: the month's bars, or the tokens of the month before, are not in the lake.
        ConfigError: the month before was tokenized with another grammar, tick or session mode.
    """
    bars = series_key("bars", freq, instrument, month)
    before = _months_before(lake, freq, instrument, month)
    state = _state(lake, before[0]) if before else None
    key = series_key("tokens", freq, instrument, month)
    inputs = (bars, *(before or [any_before(key)]))
    rows = lake.read(bars)
    BARS.validate(rows)
    frame, after = tokenize_month(config, to_pandas(rows), tick, session_mode, state)
    contract = tokens_contract(FIELDS)
    lineage = replace(made_with(config, tick, session_mode), inputs=digests(lake, inputs))
    extra = {STATE: base64.b64encode(after).decode(), GRAMMAR: config.grammar_hash}
    notes = {NOTE: config.model_dump_json()}
    return lake.write(key, to_arrow(frame, contract.arrow_schema), contract, lineage, extra, notes)


def _months_before(lake: Lake, freq: str, instrument: str, month: str) -> list[TableKey]:
    """Return the keys of the tokens to continue from and of the empty months after them."""
    earlier = [known for known in lake.months("bars", freq, instrument) if known < month]
    if not earlier:
        return []
    gap = months_between(earlier[-1], previous_month(month))
    return [series_key("tokens", freq, instrument, name) for name in gap]


def _state(lake: Lake, before: TableKey) -> bytes:
    if not lake.exists(before):
        raise KeyNotFoundError(
            f"{before} has not been tokenized yet",
            fix="tokenize an instrument's months in order, each starts from the one before",
        )
    return base64.b64decode(lake.footer(before).extra[STATE])
