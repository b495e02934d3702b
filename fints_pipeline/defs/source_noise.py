"""Noise in place of what became known of series and news after a cut.

`replace_future` does so in the lake in which a partition is made once more; `series_is_causal` and
`news_is_causal` check the tables of series and news themselves.
"""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import dagster as dg
import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa

from fints_pipeline.base.config import load_config
from fints_pipeline.base.digest import table_digest, text_digest
from fints_pipeline.base.frames import to_arrow, to_pandas
from fints_pipeline.base.lake import Lake
from fints_pipeline.base.time import month_of, next_month
from fints_pipeline.defs.events import Verdict
from fints_pipeline.defs.instrument import Instrument

if TYPE_CHECKING:
    from fints_pipeline.data.exogenous import ExogenousConfig

READERS = frozenset({"news_bars", "features"})
"""Assets that read what comes from outside the archives."""
FUTURE_DAYS = 400
"""Days of noise after the cut, for series whose periods are long."""
_MISSING = 0.1
_NO_LAG = timedelta(0)
_WORDS = ("surge", "plunge", "strong", "weak", "beats", "misses", "not", "the", "share")


def is_on() -> bool:
    """Return whether partitions are checked for look-ahead."""
    from fints_pipeline.defs import causality

    return causality.CUTS > 0


def replace_future(
    instrument: Instrument, copy: Lake, at: np.datetime64, random: np.random.Generator
) -> int:
    """Make in ``copy`` the series and news that the instrument's tables read, with another future.

    What was known by ``at`` stays; raw rows known later are replaced by noise, and the tables are
    made from them by the stages' own code.

    Returns:
        How many raw rows were replaced.
    """
    from fints_pipeline.data.exogenous import ExogenousConfig

    count = 0
    if "features" in instrument.tables:
        for name, lag in _series_lags(instrument).items():
            path = instrument.locations.configs / "exogenous" / f"{name}.yaml"
            if path.is_file():
                config = load_config(path, ExogenousConfig)
                count += _replace_series(instrument.lake, copy, config, at, lag, random)
    if "news_bars" in instrument.tables:
        for source, subject in zip(instrument.news.sources, instrument.subjects, strict=True):
            lag = timedelta(minutes=source.lag_minutes)
            count += _replace_news(instrument.lake, copy, subject, at, lag, random)
    return count


def series_is_causal(lake: Lake, config: "ExogenousConfig") -> Verdict:
    """Return whether the values known by a drawn moment stay when what came later is noise."""
    from fints_pipeline.data.exogenous import raw_key_of, series_key_of
    from fints_pipeline.data.exogenous.versions import resolve

    ours = to_pandas(lake.read(series_key_of(config)))
    raw = to_pandas(lake.read(raw_key_of(config)))
    if ours.empty:
        return _nothing_to_compare()
    random = _generator(lake.footer(raw_key_of(config)).digest)
    at = _drawn(ours["known_at"], random)
    noisy, noised = noisy_series(raw, config, at, _NO_LAG, random)
    theirs = resolve(noisy, config)
    return _verdict(at, noised, *(rows[_stamps(rows["known_at"]) <= at] for rows in (ours, theirs)))


def news_is_causal(lake: Lake, subject: str, month: str) -> Verdict:
    """Return whether the items known by a drawn moment stay when what came later is noise."""
    from fints_pipeline.data.news.partition import news_key, raw_key, scored

    ours = to_pandas(lake.read(news_key(subject, month)))
    raw = to_pandas(lake.read(raw_key(subject, month)))
    if ours.empty:
        return _nothing_to_compare()
    random = _generator(lake.footer(raw_key(subject, month)).digest)
    at = _drawn(ours["known_at"], random)
    noisy, noised = noisy_news(raw, at, _NO_LAG, random)
    schema = lake.read(raw_key(subject, month)).schema
    theirs = to_pandas(scored(to_arrow(noisy, schema)))
    return _verdict(at, noised, *(rows[_stamps(rows["known_at"]) <= at] for rows in (ours, theirs)))


def noisy_series(
    raw: pd.DataFrame,
    config: "ExogenousConfig",
    at: np.datetime64,
    lag: timedelta,
    random: np.random.Generator,
) -> tuple[pd.DataFrame, int]:
    """Return a series' deliveries with the rows that may be used after ``at`` alone replaced.

    When a row was known is worked out here once more, from what is delivered and configured: not
    before its period's end and the publication lag, and for a later delivery of a period not before
    that delivery. Values jump about by a fifth, one row in ten is missing.

    Args:
        raw: Rows of ``raw_exogenous``.
        config: The series.
        at: The cut.
        lag: What passes between publication and use.
        random: Where the noise comes from.
    """
    lagged = raw["period_end"] + pd.Timedelta(minutes=config.publication_lag_minutes)
    published = raw["published_at"].where(raw["published_at"].notna(), lagged)
    first = raw.groupby([raw["period_end"], published])["known_at"].transform("min")
    known = published.where(raw["known_at"] <= first, raw[["known_at"]].max(axis=1))
    known = pd.concat([known, published], axis=1).max(axis=1)
    usable = _stamps(known) + np.timedelta64(int(lag.total_seconds() * 1e6), "us")
    kept = (usable <= at) | (
        (usable <= at + np.timedelta64(FUTURE_DAYS, "D")) & (random.random(len(raw)) > _MISSING)
    )
    noisy, after = raw[kept].reset_index(drop=True), usable[kept] > at
    for name in config.values:
        level = np.nanmedian(np.abs(raw[name].to_numpy(float))) if len(raw) else 1.0
        drawn = level * np.exp(random.normal(0, 0.2, int(after.sum())))
        noisy.loc[after, name] = drawn
    return noisy, int(after.sum())


