"""All checks of one fold."""

from __future__ import annotations

from collections.abc import Sequence

from fints_pipeline.audit.findings import Finding
from fints_pipeline.audit.models import audit_models
from fints_pipeline.audit.vocabulary import audit_vocabulary
from fints_pipeline.base.lake import Lake
from fints_pipeline.training.config import ExperimentConfig
from fints_pipeline.walkforward.folds import Fold


def audit_fold(
    lake: Lake,
    experiment: ExperimentConfig,
    fold: Fold,
    names: Sequence[str] | None = None,
) -> list[Finding]:
    """Check a fold's models, what they started from, their scalers and the vocabulary.

    Args:
        lake: holds them.
        experiment: its config.
        fold: its spans.
        names: of the models; None takes all of the experiment's.

    Raises:
        KeyNotFoundError: a model or the vocabulary is missing.
    """
    names = tuple(experiment.names if names is None else names)
    findings = audit_models(lake, experiment, fold, names)
    if any(experiment.model(name).reads_tokens for name in names if name in experiment.models):
        findings.append(audit_vocabulary(lake, experiment, fold))
    return findings
