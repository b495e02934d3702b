"""How one month of each series asset is made: the stage, its checks, what its page shows."""

import time
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import dagster as dg

from fints_pipeline.base.errors import SchemaError
from fints_pipeline.base.lake import Footer
from fints_pipeline.defs import building, pictures
from fints_pipeline.defs.events import Made, Verdict
from fints_pipeline.defs.instrument import Instrument
from fints_pipeline.defs.metadata import numbers, table_metadata
from fints_pipeline.defs.proofs import as_written, coverage, future_free, known_later

if TYPE_CHECKING:
    import pandas as pd

    from fints_pipeline.schemas.contract import TableContract

_NOTHING_WRITTEN = "the check's evidence says more; the bars were not written"

Stage = Callable[[Instrument, str], Iterator[Verdict | Made]]
"""Makes one month; yields its checks as they are known, then what was made.

Raises:
    UserError: it cannot be made; a failed check that blocks was yielded before.
"""


def bars(instrument: Instrument, month: str) -> Iterator[Verdict | Made]:
    """Clean and resample the month's slice, unless its clock is wrong or rows would be lost."""
    from fints_pipeline.base.frames import to_pandas
    from fints_pipeline.data import partition

    lake, config, name = instrument.lake, instrument.dataset, instrument.name
    started = time.perf_counter()
    clock = partition.clock(lake, config, name, month)
    yield Verdict(
        "clock_fits", clock.passed, {"evidence": dg.MetadataValue.md(clock.to_markdown())}
    )
    if not clock.passed:
        raise SchemaError(clock.reason, where=f"{name} {month}", fix=_NOTHING_WRITTEN)
    computed = partition.compute(lake, config, name, month)
    quality = dg.MetadataValue.md(computed.quality.to_markdown())
    conserved = computed.quality.conserves()
    yield Verdict("rows_conserved", conserved, {"quality": quality})
    if not conserved:
        raise SchemaError(
            "rows were lost in cleaning", where=f"{name} {month}", fix=_NOTHING_WRITTEN
        )
    made = partition.write(lake, config, name, month, computed)
    yield from _proven("bars", instrument, month)
    yield coverage(made.quality)
    drawn = pictures.of_bars(to_pandas(computed.tables[config.base_frequency]))
    shown = drawn | numbers(_figures(made.quality)) | _seconds(started) | {"quality": quality}
    yield described("bars", instrument, month, shown)


def news_bars(instrument: Instrument, month: str) -> Iterator[Verdict | Made]:
    """Count news on the month's bars."""
    started = time.perf_counter()
    building.news_bars(instrument, month)
    yield from _proven("news_bars", instrument, month)
    frame = _frame(instrument, "news_bars", month)
    sources = instrument.news.names
    names = [f"{source}_{what}" for source in sources for what in ("count", "leaning")]
    shown = pictures.of_columns(frame, names) | numbers(
        {name: float(frame[name].sum()) for name in names if name.endswith("_count")}
    )
    yield described("news_bars", instrument, month, shown | _seconds(started))


def features(instrument: Instrument, month: str) -> Iterator[Verdict | Made]:
    """Compute the month's columns from its bars and their lookback."""
    started = time.perf_counter()
    building.features(instrument, month)
    yield from _proven("features", instrument, month)
    drawn = pictures.of_columns(_frame(instrument, "features", month), instrument.features.columns)
    yield described("features", instrument, month, drawn | _seconds(started))


def labels(instrument: Instrument, month: str) -> Iterator[Verdict | Made]:
    """Compute the month's targets from its bars and those that follow."""
    started = time.perf_counter()
    building.labels(instrument, month)
    yield from _proven("labels", instrument, month)
    names = [label.column for label in instrument.labels.labels]
    drawn = pictures.of_columns(_frame(instrument, "labels", month), names)
    yield described("labels", instrument, month, drawn | _seconds(started))


def brooks_tokens(instrument: Instrument, month: str) -> Iterator[Verdict | Made]:
    """Tokenize the month from the state that the month before left."""
    from fints_pipeline.tokenizers.brooks import FIELDS

    started = time.perf_counter()
    building.brooks_tokens(instrument, month)
    yield from _proven("brooks_tokens", instrument, month)
    drawn = pictures.of_tokens(_frame(instrument, "brooks_tokens", month), FIELDS)
    yield described("brooks_tokens", instrument, month, drawn | _seconds(started))


STAGES: dict[str, Stage] = {
    "bars": bars,
    "news_bars": news_bars,
    "features": features,
    "labels": labels,
    "brooks_tokens": brooks_tokens,
}


def described(
    asset: str, instrument: Instrument, month: str, shown: dict[str, Any] | None = None
) -> Made:
    """Return what lies in the lake of an asset's month, as its footers tell, below ``shown``."""
    lake = instrument.lake
    keys = instrument.keys(asset, month)
    footers = [lake.footer(key) for key in keys]
    shown = dict(shown or {})
    if len(keys) > 1:
        shown |= {f"rows_{key['freq']}": f.rows for key, f in zip(keys, footers, strict=True)}
    contract = _contract(asset, instrument)
    metadata = table_metadata(footers[0], contract, lake.uri(keys[0]), shown)
    return Made(_version(footers), footers[0].lineage.inputs, metadata)


def _frame(instrument: Instrument, asset: str, month: str) -> "pd.DataFrame":
    from fints_pipeline.base.frames import to_pandas

    return to_pandas(instrument.lake.read(instrument.keys(asset, month)[0]))


def _proven(asset: str, instrument: Instrument, month: str) -> Iterator[Verdict]:
    """Check a partition that was just written; take it away again if a check fails.

    Raises:
        SchemaError: a check failed.
    """
    contract = _contract(asset, instrument)
    last = known_later if asset == "labels" else future_free
    for verdict in (
        as_written(asset, instrument, month, contract),
        last(asset, instrument, month),
    ):
        if verdict is None:
            continue
        yield verdict
        if not verdict.passed:
            for key in instrument.keys(asset, month):
                instrument.lake.remove(key)
            raise SchemaError(
                f"{asset} failed its check {verdict.check}",
                where=f"{instrument.name} {month}",
                fix="the check's evidence says more; the partition was taken away again",
            )


def _version(footers: list[Footer]) -> str:
    if len(footers) == 1:
        return footers[0].digest
    return "-".join(footer.digest[:16] for footer in footers)


def _contract(asset: str, instrument: Instrument) -> "TableContract":
    if asset == "bars":
        from fints_pipeline.schemas.bars import BARS

        return BARS
    if asset == "news_bars":
        from fints_pipeline.schemas.news_bars import news_bars_contract

        return news_bars_contract(instrument.news.names)
    if asset == "features":
        from fints_pipeline.schemas.features import features_contract

        return features_contract(instrument.features.columns, instrument.features.described)
    if asset == "labels":
        from fints_pipeline.schemas.labels import labels_contract

        names = [label.column for label in instrument.labels.labels]
        return labels_contract(names, instrument.labels.described)
    from fints_pipeline.schemas.tokens import tokens_contract
    from fints_pipeline.tokenizers.brooks import FIELDS

    return tokens_contract(FIELDS)


def _seconds(started: float) -> dict[str, Any]:
    return numbers({"seconds": round(time.perf_counter() - started, 3)})


def _figures(quality) -> dict[str, float]:
    """Return what the page can plot over the months."""
    return {
        "sessions": quality.sessions,
        "partial_sessions": len(quality.partial_sessions),
        "holes": quality.holes,
        "filled": quality.filled,
        "rejected": quality.rejected,
        "longest_gap": quality.longest_gap,
    }
