"""Which names of archive members are refused.

A member's name is never used as a path here, it is only metadata. A hostile name is refused all
the same: it shows what the archive was made for, and later tools may be less careful with it.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable

from fints_pipeline.base.errors import ArchiveError

LONGEST_NAME = 255
_DRIVE = re.compile(r"^[A-Za-z]:")
_SEPARATORS = re.compile(r"[/\\]")
_DEVICES = frozenset(
    {"CON", "PRN", "AUX", "NUL", "CONIN$", "CONOUT$"}
    | {f"{port}{digit}" for port in ("COM", "LPT") for digit in "123456789¹²³"}
)
# Control, format (bidirectional overrides), surrogates, line and paragraph separators.
_INVISIBLE = frozenset({"Cc", "Cf", "Cs", "Zl", "Zp"})


def check_name(name: str) -> None:
    """Refuse a member's name that could escape a folder, hide something or address a device.

    Raises:
        ArchiveError: naming what is wrong with it.
    """
    fault = _fault(name)
    if fault is not None:
        raise ArchiveError(f"a member's name {fault}", where=f"member {name!r}")


def check_distinct(names: Iterable[str]) -> None:
    """Refuse names that are equal once case and Unicode composition are put aside.

    Raises:
        ArchiveError: naming both spellings.
    """
    seen: dict[str, str] = {}
    for name in names:
        key = unicodedata.normalize("NFC", unicodedata.normalize("NFC", name).casefold())
        if key in seen:
            raise ArchiveError(
                "two members have the same name", where=f"members {seen[key]!r} and {name!r}"
            )
        seen[key] = name


def _fault(name: str) -> str | None:
    if not name.strip():
        return "is empty"
    if "\0" in name:
        return "holds a NUL character"
    if any(unicodedata.category(char) in _INVISIBLE for char in name):
        return "holds control or invisible characters"
    if name[0] in "/\\" or _DRIVE.match(name):
        return "is an absolute path"
    parts = _SEPARATORS.split(name.rstrip("/\\"))
    if ".." in parts:
        return "climbs out of its folder (path traversal)"
    return next((fault for part in parts if (fault := _part_fault(part))), None)


def _part_fault(part: str) -> str | None:
    if ":" in part:
        return "addresses a drive or an alternate data stream"
    if len(part.encode("utf-8", "surrogatepass")) > LONGEST_NAME:
        return f"has a part longer than {LONGEST_NAME} bytes"
    stem = part.split(".")[0].rstrip(" ").upper()
    return f"is that of the device {stem}" if stem in _DEVICES else None
