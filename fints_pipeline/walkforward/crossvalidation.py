"""Purged k-fold and combinatorial purged cross-validation: training on both sides of a test.

The sessions are cut into N groups of equal length. Every choice of k of them is tested once by
what was trained on the others::

    N = 4, k = 2, the split that tests groups 1 and 3 (e: embargo, v: validation)
    | train      e|e   test      e|e train e v e|   test        |

That makes C(N, k) splits, and each group is tested C(N − 1, k − 1) times. Taking each group's
p-th test gives path p: φ = k/N · C(N, k) paths, each of which covers every session once. One path
is a backtest; φ of them show how far its result hangs on the path that history took.

These folds learn from days after those they test. They measure a model's stability, and cannot
stand for what trading it would have earned: a walk-forward scheme does.

Source: López de Prado, Advances in Financial Machine Learning (2018), 7.4 and chapter 12.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date
from itertools import combinations, groupby
from typing import Literal, Self

from pydantic import Field, model_validator

from fints_pipeline.base.config import Config
from fints_pipeline.base.errors import ConfigError
from fints_pipeline.walkforward.spans import Fold, Span


class CrossValidation(Config):
    """How the first sessions are cut into groups; every length is in sessions.

    The number of groups and their length are both given, so that sessions that arrive later move
    no group, and a fold's key means the same spans for ever.

    Attributes:
        kind: "purged_kfold" tests one group at a time, "combinatorial" every `test_groups` of them.
        groups: N, how many groups there are.
        sessions: length of a group.
        test_groups: k, groups that a split tests.
        validation: sessions at the end of the last group that is trained on, for early stopping,
            thresholds and calibration.
        embargo: sessions that belong to nobody, on both sides of each test group and of validation.
        start: first session that may be used; None means the first present.
        max_folds: keep the first splits only; the paths then need them all and are left out.
    """

    kind: Literal["purged_kfold", "combinatorial"]
    groups: int = Field(ge=2, le=20)
    sessions: int = Field(ge=1)
    test_groups: int = Field(default=1, ge=1)
    validation: int = Field(ge=1)
    embargo: int = Field(default=1, ge=0)
    start: date | None = None
    max_folds: int | None = Field(default=None, ge=1)

    @model_validator(mode="after")
    def _leaves_something_to_train_on(self) -> Self:
        if self.kind == "purged_kfold" and self.test_groups != 1:
            raise ValueError("purged_kfold tests one group at a time: leave `test_groups` out")
        if self.kind == "combinatorial" and not 2 <= self.test_groups < self.groups:
            raise ValueError("`test_groups` is from 2 to one less than `groups`")
        needed = self.validation + 3 * self.embargo + 1
        if self.sessions < needed:
            raise ValueError(
                f"a group of {self.sessions} sessions leaves nothing to train on beside"
                f" {self.validation} of validation and the embargoes: make it {needed} at least"
            )
        return self

    @property
    def sessions_needed(self) -> int:
        """Sessions that all groups take."""
        return self.groups * self.sessions

    @property
    def parts(self) -> str:
        """What `sessions_needed` is made of, in words."""
        return f"{self.groups} groups of {self.sessions}"


def cross_validated(sessions: Sequence[date], scheme: CrossValidation) -> tuple[Fold, ...]:
    """The splits of a scheme, in lexicographic order of their test groups.

    Args:
        sessions: ascending, at least `scheme.sessions_needed` of them.
        scheme: groups and lengths.
    """
    chosen = combinations(range(scheme.groups), scheme.test_groups)
    folds = tuple(_fold(sessions, scheme, tested) for tested in chosen)
    return folds[: scheme.max_folds]


def path_count(groups: int, test_groups: int) -> int:
    """φ, how many backtest paths N groups, k of them tested at a time, give."""
    splits = sum(1 for _ in combinations(range(groups), test_groups))
    return splits * test_groups // groups


def backtest_paths(folds: Sequence[Fold]) -> tuple[tuple[tuple[Fold, Span], ...], ...]:
    """Join the splits of one scheme into paths.

    Args:
        folds: every split of the scheme.

    Returns:
        Paths; each has, group by group in time order, the fold to take it from and the group.

    Raises:
        ConfigError: splits are missing, so that groups are tested unequally often.
    """
    groups = _test_groups(folds)
    testing = [[fold for fold in folds if group.first in fold.test] for group in groups]
    times = {len(found) for found in testing}
    if len(times) != 1:
        raise ConfigError(
            f"the {len(folds)} splits there are test the groups {min(times)} to {max(times)} times",
            where="cross-validation",
            fix="train and predict every split; leave `max_folds` out",
        )
    return tuple(
        tuple((found[path], group) for found, group in zip(testing, groups, strict=True))
        for path in range(times.pop())
    )


def _test_groups(folds: Sequence[Fold]) -> list[Span]:
    """The groups, told by where test spans begin and end; neighbours are tested as one piece."""
    parts = [part for fold in folds for part in fold.test.parts]
    firsts, lasts = sorted({part.first for part in parts}), sorted({part.last for part in parts})
    if len(firsts) != len(lasts):
        raise ConfigError(
            "the splits there are do not tell the groups apart",
            where="cross-validation",
            fix="train and predict every split; leave `max_folds` out",
        )
    return [Span(first, last) for first, last in zip(firsts, lasts, strict=True)]


def _fold(sessions: Sequence[date], scheme: CrossValidation, tested: tuple[int, ...]) -> Fold:
    length, embargo = scheme.sessions, scheme.embargo
    test = [n for group in tested for n in range(group * length, (group + 1) * length)]
    last_group = max(set(range(scheme.groups)) - set(tested))
    end = (last_group + 1) * length - (embargo if last_group + 1 in tested else 0)
    validation = range(end - scheme.validation, end)
    taken = _widened(test, embargo) | _widened(validation, embargo)
    train = [n for n in range(scheme.groups * length) if n not in taken]
    key = "+".join(sessions[group * length].isoformat() for group in tested)
    return Fold(key, *(_span(sessions, numbers) for numbers in (train, validation, test)))


def _widened(numbers: Iterable[int], by: int) -> set[int]:
    return {n + shift for n in numbers for shift in range(-by, by + 1)}


def _span(sessions: Sequence[date], numbers: Iterable[int]) -> Span:
    """The span of sessions by number, with a hole wherever numbers are left out."""
    runs = groupby(enumerate(numbers), key=lambda pair: pair[1] - pair[0])
    parts = []
    for _, run in runs:
        own = [number for _, number in run]
        parts.append(Span(sessions[own[0]], sessions[own[-1]]))
    return Span.of(parts)
