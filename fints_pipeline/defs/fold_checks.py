"""The asset checks of folds: what the audit finds of them, and two that are made here.

Here are `no_look_ahead`, which makes partitions anew, and `drift`, which is no leak.
"""

from collections.abc import Iterator, Sequence

import dagster as dg
import numpy as np
import pyarrow as pa

from fints_pipeline.audit.findings import Finding
from fints_pipeline.defs import causality
from fints_pipeline.defs.instrument import Instrument
from fints_pipeline.defs.partitions import FOLDS
from fints_pipeline.defs.resources import Project

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


def evaluate(project: Project, experiment, fold, said: pa.Table) -> Iterator[dg.AssetCheckResult]:
    """Yield the results of `specs` but the first, for what a fold's models have just said."""
    yield labels_do_not_overlap(project, experiment, fold)
    yield no_look_ahead(project, experiment, fold, said)
    yield drift(project, experiment, fold)


def folds_disjoint(found: dict[str, list]) -> dg.AssetCheckResult:
    """Return whether no session is in two spans of a fold, and none is tested by two in a row."""
    from fints_pipeline.audit.findings import condensed
    from fints_pipeline.audit.spans import audit_spans

    rows = condensed(audit_spans(found))  # of hundreds of folds, those in order are one line
    result = _of("folds_disjoint", [Finding(**row) for row in rows])
    count = sum(len(folds) for folds in found.values())
    return result._replace(metadata={**result.metadata, "folds": dg.MetadataValue.int(count)})


def training_span(project: Project, experiment, fold) -> dg.AssetCheckResult:
    """Return whether what each model saw, read from its checkpoint, lies before the fold's test."""
    from fints_pipeline.audit.fold import audit_fold

    return _of("training_span", audit_fold(project.lake, experiment, fold))


def labels_do_not_overlap(project: Project, experiment, fold) -> dg.AssetCheckResult:
    """Return whether the rows that training keeps have labels that end before validation opens."""
    from fints_pipeline.audit.purge import audit_purge

    return _of("labels_do_not_overlap", audit_purge(project.lake, experiment, fold))


def no_look_ahead(project: Project, experiment, fold, said: pa.Table) -> dg.AssetCheckResult:
    """Return whether the frozen models say the same when what follows a cut is noise.

    Args:
        project: The lake and its configs.
        experiment: An `ExperimentConfig`.
        fold: Its fold, with models in the lake.
        said: The predictions of the fold.
    """
    if not causality.CUTS:
        return _result("no_look_ahead", [], ["turned off by FINTS_CAUSALITY_CUTS=0"])
    if not fold.is_ordered:
        return _result("no_look_ahead", [], ["cross-validated: the fold trains after its test"])
    last = causality.last_tested(said, experiment.data.instruments)
    if last is None:
        return _result(
            "no_look_ahead", [], ["nothing to check: no bar of the test span is predicted"]
        )
    name, month = last
    instrument = Instrument(project.locations, name)
    evidence = causality.check_predictions(instrument, month, experiment, fold, said)
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


def _of(name: str, findings: Sequence[Finding]) -> dg.AssetCheckResult:
    """Return what was found as one check, each finding a line of its evidence."""
    wrong = [f"{one.check}, {one.where}: {one.seen}" for one in findings if not one.passed]
    lines = ["| check | of | result | seen |", "|---|---|---|---|"]
    lines += [
        f"| {one.check} | {one.where} | {'clean' if one.passed else 'LEAK'} | {one.seen} |"
        for one in findings
    ]
    return _result(name, wrong, lines)


def _result(name: str, wrong: list[str], lines: list[str]) -> dg.AssetCheckResult:
    return dg.AssetCheckResult(
        check_name=name,
        passed=not wrong,
        metadata={
            "evidence": dg.MetadataValue.md("\n".join(lines)),
            "wrong": "; ".join(wrong[:_SHOWN]) or "nothing",
        },
    )
