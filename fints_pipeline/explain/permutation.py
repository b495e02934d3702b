"""Permutation importance: what a model loses when a part of its inputs is another window's.

A feature family's (or a token field's) whole block of lags is taken from another test window of
the same instrument and the same slot of its session. So its distribution, its course over the day
and its own dynamics stay, and only the tie to this window's other inputs and label is cut. Neither
window reaches into the other or into its label's interval, so that no donor tells what comes.

Source: Breiman, Random Forests (2001); Fisher, Rudin, Dominici, All Models are Wrong, but Many are
Useful (2019).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.stats import rankdata

from fints_pipeline.explain.measured import Measured, resampled
from fints_pipeline.explain.subject import Part, Rows, Subject, Timeline
from fints_pipeline.training.dataset import FloatArray

AT_ONCE = 512
LEAST_PROBABILITY = 1e-12


@dataclass(frozen=True)
class Metric:
    """A score of what was said against what came; more is better.

    Attributes:
        unit: what is lost.
        score: of what was said (N,) or (N, K), and of what came (N,).
    """

    unit: str
    score: Callable[[FloatArray, FloatArray], float]


def rank_ic(said: FloatArray, actual: FloatArray) -> float:
    """Return Spearman's correlation; 0 where one of the two does not vary."""
    ranks = np.stack([rankdata(said), rankdata(actual)])
    ranks -= ranks.mean(axis=1, keepdims=True)
    spread = float(np.sqrt((ranks**2).sum(axis=1).prod()))
    return float((ranks[0] * ranks[1]).sum() / spread) if spread else 0.0


def log_likelihood(said: FloatArray, actual: FloatArray) -> float:
    """Return the mean log probability of the classes that came, in nats."""
    p_N = said[np.arange(len(said)), actual.astype(np.int64)]
    return float(np.log(np.maximum(p_N, LEAST_PROBABILITY)).mean())


RANK_IC = Metric("rank IC", rank_ic)
LOG_LOSS = Metric("log loss (nats)", log_likelihood)


def metric_of(subject: Subject) -> Metric:
    """Return the metric of a model's task."""
    return LOG_LOSS if subject.output == "classes" else RANK_IC


def donors(
    windows: Timeline, slot: Rows, apart: int, rng: np.random.Generator
) -> NDArray[np.int64]:
    """Return for each window the position of the one that it takes its inputs from, −1 for none.

    Within each instrument and slot the windows are shifted around in time by a drawn number of
    places, so that each is used once, among the shifts that keep every pair ``apart`` rows from
    each other.

    Args:
        windows: ascending within each series.
        slot: (N,) parts of the session.
        apart: rows between the current bars of two windows that share neither inputs nor the
            interval of a label.
        rng: draws.
    """
    found = np.full(len(windows), -1, np.int64)
    _, group = np.unique(np.stack([windows.number, slot]), axis=1, return_inverse=True)
    for number in range(group.max() + 1):
        members = np.flatnonzero(group == number)
        place = windows.place[members]
        shifts = [
            shift
            for shift in range(1, len(members))
            if (np.abs(place - np.roll(place, shift)) >= apart).all()
        ]
        if shifts:
            found[members] = np.roll(members, rng.choice(shifts))
    return found


@dataclass(frozen=True)
class Permuted:
    """Importances, and the share of the windows that another one could be found for."""

    measured: Measured
    exchanged: float


def importance(
    subject: Subject,
    windows: Timeline,
    actual: FloatArray,
    parts: Sequence[Part],
    group: str,
    *,
    slot: int,
    repeats: int,
    resamples: int,
    seed: int,
) -> Permuted | None:
    """Return what the model's metric loses by permuting each part.

    The interval's draws resample sessions and take one of the repeats each, so that both the
    windows' and the permutations' chance are in it.

    Args:
        subject: the model.
        windows: test windows whose label is known.
        actual: (N,) labels, or classes.
        parts: what to permute, one at a time.
        group: their name: "family" or "field".
        slot: minutes of a session's slot.
        repeats: permutations of each part.
        resamples: draws.
        seed: of permutations and draws.

    Returns:
        None where no window can be exchanged.
    """
    apart = subject.lookback + subject.horizon
    own = windows.slot(slot)
    taken = [donors(windows, own, apart, np.random.default_rng([seed, n])) for n in range(repeats)]
    free = np.flatnonzero(taken[0] >= 0)  # which windows have a donor does not depend on the draw
    if not len(free):
        return None
    metric, kept, came = metric_of(subject), windows.taken(free), actual[free]
    base = _said(subject, kept)
    permuted = [
        [_said(subject, kept, windows.taken(who[free]), part) for who in taken] for part in parts
    ]
    value = np.array(
        [
            np.mean([metric.score(base, came) - metric.score(said, came) for said in repeated])
            for repeated in permuted
        ]
    )
    rows = resampled(kept.column("session"), resamples, seed)
    draws = np.array(
        [
            [
                metric.score(base[some], came[some])
                - metric.score(repeated[n % repeats][some], came[some])
                for repeated in permuted
            ]
            for n, some in enumerate(rows)
        ]
    )
    names = tuple(part.name for part in parts)
    measured = Measured("permutation", group, metric.unit, names, value, draws, len(free))
    return Permuted(measured, len(free) / len(windows))


def _said(
    subject: Subject,
    windows: Timeline,
    givers: Timeline | None = None,
    part: Part | None = None,
) -> FloatArray:
    said = []
    for at in torch.split(torch.arange(len(windows)), AT_ONCE):
        some = windows.taken(at.numpy())
        if givers is None or part is None:
            batch = subject.batch(some)
        else:
            batch = subject.mixed(some, givers.taken(at.numpy()), part)
        said.append(subject.said(batch))
    return np.concatenate(said)
