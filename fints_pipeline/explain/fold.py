"""Everything that is measured of one fold's model."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from fints_pipeline.explain import attention, gradients
from fints_pipeline.explain.config import ExplainConfig
from fints_pipeline.explain.gradients import Attributed
from fints_pipeline.explain.measured import Measured, mean_magnitudes, resampled
from fints_pipeline.explain.permutation import importance
from fints_pipeline.explain.subject import LAST_BAR, Part, Subject, Timeline
from fints_pipeline.explain.trees import TOLERANCE, tree_shap
from fints_pipeline.training.class_labels import Classes
from fints_pipeline.training.dataset import FloatArray

UNEXCHANGED = 0.5
"""Largest share of windows without a partner to be exchanged with that passes."""


@dataclass
class Findings:
    """What was measured of a fold's model.

    Attributes:
        measured: importances.
        completeness: rows without model and fold.
        attention: rows without model and fold.
        not_told: why a method is absent.
    """

    measured: list[Measured] = field(default_factory=list)
    completeness: list[dict[str, Any]] = field(default_factory=list)
    attention: list[pd.DataFrame] = field(default_factory=list)
    not_told: dict[str, str] = field(default_factory=dict)

    def check(self, method: str, name: str, windows: int, found: Attributed, most: float) -> None:
        """Note whether the attributions of windows sum to what they explain."""
        self.completeness.append(_row(method, name, windows, found.steps, found.error, most))


def examine(
    subject: Subject, families: Mapping[str, str], label: str, config: ExplainConfig
) -> Findings:
    """Measure a fold's model on windows of its test span.

    Args:
        subject: the model with its windows.
        families: family of each feature column.
        label: column that a returns' metric is judged by.
        config: budgets and seed.

    Raises:
        LookAheadError: a window lies outside the test span.
    """
    subject.windows.require_within(subject.fold)
    found = Findings()
    if not len(subject.windows):
        return _nothing_to_read(subject, config, found)
    chosen = subject.windows.taken(_spread(len(subject.windows), config.windows, config.seed))
    draws = resampled(chosen.column("session"), config.resamples, config.seed)
    if subject.is_estimator:
        _trees(subject, chosen, draws, found)
    elif subject.model.record.network.samples_paths:
        found.not_told["integrated_gradients"] = "the network draws paths, which has no gradient"
    elif not any(part.requires_grad for part in subject.network.parameters()):
        found.not_told["integrated_gradients"] = "the network has no parameters"
    else:
        _gradients(subject, chosen, draws, config, found)
    _permutation(subject, families, label, config, found)
    if config.attention and not subject.is_estimator:
        _attention(subject, chosen, found)
    return found


def _nothing_to_read(subject: Subject, config: ExplainConfig, found: Findings) -> Findings:
    asked = ["tree_shap" if subject.is_estimator else "integrated_gradients", "permutation"]
    if config.attention and not subject.is_estimator:
        asked.append("attention")
    found.not_told |= dict.fromkeys(asked, "no window of the test span can be read")
    return found


def token_pushes(
    subject: Subject, windows: Timeline, side: FloatArray, config: ExplainConfig
) -> FloatArray:
    """Return attributions (N, L[, F]) of windows' tokens, positive towards the side of a trade."""
    values = _of_tokens(subject, windows, config).values
    return values * side.reshape(-1, *(1,) * (values.ndim - 1))


def _gradients(
    subject: Subject,
    windows: Timeline,
    draws: Sequence[NDArray[np.int64]],
    config: ExplainConfig,
    found: Findings,
) -> None:
    method, settings, count = "integrated_gradients", config.gradients, len(windows)
    batch = subject.batch(windows)
    if "past" in batch:
        base = subject.baseline(batch, "past")
        of = gradients.of_values(subject.score, batch, "past", base, settings)
        found.check(method, "past", count, of, settings.tolerance)
        found.measured += _by_feature_and_lag(method, subject, of.values, draws)
    if "input_ids" in batch:
        of = _of_tokens(subject, windows, config)
        found.check(method, "input_ids", count, of, settings.tolerance)
        found.measured += _by_field_and_position(method, subject, of.values, draws)


def _of_tokens(subject: Subject, windows: Timeline, config: ExplainConfig) -> Attributed:
    """Return attributions of the bars' tokens alone: the frame is the same in the baseline."""
    batch = subject.batch(windows)
    base = subject.baseline(batch, "input_ids", config.gradients.tokens)
    layer = subject.embeddings()
    of = gradients.of_tokens(subject.score, batch, "input_ids", base, layer, config.gradients)
    bars = of.values[:, -subject.lookback :]
    if of.values.shape[1] > subject.lookback:  # the network or the batch puts a frame around them
        bars = of.values[:, 1:-1]
    return Attributed(bars, of.change, of.level, of.steps)


def _by_feature_and_lag(
    method: str, subject: Subject, values_NLC: FloatArray, draws: Sequence[NDArray[np.int64]]
) -> list[Measured]:
    lags = [str(lag) for lag in reversed(range(values_NLC.shape[1]))]
    groups = {
        "feature": (subject.channels, values_NLC.sum(axis=1)),
        "lag": (lags, values_NLC.sum(axis=2)),
    }
    return [
        mean_magnitudes(method, group, subject.unit, names, values, draws)
        for group, (names, values) in groups.items()
    ]


def _by_field_and_position(
    method: str, subject: Subject, values: FloatArray, draws: Sequence[NDArray[np.int64]]
) -> list[Measured]:
    positions = [str(lag) for lag in reversed(range(values.shape[1]))]
    per_bar = values.sum(axis=2) if values.ndim == 3 else values
    found = [mean_magnitudes(method, "position", subject.unit, positions, per_bar, draws)]
    if values.ndim == 3:
        fields = values.sum(axis=1)
        found.append(mean_magnitudes(method, "field", subject.unit, subject.fields, fields, draws))
    return found


