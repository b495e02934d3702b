"""A made-up lake at the recommended limit of partitions, current by its own footers.

Every file has the columns, the footer, the lineage and the notes that the stages write, in their
size, and one row a session instead of all bars: telling what is stale reads no rows.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator, Mapping
from functools import lru_cache

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from fints_pipeline.base.digest import text_digest
from fints_pipeline.base.lake import Footer, Lineage, TableKey, series_key
from fints_pipeline.base.lake.contract import TableValidator
from fints_pipeline.base.lake.footer import CARRIED, FOOTER_KEY
from fints_pipeline.base.lake.lineage import ABSENT, any_before, carried_to
from fints_pipeline.base.locations import Locations
from fints_pipeline.base.time import months_between, next_month, previous_month
from fints_pipeline.defs.instrument import Instrument

DATASET = "synthetic"
INSTRUMENTS, FIRST, LAST = 80, "2005-01", "2024-12"
_CARRIED = "1.25," * 1000
_STATE = "AAAA" * 1840
_RULES: list[dict[str, object]] = [
    {"examples": [], "flag": None, "rejected": True, "rows": 0, "rule": "r" * 16}
] * 18


def names(instruments: int) -> list[str]:
    """Return the instruments' names."""
    return [f"{DATASET}.S{number:03d}" for number in range(instruments)]


def fill(
    locations: Locations, instruments: int = INSTRUMENTS, first: str = FIRST, last: str = LAST
) -> int:
    """Write every partition's file, current by its footer; return how many there are."""
    count = 0
    months = list(months_between(first, last))
    for name in names(instruments):
        one = Instrument(locations, name)
        for month in months:
            for key, lineage in _partitions(one, month, months):
                _write(locations, one, key, lineage)
                count += 1
    return count


def _partitions(
    one: Instrument, month: str, months: list[str]
) -> Iterator[tuple[TableKey, Lineage]]:
    """Yield what the stages would make of one month, with the lineage that they would write."""
    base = one.dataset.base_frequency
    raw = series_key("raw_bars", base, one.name, month)
    archive = text_digest(one.name, month) * 2
    yield raw, Lineage("slices 2", "0" * 16, {f"archives/{archive}": archive})
    for asset, tables in one.tables.items():
        for each in tables:
            key = series_key(each.table, each.freq, one.name, month)
            inputs = dict(_inputs(one, asset, key, months))
            yield key, Lineage(each.lineage.code_version, each.lineage.config_fingerprint, inputs)


def _inputs(
    one: Instrument, asset: str, key: TableKey, months: list[str]
) -> Iterator[tuple[str, str]]:
    """Yield each input's name, and its digest where it is there."""
    month, base = key["month"], one.dataset.base_frequency

    def digest(table: str, freq: str, month: str) -> tuple[str, str]:
        other = series_key(table, freq, one.name, month)
        return str(other), _digest(other) if month in months else ABSENT

    if asset == "bars":
        yield digest("raw_bars", base, month)
        yield str(series_key("corporate_actions", "event", one.name, "all")), ABSENT
        carried = carried_to(series_key("bars", base, one.name, month))
        yield str(carried), ABSENT if month == months[0] else text_digest(_CARRIED)
        return
    spans = {"features": (-1, 0), "labels": (-1, 0, 1)}
    near = {-1: previous_month(month), 0: month, 1: next_month(month)}
    for step in spans.get(asset, (0,)):
        yield digest("bars", one.freq, near[step])
    if asset == "brooks_tokens" and month == months[0]:
        yield str(any_before(key)), ABSENT
    elif asset == "brooks_tokens":
        yield digest("tokens", one.freq, near[-1])


def _write(locations: Locations, one: Instrument, key: TableKey, lineage: Lineage) -> None:
    contract = _contract(one, key.table)
    rows = _rows(contract.arrow_schema, key["month"])
    extra = {"brooks_state": _STATE, "grammar": "0" * 16} if key.table == "tokens" else {}
    notes = dict(_notes(one, key))
    made_of = (rows.num_rows, contract.name, contract.fingerprint, lineage, extra, notes)
    path = locations.lake.path(key)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(_file(key, rows, Footer(_digest(key), *made_of).to_json().encode()))


_WRITTEN: dict[tuple[str, str, str], tuple[bytes, bytes, bytes]] = {}
"""By table, frequency and month: a file, its footer, and where that is spelled in base 64."""


def _file(key: TableKey, rows: pa.Table, footer: bytes) -> bytes:
    """Return a file with these rows and this footer.

    One is written; the other instruments' are that one with another footer of the same length.
    """
    own = (key.table, key["freq"], key["month"])
    if own not in _WRITTEN:
        sink = pa.BufferOutputStream()
        pq.write_table(rows.replace_schema_metadata({FOOTER_KEY: footer}), sink)
        content = sink.getvalue().to_pybytes()
        spelled = pq.read_metadata(pa.BufferReader(content)).metadata[b"ARROW:schema"]
        _WRITTEN[own] = content, footer, spelled
    content, written, spelled = _WRITTEN[own]
    if len(footer) != len(written):
        raise ValueError(f"the footer of {key} has another length than that of its like")
    other = base64.b64encode(base64.b64decode(spelled).replace(written, footer))
    return content.replace(written, footer).replace(spelled, other)


def _notes(one: Instrument, key: TableKey) -> Mapping[str, str]:
    """Return the notes of the base frequency's bars: cleaning's account, and what is handed on."""
    if (key.table, key["freq"]) != ("bars", one.dataset.base_frequency):
        return {}
    quality = {
        "instrument": one.name,
        "month": key["month"],
        "sessions": 21,
        "filled": 0,
        "holes": 0,
        "rejected": 0,
        "partial_sessions": [],
        "empty_sessions": [],
        "rules": _RULES,
    }
    return {"quality": json.dumps(quality), CARRIED: _CARRIED}


def _digest(key: TableKey) -> str:
    return text_digest(str(key))


@lru_cache(maxsize=16)
def _rows(schema: pa.Schema, month: str) -> pa.Table:
    """Return one row a weekday, all columns but the times alike."""
    days = np.arange(np.datetime64(month, "M"), np.datetime64(month, "M") + 1, dtype="M8[D]")
    days = days[np.is_busday(days)]
    return pa.table([_column(field, days) for field in schema], schema=schema)


def _column(field: pa.Field, days: np.ndarray) -> pa.Array:
    if pa.types.is_timestamp(field.type) or pa.types.is_date(field.type):
        unit = "D" if pa.types.is_date(field.type) else field.type.unit
        return pa.array(days.astype(f"M8[{unit}]")).cast(field.type)
    plain = pa.array(["x" if pa.types.is_string(field.type) else "1"] * len(days))
    return plain.cast(field.type)


_CONTRACTS: dict[str, TableValidator] = {}


def _contract(one: Instrument, table: str) -> TableValidator:
    """Return the schema of a table; all instruments are of one data set."""
    if not _CONTRACTS:
        from fints_pipeline.schemas.bars import BARS
        from fints_pipeline.schemas.features import features_contract
        from fints_pipeline.schemas.labels import labels_contract
        from fints_pipeline.schemas.raw_bars import RAW_BARS
        from fints_pipeline.schemas.tokens import tokens_contract
        from fints_pipeline.tokenizers.brooks import FIELDS

        labels = [label.column for label in one.labels.labels]
        _CONTRACTS.update(
            raw_bars=RAW_BARS,
            bars=BARS,
            features=features_contract(one.features.columns),
            labels=labels_contract(labels),
            tokens=tokens_contract(FIELDS),
        )
    return _CONTRACTS[table]
