"""The exceptions that a user of fints_pipeline can meet, each saying what, where and what to do.

::

    FintsError
    └── UserError            something the user can mend; shown without a traceback
        ├── ConfigError      a config file, key or value
        ├── ArchiveError     an archive that is refused and quarantined
        ├── FormatError      a file whose content fits no known format
        ├── CalendarError    a stamp or session that a market calendar does not know
        ├── SchemaError      a table that violates its schema
        ├── LakeError        a partition or bundle that is missing, damaged or not writable
        │   └── DamagedError a partition whose file is there and cannot be read
        ├── KeyNotFoundError an instrument, month, fold or name that does not exist
        └── LookAheadError   a value that would have been known too early
"""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches


class FintsError(Exception):
    """Base of every exception that fints_pipeline raises on purpose."""


class UserError(FintsError):
    """A mistake that the user can mend.

    Args:
        what: What is wrong, in one sentence.
        where: File, row, column, key or partition at fault.
        fix: What to do about it.
    """

    def __init__(self, what: str, *, where: str | None = None, fix: str | None = None) -> None:
        super().__init__(what)
        self.what = what
        self.where = where
        self.fix = fix

    def __str__(self) -> str:
        """Return the message, one line for each of what, where and fix."""
        lines = [self.what]
        if self.where:
            lines.append(f"  where: {self.where}")
        if self.fix:
            lines.append(f"  fix:   {self.fix}")
        return "\n".join(lines)

    def __reduce__(self) -> tuple[object, ...]:
        """Keep where and fix when the error crosses a process boundary."""
        return (_rebuild, (type(self), self.what, self.where, self.fix))


class ConfigError(UserError):
    """A config file, key or value is wrong."""


class ArchiveError(UserError):
    """An archive is refused."""


class FormatError(UserError):
    """A file's content fits no known format, or not the declared one."""


class CalendarError(UserError):
    """A market calendar is unknown or does not cover a date."""


class SchemaError(UserError):
    """A table violates its schema."""


class LakeError(UserError):
    """A partition or bundle is missing, damaged or cannot be written."""


class DamagedError(LakeError):
    """A partition's file is there and cannot be read."""


class KeyNotFoundError(UserError):
    """A name (instrument, month, fold, column) does not exist."""


class LookAheadError(UserError):
    """A value would have been used before it was known."""


def nearest(name: str, choices: Iterable[str], limit: int = 3) -> str:
    """Return a hint such as ``did you mean 'atr_14'?``, or the valid choices, or ``''``."""
    known = sorted(set(choices))
    close = get_close_matches(name, known, n=limit)
    if close:
        return "did you mean " + " or ".join(repr(c) for c in close) + "?"
    return "valid: " + ", ".join(known) if known else ""


def _rebuild(kind: type[UserError], what: str, where: str | None, fix: str | None) -> UserError:
    return kind(what, where=where, fix=fix)
