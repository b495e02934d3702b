"""Spans of session dates, and the fold that is made of three of them."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from itertools import pairwise
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from fints_pipeline.base.errors import ConfigError, FormatError

_DAY = timedelta(days=1)


@dataclass(frozen=True, order=True)
class Span:
    """Session dates from `first` to `last`, both included, but for those of `without`.

    Attributes:
        first: a session.
        last: a session.
        without: holes, ascending and apart, each within the span. Walk-forward spans have none; the
            training span of a cross-validated fold has one where it tests.
    """

    first: date
    last: date
    without: tuple[Span, ...] = ()

    def __post_init__(self) -> None:
        if self.last < self.first:
            raise ConfigError(
                f"a span ends before it starts: {self.first} … {self.last}",
                fix="give the earlier session first",
            )
        edge = self.first
        for hole in self.without:
            if not (edge < hole.first and hole.last < self.last):
                raise ConfigError(
                    f"a hole {hole.first} … {hole.last} does not lie within the span"
                    f" {self.first} … {self.last} and apart from the one before"
                )
            edge = hole.last + _DAY

    @classmethod
    def of(cls, parts: Sequence[Span]) -> Self:
        """The span of ascending parts without what lies between them."""
        holes = tuple(
            Span(earlier.last + _DAY, later.first - _DAY) for earlier, later in pairwise(parts)
        )
        return cls(parts[0].first, parts[-1].last, holes)

    @property
    def parts(self) -> tuple[Span, ...]:
        """The pieces without a hole, ascending."""
        firsts = (self.first, *(hole.last + _DAY for hole in self.without))
        lasts = (*(hole.first - _DAY for hole in self.without), self.last)
        return tuple(Span(first, last) for first, last in zip(firsts, lasts, strict=True))

    def __contains__(self, session: date) -> bool:
        within = self.first <= session <= self.last
        return within and not any(session in hole for hole in self.without)

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
        for hole in self.without:
            inside &= ~hole.mask(session)
        return inside

    def _to_json(self) -> list[Any]:
        ends: list[Any] = [self.first.isoformat(), self.last.isoformat()]
        return [*ends, [hole._to_json() for hole in self.without]] if self.without else ends

    @classmethod
    def _from_json(cls, raw: Sequence[Any]) -> Self:
        first, last, *holes = raw
        without = tuple(Span._from_json(hole) for hole in holes[0]) if holes else ()
        return cls(date.fromisoformat(first), date.fromisoformat(last), without)


@dataclass(frozen=True)
class Fold:
    """One step of a scheme.

    Attributes:
        key: unique in its scheme and never given to other spans: the ISO date of the first test
            session; of a cross-validated fold the dates of its test groups, joined by "+".
        train: what weights, scalers and vocabularies are fitted on.
        validation: early stopping, thresholds, calibration.
        test: scored, and nothing else.
    """

    key: str
    train: Span
    validation: Span
    test: Span

    @property
    def spans(self) -> dict[str, Span]:
        """The three spans by name."""
        return {"train": self.train, "validation": self.validation, "test": self.test}

    @property
    def is_ordered(self) -> bool:
        """Whether it trains before it validates before it tests, each in one piece."""
        holes = any(span.without for span in self.spans.values())
        return not holes and self.train.last < self.validation.first <= self.validation.last < (
            self.test.first
        )

    @property
    def extent(self) -> Span:
        """From the first to the last session of any of its spans."""
        spans = self.spans.values()
        return Span(min(span.first for span in spans), max(span.last for span in spans))

    def to_json(self) -> str:
        """One line of JSON; `from_json` gives the same fold back."""
        spans = {name: span._to_json() for name, span in self.spans.items()}
        return json.dumps({"key": self.key, **spans})

    @classmethod
    def from_json(cls, text: str) -> Self:
        """The fold that `to_json` wrote.

        Raises:
            FormatError: the text is not such a fold.
        """
        try:
            raw: dict[str, Any] = json.loads(text)
            spans = [Span._from_json(raw[name]) for name in ("train", "validation", "test")]
            return cls(str(raw["key"]), *spans)
        except (ValueError, KeyError, TypeError, ConfigError) as error:
            raise FormatError(
                f"not a fold in JSON: {text[:120]!r}",
                fix="write it with Fold.to_json",
            ) from error
