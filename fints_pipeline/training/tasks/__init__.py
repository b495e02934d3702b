"""Tasks, one a file, named by the TASK of the networks that they fit.

A task reads what its models learn from, fits one, and predicts with it. To add a network, add its
file under `fints_pipeline.models`: its TASK says which of these takes it.
"""

from __future__ import annotations

import importlib
from collections.abc import Sequence
from typing import Any, Protocol, cast

from fints_pipeline.base.lake import Lake
from fints_pipeline.training.bundles import Fitted, Loaded
from fints_pipeline.training.config import ExperimentConfig, ModelConfig
from fints_pipeline.training.job import Job
from fints_pipeline.training.predicted import Predicted
from fints_pipeline.training.scope import Scope
from fints_pipeline.training.tokens import FoldVocabulary
from fints_pipeline.walkforward.folds import Span


class Task(Protocol):
    """The functions of a module in this package."""

    def load(
        self,
        lake: Lake,
        experiment: ExperimentConfig,
        model: ModelConfig,
        vocabulary: FoldVocabulary | None,
        span: Span,
    ) -> Any:
        """Return the rows of ``span`` that the model learns from or predicts.

        The object has ``inputs``, the digests of what was read, and ``series``, the time lines
        that predictions are for.
        """

    def fit(self, job: Job) -> Fitted:
        """Fit the job's model on what `load` returned for the training and validation spans."""

    def predict(self, model: Loaded, data: Any, scope: Scope) -> Sequence[Predicted]:
        """Predict the scope's bars of each of ``data.series``; earlier ones are context.

        Kinds of models that have no part in the predictions table lack this function.

        Raises:
            LookAheadError: a bar lies in the span that the model was trained on.
        """


def task_module(kind: str) -> Task:
    """Return the module that fits models of a kind."""
    return cast(Task, importlib.import_module(f"{__name__}.{kind}"))
