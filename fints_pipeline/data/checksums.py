"""Checksum files that vouch for an archive.

Beside ``X``: ``X.CHECKSUM`` (Binance), ``X.sha256`` or ``X.md5``, one line of a digest in hex,
two spaces and the name (the bare digest will do in the last two); or ``SHA256SUMS`` in the same
folder, one such line a file, of which those that name ``X`` count.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Collection
from pathlib import Path

from fints_pipeline.base.errors import ArchiveError

FOLDER_SUMS = "SHA256SUMS"
SUFFIXES = {".CHECKSUM": "sha256", ".sha256": "sha256", ".md5": "md5"}
_LARGEST_SIDECAR = 4096
_LARGEST_SUMS = 4_000_000
# "*" in place of the second space is what sha256sum writes in binary mode.
_LINES = {
    "sha256": re.compile(r"^([0-9A-Fa-f]{64})(?: [ *](.+))?$"),
    "md5": re.compile(r"^([0-9A-Fa-f]{32})(?: [ *](.+))?$"),
}
_NAMES = {"sha256": "SHA-256", "md5": "MD5"}


def sidecars_of(archive: Path) -> list[Path]:
    """Return where the checksum files of ``archive`` lie, whether they exist or not."""
    own = [archive.with_name(archive.name + suffix) for suffix in SUFFIXES]
    return [*own, archive.with_name(FOLDER_SUMS)]


def is_sidecar(name: str, names: Collection[str]) -> bool:
    """Return whether a file is a checksum file, given the names that lie in its folder."""
    folded = name.casefold()
    return name == FOLDER_SUMS or any(
        folded.endswith(suffix.casefold()) and name[: -len(suffix)] in names for suffix in SUFFIXES
    )


def verify(archive: Path, sha256: str) -> bool:
    """Check an archive's digest against every checksum file that speaks of it.

    Args:
        archive: The archive's path.
        sha256: The digest of its bytes as read, lower-case hex.

    Returns:
        True when a checksum file vouches for the archive, False when there is none.

    Raises:
        ArchiveError: one is damaged, names another file, or gives another digest.
    """
    digests: dict[str, Callable[[], str]] = {"sha256": lambda: sha256, "md5": lambda: _md5(archive)}
    verified = False
    for suffix, algorithm in SUFFIXES.items():
        sidecar = archive.with_name(archive.name + suffix)
        content = _content(sidecar, _LARGEST_SIDECAR)
        if content is not None:
            expected = _single(content, sidecar, algorithm, archive.name)
            _compare(expected, digests[algorithm](), sidecar)
            verified = True
    sums = archive.with_name(FOLDER_SUMS)
    content = _content(sums, _LARGEST_SUMS)
    for expected in _listed(content, sums, archive.name) if content is not None else ():
        _compare(expected, sha256, sums)
        verified = True
    return verified


def _content(sidecar: Path, largest: int) -> bytes | None:
    try:
        with sidecar.open("rb") as stream:
            return stream.read(largest + 1)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise ArchiveError(
            f"the checksum file cannot be read: {error.strerror}", where=sidecar.name
        ) from None


def _single(content: bytes, sidecar: Path, algorithm: str, name: str) -> str:
    """Return the digest of a checksum file that speaks of one archive."""
    lines = _lines(content)
    match = _LINES[algorithm].match(lines[0]) if len(lines) == 1 else None
    bare = sidecar.suffix == ".CHECKSUM" and match is not None and match[2] is None
    if match is None or bare or len(content) > _LARGEST_SIDECAR:
        raise ArchiveError(
            f"the checksum file is not one line of a {_NAMES[algorithm]}, two spaces and a "
            "file name",
            where=sidecar.name,
            fix="fetch it again, or remove it to go without",
        )
    if match[2] not in (None, name):
        raise ArchiveError(
            f"the checksum file vouches for another file, {match[2]!r}",
            where=sidecar.name,
            fix="fetch the archive and its checksum file again, together",
        )
    return match[1].lower()


def _listed(content: bytes, sums: Path, name: str) -> list[str]:
    """Return the digests that a list of checksums gives for one name."""
    matches = [_LINES["sha256"].match(line) for line in _lines(content)]
    if not matches or None in matches or len(content) > _LARGEST_SUMS:
        raise ArchiveError(
            "the list of checksums has a line that is not a SHA-256, two spaces and a file name",
            where=sums.name,
            fix="fetch it again, or remove it to go without",
        )
    named = [(match[2] or "", match[1].lower()) for match in matches if match is not None]
    return [digest for other, digest in named if other.removeprefix("./") == name]


def _lines(content: bytes) -> list[str]:
    try:
        text = content.decode("utf-8")
    except UnicodeDecodeError:
        return []
    return [line.rstrip("\r") for line in text.split("\n") if line.strip()]


def _compare(expected: str, found: str, sidecar: Path) -> None:
    if expected != found:
        raise ArchiveError(
            f"the archive differs from its checksum: expected {expected}, found {found}",
            where=sidecar.name,
            fix="fetch the archive again; it is damaged or was replaced",
        )


def _md5(archive: Path) -> str:
    try:
        with archive.open("rb") as stream:
            return hashlib.file_digest(
                stream, lambda: hashlib.md5(usedforsecurity=False)
            ).hexdigest()
    except OSError as error:
        raise ArchiveError(
            f"the archive cannot be read: {error.strerror}", where=archive.name
        ) from None
