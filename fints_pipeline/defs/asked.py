"""What a sensor has asked for: each state of affairs once, and again if it returns."""

from __future__ import annotations

import json
from collections.abc import Collection
from dataclasses import dataclass
from typing import Protocol


class Askable(Protocol):
    """A job to run, of a partition, in a state."""

    @property
    def job(self) -> str:
        """Its name."""

    @property
    def partition(self) -> str:
        """Of a fold, an experiment, or what was delivered."""

    @property
    def state(self) -> str:
        """Names what it would go by."""

    @property
    def name(self) -> str:
        """Job and partition."""


@dataclass(frozen=True)
class Errand:
    """A job to run for what the inbox delivers.

    Attributes:
        job: Its name.
        partition: A series, a subject or an instrument; the inbox itself for `ingest`.
        state: Names what is stale and why: the same state failed before.
    """

    job: str
    partition: str
    state: str

    @property
    def name(self) -> str:
        """Job and partition, for example ``data histdata.EURUSD``."""
        return f"{self.job} {self.partition}"


class Asked:
    """Jobs and the states that they were asked for in: a sensor's cursor.

    Dagster drops a request whose run key was ever used. A config that is changed and changed back
    is in a state that was asked for before, and has to be asked for again; so the states of a job
    are numbered, and the number is part of the key.

    Args:
        cursor: The sensor's cursor; None at first. One that cannot be read counts as none.
    """

    def __init__(self, cursor: str | None) -> None:
        self._last = _read(cursor)

    def settle(self, still_open: Collection[Askable]) -> None:
        """Forget the states of what is no longer to be done, which may be some day."""
        names = {one.name for one in still_open}
        for name, (_, number) in self._last.items():
            if name not in names:
                self._last[name] = "", number

    def run_key(self, one: Askable) -> str | None:
        """Return the key to ask with; None if it was asked for in this state already."""
        state, number = self._last.get(one.name, ("", 0))
        if state == one.state:
            return None
        self._last[one.name] = one.state, number + 1
        return f"{one.job}:{one.partition}:{one.state[:16]}:{number + 1}"

    @property
    def cursor(self) -> str:
        """The cursor for the next tick."""
        return json.dumps(self._last, sort_keys=True)


def _read(cursor: str | None) -> dict[str, tuple[str, int]]:
    """Return the states and their numbers; none from a cursor of another version's format."""
    try:
        return {
            name: (str(state), int(number))
            for name, (state, number) in json.loads(cursor or "{}").items()
        }
    except (ValueError, TypeError, AttributeError):
        return {}
