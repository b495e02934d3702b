"""Reads the hand-drawn cases of golden/, whose format its README tells."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path

import pandas as pd

from fints_pipeline.tokenizers.brooks import Parameters
from fints_pipeline_tests.tokenizers.bars import PRICES

FOLDER = Path(__file__).parent / "golden"
BASE = 1000
PRELUDE = [(BASE, BASE + 5, BASE - 5, BASE)] * 40
LINE = re.compile(
    r"(?P<bars>[-\d ;]+?)(?:\s+x(?P<times>\d+)(?:\s+(?P<step>[+-]\d+))?)?"
    r"(?:\s{2,}(?P<value>[A-Za-z0-9_]+)\s{2,}(?P<why>\S.*))?"
)


@dataclass
class Case:
    """Bars drawn after the prelude, and what a field must be at some of them.

    Attributes:
        expected: Value and reason by the number of the drawn bar.
    """

    field_name: str
    name: str
    mode: str = "continuous"
    parameters: Parameters = field(default_factory=Parameters)
    drawn: list[tuple[int, ...]] = field(default_factory=list)
    sessions: list[int] = field(default_factory=list)
    session: int = 0
    expected: dict[int, tuple[str, str]] = field(default_factory=dict)

    @property
    def bars(self) -> pd.DataFrame:
        frame = pd.DataFrame([*PRELUDE, *self.drawn], columns=PRICES).astype(float)
        return frame.assign(session=[0] * len(PRELUDE) + self.sessions)

    def take(self, line: str) -> None:
        if line == "reset":
            self.mode = "reset"
        elif line == "session":
            self.session += 1
        elif line.startswith("with "):
            name, _, value = line.removeprefix("with ").partition("=")
            self.parameters = Parameters(**{name: int(value)})
        else:
            self._draw(line)

    def _draw(self, line: str) -> None:
        match = LINE.fullmatch(line)
        if match is None:
            raise ValueError(f"{self.field_name}, {self.name}: cannot read {line!r}")
        rows = [tuple(map(int, row.split())) for row in match["bars"].split(";")]
        for n in range(int(match["times"] or 1)):
            shift = BASE + n * int(match["step"] or 0)
            self.drawn += [tuple(price + shift for price in row) for row in rows]
            self.sessions += [self.session] * len(rows)
        if match["value"]:
            self.expected[len(self.drawn) - 1] = match["value"], match["why"]


def cases() -> list[Case]:
    """Every case of every file."""
    found: list[Case] = []
    for path in sorted(FOLDER.glob("*.txt")):
        for line in path.read_text().splitlines():
            if line.startswith("case "):
                found.append(Case(path.stem, line.removeprefix("case ").strip()))
            elif line.strip():
                found[-1].take(line.strip())
    return found
