"""The folder where a person drops archives: what lies in it, at the price of one stat a file."""

from __future__ import annotations

import errno
import hashlib
import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from fints_pipeline.base.errors import ArchiveError
from fints_pipeline.data.checksums import is_sidecar, sidecars_of
from fints_pipeline.data.signatures import kind_of

UNFINISHED_SUFFIXES = (
    ".tmp",
    ".part",
    ".partial",
    ".crdownload",
    ".download",
    ".aria2",
    ".filepart",
)
_DEAD_MOUNT = {errno.ENOTCONN, errno.ESTALE, errno.EIO, errno.EHOSTDOWN, errno.ENODEV, errno.ENXIO}
_Stat = tuple[int, int, int]


@dataclass(frozen=True)
class Delivery:
    """One file that can be staged.

    Attributes:
        relative: Its path below the inbox, with slashes, printable.
        path: Where it lies.
        size: Bytes.
        mtime_ns: Modification time, ns since the epoch.
        ctime_ns: Time of the last change of content or inode, ns.
        sidecars: Size, mtime and ctime of each checksum file that speaks of it.
    """

    relative: str
    path: Path
    size: int
    mtime_ns: int
    ctime_ns: int
    sidecars: tuple[_Stat, ...] = ()

    @property
    def folder(self) -> str | None:
        """The first folder below the inbox, or None for a file that lies in the inbox itself."""
        first, slash, _ = self.relative.partition("/")
        return first if slash else None

    @property
    def stamp(self) -> list[object]:
        """What changes when the file or its checksum file does; JSON-able."""
        own = [self.size, self.mtime_ns, self.ctime_ns]
        return [*own, *(list(sidecar) for sidecar in self.sidecars)]


@dataclass
class Scan:
    """What lies in an inbox, each list by path.

    Attributes:
        deliveries: Files to stage.
        refused: Path and error of what cannot be read: broken links, pipes, forbidden folders.
        unfinished: Files that are still being written; they are left alone.
        ignored: Files that are no archive of a known kind.
    """

    deliveries: list[Delivery] = field(default_factory=list)
    refused: list[tuple[str, ArchiveError]] = field(default_factory=list)
    unfinished: list[str] = field(default_factory=list)
    ignored: list[str] = field(default_factory=list)


def scan(inbox: Path | str) -> Scan:
    """List an inbox and the folders below it, following links, without opening a file.

    Hidden files and folders are passed over.

    Raises:
        ArchiveError: the inbox itself is missing, a broken link, a dead mount or no folder.
    """
    root = resolve(inbox)
    found = Scan()
    _walk(root, "", found, {_identity(root)})
    found.deliveries.sort(key=lambda each: each.relative)
    for names in (found.unfinished, found.ignored):
        names.sort()
    found.refused.sort(key=lambda each: each[0])
    return found


def fingerprint(inbox: Path | str | Scan) -> str:
    """Return 32 hex digits that change when a file is added, removed or changed.

    Raises:
        ArchiveError: as `scan` does.
    """
    found = inbox if isinstance(inbox, Scan) else scan(inbox)
    digest = hashlib.sha256()
    for delivery in found.deliveries:
        line = f"{delivery.relative}\0{delivery.size}\0{delivery.mtime_ns}\0{delivery.sidecars}\n"
        digest.update(line.encode())
    for relative, _ in found.refused:
        digest.update(f"{relative}\0refused\n".encode())
    return digest.hexdigest()[:32]


def resolve(inbox: Path | str) -> Path:
    """Return the folder that a person named, for example ``models/data``, ``~/ohlcv`` or ``@data``.

    A leading ``@`` is taken off unless a folder of that very name exists.

    Raises:
        ArchiveError: there is no such folder, or it cannot be read; the message says why.
    """
    path = Path(os.path.expanduser(inbox))
    if str(path).startswith("@") and len(str(path)) > 1 and not os.path.lexists(path):
        path = Path(os.path.expanduser(str(path)[1:]))
    try:
        mode = path.stat().st_mode
        if stat.S_ISDIR(mode):
            os.scandir(path).close()
    except OSError as error:
        raise _describe(error, path) from None
    if not stat.S_ISDIR(mode):
        raise ArchiveError("not a folder", where=str(path), fix="name the folder that it lies in")
    return path