def noisy_news(
    raw: pd.DataFrame, at: np.datetime64, lag: timedelta, random: np.random.Generator
) -> tuple[pd.DataFrame, int]:
    """Return items with those that may be used after ``at`` alone replaced.

    Their texts are drawn anew, and one in three is missing.
    """
    usable = _stamps(raw["published_at"]) + np.timedelta64(int(lag.total_seconds() * 1e6), "us")
    kept = (usable <= at) | (random.random(len(raw)) > 1 / 3)
    noisy, after = raw[kept].reset_index(drop=True), usable[kept] > at
    count = int(after.sum())
    noisy.loc[after, "text"] = [" ".join(random.choice(_WORDS, 6)) for _ in range(count)]
    return noisy, count


def _replace_series(
    lake: Lake,
    copy: Lake,
    config: "ExogenousConfig",
    at: np.datetime64,
    lag: timedelta,
    random: np.random.Generator,
) -> int:
    from fints_pipeline.data.exogenous import build, raw_key_of
    from fints_pipeline.schemas.raw_exogenous import raw_exogenous_contract

    key = raw_key_of(config)
    if not lake.exists(key):
        return 0
    contract = raw_exogenous_contract(list(config.values))
    noisy, count = noisy_series(to_pandas(lake.read(key)), config, at, lag, random)
    lineage = lake.footer(key).lineage
    copy.write(key, to_arrow(noisy, contract.arrow_schema), contract, lineage)
    build(copy, config)
    return count


def _replace_news(
    lake: Lake,
    copy: Lake,
    subject: str,
    at: np.datetime64,
    lag: timedelta,
    random: np.random.Generator,
) -> int:
    from fints_pipeline.data.news import build
    from fints_pipeline.data.news.partition import raw_key
    from fints_pipeline.schemas.raw_news import RAW_NEWS

    count = 0
    for month in _months_from(at, lag):
        key = raw_key(subject, month)
        if lake.exists(key):
            noisy, replaced = noisy_news(to_pandas(lake.read(key)), at, lag, random)
            lineage = lake.footer(key).lineage
            copy.write(key, to_arrow(noisy, RAW_NEWS.arrow_schema), RAW_NEWS, lineage)
            build(copy, subject, month)
            count += replaced
    return count


def _months_from(at: np.datetime64, lag: timedelta) -> Iterator[str]:
    """Yield the months whose items may be used after ``at`` on bars of the cut's month."""
    cut = datetime.fromtimestamp(int(at.astype("datetime64[s]").astype(np.int64)), tz=UTC)
    month, last = month_of((cut - lag).date()), next_month(month_of(cut.date()), 2)
    while month <= last:
        yield month
        month = next_month(month)


def _series_lags(instrument: Instrument) -> dict[str, timedelta]:
    """Return the series that the features read, with the least lag that one of them declares."""
    lags: dict[str, timedelta] = {}
    for feature in instrument.features.features:
        for name in feature.sources:
            lag = timedelta(minutes=getattr(feature, "lag_minutes", 0))
            lags[name] = min(lags.get(name, lag), lag)
    return lags


def _nothing_to_compare() -> Verdict:
    evidence = {
        "evidence": dg.MetadataValue.md("The source has no rows: nothing to compare."),
        "rows_compared": 0,
        "raw_rows_replaced": 0,
    }
    return Verdict("no_look_ahead", True, evidence)


def _verdict(at: np.datetime64, noised: int, ours: pd.DataFrame, theirs: pd.DataFrame) -> Verdict:
    tables = [pa.Table.from_pandas(rows, preserve_index=False) for rows in (ours, theirs)]
    same = table_digest(tables[0]) == table_digest(tables[1])
    evidence = {
        "evidence": dg.MetadataValue.md(
            f"Raw rows known after {at} (UTC) replaced by noise: {noised}. Rows known by then "
            f"compared bit by bit: {len(ours)}, {'the same' if same else 'they differ'}."
        ),
        "rows_compared": len(ours),
        "raw_rows_replaced": noised,
    }
    return Verdict("no_look_ahead", same, evidence)


def _drawn(known: pd.Series, random: np.random.Generator) -> np.datetime64:
    """Return one of the middle 80 % of the moments at which something became known."""
    moments = np.unique(_stamps(known))
    low, high = len(moments) // 10, max(len(moments) * 9 // 10, len(moments) // 10 + 1)
    at: np.datetime64 = moments[random.integers(low, high)]
    return at


def _generator(digest: str) -> np.random.Generator:
    return np.random.default_rng(int(text_digest(digest)[:12], 16))


def _stamps(column: pd.Series) -> npt.NDArray[np.datetime64]:
    return column.dt.tz_convert("UTC").dt.tz_localize(None).to_numpy("datetime64[us]")
