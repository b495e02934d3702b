"""The public face of the grammar: whole frames, single bars, and the state between them."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Any, Literal, NamedTuple, get_args

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from fints_pipeline.base.errors import ConfigError, FormatError, nearest
from fints_pipeline.tokenizers.brooks import kernel
from fints_pipeline.tokenizers.brooks.fields import FIELDS
from fints_pipeline.tokenizers.brooks.parameters import Parameters, grammar_hash
from fints_pipeline.tokenizers.brooks.state import STATE, State
from fints_pipeline.tokenizers.ticks import check_grid, infer_tick

SessionMode = Literal["reset", "continuous"]
PRICES = ("open", "high", "low", "close")
EPOCH = date(1970, 1, 1).toordinal()


class Swing(NamedTuple):
    """A stored swing.

    Attributes:
        kind: ``high`` or ``low``.
        bars_ago: Its distance from the last good bar.
        price: Its extreme, split-adjusted.
        label: Value of the field ``swing`` that it has.
    """

    kind: str
    bars_ago: int
    price: float
    label: str


class BrooksTokenizer:
    """Tokenizes bars in order; every call continues from where the one before ended.

    Causal: a row's tokens depend on that bar and earlier ones, so they are known at its close.

    Args:
        tick: Price of one tick; prices are rounded to it. None infers it from the first frame, as
            the largest power of ten that divides every price, and holds later frames to it.
        session_mode: ``reset`` for regular trading hours, ``continuous`` for round-the-clock and
            daily bars.
        parameters: The grammar's thresholds.

    Raises:
        ConfigError: a tick that is not positive, or an unknown session mode.
    """

    def __init__(
        self,
        tick: float | None = None,
        session_mode: SessionMode = "continuous",
        parameters: Parameters | None = None,
    ) -> None:
        if session_mode not in get_args(SessionMode):
            raise ConfigError(
                f"session_mode {session_mode!r} is unknown",
                fix=nearest(str(session_mode), get_args(SessionMode)),
            )
        if tick is not None and not (tick > 0 and np.isfinite(tick)):
            raise ConfigError(f"tick {tick!r} is not a positive number")
        self.session_mode: SessionMode = session_mode
        self.parameters = parameters or Parameters()
        self.grammar = grammar_hash(self.parameters, FIELDS)
        self._inferred = tick is None
        self._memory = np.zeros(kernel.TOKEN_BYTES.stop, dtype=np.uint8)
        self._record = self._memory[kernel.STATE_BYTES].view(STATE)
        self._parameters = self._memory[kernel.PARAMETER_BYTES].view(kernel.PARAMETERS)
        self._row = self._memory[kernel.TOKEN_BYTES].view(np.int8)
        self._record[:] = kernel.new_record(reset=session_mode == "reset")
        self._parameters[:] = self.parameters.record()
        self._tick: float | None = None
        self._set_tick(tick)

    @property
    def tick(self) -> float | None:
        """Price of one tick; None until the first frame has shown it."""
        return self._tick

    @property
    def state(self) -> State:
        """The memory after the bars so far; assigning one continues from there."""
        return State(self.grammar, self._tick, self.session_mode, self._record.tobytes())

    @state.setter
    def state(self, state: State) -> None:
        mine = {"grammar": self.grammar, "session_mode": self.session_mode}
        if not self._inferred:
            mine["tick"] = repr(self._tick)
        theirs = {"grammar": state.grammar, "session_mode": state.session_mode}
        theirs["tick"] = repr(state.tick)
        for name, value in mine.items():
            if theirs[name] != value:
                raise ConfigError(
                    f"the state was made with {name} {theirs[name]}, this tokenizer has {value}",
                    fix="tokenize from the first bar again, or use the tokenizer that made it",
                )
        self._set_tick(state.tick)
        self._record[:] = np.frombuffer(state.record, dtype=STATE)

    @property
    def swings(self) -> tuple[Swing, ...]:
        """The stored swings, oldest first, at most eight."""
        s = self._record[0]
        names = FIELDS["swing"]
        return tuple(
            Swing(
                "low" if s["swing_side"][k] else "high",
                int(s["t"] - s["swing_bar"][k]),
                self._price(s["swing_level"][k], s["swing_side"][k]),
                names[s["swing_label"][k]],
            )
            for k in range(s["swings"])
        )

    @property
    def targets(self) -> tuple[float | None, float | None]:
        """Prices of the standing measured-move targets, up and down."""
        s = self._record[0]
        up, down = (
            self._price(s["target"][side], side) if s["target_active"][side] else None
            for side in range(2)
        )
        return up, down

    def _price(self, level: int, side: int) -> float:
        """A level in a side's mirrored ticks as a price."""
        return float(-level if side else level) * (self._tick or np.nan)

    def encode(self, bars: pd.DataFrame) -> NDArray[np.int8]:
        """Return the tokens of ``bars``, continuing from the current state.

        Args:
            bars: Ascending in time, with open, high, low, close and session (a date, or an
                integer that differs between neighbouring sessions); optionally is_filled (bool)
                and split_factor, by which prices are multiplied. Not changed.

        Returns:
            (T, 10) int8, one column a field of `FIELDS`, each an index into its values.

        Raises:
            FormatError: a column is missing or not of its kind, a price does not fit the inferred
                tick, or lies too many ticks from zero to be exact.
        """
        raw = _columns(bars, PRICES)
        days, filled = _session_numbers(bars), _filled(bars)
        tick = self._tick_for(raw)
        prices = _adjusted(bars, raw)
        out = np.empty((len(bars), len(FIELDS)), dtype=np.int8)
        record = self._record.copy()
        wrong = kernel.batch(record, self._parameters, tick, prices, days, filled, out)
        if wrong >= 0:
            raise _inexact(f"row {wrong}", tick)
        self._record[:] = record
        self._set_tick(tick)
        return out

    def update(self, bar: Mapping[str, Any]) -> NDArray[np.int8]:
        """Return the ten tokens of the next bar, as `encode` would.

        Args:
            bar: A mapping (dict, Series) with open, high, low, close and session; optionally
                is_filled and split_factor.

        Raises:
            FormatError: a key is missing, no tick is known yet, or a price is inexact.
        """
        try:
            day = _session_number(bar["session"])
            o, h, low, c = bar["open"], bar["high"], bar["low"], bar["close"]
        except KeyError as error:
            raise FormatError(f"the bar has no {error.args[0]!r}") from None
        factor = bar.get("split_factor", 1.0)
        is_filled = _is_filled(bar.get("is_filled", False))
        return self.update_row(o * factor, h * factor, low * factor, c * factor, day, is_filled)

    def update_row(
        self, o: float, h: float, low: float, c: float, session: int, is_filled: bool = False
    ) -> NDArray[np.int8]:
        """Return the ten tokens of the next bar, from plain numbers: the fast way to stream.

        Args:
            o: Open; as high, low and close, split-adjusted.
            h: High.
            low: Low.
            c: Close.
            session: Days from 1970-01-01 to the session's date, or an integer as `encode` takes it.
            is_filled: Whether the bar only carries a price forward.

        Raises:
            FormatError: no tick is known yet, or a price is inexact.
        """
        if self._tick is None:
            raise FormatError("the tick cannot be inferred from one bar", fix="give the tick")
        exact = kernel.single(
            self._memory, float(o), float(h), float(low), float(c), session, is_filled
        )
        if not exact:
            raise _inexact(f"session {session}", self._tick)
        return self._row.copy()

    def _set_tick(self, tick: float | None) -> None:
        self._tick = None if tick is None else float(tick)
        self._memory[kernel.TICK_BYTES].view(np.float64)[0] = self._tick or np.nan

    def _tick_for(self, raw: tuple[NDArray[np.float64], ...]) -> float:
        if not self._inferred and self._tick is not None:
            return self._tick
        table = np.column_stack(raw)
        if self._tick is None:
            return infer_tick(table)
        check_grid(table, self._tick, PRICES)
        return self._tick


