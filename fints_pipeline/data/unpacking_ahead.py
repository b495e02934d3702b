"""The next archive unpacked while the one before it is read: inflating leaves the interpreter."""

from __future__ import annotations

from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from types import TracebackType

from fints_pipeline.data import archives
from fints_pipeline.data.archives import StagedArchive
from fints_pipeline.data.limits import Limits


class UnpackingAhead:
    """Stages archives; those that it was told to expect, in a thread.

    Args:
        staging: The staging root.
        limits: What an archive may unfold to.
    """

    def __init__(self, staging: Path, limits: Limits) -> None:
        self._staging = staging
        self._limits = limits
        self._expected: dict[Path, Future[StagedArchive]] = {}
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="unpacking")

    def __enter__(self) -> UnpackingAhead:
        """Return itself."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Wait for what is being unpacked; it stays in the staging folder, under its digest."""
        self._thread.shutdown(cancel_futures=True)

    def expect(self, path: Path) -> None:
        """Begin to stage an archive, once those that were expected before are."""
        if path not in self._expected:
            self._expected[path] = self._thread.submit(self._stage, path)

    def stage(self, path: Path) -> StagedArchive:
        """Return a staged archive, as `archives.stage` does.

        Raises:
            ArchiveError: the archive is refused; nothing of it is staged.
            LakeError: the staging folder cannot be written.
        """
        begun = self._expected.pop(path, None)
        return self._stage(path) if begun is None else begun.result()

    def _stage(self, path: Path) -> StagedArchive:
        return archives.stage(path, self._staging, self._limits)
