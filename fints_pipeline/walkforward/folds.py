"""Walk-forward folds: which sessions train, validate and test, and in what order.

A fold is counted in sessions (exchange trading days), never in bars or calendar days, so half-days
and holidays do not shift it::

    |<-- train -->| embargo |<- validation ->| embargo |<- test ->|
                  the next fold starts `test` sessions later ...  |<- test ->|

Test spans follow each other without gap or overlap, so that their P&L joins into one series that
was out of sample throughout. `crossvalidation` has the schemes that train on both sides of a test.

Source: López de Prado, Advances in Financial Machine Learning (2018), chapter 7 (purging and
embargo).
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from itertools import pairwise
from typing import Annotated, Any, Literal

from pydantic import Discriminator, Field, Tag

from fints_pipeline.base.config import Config
from fints_pipeline.base.errors import ConfigError
from fints_pipeline.walkforward.crossvalidation import CrossValidation, cross_validated
from fints_pipeline.walkforward.masks import FoldMasks, fold_masks, purged
from fints_pipeline.walkforward.spans import Fold, Span

__all__ = [
    "AnyScheme",
    "CrossValidation",
    "Fold",
    "FoldMasks",
    "FoldScheme",
    "Span",
    "fold_masks",
    "make_folds",
    "purged",
]


class FoldScheme(Config):
    """How the sessions are cut into walk-forward folds; every length is in sessions.

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

    @property
    def parts(self) -> str:
        """What `sessions_needed` is made of, in words."""
        return (
            f"{self.train} train + {self.embargo} embargo + {self.validation} validation"
            f" + {self.embargo} embargo + {self.test} test"
        )


def _family(raw: Any) -> str:
    kind = raw.get("kind", "rolling") if isinstance(raw, dict) else getattr(raw, "kind", "rolling")
    return "crossvalidation" if kind in ("purged_kfold", "combinatorial") else "walkforward"


AnyScheme = Annotated[
    Annotated[FoldScheme, Tag("walkforward")] | Annotated[CrossValidation, Tag("crossvalidation")],
    Discriminator(_family),
]
"""What `folds:` in an experiment's config may be; `kind` tells which."""


def make_folds(sessions: Sequence[date], scheme: FoldScheme | CrossValidation) -> tuple[Fold, ...]:
    """Cut `sessions` into folds; only folds whose test span is complete are made.

    Causal: a walk-forward fold depends on the sessions up to its test's end and no later one, a
    cross-validated one on the scheme's `groups × sessions` first sessions.

    Args:
        sessions: session dates, strictly ascending.
        scheme: lengths of the spans, in sessions.

    Returns:
        Folds in time order; test spans of walk-forward folds follow each other without overlap.

    Raises:
        ConfigError: the sessions are not ascending, or there are too few for one fold.
    """
    _require_ascending(sessions)
    usable = [day for day in sessions if scheme.start is None or day >= scheme.start]
    if len(usable) < scheme.sessions_needed:
        raise ConfigError(_too_few(sessions, usable, scheme), fix="shorten the spans or add data")
    if isinstance(scheme, CrossValidation):
        return cross_validated(usable, scheme)
    count = 1 + (len(usable) - scheme.sessions_needed) // scheme.test
    if scheme.max_folds is not None:
        count = min(count, scheme.max_folds)
    return tuple(_fold(usable, scheme, number) for number in range(count))


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


def _too_few(
    sessions: Sequence[date], usable: Sequence[date], scheme: FoldScheme | CrossValidation
) -> str:
    what = "one fold needs" if isinstance(scheme, FoldScheme) else f"{scheme.kind} needs"
    present = f"{len(usable)} present"
    if scheme.start is not None:
        present += f" from {scheme.start} on ({len(sessions)} in all)"
    return f"{what} {scheme.sessions_needed} sessions ({scheme.parts}); {present}"
