"""Checks of a fold: its spans, its purge, what its models saw, how far its test span drifted."""

import re
from collections.abc import Iterator
from datetime import timedelta
from itertools import pairwise

import dagster as dg
import numpy as np

from fints_pipeline.base.lake import BundleKey
from fints_pipeline.defs import causality
from fints_pipeline.defs.instrument import Instrument
from fints_pipeline.defs.partitions import FOLDS
from fints_pipeline.defs.resources import Project

_MONTH = re.compile(r"/(\d{4}-\d{2})$")
_SHOWN = 12


def specs() -> list[dg.AssetCheckSpec]:
    """Return the checks of `predictions`."""
    found = [
        ("training_span", True, "Every model and vocabulary was fitted on the fold's spans alone."),
        ("labels_do_not_overlap", True, "No label that was learned from reaches into validation."),
        (
            "no_look_ahead",
            True,
            "With noise in place of every raw row after a cut, the frozen models say the same up "
            "to it, to the bit.",
        ),
        ("drift", False, "Population stability of features and tokens, test against training."),
    ]
    return [
        dg.AssetCheckSpec(
            name, asset="predictions", blocking=blocking, partitions_def=FOLDS, description=text
        )
        for name, blocking, text in found
    ]


def evaluate(project: Project, experiment, fold) -> Iterator[dg.AssetCheckResult]:
    """Yield the results of `specs` but the first, for a fold that has just predicted."""
    yield labels_do_not_overlap(project, experiment, fold)
    yield no_look_ahead(project, experiment, fold)
    yield drift(project, experiment, fold)


def folds_disjoint(found: dict[str, list]) -> dg.AssetCheckResult:
    """Return whether no session is in two spans of a fold, and none is tested by two in a row."""
    wrong = [
        f"{name} {fold.key}" for name, folds in found.items() for fold in folds if not _apart(fold)
    ]
    tests = [(name, fold) for name, folds in found.items() for fold in folds]
    for (name, before), (other, after) in pairwise(tests):
        if name != other or "+" in before.key:
            continue  # combinatorial splits test each group several times
        span, after = before.test, after.test
        if not span.last < after.first:
            wrong.append(f"{name}: the test spans from {span.first} and {after.first} overlap")
    return dg.AssetCheckResult(
        check_name="folds_disjoint",
        passed=not wrong,
        metadata={"folds": len(tests), "wrong": "; ".join(wrong) or "none"},
    )


def training_span(project: Project, experiment, fold) -> dg.AssetCheckResult:
    """Return whether what each model saw, read from its checkpoint, lies before the fold's test."""
    from fints_pipeline.audit.fold import audit_fold
    from fints_pipeline.training.dataset import until_validation
    from fints_pipeline.training.record import TrainingRecord
    from fints_pipeline.walkforward.folds import Fold

    last_month = until_validation(fold).last.isoformat()[:7]
    lines, wrong = ["| model | trained | early-stopped | latest input |", "|---|---|---|---|"], []
    for name in experiment.names:
        key = BundleKey.of("models", experiment=experiment.experiment, fold=fold.key, model=name)
        record = TrainingRecord.read(project.lake.open_bundle(key))
        spans = Fold.from_json(record.fold)
        months = [found[1] for key in record.inputs if (found := _MONTH.search(key))]
        latest = max(months, default="none")
        train, validation = (f"{s.first} to {s.last}" for s in (spans.train, spans.validation))
        lines.append(f"| {name} | {train} | {validation} | {latest} |")
        if spans != fold:
            wrong.append(f"{name} belongs to other spans")
        if months and latest > last_month:
            wrong.append(f"{name} read {latest}, and validation ends in {last_month}")
    findings = audit_fold(project.lake, experiment, fold)
    lines += ["", "| check | of | result | seen |", "|---|---|---|---|"]
    lines += [
        f"| {one.check} | {one.where} | {'clean' if one.passed else 'LEAK'} | {one.seen} |"
        for one in findings
    ]
    wrong += [f"{one.check}, {one.where}: {one.seen}" for one in findings if not one.passed]
    return _result("training_span", wrong, lines)


