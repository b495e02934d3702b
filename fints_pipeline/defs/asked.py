"""What a sensor has asked for: each state of affairs once, and again if it returns."""

from __future__ import annotations

import json
from collections.abc import Collection

from fints_pipeline.defs.steps import Step


class Asked:
    """Steps and the states that they were asked for in: a sensor's cursor.

    Dagster drops a request whose run key was ever used. A config that is changed and changed back
    is in a state that was asked for before, and has to be asked for again; so the states of a step
    are numbered, and the number is part of the key.

    Args:
        cursor: The sensor's cursor; None at first.
    """

    def __init__(self, cursor: str | None) -> None:
        self._last: dict[str, tuple[str, int]] = {
            name: (state, number) for name, (state, number) in json.loads(cursor or "{}").items()
        }

    def settle(self, open_steps: Collection[Step]) -> None:
        """Forget the states of steps that are no longer to be done, which may be some day."""
        names = {step.name for step in open_steps}
        for name, (_, number) in self._last.items():
            if name not in names:
                self._last[name] = "", number

    def run_key(self, step: Step) -> str | None:
        """Return the key to ask with; None if the step was asked for in this state already."""
        state, number = self._last.get(step.name, ("", 0))
        if state == step.state:
            return None
        self._last[step.name] = step.state, number + 1
        return f"{step.job}:{step.partition}:{step.state[:16]}:{number + 1}"

    @property
    def cursor(self) -> str:
        """The cursor for the next tick."""
        return json.dumps(self._last, sort_keys=True)
