"""What is wrong with a file whatever it should hold: said where nothing recognises it."""

from __future__ import annotations

from fints_pipeline.base.errors import ArchiveError, FormatError
from fints_pipeline.data.archives import StagedArchive
from fints_pipeline.data.columnar import is_columnar
from fints_pipeline.data.source_file import HEAD_BYTES, SourceFile

_UTF16 = (b"\xff\xfe", b"\xfe\xff")
_FETCH = "fetch it again"


def refuse_unreadable(staged: StagedArchive, archive: str) -> None:
    """Refuse an archive of which no member can be read by anything.

    Raises:
        FormatError: all members are empty, damaged or not text; names the first one's fault.
    """
    files = [SourceFile(staged.path(each), each.name, archive) for each in staged.members]
    faults = [_fault(file) for file in files]
    if faults and all(faults):
        first = next(fault for fault in faults if fault)
        raise FormatError(first[0], where=files[0].where, fix=first[1])


def _fault(file: SourceFile) -> tuple[str, str] | None:
    """Return what is wrong with a file and what to do about it, or None."""
    head = file.head
    if is_columnar(head):
        try:
            return None if file.schema is not None else ("the file is damaged", _FETCH)
        except ArchiveError as error:
            return error.what, error.fix or _FETCH
    if head.startswith(_UTF16):
        return "the file is UTF-16 text", "save it as UTF-8"
    if not head.strip():
        return "the file is empty", _FETCH
    if b"\0" in head:
        return "the file is not text: it holds bytes of value zero", _FETCH
    lines = [line for line in head.splitlines() if line.strip()]
    has_digits = any(char in b"0123456789" for char in lines[0])
    if len(lines) == 1 and len(head) < HEAD_BYTES and not has_digits:
        return "the file holds a header and no rows", _FETCH
    return None
