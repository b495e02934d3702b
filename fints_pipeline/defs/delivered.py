"""What archives delivered of a partition, as the pages of the raw assets show it."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import dagster as dg

from fints_pipeline.base.config import load_config
from fints_pipeline.base.lake import Lake, TableKey
from fints_pipeline.base.locations import Locations
from fints_pipeline.defs.metadata import rows_of, schema_of

if TYPE_CHECKING:
    from fints_pipeline.schemas.contract import TableContract


def of_slices(lake: Lake, slices: Sequence[tuple[str, str]]) -> dict[str, Any]:
    """Return what a partition of `raw_slices` shows: the slices of its instrument and months."""
    from fints_pipeline.data.slices import RAW_BARS as TABLE
    from fints_pipeline.data.slices import slice_key
    from fints_pipeline.schemas.raw_bars import RAW_BARS

    frequencies = lake.values(TABLE, (), "freq")
    keys = [slice_key(*slice_, frequency) for slice_ in slices for frequency in frequencies]
    return _shown(lake, [key for key in keys if lake.exists(key)], RAW_BARS)


def of_source(asset: str, locations: Locations, name: str) -> dict[str, Any]:
    """Return what a partition of `raw_exogenous` or `raw_news` shows."""
    return {"raw_exogenous": _of_series, "raw_news": _of_news}[asset](locations, name)


def _of_series(locations: Locations, name: str) -> dict[str, Any]:
    from fints_pipeline.data.exogenous import ExogenousConfig, raw_key_of
    from fints_pipeline.schemas.raw_exogenous import raw_exogenous_contract

    config = load_config(locations.exogenous_config(name), ExogenousConfig)
    contract = raw_exogenous_contract(list(config.values), config.unit)
    return _shown(locations.lake, [raw_key_of(config)], contract)


def _of_news(locations: Locations, subject: str) -> dict[str, Any]:
    from fints_pipeline.data.news import partition
    from fints_pipeline.schemas.raw_news import RAW_NEWS

    months = locations.lake.months(partition.RAW, partition.FREQUENCY, subject)
    keys = [partition.raw_key(subject, month) for month in months]
    return {"months": f"{months[0]} to {months[-1]}", **_shown(locations.lake, keys, RAW_NEWS)}


def _shown(lake: Lake, keys: Sequence[TableKey], contract: "TableContract") -> dict[str, Any]:
    footers = [lake.footer(key) for key in keys]
    inputs = {name: digest for each in footers for name, digest in each.lineage.inputs.items()}
    return {
        "archives": len(inputs),
        **rows_of(sum(each.rows for each in footers), schema_of(contract)),
        "digest": ", ".join(each.digest for each in footers[-1:]),
        "file": dg.MetadataValue.path(lake.uri(keys[-1])),
        "inputs": dg.MetadataValue.json(inputs),
    }
