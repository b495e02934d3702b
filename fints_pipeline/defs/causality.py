"""Proof, on the user's own data, that a partition owes nothing to what came later.

At a cut, every raw row after it is replaced by noise, of bars as of exogenous series and news, and
the partition is made once more by the same code, through bars, in a lake of its own. Up to the cut
it must come out as it lies in the lake, to the bit.
"""

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import PurePosixPath

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from fints_pipeline.base.digest import table_digest, text_digest
from fints_pipeline.base.errors import ConfigError
from fints_pipeline.base.lake import Lake, fold_key, series_key
from fints_pipeline.base.lake.keys import decode_part
from fints_pipeline.base.lake.overlay import OverlayStore, Shows
from fints_pipeline.base.lake.store import LOCKS
from fints_pipeline.base.scratch import scratch
from fints_pipeline.defs.building import BUILDS
from fints_pipeline.defs.instrument import TABLES, Instrument
from fints_pipeline.defs.source_noise import READERS, replace_future


def _cuts(text: str) -> int:
    if not text.isdecimal():
        raise ConfigError(
            f"{text!r} is no number of cuts", where="FINTS_CAUSALITY_CUTS", fix="0, 1, 2, …"
        )
    return int(text)


CUTS = _cuts(os.environ.get("FINTS_CAUSALITY_CUTS", "1"))
"""Cuts that each partition is checked at; 0 turns the check off."""
FUTURE_DAYS = 2
"""Days of noise after the cut; what is later is left out, which is another future still."""
_A_SESSION = np.timedelta64(1, "D")
"""A session bears the date of its end, which may be the day after its bars'."""
_SERIES = frozenset({"raw_bars", *TABLES})
_HIDDEN = frozenset({LOCKS, "predictions"})


@dataclass(frozen=True)
class Cut:
    """What was found at one cut.

    Attributes:
        at: Time of the cut, UTC.
        rows: Rows up to it that were compared, of all tables.
        noised: Raw rows after it that were replaced, of bars, series and news, or, of corporate
            actions, hidden.
        differences: Table, column and first row that differ; empty if none does.
    """

    at: np.datetime64
    rows: int
    noised: int
    differences: tuple[str, ...]


@dataclass(frozen=True)
class Evidence:
    """The cuts of one partition."""

    cuts: tuple[Cut, ...]

    @property
    def passed(self) -> bool:
        """Whether nothing differed at any cut."""
        return not any(cut.differences for cut in self.cuts)

    def to_markdown(self) -> str:
        """Return a table of the cuts."""
        lines = [
            "Raw rows after the cut replaced by noise; rows up to it compared bit by bit.",
            "",
            "| cut (UTC) | raw rows replaced | rows compared | different |",
            "|---|---:|---:|---|",
        ]
        lines += [
            f"| {cut.at} | {cut.noised} | {cut.rows} | {'; '.join(cut.differences) or 'none'} |"
            for cut in self.cuts
        ]
        return "\n".join(lines)


def check(instrument: Instrument, asset: str, month: str, cuts: int = CUTS) -> Evidence:
    """Check an asset's month at a sample of cuts, drawn from the digest of its slice.

    Args:
        instrument: Whose month lies in the lake.
        asset: ``bars``, ``features`` or ``brooks_tokens``.
        month: The month.
        cuts: How many.
    """
    key = series_key("raw_bars", instrument.dataset.base_frequency, instrument.name, month)
    raw = instrument.lake.read(key)
    seed = int(text_digest(instrument.lake.footer(key).digest, asset)[:12], 16)
    random = np.random.default_rng(seed)
    found = [_cut(instrument, [asset], month, raw, at, random) for at in _times(raw, cuts, random)]
    return Evidence(tuple(found))


def last_tested(predictions: pa.Table, instruments: Sequence[str]) -> tuple[str, str] | None:
    """Return the instrument that is predicted last in a test span, the first of several, and when.

    Args:
        predictions: A fold's.
        instruments: Those to choose from, in order.

    Returns:
        The instrument and the month of its last session; None if none is predicted.
    """
    found = []
    for name in instruments:
        rows = _tested(predictions, name)
        if rows.num_rows:
            found.append((name, pc.max(rows["session"]).as_py().isoformat()[:7]))
    return max(found, key=lambda one: one[1], default=None)


