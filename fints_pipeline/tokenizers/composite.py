"""Composite ids: a few fields of a bar as one number, as a word, and as text."""

from __future__ import annotations

import re
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from fints_pipeline.base.errors import FormatError, KeyNotFoundError, nearest
from fints_pipeline.tokenizers.brooks import FIELDS

WORD_SEPARATOR = "|"
_TEXT = re.compile(r"^\[([^\[\]]*)\]$")


def radices(fields: Sequence[str]) -> tuple[int, ...]:
    """Return how many values each field has.

    Raises:
        KeyNotFoundError: a field does not exist.
    """
    for name in fields:
        if name not in FIELDS:
            raise KeyNotFoundError(f"no field {name!r}", fix=nearest(name, FIELDS))
    return tuple(len(FIELDS[name]) for name in fields)


def composite_ids(tokens: NDArray[np.int8], fields: Sequence[str]) -> NDArray[np.int64]:
    """Return the mixed-radix number of ``fields``, the first one the most significant.

    Args:
        tokens: (T, 10), columns as in `FIELDS`.
        fields: Which, in order. All ten have 2 504 409 600 combinations: more than an int32.

    Returns:
        (T,) int64.
    """
    names = list(FIELDS)
    ids = np.zeros(len(tokens), dtype=np.int64)
    for name, radix in zip(fields, radices(fields), strict=True):
        ids = ids * radix + tokens[:, names.index(name)]
    return ids


def field_values(composite: int, fields: Sequence[str]) -> tuple[str, ...]:
    """Return the value names that a composite id stands for, in the order of ``fields``."""
    values = []
    for name, radix in zip(reversed(fields), reversed(radices(fields)), strict=True):
        composite, code = divmod(composite, radix)
        values.append(FIELDS[name][code])
    return tuple(reversed(values))


def composite_of(values: Sequence[str], fields: Sequence[str]) -> int:
    """Return the composite id of named values.

    Raises:
        FormatError: a field has no such value, or the counts differ.
    """
    if len(values) != len(fields):
        raise FormatError(f"{len(values)} values for {len(fields)} fields: {', '.join(values)}")
    composite = 0
    for name, radix, value in zip(fields, radices(fields), values, strict=True):
        if value not in FIELDS[name]:
            raise FormatError(f"field {name} has no {value!r}", fix=nearest(value, FIELDS[name]))
        composite = composite * radix + FIELDS[name].index(value)
    return composite


def to_word(composite: int, fields: Sequence[str]) -> str:
    """Return for example ``up|bull_long|HL|range|none``."""
    return WORD_SEPARATOR.join(field_values(composite, fields))


def from_word(word: str, fields: Sequence[str]) -> int:
    """Parse `to_word`, or raise `FormatError`."""
    return composite_of(word.split(WORD_SEPARATOR), fields)


def to_text(composite: int, fields: Sequence[str]) -> str:
    """Return for example ``[trend=up, bar=bull_long, swing=HL, context=range, event=none]``."""
    pairs = zip(fields, field_values(composite, fields), strict=True)
    return "[" + ", ".join(f"{name}={value}" for name, value in pairs) + "]"


def from_text(text: str, fields: Sequence[str]) -> int:
    """Parse `to_text`.

    Raises:
        FormatError: not of that form, or not of these fields in this order.
    """
    match = _TEXT.match(text.strip())
    pairs = [part.strip().partition("=") for part in match[1].split(",")] if match else []
    if not match or [name for name, _, _ in pairs] != list(fields):
        wanted = ", ".join(f"{name}=..." for name in fields)
        raise FormatError(f"{text!r} is not a token", fix=f"write it like [{wanted}]")
    return composite_of([value for _, _, value in pairs], fields)
