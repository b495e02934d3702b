"""Exogenous series: what was delivered of each, and the series that it amounts to."""

import dagster as dg

from fints_pipeline.defs.events import CODE_VERSION
from fints_pipeline.defs.failures import explained
from fints_pipeline.defs.partitions import EXOGENOUS
from fints_pipeline.defs.resources import Project
from fints_pipeline.defs.sources import run_source

raw_exogenous = dg.AssetSpec(
    "raw_exogenous",
    deps=["raw_archives"],
    partitions_def=EXOGENOUS,
    group_name="data",
    kinds={"parquet"},
    owners=["team:data"],
    description=(
        "What the files hold of one exogenous series, every delivery kept. Its data version "
        "changes only when a new file brings other rows."
    ),
)


def _check(name: str, description: str, blocking: bool = True) -> dg.AssetCheckSpec:
    return dg.AssetCheckSpec(
        name,
        asset="exogenous_series",
        blocking=blocking,
        partitions_def=EXOGENOUS,
        description=description,
    )


@dg.asset(
    deps=["raw_exogenous"],
    partitions_def=EXOGENOUS,
    group_name="data",
    kinds={"parquet", "pandas"},
    owners=["team:data"],
    code_version=CODE_VERSION,
    check_specs=[
        _check(
            "schema_and_digest",
            "Read back, the rows satisfy their schema and have the digest that their footer says.",
        ),
        _check(
            "known_after_its_period",
            "No value counts as known before its period's end and the publication lag after it.",
        ),
        _check(
            "no_look_ahead",
            "Made again with noise in place of every raw row that was known after a cut, the rows "
            "known by then are the same to the bit.",
        ),
        _check("up_to_date", "The last value is younger than `max_age_days`.", blocking=False),
    ],
)
@explained
def exogenous_series(context: dg.AssetExecutionContext, project: Project):
    """One series from outside the traded market, each value with the time from which it was known.

    The first delivery of a period counts from its publication; a restated value stands beside the
    one that it restates, known from its own delivery on. Features join it as of each bar's close.
    """
    yield from run_source(context, project, "exogenous_series")
