"""Where a lake's files lie: a folder of this machine, or a bucket of an object store.

A store publishes files whole or not at all and holds locks between processes; `Lake` and its
bundles know nothing else of where they are. Paths are relative to the lake's root.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Protocol

from fints_pipeline.base.lake.atomic import (
    TEMPORARY_PREFIX,
    clear_errors,
    locked,
    replacing,
    sync_folder,
    sync_tree,
)

LOCKS = ".locks"
BUCKET_SCHEME = "s3://"


@dataclass(frozen=True)
class Stored:
    """A file of a store.

    Attributes:
        path: Below the lake's root.
        size: Bytes.
        touched: When it was written, in seconds by the store's own clock.
    """

    path: PurePosixPath
    size: int
    touched: float


class Store(Protocol):
    """Files by their path below the lake's root."""

    @property
    def root(self) -> Path:
        """A folder of this machine: the lake itself, or copies of what was read from it."""
        ...

    def uri(self, path: PurePosixPath) -> str:
        """Return the file's address, for people."""
        ...

    def exists(self, path: PurePosixPath) -> bool:
        """Return whether the file is there now."""
        ...

    def fetch(self, path: PurePosixPath) -> Path:
        """Return a local file with the present content; `FileNotFoundError` if there is none."""
        ...

    def replacing(self, path: PurePosixPath) -> AbstractContextManager[Path]:
        """Yield a temporary local path that becomes the file when the block ends well."""
        ...

    def scratch(self, path: PurePosixPath) -> AbstractContextManager[Path]:
        """Yield an empty local folder that can be published next to ``path``; then remove it."""
        ...

    def publish_folder(self, folder: Path, path: PurePosixPath) -> None:
        """Make a `scratch` folder's content the folder ``path``, where nothing is yet."""
        ...

    def fetch_folder(self, path: PurePosixPath, names: Sequence[str]) -> Path:
        """Return a local folder with those of the files ``names`` below ``path`` that exist."""
        ...

    def forget(self, path: PurePosixPath) -> bool:
        """Drop local copies at and below ``path``; return whether the original lies elsewhere."""
        ...

    def remove(self, path: PurePosixPath) -> None:
        """Remove a file, if it is there."""
        ...

    def remove_folder(self, path: PurePosixPath) -> None:
        """Remove all files below ``path``, if any."""
        ...

    def folders(self, path: PurePosixPath) -> list[str]:
        """Return the names of the folders in ``path``, in no order."""
        ...

    def holding(self, path: PurePosixPath, name: str) -> list[str]:
        """Return the names of the folders in ``path`` that hold a file ``name``, in no order."""
        ...

    def oldest_first(self, path: PurePosixPath) -> list[str]:
        """Return the names of the folders in ``path``, the one written longest ago first."""
        ...

    def files(self, path: PurePosixPath, name: str) -> Iterator[PurePosixPath]:
        """Yield every file called ``name`` below ``path``, sorted."""
        ...

    def stamps(self, path: PurePosixPath, name: str) -> Iterator[tuple[str, str]]:
        """Yield each folder below ``path`` that holds a file ``name``, with that file's stamp.

        A stamp is another one whenever the file has been replaced. Folders inside such a folder are
        not looked at.
        """
        ...

    def contents(self, path: PurePosixPath) -> Iterator[Stored]:
        """Yield every file below ``path``; an empty folder too, where there are folders."""
        ...

    def now(self) -> float:
        """Return the time by the clock that dates the files, in seconds."""
        ...

    def locked(
        self, name: str, busy: Callable[[], None] | None = None
    ) -> AbstractContextManager[None]:
        """Hold an exclusive lock between all processes that use the lake.

        Args:
            name: The lock's.
            busy: Called once if somebody else holds it, before waiting.
        """
        ...

    def refresh(self, path: PurePosixPath) -> None:
        """Let the folder `root` show what is below ``path`` now, for who reads many files there."""
        ...

    def sweep(self, lock_of: Callable[[PurePosixPath], str | None]) -> list[Path]:
        """Remove what killed writers left, on this machine; return what is gone.

        Args:
            lock_of: The name of the lock that who writes in a folder holds; None leaves it alone.
        """
        ...


