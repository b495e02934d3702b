"""The append-only ledger of everything that was ever tried on a test span.

A trial is one strategy (config and experiment), one model, one test span. Running it again, or
fold by fold, is not a new trial; trying another threshold is. The deflated Sharpe ratio takes the
count from here, so the ledger is never edited.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, date, datetime
from pathlib import PurePosixPath
from typing import Any

import pandas as pd

from fints_pipeline.base.config import fingerprint
from fints_pipeline.base.errors import LakeError
from fints_pipeline.base.lake import Lake

FILE = PurePosixPath("trials/trials.jsonl")
RETURNS = PurePosixPath("trials/returns")
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
    lake: Lake, trials: Iterable[Trial], returns: Mapping[str, pd.Series] | None = None
) -> int:
    """Add the trials that are not in the ledger yet, after those that are.

    Safe between processes: what is there is read, and replaced with what is new at its end, under
    one lock. A line that a crash cut short was never recorded and is taken off.

    Args:
        lake: holds the ledger.
        trials: what was run.
        returns: session returns by the trial's key; kept for those that have none yet.

    Returns:
        Number of trials added.

    Raises:
        LakeError: a line is damaged, or the ledger cannot be written.
    """
    for key, series in (returns or {}).items():
        _keep_returns(lake, key, series)
    with lake.store.locked("trials"):
        before = _ledger(lake)
        known = {row["key"] for row in _parse(before, lake)}
        fresh = {trial.key: trial for trial in trials if trial.key not in known}
        if fresh:
            stamp = datetime.now(UTC).isoformat(timespec="seconds")
            lines = [
                json.dumps({"key": key, "recorded_at": stamp, **asdict(trial)}) + "\n"
                for key, trial in fresh.items()
            ]
            with lake.store.replacing(FILE) as temporary:
                temporary.write_text(before + "".join(lines), encoding="utf-8")
    return len(fresh)


def read(lake: Lake) -> list[Trial]:
    """Every trial of the lake, in the order they were recorded; none without a ledger.

    Raises:
        LakeError: a line is damaged.
    """
    names = Trial.__dataclass_fields__
    trials = []
    for row in _parse(_ledger(lake), lake):
        content = {name: row[name] for name in names}
        trials.append(Trial(**{**content, "instruments": tuple(row["instruments"])}))
    return trials


def competitors(lake: Lake, trial: Trial) -> list[Trial]:
    """The recorded trials that looked at the same instruments and days, itself among them."""
    return [other for other in read(lake) if other.competes_with(trial)]


def returns_of(lake: Lake, trials: Iterable[Trial]) -> list[pd.Series]:
    """The session returns of the trials that have them, by session."""
    named = {f"{trial.key}.json": trial.key for trial in trials}
    folder = lake.store.fetch_folder(RETURNS, list(named))
    found = []
    for name, key in named.items():
        path = folder / name
        if path.exists():
            rows = json.loads(path.read_text(encoding="utf-8"))
            days = pd.DatetimeIndex(rows["session"], name="session")
            found.append(pd.Series(rows["return"], index=days, name=key, dtype=float))
    return found


def _keep_returns(lake: Lake, key: str, series: pd.Series) -> None:
    """Write a trial's returns, unless there are some: what is there never changes."""
    path = RETURNS / f"{key}.json"
    if not lake.store.exists(path):
        days = pd.DatetimeIndex(series.index).strftime("%Y-%m-%d").tolist()
        content = json.dumps({"session": days, "return": series.tolist()})
        with lake.store.replacing(path) as temporary:
            temporary.write_text(content, encoding="utf-8")


def _ledger(lake: Lake) -> str:
    """Return the ledger's whole lines."""
    try:
        text = lake.store.fetch(FILE).read_text(encoding="utf-8")
    except FileNotFoundError:
        return ""
    return text[: text.rfind("\n") + 1]


def _parse(text: str, lake: Lake) -> list[dict[str, Any]]:
    rows = []
    for number, line in enumerate(text.split("\n")[:-1], start=1):
        try:
            row = json.loads(line)
            if not (row.keys() >= {"key", *Trial.__dataclass_fields__}):
                raise ValueError("fields are missing")
        except (ValueError, AttributeError) as error:
            raise LakeError(
                f"the trial ledger is damaged: {error}",
                where=f"{lake.store.uri(FILE)}, line {number}",
                fix="restore the file from a backup; without it no trial count can be trusted",
            ) from None
        rows.append(row)
    return rows
