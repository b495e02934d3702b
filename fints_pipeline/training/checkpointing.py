"""Where a fit is kept while it runs, so that a killed one goes on where it was."""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lightning.pytorch import Callback, LightningModule, Trainer

from fints_pipeline.base.config import fingerprint
from fints_pipeline.base.errors import LakeError
from fints_pipeline.training.checkpoint_io import read_checkpoint

log = logging.getLogger("fints_pipeline.training")
_KEY = "fints_pipeline"


@dataclass(frozen=True)
class CheckpointPlace:
    """A fit's checkpoint file.

    Attributes:
        path: of the file.
        contents: what was fitted on what: config, spans, input digests, scalers, vocabulary.
    """

    path: Path
    contents: Mapping[str, object]

    @property
    def identity(self) -> str:
        """Names everything that the fit depends on."""
        return fingerprint(dict(self.contents))

    def usable(self) -> Path | None:
        """Return the file if it is of this very fit and whole, else None; a line says why."""
        if not self.path.exists():
            return None
        try:
            found = json.loads(read_checkpoint(self.path)[_KEY])
        except (LakeError, KeyError, ValueError) as error:
            log.warning("a checkpoint is left aside: %s", error)
            return None
        if found["identity"] != self.identity:
            log.info("the checkpoint is of other data or another config: the fit starts anew")
            return None
        return self.path

    def clear(self) -> None:
        """Remove the file, if it is there."""
        self.path.unlink(missing_ok=True)


class Checkpointing(Callback):
    """Saves the whole state of a fit at each epoch's end, and every so many steps within it.

    It stands last among the callbacks, so that what the others keep is in the file.

    Args:
        place: where.
        every: optimiser steps between checkpoints within an epoch; None for epochs' ends alone.
    """

    def __init__(self, place: CheckpointPlace, every: int | None) -> None:
        self._place = place
        self._every = every
        self._saved_at = 0

    def on_train_batch_end(
        self,
        trainer: Trainer,
        pl_module: LightningModule,
        outputs: Any,
        batch: Any,
        batch_idx: int,
    ) -> None:
        """Save every so many steps, not at an epoch's last batch: its end comes anyway."""
        step = trainer.global_step
        if self._every is None or trainer.is_last_batch or step < self._saved_at + self._every:
            return
        whole = (batch_idx + 1) % trainer.accumulate_grad_batches == 0
        if whole:
            self._save(trainer)

    def on_train_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Save."""
        self._save(trainer)

    def on_save_checkpoint(
        self, trainer: Trainer, pl_module: LightningModule, checkpoint: dict[str, Any]
    ) -> None:
        """Add what the fit is of."""
        contents = {"identity": self._place.identity, **self._place.contents}
        checkpoint[_KEY] = json.dumps(contents, default=str)

    def _save(self, trainer: Trainer) -> None:
        self._saved_at = trainer.global_step
        trainer.save_checkpoint(self._place.path)
