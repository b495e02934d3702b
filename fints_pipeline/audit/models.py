"""What a fold's models were fitted on, as their checkpoints tell it and the bars confirm it."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from fints_pipeline.audit.findings import Finding
from fints_pipeline.base.errors import KeyNotFoundError
from fints_pipeline.base.lake import BundleKey, Lake
from fints_pipeline.base.lake.lineage import current_digest
from fints_pipeline.training.config import ExperimentConfig
from fints_pipeline.training.dataset import Columns, Series, Stamps, load_dataset, until_validation
from fints_pipeline.training.record import TrainingRecord
from fints_pipeline.training.scalers import QuantileNormalScaler, Scaler
from fints_pipeline.walkforward.folds import Fold

UNSEEN = {
    "train": ("validation", "test"),
    "holdout": ("validation", "test"),
    "validation": ("test",),
}
"""By split, the fold's spans that none of its samples may reach into."""
_MONTH = re.compile(r"/(\d{4}-\d{2})$")
ALIKE = 1e-6
"""Relative; what another processor's rounding changes in a sum is far below it."""


def audit_models(
    lake: Lake, experiment: ExperimentConfig, fold: Fold, names: Sequence[str]
) -> list[Finding]:
    """Check the fold's models of these names, and what they started from.

    Raises:
        KeyNotFoundError: a model was not trained, or bars are missing.
        ConfigError: a record was written by another version.
    """
    records = {name: _record(lake, experiment.experiment, fold.key, name) for name in names}
    columns = tuple(dict.fromkeys(c for record in records.values() for c in record.columns))
    wanted = Columns(
        features=columns or experiment.data.features[:1],
        labels=() if fold.is_ordered else (experiment.data.label,),
    )
    series = load_dataset(lake, experiment.data, wanted, fold.extent).series
    findings: list[Finding] = []
    for name, record in records.items():
        where = f"{fold.key}/{name}"
        findings += [_spans(record, fold, where), _inputs(record, fold, where)]
        findings.append(_samples(record, fold, series, where))
        findings += _scalers(lake, record, fold, series, wanted.features, where)
        findings += _pretraining(lake, record, fold, series, where)
    return findings


def _record(lake: Lake, experiment: str, fold: str, model: str) -> TrainingRecord:
    key = BundleKey.of("models", experiment=experiment, fold=fold, model=model)
    return TrainingRecord.read(lake.open_bundle(key))


def _spans(record: TrainingRecord, fold: Fold, where: str) -> Finding:
    passed = record.spans == fold
    own = record.spans
    seen = (
        f"trained on the fold's own spans, {own.train.first} to {own.train.last}, and stopped by "
        f"{own.validation.first} to {own.validation.last}"
        if passed
        else f"belongs to other spans: trained on {record.fold}"
    )
    return Finding("spans", where, passed, seen)


def _inputs(record: TrainingRecord, fold: Fold, where: str) -> Finding:
    """No month that was read begins after the last one of training and validation."""
    last = until_validation(fold).last.isoformat()[:7]
    latest = max((found[1] for key in record.inputs if (found := _MONTH.search(key))), default="")
    seen = f"read months until {latest or 'none'}; validation ends in {last}"
    return Finding("inputs", where, latest <= last, seen)


def _samples(record: TrainingRecord, fold: Fold, series: Sequence[Series], where: str) -> Finding:
    """No sample, from its first input to the end of its label, reaches into an unseen span."""
    if not record.learned:
        seen = "the checkpoint does not say what it looked at: train it again"
        return Finding("samples", where, record.fit.samples == 0, seen)
    reached = list(_reached(record.learned, fold, series))
    seen = reached[0] if reached else "inputs and labels end before what has to stay unseen"
    return Finding("samples", where, not reached, seen)


def _reached(
    learned: Mapping[str, Mapping[str, Sequence[tuple[str, str]]]],
    fold: Fold,
    series: Sequence[Series],
) -> Iterator[str]:
    by_name = {one.instrument: one for one in series}
    for split, instruments in learned.items():
        for instrument, intervals in instruments.items():
            for name in UNSEEN[split]:
                for opens, ends in _unseen(fold, name, by_name.get(instrument)):
                    for first, last in intervals:
                        if np.datetime64(last) > opens and np.datetime64(first) < ends:
                            yield (
                                f"{split} samples of {instrument} reach from {first} to {last},"
                                f" into {name} from {opens}"
                            )


def _unseen(fold: Fold, name: str, one: Series | None) -> Iterator[tuple[np.datetime64, ...]]:
    """First open, and the end of the last bar and label, of each part of a span."""
    if one is None:
        return
    for part in fold.spans[name].parts:
        rows = part.mask(one.session)
        if rows.any():
            ends = [one.close_time[rows]] + [label.end[rows] for label in one.labels.values()]
            yield one.open_time[rows].min(), np.fmax.reduce(np.concatenate(ends))


