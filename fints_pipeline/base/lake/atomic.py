"""Writes that are there whole or not at all, after a crash too."""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

from fints_pipeline.base.errors import LakeError

TEMPORARY_PREFIX = ".tmp-"


@contextlib.contextmanager
def replacing(target: Path) -> Iterator[Path]:
    """Yield a temporary path beside ``target`` that replaces it when the block ends well.

    The file is fsynced, renamed over ``target``, and the folder is fsynced. When the block raises,
    ``target`` stays as it was and the temporary file is removed.
    """
    with clear_errors(target):
        target.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(prefix=TEMPORARY_PREFIX, dir=target.parent)
        os.close(handle)
        temporary = Path(name)
        try:
            yield temporary
            sync_file(temporary)
            temporary.chmod(0o644)
            temporary.replace(target)
            sync_folder(target.parent)
        finally:
            temporary.unlink(missing_ok=True)


@contextlib.contextmanager
def publishing_folder(target: Path) -> Iterator[Path]:
    """Yield a temporary folder beside ``target`` that becomes it when the block ends well.

    ``target`` must not exist yet; if another process published it meanwhile, theirs is kept.
    """
    with clear_errors(target):
        target.parent.mkdir(parents=True, exist_ok=True)
        temporary = Path(tempfile.mkdtemp(prefix=TEMPORARY_PREFIX, dir=target.parent))
        try:
            yield temporary
            sync_tree(temporary)
            temporary.chmod(0o755)
            with contextlib.suppress(FileExistsError, OSError):
                if not target.exists():
                    temporary.rename(target)
            if not target.is_dir():
                raise LakeError("folder could not be published", where=str(target))
            sync_folder(target.parent)
        finally:
            shutil.rmtree(temporary, ignore_errors=True)


def write_text(target: Path, text: str) -> None:
    """Replace ``target`` with ``text``, atomically."""
    with replacing(target) as temporary:
        temporary.write_text(text, encoding="utf-8")


@contextlib.contextmanager
def locked(path: Path, busy: Callable[[], None] | None = None) -> Iterator[None]:
    """Hold an exclusive lock, named by the file ``path``, between processes and threads.

    ``busy`` is called before waiting for somebody who holds it.

    The lock file stays. Who removes it must hold the lock, and who then finds that the file it
    locked is no longer the one at ``path`` begins anew.
    """
    with contextlib.ExitStack() as held:
        with clear_errors(path):  # of the lock alone: what is done under it has errors of its own
            path.parent.mkdir(parents=True, exist_ok=True)
            held.enter_context(_held(path, busy))
        yield


@contextlib.contextmanager
def _held(path: Path, busy: Callable[[], None] | None) -> Iterator[None]:
    while True:
        with path.open("a") as stream:
            try:
                fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                if busy is not None:
                    busy()
                fcntl.flock(stream, fcntl.LOCK_EX)
            if not _is_at(stream.fileno(), path):
                continue
            try:
                yield
            finally:
                fcntl.flock(stream, fcntl.LOCK_UN)
            return


def _is_at(descriptor: int, path: Path) -> bool:
    try:
        return os.path.samestat(os.fstat(descriptor), path.stat())
    except FileNotFoundError:
        return False


def sync_file(path: Path) -> None:
    """Flush a file's content to disk."""
    with path.open("rb") as stream:
        os.fsync(stream.fileno())


def sync_folder(path: Path) -> None:
    """Flush a folder's entries to disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def sync_tree(folder: Path) -> None:
    """Flush every file and folder below ``folder`` to disk."""
    for path in sorted(folder.rglob("*")):
        if path.is_dir():
            sync_folder(path)
        else:
            sync_file(path)
    sync_folder(folder)


@contextlib.contextmanager
def clear_errors(target: Path) -> Iterator[None]:
    """Turn what the operating system says of a failed write into a `LakeError`."""
    try:
        yield
    except OSError as error:
        raise LakeError(
            f"cannot write: {error.strerror or error}",
            where=str(error.filename or target),
            fix="check free space and permissions; the earlier content is unchanged",
        ) from error
