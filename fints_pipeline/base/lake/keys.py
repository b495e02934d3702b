"""Which partition: a table's name and its hive parts, safely spelled as a path."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from pathlib import PurePosixPath
from urllib.parse import unquote

from fints_pipeline.base.errors import LakeError

_SAFE = re.compile(r"[A-Za-z0-9_-]")
_RESERVED = {"", "NULL", "__HIVE_DEFAULT_PARTITION__"}


@dataclass(frozen=True, order=True)
class TableKey:
    """One partition of one table.

    Attributes:
        table: For example ``bars``.
        parts: (name, value) pairs in path order, for example ``(("freq", "5m"), …)``.
    """

    table: str
    parts: tuple[tuple[str, str], ...]

    @property
    def folder(self) -> PurePosixPath:
        """The partition's folder, relative to the lake's root."""
        return hive_folder(self.table, self.parts)

    def __getitem__(self, name: str) -> str:
        """Return the value of one part."""
        return dict(self.parts)[name]

    def __str__(self) -> str:
        """Return for example ``bars/5m/binance.BTCUSDT/2023-01``, as lineage spells it."""
        return "/".join((self.table, *(value for _, value in self.parts)))


def series_key(table: str, freq: str, instrument: str, month: str) -> TableKey:
    """Return the key of one instrument's month; the month is that of the session date."""
    return TableKey(table, (("freq", freq), ("instrument", instrument), ("month", month)))


def fold_key(table: str, experiment: str, fold: str) -> TableKey:
    """Return the key of one walk-forward fold of an experiment."""
    return TableKey(table, (("experiment", experiment), ("fold", fold)))


def hive_folder(root: str, parts: tuple[tuple[str, str], ...]) -> PurePosixPath:
    """Return ``root/name=value/…`` with every value percent-encoded."""
    return PurePosixPath(root, *(f"{name}={encode_part(value)}" for name, value in parts))


@lru_cache(maxsize=4096)
def encode_part(value: str) -> str:
    """Return ``value`` with every byte outside ``[A-Za-z0-9_-]`` percent-encoded.

    Raises:
        LakeError: the value is one that hive readers take for null.
    """
    if value in _RESERVED:
        raise LakeError(f"{value!r} cannot name a partition", fix="rename the symbol or key")
    return "".join(
        char if _SAFE.match(char) else "".join(f"%{byte:02X}" for byte in char.encode())
        for char in value
    )


def decode_part(encoded: str) -> str:
    """Return the value that `encode_part` encoded."""
    return unquote(encoded)