def labels_do_not_overlap(project: Project, experiment, fold) -> dg.AssetCheckResult:
    """Return whether the rows that training keeps have labels that end before validation opens."""
    from fints_pipeline.training.dataset import Columns, load_dataset, until_validation
    from fints_pipeline.walkforward.folds import fold_masks

    names = tuple(dict.fromkeys((experiment.data.label, experiment.data.direction_label)))
    columns = Columns(features=experiment.data.features[:1], labels=names)
    data = load_dataset(project.lake, experiment.data, columns, until_validation(fold))
    lines = [
        "| instrument | label | learned | purged | would reach over |",
        "|---|---|---:|---:|---:|",
    ]
    wrong = []
    for one in data.series:
        inside = fold.train.mask(one.session)
        opens = one.open_time[fold.validation.mask(one.session)].min()
        for name, label in one.labels.items():
            kept = fold_masks(fold, one.session, one.open_time, one.close_time, label.end).train
            over = int((kept & (label.end > opens) & (one.open_time < opens)).sum())
            purged = int((inside & ~kept).sum())
            lines.append(f"| {one.instrument} | {name} | {int(kept.sum())} | {purged} | {over} |")
            if over or (kept & ~inside).any():
                wrong.append(f"{one.instrument} {name}")
    return _result("labels_do_not_overlap", wrong, lines)


def no_look_ahead(project: Project, experiment, fold) -> dg.AssetCheckResult:
    """Return whether the frozen models say the same when what follows a cut is noise."""
    if not causality.CUTS:
        return _result("no_look_ahead", [], ["turned off by FINTS_CAUSALITY_CUTS=0"])
    if not fold.is_ordered:
        return _result("no_look_ahead", [], ["cross-validated: the fold trains after its test"])
    instrument = Instrument(project.locations, experiment.data.instruments[0])
    evidence = causality.check_predictions(instrument, experiment, fold)
    return dg.AssetCheckResult(
        check_name="no_look_ahead",
        passed=evidence.passed,
        metadata={"evidence": dg.MetadataValue.md(evidence.to_markdown())},
    )


def drift(project: Project, experiment, fold) -> dg.AssetCheckResult:
    """Return the stability of each feature and token field, largest index first."""
    from fints_pipeline.evaluation.drift import LARGE, category_index, stability_index
    from fints_pipeline.tokenizers.brooks import FIELDS
    from fints_pipeline.training.dataset import Columns, load_dataset

    tokens = tuple(FIELDS) if experiment.reads_tokens else ()
    columns = Columns(features=experiment.data.features, tokens=tokens)
    spans = [
        load_dataset(project.lake, experiment.data, columns, span).series
        for span in (fold.train, fold.test)
    ]
    found = {}
    for before, now in zip(*spans, strict=True):
        for place, name in enumerate(columns.features):
            pair = before.features[:, place], now.features[:, place]
            found[f"{before.instrument} {name}"] = stability_index(*pair)
        for place, name in enumerate(tokens):
            values = [one.tokens[:, place].astype(np.int64) for one in (before, now)]
            found[f"{before.instrument} {name}"] = category_index(*values)
    ranked = sorted(found.items(), key=lambda item: -item[1])
    moved = [f"{name} {index:.2f}" for name, index in ranked if index > LARGE]
    lines = ["| column | index |", "|---|---:|"]
    lines += [f"| {name} | {index:.3f} |" for name, index in ranked[:_SHOWN]]
    result = _result("drift", moved, lines)
    return result._replace(severity=dg.AssetCheckSeverity.WARN)


def _apart(fold) -> bool:
    """Return whether no day belongs to two spans of a fold."""
    days = np.arange(fold.extent.first, fold.extent.last + timedelta(days=1), dtype="M8[D]")
    return bool(sum(span.mask(days).astype(int) for span in fold.spans.values()).max() <= 1)


def _result(name: str, wrong: list[str], lines: list[str]) -> dg.AssetCheckResult:
    return dg.AssetCheckResult(
        check_name=name,
        passed=not wrong,
        metadata={
            "evidence": dg.MetadataValue.md("\n".join(lines)),
            "wrong": "; ".join(wrong[:_SHOWN]) or "nothing",
        },
    )
