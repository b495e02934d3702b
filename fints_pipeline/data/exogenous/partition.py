"""A series from its deliveries: read the raw rows, tell when each was known, write."""

from __future__ import annotations

from dataclasses import replace

from fints_pipeline.base.frames import to_arrow, to_pandas
from fints_pipeline.base.lake import Footer, Lake, Lineage, TableKey, series_key
from fints_pipeline.base.lake.lineage import Known, Staleness, digests, staleness
from fints_pipeline.data.exogenous.config import ExogenousConfig
from fints_pipeline.data.exogenous.versions import resolve
from fints_pipeline.schemas.contract import TableContract
from fints_pipeline.schemas.exogenous import exogenous_contract

CODE_VERSION = "2"
TABLE = "exogenous"
RAW = "raw_exogenous"
WHOLE = "all"
"""What stands for the month: a series is one partition."""


def series_key_of(config: ExogenousConfig) -> TableKey:
    """Return the partition that holds the series."""
    return series_key(TABLE, config.frequency, config.name, WHOLE)


def raw_key_of(config: ExogenousConfig) -> TableKey:
    """Return the partition that holds its deliveries."""
    return series_key(RAW, config.frequency, config.name, WHOLE)


def contract_of(config: ExogenousConfig) -> TableContract:
    """Return the series' schema."""
    return exogenous_contract(list(config.values), config.unit)


def made_with(config: ExogenousConfig) -> Lineage:
    """Return what a series made now would say of its code and config."""
    return Lineage(CODE_VERSION, config.publishing)


def stale(lake: Known, config: ExogenousConfig) -> Staleness:
    """Return whether the series is not what its deliveries would give now; not without any."""
    if not lake.exists(raw_key_of(config)):
        return Staleness(series_key_of(config), ())
    return staleness(lake, series_key_of(config), expected=made_with(config))


def build(lake: Lake, config: ExogenousConfig) -> Footer:
    """Make ``exogenous/<frequency>/<name>/all`` from the deliveries.

    Raises:
        KeyNotFoundError: no file of the series was staged.
        FormatError: the deliveries contradict each other.
    """
    key = raw_key_of(config)
    lineage = replace(made_with(config), inputs=digests(lake, [key]))
    rows = resolve(to_pandas(lake.read(key)), config)
    contract = contract_of(config)
    return lake.write(
        series_key_of(config), to_arrow(rows, contract.arrow_schema), contract, lineage
    )