class FolderStore:
    """A folder: renames publish, file locks exclude.

    Args:
        root: The folder; made on first write.
    """

    def __init__(self, root: Path) -> None:
        self.root = root

    def uri(self, path: PurePosixPath) -> str:
        """Return the file's path."""
        return str(self.root / path)

    def exists(self, path: PurePosixPath) -> bool:
        """Return whether the file is there."""
        return (self.root / path).is_file()

    def fetch(self, path: PurePosixPath) -> Path:
        """Return the file itself."""
        found = self.root / path
        if not found.is_file():
            raise FileNotFoundError(str(found))
        return found

    def replacing(self, path: PurePosixPath) -> AbstractContextManager[Path]:
        """Write beside the file, fsync, rename over it, fsync the folder."""
        return replacing(self.root / path)

    @contextmanager
    def scratch(self, path: PurePosixPath) -> Iterator[Path]:
        """Yield a folder on the same file system."""
        home = (self.root / path).parent
        with clear_errors(home):
            home.mkdir(parents=True, exist_ok=True)
            folder = Path(tempfile.mkdtemp(prefix=TEMPORARY_PREFIX, dir=home))
            try:
                yield folder
            finally:
                shutil.rmtree(folder, ignore_errors=True)

    def publish_folder(self, folder: Path, path: PurePosixPath) -> None:
        """Fsync all files, rename the folder, fsync the one it is in."""
        target = self.root / path
        sync_tree(folder)
        folder.chmod(0o755)
        folder.rename(target)
        sync_folder(target.parent)

    def fetch_folder(self, path: PurePosixPath, names: Sequence[str]) -> Path:
        """Return the folder itself."""
        return self.root / path

    def forget(self, path: PurePosixPath) -> bool:
        """Nothing is a copy here."""
        return False

    def remove(self, path: PurePosixPath) -> None:
        """Unlink the file."""
        with clear_errors(self.root / path):
            (self.root / path).unlink(missing_ok=True)

    def remove_folder(self, path: PurePosixPath) -> None:
        """Remove the folder."""
        shutil.rmtree(self.root / path, ignore_errors=True)

    def folders(self, path: PurePosixPath) -> list[str]:
        """List the folder."""
        return [one.name for one in self._folders(path)]

    def holding(self, path: PurePosixPath, name: str) -> list[str]:
        """List the folder and ask for each one's file."""
        return [one.name for one in self._folders(path) if os.path.isfile(f"{one.path}/{name}")]

    def oldest_first(self, path: PurePosixPath) -> list[str]:
        """List the folder, by modification time."""
        found = self._folders(path)
        return [one.name for one in sorted(found, key=lambda one: one.stat().st_mtime_ns)]

    def _folders(self, path: PurePosixPath) -> list[os.DirEntry[str]]:
        try:
            with os.scandir(self.root / path) as entries:
                return [
                    one
                    for one in entries
                    if one.is_dir() and not one.name.startswith(TEMPORARY_PREFIX)
                ]
        except (FileNotFoundError, NotADirectoryError):
            return []

    def files(self, path: PurePosixPath, name: str) -> Iterator[PurePosixPath]:
        """Walk the folder."""
        for found in sorted((self.root / path).rglob(name)):
            yield PurePosixPath(found.relative_to(self.root).as_posix())

    def stamps(self, path: PurePosixPath, name: str) -> Iterator[tuple[str, str]]:
        """Ask for the file in each folder; look inside only where there is none."""
        found: list[tuple[str, str]] = []
        _stamp(str(self.root / path), str(path), name, found)
        return iter(found)

    def contents(self, path: PurePosixPath) -> Iterator[Stored]:
        """Walk the folder; what goes away meanwhile is left out."""
        for folder, inside, names in os.walk(self.root / path):
            for found in (Path(folder, name) for name in names or ([] if inside else [""])):
                with contextlib.suppress(FileNotFoundError):
                    status = found.lstat()
                    where = PurePosixPath(found.relative_to(self.root).as_posix())
                    size = status.st_size if names else 0
                    yield Stored(where, size, status.st_mtime)

    def now(self) -> float:
        """Return this machine's time."""
        return time.time()

    def locked(
        self, name: str, busy: Callable[[], None] | None = None
    ) -> AbstractContextManager[None]:
        """Lock a file below `LOCKS`."""
        return locked(self.root / LOCKS / f"{name}.lock", busy)

    def refresh(self, path: PurePosixPath) -> None:
        """The folder always shows what is there."""

    def sweep(self, lock_of: Callable[[PurePosixPath], str | None]) -> list[Path]:
        """Remove what is unfinished in tables and bundles, unless its lock says it is in use."""
        removed = []
        for path in sorted(_unfinished(self.root)):
            name = lock_of(PurePosixPath(path.parent.relative_to(self.root).as_posix()))
            if name is None:
                continue
            lock = self.root / LOCKS / f"{name}.lock"
            lock.parent.mkdir(exist_ok=True)
            with contextlib.suppress(BlockingIOError), lock.open("a") as stream:
                fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
                if path.is_dir():
                    shutil.rmtree(path)
                else:
                    path.unlink(missing_ok=True)
                removed.append(path)
        return removed


def _unfinished(root: Path) -> Iterator[Path]:
    """Yield temporary files and folders below ``name=value`` folders, which are not looked into."""
    for folder, inside, names in os.walk(root):
        here = Path(folder)
        if here != root and "=" in here.name:
            yield from (here / name for name in [*names, *inside] if _is_temporary(name))
        inside[:] = [name for name in inside if not name.startswith(".")]


def _is_temporary(name: str) -> bool:
    return name.startswith(TEMPORARY_PREFIX)


def _stamp(folder: str, relative: str, name: str, found: list[tuple[str, str]]) -> None:
    """Append what `Store.stamps` yields of a folder; paths from an open folder are quick."""
    try:
        descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    except (FileNotFoundError, NotADirectoryError):
        return
    try:
        with os.scandir(descriptor) as entries:
            inside = sorted(one.name for one in entries if "=" in one.name and one.is_dir())
        for own in inside:
            try:
                status = os.stat(f"{own}/{name}", dir_fd=descriptor)
            except FileNotFoundError:
                _stamp(f"{folder}/{own}", f"{relative}/{own}", name, found)
            else:
                stamp = f"{status.st_ino}-{status.st_mtime_ns}-{status.st_size}"
                found.append((f"{relative}/{own}", stamp))
    finally:
        os.close(descriptor)


def open_store(location: Path | str) -> Store:
    """Return the store at a folder or at ``s3://bucket/prefix``.

    Raises:
        ConfigError: the address is not understood, or what object stores need is not installed.
    """
    if str(location).startswith(BUCKET_SCHEME):
        from fints_pipeline.base.lake.buckets import open_bucket

        return open_bucket(str(location))
    return FolderStore(Path(location))
