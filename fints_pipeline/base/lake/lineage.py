"""Staleness from the lake's own footers: which inputs changed since a partition was made.

Dagster's badge stops at 100 upstream keys; footers know every input by digest, so this does not.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Protocol

from fints_pipeline.base.digest import text_digest
from fints_pipeline.base.errors import DamagedError
from fints_pipeline.base.lake.footer import Lineage
from fints_pipeline.base.lake.keys import TableKey

ABSENT = ""
"""Recorded in place of a digest when an input that would have been used did not exist."""
_BEFORE = "before "
_CARRIED = "carried to "


class Known(Protocol):
    """What staleness asks: a `Lake`, which looks each time, or a `Snapshot` of one."""

    def exists(self, key: TableKey) -> bool:
        """Return whether a partition is there."""
        ...

    def is_damaged(self, key: TableKey) -> bool:
        """Return whether a partition has a file that cannot be read."""
        ...

    def digest(self, key: TableKey) -> str:
        """Return the digest of one that is."""
        ...

    def lineage(self, key: TableKey) -> Lineage:
        """Return where one that is there comes from."""
        ...

    def carried(self, key: TableKey) -> str:
        """Return the digest of what one that is hands on; empty where it hands on nothing."""
        ...

    def frequencies(self, table: str) -> list[str]:
        """Return the frequencies at which there are partitions of a table, sorted."""
        ...

    def instruments(self, table: str, freq: str) -> list[str]:
        """Return the instruments that there are partitions of, sorted."""
        ...

    def months(self, table: str, freq: str, instrument: str) -> list[str]:
        """Return the months that are there, ascending."""
        ...


@dataclass(frozen=True)
class Staleness:
    """Why a partition is not what its inputs and config would give now.

    Attributes:
        key: The partition.
        reasons: One line each; empty when it is current.
        cause: Digest of the inputs as they are now, and of the code and config that it would be
            made with: names this staleness among later ones.
    """

    key: TableKey
    reasons: tuple[str, ...]
    cause: str = ""

    def __bool__(self) -> bool:
        """Return whether the partition is stale."""
        return bool(self.reasons)


def digests(lake: Known, keys: Iterable[TableKey]) -> dict[str, str]:
    """Return each partition's current digest by its key's string, or `ABSENT`."""
    return {str(key): _digest(lake, key) for key in keys}


def any_before(key: TableKey) -> TableKey:
    """Return an input that stands for the last partition before a series' month, if any.

    It lets a series' first month become stale when an earlier one arrives, however much earlier.
    """
    *series, (name, month) = key.parts
    return TableKey(key.table, (*series, (name, _BEFORE + month)))


def carried_to(key: TableKey) -> TableKey:
    """Return an input that stands for what the last partition before a series' month hands on.

    It changes with that alone: the month becomes stale when an earlier one changes what it hands
    on, or when another one arrives between, and not with whatever else happens there.
    """
    *series, (name, month) = key.parts
    return TableKey(key.table, (*series, (name, _CARRIED + month)))


def stands_for_another(name: str) -> bool:
    """Return whether an input that lineage names is one of `any_before` or `carried_to`."""
    return name.rpartition("/")[2].startswith((_BEFORE, _CARRIED))


def staleness(lake: Known, key: TableKey, *, expected: Lineage | None = None) -> Staleness:
    """Compare what a partition was made from with what is there now.

    Args:
        lake: The lake, or a snapshot of it.
        key: The partition in question.
        expected: When given, its code version and config fingerprint must match too.
    """
    wanted = expected.digest if expected else ""
    if not lake.exists(key):
        return Staleness(key, ("damaged" if lake.is_damaged(key) else "missing",), wanted)
    try:
        made = lake.lineage(key)
    except DamagedError:
        return Staleness(key, ("damaged",), wanted)
    current = {name: current_digest(lake, name) for name in sorted(made.inputs)}
    reasons = [
        _reason(name, made.inputs[name], now)
        for name, now in current.items()
        if now != made.inputs[name]
    ]
    if expected and made.code_version != expected.code_version:
        reasons.append(f"code version {made.code_version} became {expected.code_version}")
    if expected and made.config_fingerprint != expected.config_fingerprint:
        reasons.append("its config changed")
    return Staleness(key, tuple(reasons), text_digest(wanted, *current.values()))


def current_digest(lake: Known, name: str) -> str:
    """Return the digest of the partition that lineage calls ``name``, or `ABSENT`."""
    key = _parse(name)
    return ABSENT if key is None else _digest(lake, key)


def _digest(lake: Known, key: TableKey) -> str:
    name, value = key.parts[-1]
    mark = next((mark for mark in (_BEFORE, _CARRIED) if value.startswith(mark)), "")
    if name == "month" and mark:
        month = value.removeprefix(mark)
        series = key.table, key["freq"], key["instrument"]
        months = lake.months(*series)
        place = bisect_left(months, month)
        if not place:
            return ABSENT
        key = TableKey(key.table, (*key.parts[:-1], (name, months[place - 1])))
    if not lake.exists(key):
        return ABSENT
    return lake.carried(key) if mark == _CARRIED else lake.digest(key)


_PARTS = {"predictions": ("experiment", "fold")}
_SERIES = ("freq", "instrument", "month")


def is_well_named(name: str) -> bool:
    """Return whether an input's name has the parts that its table's partitions have."""
    table = name.partition("/")[0]
    return name.count("/") == len(_PARTS.get(table, _SERIES))


def _parse(name: str) -> TableKey | None:
    table, _, rest = name.partition("/")
    if not is_well_named(name):
        return None
    names = _PARTS.get(table, _SERIES)
    return TableKey(table, tuple(zip(names, rest.split("/"), strict=True)))


def _reason(name: str, was: str, now: str) -> str:
    if now == ABSENT:
        return f"{name} is gone"
    return f"{name} {'has arrived' if was == ABSENT else 'changed'}"
