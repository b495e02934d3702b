"""The append-only ledger of everything that was ever tried on a test span.

A trial is one strategy (config and experiment), one model, one test span. Running it again, or
fold by fold, is not a new trial; trying another threshold is. The deflated Sharpe ratio takes the
count from here, so the ledger is never edited.
"""

from __future__ import annotations

import fcntl
import json
import os
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any, BinaryIO

import pandas as pd

from fints_pipeline.base.config import fingerprint
from fints_pipeline.base.errors import LakeError
from fints_pipeline.base.lake.atomic import write_text

FILE = Path("trials") / "trials.jsonl"
RETURNS = Path("trials") / "returns"
"""One file a trial, named by its key: the session returns that it had the first time."""


@dataclass(frozen=True)
class Trial:
    """One thing that was tried.

    Attributes:
        experiment: its name.
        experiment_fingerprint: of what was trained, on what.
        strategy_fingerprint: of all that changes an order or its cost.
        model: whose signals were traded.
        instruments: traded.
        first_session: first session of the test span, ISO date.
        last_session: last session of it.
        sessions: how many the span holds.
        sharpe: net, per session, as it came out the first time; None without variance.
    """

    experiment: str
    experiment_fingerprint: str
    strategy_fingerprint: str
    model: str
    instruments: tuple[str, ...]
    first_session: str
    last_session: str
    sessions: int
    sharpe: float | None

    @property
    def key(self) -> str:
        """What makes the trial distinct; its result is no part of it."""
        content = asdict(self)
        return fingerprint({k: v for k, v in content.items() if k not in ("sharpe", "sessions")})

    def competes_with(self, other: Trial) -> bool:
        """Whether both looked at the same instrument over the same days."""
        apart = date.fromisoformat(self.last_session) < date.fromisoformat(
            other.first_session
        ) or date.fromisoformat(other.last_session) < date.fromisoformat(self.first_session)
        return not apart and bool(set(self.instruments) & set(other.instruments))


def record(
    root: Path, trials: Iterable[Trial], returns: Mapping[str, pd.Series] | None = None
) -> int:
    """Append the trials that are not in the ledger yet.

    Safe between processes: reading and appending happen under one lock. A line that a crash cut
    short was never recorded and is taken off first.

    Args:
        root: the lake's root.
        trials: what was run.
        returns: session returns by the trial's key; kept for those that have none yet.

    Returns:
        Number of trials appended.
    """
    path = root / FILE
    path.parent.mkdir(parents=True, exist_ok=True)
    for key, series in (returns or {}).items():
        _keep_returns(root, key, series)
    with path.open("a+b") as stream:
        fcntl.flock(stream, fcntl.LOCK_EX)
        _drop_torn_line(stream)
        stream.seek(0)
        known = {row["key"] for row in _parse(stream.read().decode(), path)}
        fresh = {trial.key: trial for trial in trials if trial.key not in known}
        stamp = datetime.now(UTC).isoformat(timespec="seconds")
        lines = [
            json.dumps({"key": key, "recorded_at": stamp, **asdict(trial)})
            for key, trial in fresh.items()
        ]
        stream.write("".join(line + "\n" for line in lines).encode())
        stream.flush()
        os.fsync(stream.fileno())
    return len(fresh)


def read(root: Path) -> list[Trial]:
    """Every trial of the lake, in the order they were recorded; none without a ledger.

    Raises:
        LakeError: a line is damaged.
    """
    path = root / FILE
    if not path.exists():
        return []
    names = Trial.__dataclass_fields__
    trials = []
    for row in _parse(path.read_text(encoding="utf-8"), path):
        content = {name: row[name] for name in names}
        trials.append(Trial(**{**content, "instruments": tuple(row["instruments"])}))
    return trials


def competitors(root: Path, trial: Trial) -> list[Trial]:
    """The recorded trials that looked at the same instruments and days, itself among them."""
    return [other for other in read(root) if other.competes_with(trial)]


def returns_of(root: Path, trials: Iterable[Trial]) -> list[pd.Series]:
    """The session returns of the trials that have them, by session."""
    found = []
    for trial in trials:
        path = root / RETURNS / f"{trial.key}.json"
        if path.exists():
            rows = json.loads(path.read_text(encoding="utf-8"))
            days = pd.DatetimeIndex(rows["session"], name="session")
            found.append(pd.Series(rows["return"], index=days, name=trial.key, dtype=float))
    return found


def _keep_returns(root: Path, key: str, series: pd.Series) -> None:
    path = root / RETURNS / f"{key}.json"
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        days = pd.DatetimeIndex(series.index).strftime("%Y-%m-%d").tolist()
        write_text(path, json.dumps({"session": days, "return": series.tolist()}))


def _parse(text: str, path: Path) -> list[dict[str, Any]]:
    rows = []
    for number, line in enumerate(text.split("\n")[:-1], start=1):
        try:
            row = json.loads(line)
            if not (row.keys() >= {"key", *Trial.__dataclass_fields__}):
                raise ValueError("fields are missing")
        except (ValueError, AttributeError) as error:
            raise LakeError(
                f"the trial ledger is damaged: {error}",
                where=f"{path}, line {number}",
                fix="restore the file from a backup; without it no trial count can be trusted",
            ) from None
        rows.append(row)
    return rows


def _drop_torn_line(stream: BinaryIO) -> None:
    stream.seek(0)
    content = stream.read()
    whole = content.rfind(b"\n") + 1
    if whole < len(content):
        stream.truncate(whole)
