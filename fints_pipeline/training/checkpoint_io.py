"""Checkpoint files that are there whole or not at all, and are checked before they are believed.

A file begins with the SHA-256 of what follows, so that a damaged one is refused rather than
trained on, and it is read with ``weights_only``: no code in it is ever run.
"""

from __future__ import annotations

import hashlib
import io
from pathlib import Path
from typing import Any

import torch
from lightning.fabric.plugins import CheckpointIO

from fints_pipeline.base.errors import LakeError
from fints_pipeline.base.lake.atomic import replacing

_DIGEST = hashlib.sha256().digest_size


class AtomicCheckpointIO(CheckpointIO):
    """Lightning's plug for reading and writing checkpoints; see the module."""

    def save_checkpoint(
        self, checkpoint: dict[str, Any], path: Any, storage_options: Any | None = None
    ) -> None:
        """Write a checkpoint: fsync, rename over the old one, fsync the folder."""
        buffer = io.BytesIO()
        torch.save(checkpoint, buffer)
        content = buffer.getvalue()
        with replacing(Path(path)) as temporary:
            temporary.write_bytes(hashlib.sha256(content).digest() + content)

    def load_checkpoint(
        self, path: Any, map_location: Any | None = None, weights_only: bool | None = None
    ) -> dict[str, Any]:
        """Return the checkpoint; `read_checkpoint` says what may go wrong."""
        return read_checkpoint(Path(path), map_location)

    def remove_checkpoint(self, path: Any) -> None:
        """Remove a checkpoint, if it is there."""
        Path(path).unlink(missing_ok=True)


def read_checkpoint(path: Path, map_location: Any | None = None) -> dict[str, Any]:
    """Return what `AtomicCheckpointIO` wrote.

    Raises:
        LakeError: the file is missing, or damaged.
    """
    try:
        stored = path.read_bytes()
    except OSError as error:
        raise LakeError(f"the checkpoint cannot be read: {error}", where=str(path)) from None
    digest, content = stored[:_DIGEST], stored[_DIGEST:]
    if hashlib.sha256(content).digest() != digest:
        raise LakeError(
            "the checkpoint is damaged: its SHA-256 is not that of its content",
            where=str(path),
            fix="delete it; the fit then starts from its beginning",
        )
    location = map_location or "cpu"
    found: dict[str, Any] = torch.load(
        io.BytesIO(content), map_location=location, weights_only=True
    )
    return found
