"""Sidecar files that vouch for an archive, in Binance's layout.

``X.zip.CHECKSUM`` holds one line: the SHA-256 of ``X.zip`` in hex, two spaces, and its name.
"""

from __future__ import annotations

import re
from pathlib import Path

from fints_pipeline.base.errors import ArchiveError

SIDECAR_SUFFIX = ".CHECKSUM"
_LARGEST_SIDECAR = 4096
# "*" in place of the second space is what sha256sum writes in binary mode.
_LINE = re.compile(r"^([0-9A-Fa-f]{64}) [ *](.+)$")


def sidecar_of(archive: Path) -> Path:
    """Return where the sidecar of ``archive`` lies, whether it exists or not."""
    return archive.with_name(archive.name + SIDECAR_SUFFIX)


def verify(archive: Path, sha256: str) -> bool:
    """Check an archive's digest against its sidecar.

    Args:
        archive: The archive's path.
        sha256: The digest of its bytes as read, lower-case hex.

    Returns:
        True when a sidecar vouches for the archive, False when there is none.

    Raises:
        ArchiveError: the sidecar is damaged, names another file, or gives another digest.
    """
    sidecar = sidecar_of(archive)
    try:
        with sidecar.open("rb") as stream:
            content = stream.read(_LARGEST_SIDECAR + 1)
    except FileNotFoundError:
        return False
    except OSError as error:
        raise ArchiveError(
            f"the checksum file cannot be read: {error.strerror}", where=sidecar.name
        ) from None
    expected, name = _parse(content, sidecar)
    if name != archive.name:
        raise ArchiveError(
            f"the checksum file vouches for another file, {name!r}",
            where=sidecar.name,
            fix="fetch the archive and its checksum file again, together",
        )
    if expected != sha256:
        raise ArchiveError(
            f"the archive differs from its checksum: expected {expected}, found {sha256}",
            where=sidecar.name,
            fix="fetch the archive again; it is damaged or was replaced",
        )
    return True


def _parse(content: bytes, sidecar: Path) -> tuple[str, str]:
    try:
        lines = content.decode("utf-8").split("\n")
    except UnicodeDecodeError:
        lines = []
    filled = [line.rstrip("\r") for line in lines if line.strip()]
    match = _LINE.match(filled[0]) if len(filled) == 1 else None
    if match is None or len(content) > _LARGEST_SIDECAR:
        raise ArchiveError(
            "the checksum file is not one line of a SHA-256, two spaces and a file name",
            where=sidecar.name,
            fix="fetch it again, or remove it to go without",
        )
    return match[1].lower(), match[2]