def check_predictions(
    instrument: Instrument, month: str, experiment, fold, predictions: pa.Table
) -> Evidence:
    """Check what a fold's frozen models say, at a cut in a month of its test span.

    Args:
        instrument: One of the experiment's; its raw rows are replaced.
        month: One that has predictions of it, such as `last_tested` names.
        experiment: An `ExperimentConfig`.
        fold: Its fold, with models in the lake.
        predictions: The fold's.
    """
    from fints_pipeline import train

    key = series_key("raw_bars", instrument.dataset.base_frequency, instrument.name, month)
    raw = instrument.lake.read(key)
    table = fold_key("predictions", experiment.experiment, fold.key)
    ours = _of(predictions, instrument.name)
    random = np.random.default_rng(int(text_digest(str(table))[:12], 16))
    closed = np.unique(_stamps(_in_month(_tested(predictions, instrument.name), month)))
    at = closed[random.integers(len(closed) // 10, max(len(closed) * 9 // 10, 1))]
    with shadow(instrument, month, raw, at, random, others=True) as (copy, noised):
        noised += replace_future(instrument, copy.lake, at, random)
        for asset in copy.tables:
            BUILDS[asset](copy, month)
        again = train.predict_fold(copy.lake, experiment, fold).table
        theirs = _until(_of(again, instrument.name), at)
    ours = _until(ours, at)
    # Labels are what came later: they stand in the table to be scored with, not to be predicted by.
    said = [name for name in ours.column_names if not name.startswith("label")]
    difference = compare(ours.select(said), theirs.select(said))
    return Evidence((Cut(at, ours.num_rows, noised, (difference,) if difference else ()),))


def _of(table: pa.Table, instrument: str) -> pa.Table:
    return table.filter(pc.equal(table["instrument"], instrument))


def _tested(predictions: pa.Table, instrument: str) -> pa.Table:
    rows = _of(predictions, instrument)
    return rows.filter(pc.equal(rows["span"], "test"))


def _in_month(table: pa.Table, month: str) -> pa.Table:
    return table.filter(pc.equal(pc.strftime(table["session"], format="%Y-%m"), month))


def _cut(
    instrument: Instrument,
    assets: Sequence[str],
    month: str,
    raw: pa.Table,
    at: np.datetime64,
    random: np.random.Generator,
) -> Cut:
    with shadow(instrument, month, raw, at, random) as (copy, noised):
        made = _made(instrument, assets)
        if not READERS.isdisjoint(made):
            noised += replace_future(instrument, copy.lake, at, random)
        for asset in made:
            BUILDS[asset](copy, month)
        rows, differences = 0, []
        for asset in assets:
            for key in instrument.keys(asset, month):
                ours, theirs = (_until(lake.read(key), at) for lake in (instrument.lake, copy.lake))
                rows += ours.num_rows
                if difference := compare(ours, theirs):
                    differences.append(f"{key.table} {key['freq']}: {difference}")
    return Cut(at, rows, noised, tuple(differences))


def _made(instrument: Instrument, assets: Sequence[str]) -> list[str]:
    """Return what has to be made anew for some assets of a month, in order."""
    wanted = {"bars", *assets}
    if "features" in assets and instrument.features.news:
        wanted.add("news_bars")
    return [asset for asset in BUILDS if asset in wanted]


@contextmanager
def shadow(
    instrument: Instrument,
    month: str,
    raw: pa.Table,
    at: np.datetime64,
    random: np.random.Generator,
    *,
    others: bool = False,
) -> Iterator[tuple[Instrument, int]]:
    """Yield the instrument over a lake that knows nothing of what came after ``at``.

    Earlier months show through from the real lake; the month's slice holds noise after the cut;
    later months are not there, nor splits and dividends after it. Other instruments' series are
    there if ``others`` says so.
    """
    from fints_pipeline.schemas.raw_bars import RAW_BARS

    real = instrument.lake
    with scratch("causality") as folder:
        seen = _before(instrument.name, month, others=others)
        lake = Lake(folder, OverlayStore(folder, real.store, seen))
        key = series_key("raw_bars", instrument.dataset.base_frequency, instrument.name, month)
        noisy, noised = with_noise(raw, at, random, instrument.tick)
        lake.write(key, noisy, RAW_BARS, real.footer(key).lineage)
        noised += _hide_actions(instrument, lake, at)
        yield instrument.over(lake), noised


def _hide_actions(instrument: Instrument, copy: Lake, at: np.datetime64) -> int:
    """Leave out of ``copy`` the corporate actions after a cut; return how many there are."""
    from fints_pipeline.schemas.corporate_actions import CORPORATE_ACTIONS

    key = series_key("corporate_actions", "event", instrument.name, "all")
    if not instrument.lake.exists(key):
        return 0
    actions = instrument.lake.read(key)
    last = (at + _A_SESSION).astype("datetime64[D]").item()
    known = actions.filter(pc.less_equal(actions["ex_date"], last))
    if known.num_rows < actions.num_rows:
        copy.write(key, known, CORPORATE_ACTIONS, instrument.lake.footer(key).lineage)
    return actions.num_rows - known.num_rows


def _before(name: str, month: str, *, others: bool) -> Shows:
    """Return what an instrument may see of a lake while a month of it is made anew."""

    def shows(path: PurePosixPath) -> bool:
        table, *parts = path.parts or (".",)
        if table not in _SERIES:
            return table not in _HIDDEN
        values = [decode_part(part.partition("=")[2]) for part in parts[:3]]
        if len(values) > 1 and values[1] != name:
            return others and table != "raw_bars"
        return len(values) < 3 or values[2] < month

    return shows


def with_noise(
    raw: pa.Table, at: np.datetime64, random: np.random.Generator, tick: float | None = None
) -> tuple[pa.Table, int]:
    """Return raw rows with those that close after ``at`` replaced, and how many were.

    Prices jump about by a fifth, on the grid of ``tick`` if there is one, volumes are drawn anew,
    one row in ten is missing, and after `FUTURE_DAYS` all are.
    """
    close = _stamps(raw)
    near = close <= at + np.timedelta64(FUTURE_DAYS, "D")
    kept = (close <= at) | (near & (random.random(raw.num_rows) < 0.9))
    raw, after = raw.filter(pa.array(kept)), close[kept] > at
    count = int(after.sum())
    level = float(np.nanmedian(raw["close"].to_numpy())) * np.exp(random.normal(0, 0.2, count))
    high, low = level * 1.01, level * 0.99
    prices = {
        "open": random.uniform(low, high),
        "high": high,
        "low": low,
        "close": random.uniform(low, high),
    }
    if tick:
        prices = {name: np.maximum(np.round(p / tick), 1) * tick for name, p in prices.items()}
    drawn = {**prices, "volume": random.exponential(1000.0, count)}
    for name, noise in drawn.items():
        values = raw[name].to_numpy().copy()
        values[after] = noise
        place = raw.schema.get_field_index(name)
        raw = raw.set_column(place, raw.schema.field(place), pa.array(values))
    return raw, count


def compare(ours: pa.Table, theirs: pa.Table) -> str | None:
    """Return the first difference of two tables in words, or None if they agree to the bit."""
    if table_digest(ours) == table_digest(theirs):
        return None
    if ours.num_rows != theirs.num_rows:
        return f"{theirs.num_rows} rows instead of {ours.num_rows}"
    for name in ours.column_names:
        one, other = (table.select([name]) for table in (ours, theirs))
        if table_digest(one) == table_digest(other):
            continue
        row = next(
            row
            for row in range(ours.num_rows)
            if table_digest(one.slice(row, 1)) != table_digest(other.slice(row, 1))
        )
        was, now = ours[name][row].as_py(), theirs[name][row].as_py()
        when = ours["close_time"][row].as_py()
        return f"column {name} of the bar that closes at {when}: {was} became {now}"
    return "the columns differ"


def _times(raw: pa.Table, cuts: int, random: np.random.Generator) -> list[np.datetime64]:
    """Return times in the middle 80 % of the month's rows, ascending."""
    close = np.unique(_stamps(raw))
    low, high = len(close) // 10, max(len(close) * 9 // 10, len(close) // 10 + 1)
    places = random.choice(np.arange(low, high), size=min(cuts, high - low), replace=False)
    return [close[place] for place in sorted(places)]


def _until(table: pa.Table, at: np.datetime64) -> pa.Table:
    return table.filter(pa.array(_stamps(table) <= at))


def _stamps(table: pa.Table) -> np.ndarray:
    return pc.cast(table["close_time"], pa.timestamp("us")).to_numpy()