def _columns(bars: pd.DataFrame, names: tuple[str, ...]) -> tuple[NDArray[np.float64], ...]:
    missing = [name for name in names if name not in bars.columns]
    if missing:
        raise FormatError(
            f"the bars have no column {', '.join(missing)}",
            where=f"columns are {', '.join(map(str, bars.columns))}",
        )
    try:
        return tuple(np.ascontiguousarray(bars[name], dtype=np.float64) for name in names)
    except (ValueError, TypeError) as error:
        raise FormatError(f"a price column is not numeric: {error}") from None


def _adjusted(
    bars: pd.DataFrame, raw: tuple[NDArray[np.float64], ...]
) -> tuple[NDArray[np.float64], ...]:
    """Multiply by split factors: known at the bar, and the state needs no rescaling at a split."""
    if "split_factor" not in bars.columns:
        return raw
    (factor,) = _columns(bars, ("split_factor",))
    return tuple(np.ascontiguousarray(column * factor) for column in raw)


def _filled(bars: pd.DataFrame) -> NDArray[np.bool_]:
    if "is_filled" not in bars.columns:
        return np.zeros(len(bars), dtype=np.bool_)
    return bars["is_filled"].astype("boolean").fillna(False).to_numpy(np.bool_)


def _is_filled(value: Any) -> bool:
    """One flag as `_filled` reads it: null is False."""
    if value is True or value is False:
        return bool(value)
    return bool(pd.notna(value) and value)


def _session_numbers(bars: pd.DataFrame) -> NDArray[np.int64]:
    """Sessions as days since 1970, or as the integers they are."""
    if "session" not in bars.columns:
        raise FormatError(
            "the bars have no column session", fix="add each bar's trading day as `session`"
        )
    column = bars["session"]
    if pd.api.types.is_bool_dtype(column) or column.isna().any():
        raise FormatError("column session must hold a date or an integer in every row")
    if pd.api.types.is_integer_dtype(column):
        return np.ascontiguousarray(column, dtype=np.int64)
    try:
        if isinstance(column.dtype, pd.DatetimeTZDtype):
            column = column.dt.tz_localize(None)
        days = column.to_numpy().astype("datetime64[D]")
    except (ValueError, TypeError):
        raise FormatError("column session holds neither dates nor integers") from None
    return np.ascontiguousarray(days.astype(np.int64))


def _session_number(session: object) -> int:
    """One session as `_session_numbers` gives it."""
    if type(session) is int:
        return session
    try:
        if isinstance(session, date):  # datetimes and pandas stamps are dates
            return int(session.toordinal()) - EPOCH
        if isinstance(session, int | np.integer):
            return int(session)
        day = np.datetime64(session, "D")  # type: ignore[call-overload]
        if not np.isnat(day):
            return int(day.astype(np.int64))
    except (ValueError, TypeError):
        pass
    raise FormatError(f"session {session!r} is neither a date nor an integer")


def _inexact(where: str, tick: float) -> FormatError:
    return FormatError(
        "a price lies more than 2^52 ticks from zero and cannot be exact",
        where=where,
        fix=f"check the price and the tick ({tick!r})",
    )
