"""The record of an experiment's folds in the lake: a fold that was once made never moves.

Folds are counted in sessions from the first one, so a month that arrives late, before or within
what was there, would shift them all, and a fold's key would come to mean other spans. What was
made once is therefore kept in ``folds/<experiment>.json``, by the fingerprint of what the folds
were cut from, and later sessions add folds after the last one.
"""

from __future__ import annotations

import json
from bisect import bisect_right
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import date
from itertools import takewhile
from pathlib import PurePosixPath

from fints_pipeline.base.config import fingerprint
from fints_pipeline.base.errors import FormatError, LakeError
from fints_pipeline.base.lake import Lake
from fints_pipeline.base.time import month_of, months_between
from fints_pipeline.training.config import DataConfig, ExperimentConfig
from fints_pipeline.walkforward.folds import (
    AnyScheme,
    CrossValidation,
    Fold,
    Span,
    make_folds,
)

Record = dict[str, tuple[Fold, ...]]
"""Folds in time order, by the fingerprint of scheme and instruments."""


def recorded_folds(
    lake: Lake,
    experiment: ExperimentConfig,
    sessions: Sequence[date],
    is_settled: Callable[[Fold], bool],
) -> tuple[Fold, ...]:
    """Return the folds that the sessions cover: those on record, then new ones.

    New folds are recorded up to the first that is not settled: while months are still being made,
    in whatever order, its sessions are not all known. A lake with nothing to record is just read.

    Args:
        lake: holds the record.
        experiment: its scheme and instruments; another scheme has a record of its own.
        sessions: session dates that are present, strictly ascending.
        is_settled: whether a fold's data is complete; see `has_every_month`.

    Raises:
        ConfigError: there are too few sessions for one fold.
        LakeError: the record is damaged or cannot be written.
    """
    scheme, name = experiment.folds, scheme_fingerprint(experiment)
    path = PurePosixPath("folds") / f"{experiment.experiment}.json"
    known = _read(lake, path).get(name, ())
    new = _new(known, sessions, scheme)
    if new and is_settled(new[0]):
        with lake.store.locked(f"folds-{experiment.experiment}"):
            record = _read(lake, path)
            known = record.get(name, ())
            new = _new(known, sessions, scheme)
            kept = (*known, *takewhile(is_settled, new))
            with lake.store.replacing(path) as temporary:
                temporary.write_text(_to_json({**record, name: kept}), encoding="utf-8")
    known = (*known, *new)
    covered = [fold for fold in known if _covers(sessions, fold)][: scheme.max_folds]
    if not covered:
        make_folds(sessions, scheme)  # says how many sessions are missing, where some are
    return tuple(covered)


def has_every_month(lake: Lake, data: DataConfig) -> Callable[[Fold], bool]:
    """Return whether, for a fold, each instrument has features of every month that it spans.

    An instrument that begins within the fold is asked for its months from the first one on.
    """
    months = [lake.months("features", data.frequency, one) for one in data.instruments]

    def is_settled(fold: Fold) -> bool:
        first, last = month_of(fold.extent.first), month_of(fold.extent.last)
        return all(
            own and set(months_between(max(first, min(own)), last)) <= set(own) for own in months
        )

    return is_settled


def scheme_fingerprint(experiment: ExperimentConfig) -> str:
    """Name what folds are cut from; `max_folds` moves none of them and does not enter."""
    scheme = experiment.folds.model_dump(mode="json", exclude={"max_folds"})
    return fingerprint([scheme, list(experiment.data.instruments), experiment.data.frequency])


def _new(known: Sequence[Fold], sessions: Sequence[date], scheme: AnyScheme) -> tuple[Fold, ...]:
    """Return the complete folds after the last known one."""
    if not known:
        return make_folds(sessions, scheme)
    if isinstance(scheme, CrossValidation):
        return ()  # its groups are the first sessions; later ones belong to none
    left = None if scheme.max_folds is None else scheme.max_folds - len(known)
    test_start = bisect_right(sessions, known[-1].test.last)
    first = test_start - (scheme.sessions_needed - scheme.test)
    complete = len(sessions) - test_start >= scheme.test
    if not complete or first < 0 or (left is not None and left <= 0):
        return ()
    step = scheme.model_copy(update={"start": None, "max_folds": left})
    found = make_folds(sessions[first:], step)
    if scheme.kind == "rolling":
        return found
    start = known[0].train.first
    return tuple(replace(fold, train=Span(start, fold.train.last)) for fold in found)


def _covers(sessions: Sequence[date], fold: Fold) -> bool:
    """Return whether data is there from the fold's first to its last session."""
    return bool(sessions) and sessions[0] <= fold.extent.first and fold.extent.last <= sessions[-1]


def _read(lake: Lake, path: PurePosixPath) -> Record:
    try:
        raw = json.loads(lake.store.fetch(path).read_text(encoding="utf-8"))
        return {
            name: tuple(Fold.from_json(json.dumps(fold)) for fold in folds.values())
            for name, folds in raw.items()
        }
    except FileNotFoundError:
        return {}
    except (OSError, ValueError, AttributeError, FormatError) as error:
        raise LakeError(
            f"the record of folds cannot be read: {error}",
            where=lake.store.uri(path),
            fix="restore the file; without it the folds are made anew from the sessions present",
        ) from None


def _to_json(record: Record) -> str:
    content = {
        name: {fold.key: json.loads(fold.to_json()) for fold in folds}
        for name, folds in record.items()
    }
    return json.dumps(content, indent=1) + "\n"