def _trees(
    subject: Subject, windows: Timeline, draws: Sequence[NDArray[np.int64]], found: Findings
) -> None:
    past = subject.batch(windows)["past"]
    of = tree_shap(subject.network, past.flatten(1).numpy(), subject.side())  # type: ignore[arg-type]
    found.check("tree_shap", "past", len(windows), of, TOLERANCE)
    found.measured += _by_feature_and_lag(
        "tree_shap", subject, of.values.reshape(past.shape), draws
    )


def _permutation(
    subject: Subject,
    families: Mapping[str, str],
    label: str,
    config: ExplainConfig,
    found: Findings,
) -> None:
    settings = config.permutation
    windows, actual = _known(subject, label)
    if not len(windows):
        found.not_told["permutation"] = "no test window's label is known"
        return
    taken = _spread(len(windows), settings.windows, config.seed)
    windows, actual = windows.taken(taken), actual[taken]
    for group, name, parts in _parts(subject, families):
        permuted = importance(
            subject, windows, actual, parts, group, slot=settings.slot,
            repeats=settings.repeats, resamples=config.resamples, seed=config.seed,
        )  # fmt: skip
        error = 1.0 if permuted is None else 1 - permuted.exchanged
        row = _row("permutation", name, len(windows), settings.repeats, error, UNEXCHANGED)
        found.completeness.append(row)
        if permuted is None:
            found.not_told["permutation"] = (
                "no two test windows of one slot lie far enough apart to be exchanged"
            )
        else:
            found.measured.append(permuted.measured)


def _parts(subject: Subject, families: Mapping[str, str]) -> list[tuple[str, str, list[Part]]]:
    """Return what can be permuted: group, name of the input, and its parts."""
    found = []
    if subject.channels:
        columns: dict[str, list[int]] = {}
        for place, name in enumerate(subject.channels):
            columns.setdefault(families.get(name, name), []).append(place)
        parts = [Part(name, channels=tuple(places)) for name, places in columns.items()]
        found.append(("family", "past", parts))
    if subject.fields:
        fields = [Part(name, field=place) for place, name in subject.fields_read.items()]
        found.append(("field", "input_ids", fields))
    return found


def _known(subject: Subject, label: str) -> tuple[Timeline, FloatArray]:
    """Return the test windows whose label is known, with it: a return, or a class number."""
    record, windows = subject.model.record, subject.windows
    value = windows.label(record.label or label)
    known = np.isfinite(value)
    if subject.output != "classes":
        return windows.taken(known), value[known]
    classes = Classes(record.classes or (), record.class_names or ())
    return windows.taken(known), classes.number(value[known]).astype(float)


def _attention(subject: Subject, windows: Timeline, found: Findings) -> None:
    batch = subject.batch(windows)
    maps = {
        "tokens": attention.of_tokens(subject.network, lambda: subject.score(batch)),
        "patches": attention.of_patches(subject.network, batch),
    }
    for name, layers in maps.items():
        if not len(layers):
            continue
        found.attention.append(_map_rows(name, layers))
        # How much the last row's flow takes from each position, the window's end being read.
        flow = attention.rollout(layers)
        reader = _reader(subject) if name == "tokens" else -1
        received = flow[reader][None]
        group = "position" if name == "tokens" else "patch"
        names = [str(n) for n in reversed(range(received.shape[1]))]
        if name == "tokens":
            received, names = received[:, 1:-1], names[2:]
        draws = np.repeat(received, 2, axis=0)  # a mean over all windows has no interval
        found.measured.append(
            Measured("attention", group, "attention weight, rollout", tuple(names), received[0],
                     draws, len(windows))
        )  # fmt: skip
    if not any(map(len, maps.values())):
        found.not_told["attention"] = "the network has no attention that can be read"


def _reader(subject: Subject) -> int:
    """Return the position whose state the model speaks from: `<cls>`, or the last bar."""
    is_tagger = hasattr(subject.network, "filtered")
    return LAST_BAR if is_tagger or not subject.framed else 0


def _map_rows(name: str, layers: FloatArray) -> pd.DataFrame:
    """Return rows of every layer and head, their means, and the rollout."""
    maps = {
        (str(layer + 1), str(head + 1)): layers[layer, head]
        for layer in range(layers.shape[0])
        for head in range(layers.shape[1])
    }
    maps |= {(str(n + 1), "mean"): heads.mean(axis=0) for n, heads in enumerate(layers)}
    maps["rollout", "mean"] = attention.rollout(layers)
    query, key = np.indices(layers.shape[2:])
    return pd.concat(
        [
            pd.DataFrame(
                {
                    "input": name,
                    "layer": layer,
                    "head": head,
                    "query": query.ravel(),
                    "key": key.ravel(),
                    "weight": np.clip(weights.ravel(), 0, 1),
                }
            )
            for (layer, head), weights in maps.items()
        ],
        ignore_index=True,
    )


def _spread(count: int, most: int, seed: int) -> NDArray[np.int64]:
    """Return up to ``most`` of ``count`` positions, ascending: one drawn from each equal part."""
    if count <= most:
        return np.arange(count)
    edges = np.linspace(0, count, most + 1).astype(np.int64)
    return np.random.default_rng(seed).integers(edges[:-1], edges[1:])


def _row(
    method: str, name: str, windows: int, steps: int, error: float, tolerance: float
) -> dict[str, Any]:
    return {
        "method": method,
        "input": name,
        "windows": windows,
        "steps": steps,
        "error": error,
        "tolerance": tolerance,
        "passed": error <= tolerance,
    }
