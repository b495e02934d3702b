"""Fit the toy's forecaster, dying by SIGKILL at a step where asked to.

    python -m fints_pipeline_tests.training.killed_fit LAKE FIT_JSON STEP

STEP 0 lets it live.
"""

from __future__ import annotations

import json
import os
import signal
import sys
from pathlib import Path
from typing import Any

from fints_pipeline import train
from fints_pipeline.base.lake import Lake
from fints_pipeline.training.fit_task import FitTask
from fints_pipeline_tests.training import toy


def main() -> None:
    lake, fit, die_at = Lake(Path(sys.argv[1])), json.loads(sys.argv[2]), int(sys.argv[3])
    experiment = toy.changed("patchtst", fit=fit, network={"dropout": 0.2})
    fold = train.experiment_folds(lake, experiment)[0]
    step = FitTask.training_step

    def dying(self: FitTask, *arguments: Any) -> Any:
        if die_at and self.trainer.global_step == die_at:
            os.kill(os.getpid(), signal.SIGKILL)
        return step(self, *arguments)

    FitTask.training_step = dying  # type: ignore[method-assign]
    train.train_model(lake, experiment, fold, "patchtst")


if __name__ == "__main__":
    main()
