"""Walk-forward folds: which sessions train, validate and test, and in what order.

A fold is counted in sessions (exchange trading days), never in bars or calendar days, so half-days
and holidays do not shift it::

    |<-- train -->| embargo |<- validation ->| embargo |<- test ->|
                  the next fold starts `test` sessions later ...  |<- test ->|

Test spans follow each other without gap or overlap, so that their P&L joins into one series that
was out of sample throughout.

Source: López de Prado, Advances in Financial Machine Learning (2018), chapter 7 (purging and
embargo).
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from itertools import pairwise
from typing import Any, Literal, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from fints_pipeline.base.config import Config
from fints_pipeline.base.errors import ConfigError, FormatError


class FoldScheme(Config):
    """How the sessions are cut into folds; every length is in sessions.

    Attributes:
        kind: "rolling" keeps the training length, "expanding" keeps the training start.
        train: sessions in the (first) training span.
        validation: sessions for early stopping, thresholds and calibration.
        test: sessions scored by the fold; also the step from fold to fold.
        embargo: sessions that belong to nobody, between train and validation and between
            validation and test.
        start: first session that may be used; None means the first present.
        max_folds: keep the earliest folds only. New data adds folds at the end, so that a fold
            that was once made is never renamed or moved.
    """

    kind: Literal["rolling", "expanding"] = "rolling"
    train: int = Field(ge=1)
    validation: int = Field(ge=1)
    test: int = Field(ge=1)
    embargo: int = Field(default=1, ge=0)
    start: date | None = None
    max_folds: int | None = Field(default=None, ge=1)

    @property
    def sessions_needed(self) -> int:
        """Sessions that one complete fold takes."""
        return self.train + self.validation + self.test + 2 * self.embargo


@dataclass(frozen=True, order=True)
class Span:
    """Session dates from `first` to `last`, both included."""

    first: date
    last: date

    def __post_init__(self) -> None:
        if self.last < self.first:
            raise ConfigError(
                f"a span ends before it starts: {self.first} … {self.last}",
                fix="give the earlier session first",
            )

    def __contains__(self, session: date) -> bool:
        return self.first <= session <= self.last

    def mask(self, session: NDArray[np.datetime64]) -> NDArray[np.bool_]:
        """Rows whose session date lies in the span.

        Args:
            session: (T,) datetime64 of any unit, session dates.

        Returns:
            (T,) bool.
        """
        days = session.astype("datetime64[D]")
        inside: NDArray[np.bool_] = (days >= np.datetime64(self.first, "D")) & (
            days <= np.datetime64(self.last, "D")
        )
        return inside


@dataclass(frozen=True)
class Fold:
    """One walk-forward step; `key` is the ISO date of the first test session."""

    key: str
    train: Span
    validation: Span
    test: Span

    @property
    def spans(self) -> dict[str, Span]:
        """The three spans by name, in time order."""
        return {"train": self.train, "validation": self.validation, "test": self.test}

    def to_json(self) -> str:
        """One line of JSON; `from_json` gives the same fold back."""
        spans = {
            name: [span.first.isoformat(), span.last.isoformat()]
            for name, span in self.spans.items()
        }
        return json.dumps({"key": self.key, **spans})

    @classmethod
    def from_json(cls, text: str) -> Self:
        """The fold that `to_json` wrote.

        Raises:
            FormatError: the text is not such a fold.
        """
        try:
            raw: dict[str, Any] = json.loads(text)
            first, last = (date.fromisoformat(day) for day in raw["train"])
            train = Span(first, last)
            first, last = (date.fromisoformat(day) for day in raw["validation"])
            validation = Span(first, last)
            first, last = (date.fromisoformat(day) for day in raw["test"])
            return cls(str(raw["key"]), train, validation, Span(first, last))
        except (ValueError, KeyError, TypeError) as error:
            raise FormatError(
                f"not a fold in JSON: {text[:120]!r}",
                fix="write it with Fold.to_json",
            ) from error


def make_folds(sessions: Sequence[date], scheme: FoldScheme) -> tuple[Fold, ...]:
    """Cut `sessions` into folds; only folds whose test span is complete are made.

    Causal: a fold depends on the sessions up to its test's end and no later one.

    Args:
        sessions: session dates, strictly ascending.
        scheme: lengths of the spans, in sessions.

    Returns:
        Folds in time order; their test spans are consecutive and do not overlap.

    Raises:
        ConfigError: the sessions are not ascending, or there are too few for one fold.
    """
    _require_ascending(sessions)
    usable = [day for day in sessions if scheme.start is None or day >= scheme.start]
    if len(usable) < scheme.sessions_needed:
        raise ConfigError(_too_few(sessions, usable, scheme), fix="shorten the spans or add data")
    count = 1 + (len(usable) - scheme.sessions_needed) // scheme.test
    if scheme.max_folds is not None:
        count = min(count, scheme.max_folds)
    return tuple(_fold(usable, scheme, number) for number in range(count))


def purged(label_end: NDArray[np.datetime64], before: np.datetime64) -> NDArray[np.bool_]:
    """Samples whose label is known by `before`, and may thus be learned from.

    A label uses (close_time, label_end]; what is forbidden starts at `before`, the open time of
    the first bar of the next span. A label that ends at that very instant saw nothing of it.

    Args:
        label_end: (T,) datetime64, when each label becomes known; NaT where it never did.
        before: first instant of the span that must stay unseen.

    Returns:
        (T,) bool, True for samples to keep; False where label_end is NaT.
    """
    kept: NDArray[np.bool_] = ~np.isnat(label_end) & (label_end <= before)
    return kept


@dataclass(frozen=True)
class FoldMasks:
    """Rows of one fold, each (T,) bool; no row is in two of them."""

    train: NDArray[np.bool_]
    validation: NDArray[np.bool_]
    test: NDArray[np.bool_]


def fold_masks(
    fold: Fold,
    session: NDArray[np.datetime64],
    open_time: NDArray[np.datetime64],
    close_time: NDArray[np.datetime64],
    label_end: NDArray[np.datetime64],
) -> FoldMasks:
    """Row masks of a fold, purged: no label of a span reaches into a later one.

    Training rows are purged against the first bar of validation; validation rows against the close
    of validation's last bar, since whoever trains has not loaded the test span, and whoever has
    must find the same rows. Test rows are all kept: they are scored, not learned from.

    Args:
        fold: the spans.
        session: (T,) datetime64, session date of each row.
        open_time: (T,) datetime64 UTC, when each bar opens.
        close_time: (T,) datetime64 UTC, when each bar closes.
        label_end: (T,) datetime64 UTC, when each row's label becomes known; NaT if unknown.

    Returns:
        Masks of shape (T,).
    """
    rows = {name: span.mask(session) for name, span in fold.spans.items()}
    later = rows["validation"]
    for name in ("train", "validation"):
        if rows[name].any():
            own_end = close_time[rows[name]].max()
            before = open_time[later].min() if name == "train" and later.any() else own_end
            rows[name] = rows[name] & purged(label_end, before)
    return FoldMasks(**rows)


def _fold(sessions: Sequence[date], scheme: FoldScheme, number: int) -> Fold:
    offset = number * scheme.test
    train_first = offset if scheme.kind == "rolling" else 0
    train_end = offset + scheme.train
    validation_start = train_end + scheme.embargo
    validation_end = validation_start + scheme.validation
    test_start = validation_end + scheme.embargo
    test_end = test_start + scheme.test
    return Fold(
        key=sessions[test_start].isoformat(),
        train=Span(sessions[train_first], sessions[train_end - 1]),
        validation=Span(sessions[validation_start], sessions[validation_end - 1]),
        test=Span(sessions[test_start], sessions[test_end - 1]),
    )


def _require_ascending(sessions: Sequence[date]) -> None:
    for earlier, later in pairwise(sessions):
        if later <= earlier:
            raise ConfigError(
                f"sessions are not strictly ascending: {later} follows {earlier}",
                fix="sort the session dates and drop repeats",
            )


def _too_few(sessions: Sequence[date], usable: Sequence[date], scheme: FoldScheme) -> str:
    parts = (
        f"{scheme.train} train + {scheme.embargo} embargo + {scheme.validation} validation"
        f" + {scheme.embargo} embargo + {scheme.test} test"
    )
    present = f"{len(usable)} present"
    if scheme.start is not None:
        present += f" from {scheme.start} on ({len(sessions)} in all)"
    return f"one fold needs {scheme.sessions_needed} sessions ({parts}); {present}"