def _walk(folder: Path, prefix: str, found: Scan, seen: set[tuple[int, int]]) -> None:
    entries = sorted(_entries(folder, prefix, found), key=lambda entry: entry.name)
    names = {entry.name for entry in entries}
    for entry in entries:
        if entry.name.startswith("."):
            continue
        relative = prefix + os.fsencode(entry.name).decode("utf-8", "backslashreplace")
        path = Path(entry.path)
        try:
            status = entry.stat()
        except OSError as error:
            found.refused.append((relative, _describe(error, path)))
            continue
        if stat.S_ISDIR(status.st_mode):
            if (identity := (status.st_dev, status.st_ino)) not in seen:
                seen.add(identity)
                _walk(path, relative + "/", found, seen)
        else:
            _sort(relative, path, status, names, found)


def _entries(folder: Path, prefix: str, found: Scan) -> Iterator[os.DirEntry[str]]:
    try:
        with os.scandir(folder) as entries:
            yield from entries
    except OSError as error:
        found.refused.append((prefix.rstrip("/") or ".", _describe(error, folder)))


def _sort(relative: str, path: Path, status: os.stat_result, names: set[str], found: Scan) -> None:
    """Put one file on the list where it belongs."""
    is_archive = kind_of(path.name) is not None
    being_written = any(path.name + each in names for each in UNFINISHED_SUFFIXES)
    if path.suffix.casefold() in UNFINISHED_SUFFIXES or (is_archive and being_written):
        found.unfinished.append(relative)
    elif is_sidecar(path.name, names):
        return
    elif not is_archive:
        found.ignored.append(relative)
    elif not stat.S_ISREG(status.st_mode):
        found.refused.append((relative, ArchiveError("not a regular file", where=str(path))))
    else:
        sidecars = tuple(_stat_of(each) for each in sidecars_of(path) if each.name in names)
        found.deliveries.append(Delivery(relative, path, *_numbers(status), sidecars))


def _stat_of(sidecar: Path) -> _Stat:
    try:
        return _numbers(sidecar.stat())
    except OSError:
        return (-1, 0, 0)


def _numbers(status: os.stat_result) -> _Stat:
    return status.st_size, status.st_mtime_ns, status.st_ctime_ns


def _identity(folder: Path) -> tuple[int, int]:
    status = folder.stat()
    return status.st_dev, status.st_ino


def _is_broken_link(path: Path) -> bool:
    return path.is_symlink() and not path.exists()


def _describe(error: OSError, path: Path) -> ArchiveError:
    where = str(path)
    if error.errno == errno.ELOOP:
        return ArchiveError("a symbolic link leads to itself", where=where, fix="remove the link")
    link = next((each for each in (path, *path.parents) if _is_broken_link(each)), None)
    if error.errno == errno.ENOENT and link is not None:
        return ArchiveError(
            f"broken symbolic link: its target {os.readlink(link)!r} does not exist",
            where=str(link),
            fix="mount or restore the target, or remove the link",
        )
    if error.errno == errno.ENOENT:
        return ArchiveError(
            "no such folder",
            where=f"{where} (in {Path.cwd()})",
            fix="check the path; a folder on another drive must be mounted first",
        )
    if error.errno in _DEAD_MOUNT:
        return ArchiveError(
            f"the drive does not answer: {error.strerror}",
            where=where,
            fix="mount it again; nothing was changed",
        )
    if error.errno in {errno.EACCES, errno.EPERM}:
        return ArchiveError("no permission to read", where=where, fix="grant read permission")
    return ArchiveError(f"cannot be read: {error.strerror}", where=where)
