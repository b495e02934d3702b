"""A store over another one: it shows a part of it, and keeps what is written to itself."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from pathlib import Path, PurePosixPath

from fints_pipeline.base.lake.store import FolderStore, Store, Stored

Shows = Callable[[PurePosixPath], bool]


class OverlayStore:
    """A folder of its own in front of another store, which is only read.

    A file in the folder hides the one of that path beneath. Nothing is copied or linked, so the
    store beneath may be of any kind.

    Args:
        root: The folder that takes what is written.
        beneath: What shows through.
        shows: Whether a path beneath, of a file or of a folder, may be seen; a folder may be seen
            when anything in it may.
    """

    def __init__(self, root: Path, beneath: Store, shows: Shows) -> None:
        self.own = FolderStore(root)
        self.root = root
        self._beneath = beneath
        self._shows = shows

    def uri(self, path: PurePosixPath) -> str:
        """Return the address of the file that is read."""
        return self._holder(path).uri(path)

    def exists(self, path: PurePosixPath) -> bool:
        """Return whether the file is there, in front or beneath."""
        return self.own.exists(path) or (self._shows(path) and self._beneath.exists(path))

    def fetch(self, path: PurePosixPath) -> Path:
        """Return the file in front, or the one beneath."""
        return self._holder(path).fetch(path)

    def replacing(self, path: PurePosixPath) -> AbstractContextManager[Path]:
        """Write in front."""
        return self.own.replacing(path)

    def scratch(self, path: PurePosixPath) -> AbstractContextManager[Path]:
        """Yield a folder in front."""
        return self.own.scratch(path)

    def publish_folder(self, folder: Path, path: PurePosixPath) -> None:
        """Publish in front."""
        self.own.publish_folder(folder, path)

    def fetch_folder(self, path: PurePosixPath, names: Sequence[str]) -> Path:
        """Return the folder in front if there is one, or the one beneath."""
        if self._is_own(path) or not self._shows(path):
            return self.own.fetch_folder(path, names)
        return self._beneath.fetch_folder(path, names)

    def forget(self, path: PurePosixPath) -> bool:
        """Drop copies of what lies beneath."""
        return not self._is_own(path) and self._shows(path) and self._beneath.forget(path)

    def remove(self, path: PurePosixPath) -> None:
        """Remove the file in front; what lies beneath stays."""
        self.own.remove(path)

    def remove_folder(self, path: PurePosixPath) -> None:
        """Remove the folder in front; what lies beneath stays."""
        self.own.remove_folder(path)

    def folders(self, path: PurePosixPath) -> list[str]:
        """List both."""
        return list(dict.fromkeys([*self.own.folders(path), *self._seen(path)]))

    def holding(self, path: PurePosixPath, name: str) -> list[str]:
        """List both."""
        beneath = self._beneath.holding(path, name) if self._shows(path) else []
        seen = (one for one in beneath if self._shows(path / one / name))
        return list(dict.fromkeys([*self.own.holding(path, name), *seen]))

    def oldest_first(self, path: PurePosixPath) -> list[str]:
        """List what is in front; what lies beneath is not this store's to prune."""
        return self.own.oldest_first(path)

    def files(self, path: PurePosixPath, name: str) -> Iterator[PurePosixPath]:
        """List both, sorted."""
        beneath = self._beneath.files(path, name) if self._shows(path) else ()
        seen = {one for one in beneath if self._shows(one)}
        yield from sorted(seen.union(self.own.files(path, name)))

    def stamps(self, path: PurePosixPath, name: str) -> Iterator[tuple[str, str]]:
        """List both."""
        own = dict(self.own.stamps(path, name))
        yield from own.items()
        for found, stamp in self._beneath.stamps(path, name) if self._shows(path) else ():
            if found not in own and self._shows(PurePosixPath(found)):
                yield found, stamp

    def contents(self, path: PurePosixPath) -> Iterator[Stored]:
        """List what is in front; what lies beneath is not this store's to collect."""
        return self.own.contents(path)

    def now(self) -> float:
        """Return the time by the clock of what is in front."""
        return self.own.now()

    def locked(
        self, name: str, busy: Callable[[], None] | None = None
    ) -> AbstractContextManager[None]:
        """Lock in front: nobody else writes there."""
        return self.own.locked(name, busy)

    def refresh(self, path: PurePosixPath) -> None:
        """Let what lies beneath show what is there now."""
        if self._shows(path):
            self._beneath.refresh(path)

    def sweep(self, lock_of: Callable[[PurePosixPath], str | None]) -> list[Path]:
        """Remove what killed writers left in front."""
        return self.own.sweep(lock_of)

    def _holder(self, path: PurePosixPath) -> Store:
        """Return the store that a file is read from."""
        return self.own if self.own.exists(path) or not self._shows(path) else self._beneath

    def _is_own(self, path: PurePosixPath) -> bool:
        return (self.root / path).exists()

    def _seen(self, path: PurePosixPath) -> Iterator[str]:
        if self._shows(path):
            yield from (name for name in self._beneath.folders(path) if self._shows(path / name))
