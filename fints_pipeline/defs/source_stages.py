"""How a series and a subject's news are made: the stage, its checks, what its page shows."""

import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import dagster as dg
import numpy as np
import pandas as pd

from fints_pipeline.base.digest import text_digest
from fints_pipeline.base.errors import SchemaError
from fints_pipeline.base.frames import to_pandas
from fints_pipeline.base.lake import Lake, TableKey
from fints_pipeline.base.locations import Locations
from fints_pipeline.defs import pictures, source_noise
from fints_pipeline.defs.deliveries import series_config
from fints_pipeline.defs.events import Made, Verdict
from fints_pipeline.defs.metadata import numbers, table_metadata
from fints_pipeline.defs.proofs import holds_what_it_says

if TYPE_CHECKING:
    from fints_pipeline.data.exogenous import ExogenousConfig


def series(locations: Locations, name: str) -> Iterator[Verdict | Made]:
    """Make a series from its deliveries, and check it."""
    from fints_pipeline.data.exogenous import partition

    started = time.perf_counter()
    lake, config = locations.lake, series_config(locations, name)
    footer = partition.build(lake, config)
    key, contract = partition.series_key_of(config), partition.contract_of(config)
    yield from _standing(lake, [key], name, holds_what_it_says(lake, [key], contract))
    rows = to_pandas(lake.read(key))
    yield from _standing(lake, [key], name, known_after_its_period(rows, config))
    if source_noise.is_on():
        yield from _standing(lake, [key], name, source_noise.series_is_causal(lake, config))
    yield up_to_date(rows, config)
    shown = pictures.of_series(rows, list(config.values))
    shown |= numbers(_figures(rows) | {"seconds": time.perf_counter() - started})
    if len(rows):
        for name, end in (("first", rows["period_end"].min()), ("last", rows["period_end"].max())):
            shown[f"{name}_period_end"] = dg.MetadataValue.timestamp(end.to_pydatetime())
    metadata = table_metadata(footer, contract, lake.uri(key), shown)
    yield Made(footer.digest, footer.lineage.inputs, metadata)


def known_after_its_period(rows: pd.DataFrame, config: "ExogenousConfig") -> Verdict:
    """Return whether no value counts as known before it was published.

    Where the file says when that was, it is not before the period's end; otherwise not before the
    configured lag after it.
    """
    lag = timedelta(minutes=0 if config.published else config.publication_lag_minutes)
    waited = rows["known_at"] - rows["period_end"]
    early = rows[waited < lag]
    first = "" if early.empty else str(early.iloc[0].to_dict())
    evidence = {
        "rows": len(rows),
        "publication_lag": str(lag),
        "shortest_wait": str(waited.min()) if len(rows) else "no rows",
        "too_early": len(early),
        "first_too_early": first or "none",
    }
    return Verdict("known_after_its_period", early.empty, evidence)


def up_to_date(
    rows: pd.DataFrame, config: "ExogenousConfig", now: datetime | None = None
) -> Verdict:
    """Return whether the series' last value is young enough to say that its source goes on."""
    moment = pd.Timestamp(now or datetime.now(tz=UTC))
    last = rows["known_at"].max()
    age = (moment - last) / pd.Timedelta(days=1) if len(rows) else float("inf")
    evidence = {
        "last_known_at": str(last),
        "age_days": round(age, 2),
        "max_age_days": config.max_age_days,
    }
    return Verdict("up_to_date", age <= config.max_age_days, evidence, blocking=False)


def news(locations: Locations, subject: str) -> Iterator[Verdict | Made]:
    """Score a subject's items month by month, those that are missing or out of date, and check."""
    from fints_pipeline.data.news import partition
    from fints_pipeline.schemas.news import NEWS

    started = time.perf_counter()
    lake = locations.lake
    changed = [month for month, _ in partition.stale(lake, subject)]
    for month in changed:
        partition.build(lake, subject, month)
    months = lake.months(partition.RAW, partition.FREQUENCY, subject)
    keys = [partition.news_key(subject, month) for month in months]
    touched = [partition.news_key(subject, month) for month in changed]
    yield from _standing(lake, touched, subject, holds_what_it_says(lake, keys, NEWS))
    if source_noise.is_on():
        verdict = source_noise.news_is_causal(lake, subject, months[-1])
        yield from _standing(lake, keys[-1:], subject, verdict)
    footers = [lake.footer(key) for key in keys]
    counted = np.array([footer.rows for footer in footers], dtype=float)
    items = pd.concat([to_pandas(lake.read(key, ["positive", "negative"])) for key in keys])
    leaning = items["positive"] != items["negative"]
    shown = pictures.of_counts("items a month", counted, (months[0], months[-1]))
    shown |= {"months": f"{months[0]} to {months[-1]}"} | numbers(
        {
            "items": counted.sum(),
            "share_that_leans": float(leaning.mean()),
            "seconds": time.perf_counter() - started,
        }
    )
    metadata = table_metadata(footers[-1], NEWS, lake.uri(keys[-1]), shown)
    metadata["dagster/row_count"] = int(counted.sum())
    inputs = {name: was for footer in footers for name, was in footer.lineage.inputs.items()}
    yield Made(text_digest(*(footer.digest for footer in footers)), inputs, metadata)


def _figures(rows: pd.DataFrame) -> dict[str, float]:
    """Return what the page can plot over the versions of a series."""
    return {
        "periods": rows["period_end"].nunique(),
        "restated": len(rows) - rows["period_end"].nunique(),
    }


def _standing(lake: Lake, keys: list[TableKey], name: str, verdict: Verdict) -> Iterator[Verdict]:
    """Yield a verdict; where it is red, take the partitions away again.

    Raises:
        SchemaError: it is red.
    """
    yield verdict
    if not verdict.passed:
        for key in keys:
            lake.remove(key)
        raise SchemaError(
            f"{name} failed its check {verdict.check}",
            fix="the check's evidence says more; what was made was taken away again",
        )