def _scalers(
    lake: Lake,
    record: TrainingRecord,
    fold: Fold,
    series: Sequence[Series],
    columns: tuple[str, ...],
    where: str,
) -> Iterator[Finding]:
    """A scaler's record lies in the training span, and fitting it there again gives it again."""
    same_bars = _unchanged(lake, record.inputs, "features")
    for one in series:
        scaler = record.scalers.get(one.instrument)
        if scaler is None:
            continue
        rows = fold.train.mask(one.session)
        closes = one.close_time[rows]
        seen = _outside(scaler, closes)
        if seen is None and same_bars:
            places = [columns.index(name) for name in scaler.columns]
            seen = _differs(scaler, one.features[rows][:, places], closes)
        told = seen or (
            "fitted in the training span; fitted there again it is the same"
            if same_bars
            else "fitted in the training span; its bars have changed since"
        )
        yield Finding("scaler", f"{where}/{one.instrument}", seen is None, told)


def _outside(scaler: Scaler, closes: Stamps) -> str | None:
    first, last = np.datetime64(scaler.fitted_first), np.datetime64(scaler.fitted_last)
    if len(closes) and closes[0] <= first and last <= closes[-1]:
        return None
    span = f"{closes[0]} to {closes[-1]}" if len(closes) else "no bar"
    return f"fitted on {first} to {last}, the training span holds {span}"


def _differs(scaler: Scaler, x_TF: NDArray[np.float64], closes: Stamps) -> str | None:
    again = type(scaler).fit(
        x_TF, closes, scaler.columns, clip=scaler.clip, uncentred=_uncentred(scaler)
    )
    ours, theirs = (_numbers(one) for one in (scaler, again))
    scale = np.maximum(np.abs(theirs), np.abs(theirs).max(initial=0.0) * ALIKE)
    wrong = np.abs(ours - theirs) > ALIKE * scale
    if not wrong.any():
        return None
    column = scaler.columns[int(np.argwhere(wrong)[0][0])]
    return f"its {column} is not what the training span gives: it was fitted on other rows"


def _numbers(scaler: Scaler) -> NDArray[np.float64]:
    """(F, K) all fitted numbers of each column."""
    if isinstance(scaler, QuantileNormalScaler):
        return np.array(scaler.quantiles)
    return np.column_stack([scaler.mean, scaler.scale])


def _uncentred(scaler: Scaler) -> tuple[str, ...]:
    """The columns that were fitted so that 0 stays 0."""
    numbers = _numbers(scaler)
    if isinstance(scaler, QuantileNormalScaler):
        # Interpolated from both ends, the halves mirror each other to rounding.
        apart = np.abs(numbers + numbers[:, ::-1]).max(axis=1)
        kept = apart <= ALIKE * np.abs(numbers).max(axis=1)
    else:
        kept = numbers[:, 0] == 0.0
    return tuple(name for name, one in zip(scaler.columns, kept, strict=True) if one)


def _pretraining(
    lake: Lake, record: TrainingRecord, fold: Fold, series: Sequence[Series], where: str
) -> Iterator[Finding]:
    """What a model started from saw nothing of this fold's unseen spans either."""
    for key, digest in record.inputs.items():
        if not key.startswith("models/"):
            continue
        _, experiment, of_fold, model = key.split("/")
        bundle = BundleKey.of("models", experiment=experiment, fold=of_fold, model=model)
        try:
            parent = TrainingRecord.read(lake.open_bundle(bundle))
            known = lake.bundle_manifest(bundle).digest == digest
        except KeyNotFoundError:
            known = False
        if not known:
            seen = f"started from a {key} that is no longer in the lake: train it again"
            yield Finding("pretraining", where, False, seen)
            continue
        reached = list(_reached(parent.learned, fold, series))
        late = parent.spans != fold and parent.spans.train.last > fold.train.last
        seen = f"started from {key}, which saw the training span alone"
        if not parent.learned and parent.fit.samples:
            reached = ["it does not say what it looked at: train it again"]
        if reached or late:
            why = reached[0] if reached else f"trained until {parent.spans.train.last}"
            seen = f"started from {key}: {why}"
        yield Finding("pretraining", where, not (reached or late), seen)


def _unchanged(lake: Lake, inputs: Mapping[str, str], table: str) -> bool:
    """Whether the partitions of a table are those that were read then."""
    own = {key: digest for key, digest in inputs.items() if key.startswith(f"{table}/")}
    return all(current_digest(lake, key) == digest for key, digest in own.items())
