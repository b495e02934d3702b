"""One month of tokens in the lake: bars and the month before's state in, tokens and state out."""

from __future__ import annotations

import base64

from fints_pipeline.base.config import fingerprint
from fints_pipeline.base.errors import KeyNotFoundError
from fints_pipeline.base.frames import to_arrow, to_pandas
from fints_pipeline.base.lake import Footer, Lake, Lineage, TableKey, series_key
from fints_pipeline.base.lake.lineage import digests
from fints_pipeline.base.time import months_between, previous_month
from fints_pipeline.schemas.tokens import tokens_contract
from fints_pipeline.tokenizers.brooks import FIELDS
from fints_pipeline.tokenizers.brooks.tokenizer import SessionMode
from fints_pipeline.tokenizers.config import TokenizeConfig
from fints_pipeline.tokenizers.run import tokenize_month

CODE_VERSION = "1"
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
    absent: a change there, or an arrival, makes this month stale.

    Raises:
        KeyNotFoundError: the month's bars, or the tokens of the month before, are not in the lake.
        ConfigError: the month before was tokenized with another grammar, tick or session mode.
    """
    bars = series_key("bars", freq, instrument, month)
    before = _month_before(lake, freq, instrument, month)
    state = _state(lake, before)
    table = lake.read(bars)
    gap = months_between(before["month"], previous_month(month))
    inputs = (bars, *(series_key("tokens", freq, instrument, name) for name in gap))
    frame, after = tokenize_month(config, to_pandas(table), tick, session_mode, state)
    contract = tokens_contract(FIELDS)
    settings = {"config": config.model_dump(), "tick": tick, "session_mode": session_mode}
    lineage = Lineage(CODE_VERSION, fingerprint(settings), digests(lake, inputs))
    extra = {STATE: base64.b64encode(after).decode(), GRAMMAR: config.grammar_hash}
    key = series_key("tokens", freq, instrument, month)
    return lake.write(key, to_arrow(frame, contract.arrow_schema), contract, lineage, extra)


def _month_before(lake: Lake, freq: str, instrument: str, month: str) -> TableKey:
    """Return the key of the tokens to continue from; of the calendar's month before if none."""
    earlier = [known for known in lake.months("bars", freq, instrument) if known < month]
    before = earlier[-1] if earlier else previous_month(month)
    return series_key("tokens", freq, instrument, before)


def _state(lake: Lake, before: TableKey) -> bytes | None:
    bars = TableKey("bars", before.parts)
    if not lake.exists(bars):
        return None
    if not lake.exists(before):
        raise KeyNotFoundError(
            f"{before} has not been tokenized yet",
            fix="tokenize an instrument's months in order, each starts from the one before",
        )
    return base64.b64decode(lake.footer(before).extra[STATE])
