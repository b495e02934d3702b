"""Whether the labels that a fold learns from end before its validation opens."""

from __future__ import annotations

from fints_pipeline.audit.findings import Finding
from fints_pipeline.base.lake import Lake
from fints_pipeline.training.config import ExperimentConfig
from fints_pipeline.training.dataset import Columns, load_dataset, until_validation
from fints_pipeline.walkforward.folds import Fold, fold_masks


def audit_purge(lake: Lake, experiment: ExperimentConfig, fold: Fold) -> list[Finding]:
    """Check the rows that training keeps, of each instrument and label.

    Raises:
        KeyNotFoundError: features or labels are missing.
    """
    names = tuple(dict.fromkeys((experiment.data.label, experiment.data.direction_label)))
    columns = Columns(features=experiment.data.features[:1], labels=names)
    findings = []
    for one in load_dataset(lake, experiment.data, columns, until_validation(fold)).series:
        inside = fold.train.mask(one.session)
        opens = one.open_time[fold.validation.mask(one.session)].min()
        for name, label in one.labels.items():
            kept = fold_masks(fold, one.session, one.open_time, one.close_time, label.end).train
            over = int((kept & (label.end > opens) & (one.open_time < opens)).sum())
            outside = int((kept & ~inside).sum())
            purged = int((inside & ~kept).sum())
            seen = (
                f"{int(kept.sum())} learned, {purged} purged, {over} reach into validation"
                + f", {outside} outside the training span" * bool(outside)
            )
            where = f"{one.instrument} {name}"
            findings.append(Finding("purge", where, not over and not outside, seen))
    return findings
