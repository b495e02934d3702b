"""Assets cut by instrument and month: bars, features, labels, tokens."""

import dagster as dg

from fints_pipeline.defs.events import CODE_VERSION
from fints_pipeline.defs.failures import explained
from fints_pipeline.defs.making import make
from fints_pipeline.defs.partitions import SERIES
from fints_pipeline.defs.resources import Project

_A_RANGE_A_RUN = dg.BackfillPolicy.single_run()


def _months(first: int, last: int) -> dg.MultiPartitionMapping:
    """Map a month to the months from ``first`` to ``last`` around it, of the same instrument."""
    months = dg.TimeWindowPartitionMapping(
        start_offset=first, end_offset=last, allow_nonexistent_upstream_partitions=True
    )
    return dg.MultiPartitionMapping(
        {
            "instrument": dg.DimensionPartitionMapping("instrument", dg.IdentityPartitionMapping()),
            "month": dg.DimensionPartitionMapping("month", months),
        }
    )


def _check(asset: str, name: str, description: str, blocking: bool = True) -> dg.AssetCheckSpec:
    return dg.AssetCheckSpec(
        name, asset=asset, blocking=blocking, partitions_def=SERIES, description=description
    )


def _proofs(asset: str) -> list[dg.AssetCheckSpec]:
    return [
        _check(
            asset,
            "schema_and_digest",
            "Read back, the rows satisfy their schema and have the digest that their footer says.",
        ),
        _check(
            asset,
            "no_look_ahead",
            "Made again with noise in place of every raw row after a cut, the rows up to it are "
            "the same to the bit.",
        ),
    ]


@dg.asset(
    deps=["raw_slices"],
    partitions_def=SERIES,
    backfill_policy=_A_RANGE_A_RUN,
    group_name="data",
    kinds={"parquet", "pandas"},
    owners=["team:data"],
    code_version=CODE_VERSION,
    check_specs=[
        _check(
            "bars",
            "rows_conserved",
            "Every delivered row is in the bars or accounted for by a named rule.",
        ),
        _check(
            "bars",
            "clock_fits",
            "The stamps fit the market's hours on the clock that the config declares.",
        ),
        _check(
            "bars",
            "coverage",
            "The month is there: few bars filled or missing, no session without any.",
            blocking=False,
        ),
        *_proofs("bars"),
    ],
)
@explained
def bars(context: dg.AssetExecutionContext, project: Project):
    """Cleaned bars of the month at every frequency, on the market's own calendar.

    One-minute bars are cleaned by named rules that are counted in the quality report, gaps inside a
    session are filled and flagged, and 5m, 30m and 1D are resampled from the session's open. Prices
    are raw; `split_factor` makes them comparable through time.
    """
    yield from make(context, project, "bars")


@dg.asset(
    deps=[
        dg.AssetDep("bars", partition_mapping=_months(-1, 0)),
        dg.AssetDep("news_items", partition_mapping=dg.AllPartitionMapping()),
    ],
    partitions_def=SERIES,
    backfill_policy=_A_RANGE_A_RUN,
    group_name="features",
    kinds={"parquet", "pandas"},
    owners=["team:research"],
    code_version=CODE_VERSION,
    check_specs=_proofs("news_bars"),
)
@explained
def news_bars(context: dg.AssetExecutionContext, project: Project):
    """News counted on each bar, as the data set's `news:` section asks for, and its leaning.

    A bar has what came out after the bar before and by its own close, and when the last item that
    was known came out. Null before a source's first item, and once it has been silent for long.
    """
    yield from make(context, project, "news_bars")


@dg.asset(
    deps=[
        dg.AssetDep("bars", partition_mapping=_months(-1, 0)),
        dg.AssetDep("exogenous_series", partition_mapping=dg.AllPartitionMapping()),
        dg.AssetDep("news_bars", partition_mapping=_months(0, 0)),
    ],
    partitions_def=SERIES,
    backfill_policy=_A_RANGE_A_RUN,
    group_name="features",
    kinds={"parquet", "numba"},
    owners=["team:research"],
    code_version=CODE_VERSION,
    check_specs=_proofs("features"),
)
@explained
def features(context: dg.AssetExecutionContext, project: Project):
    """Continuous causal columns of each bar, as the data set's `features:` section lists them.

    Row t uses the bars up to t and no further; the lookback is read from the months before.
    Exogenous series and news are joined as they were known at each bar's close.
    """
    yield from make(context, project, "features")


@dg.asset(
    deps=[dg.AssetDep("bars", partition_mapping=_months(-1, 1)), "features"],
    partitions_def=SERIES,
    backfill_policy=_A_RANGE_A_RUN,
    group_name="features",
    kinds={"parquet", "numba"},
    owners=["team:research"],
    code_version=CODE_VERSION,
    check_specs=[
        _proofs("labels")[0],
        _check(
            "labels",
            "labels_end_later",
            "Every label ends after its bar closes: by that stamp samples are purged.",
        ),
    ],
)
@explained
def labels(context: dg.AssetExecutionContext, project: Project):
    """What the models shall predict, each label with the end of its interval for purging.

    The month's last rows stay null until the next month's bars are there, which makes them stale.
    A meta-label reads its side from the month's features.
    """
    yield from make(context, project, "labels")


@dg.asset(
    deps=[
        dg.AssetDep("bars", partition_mapping=_months(0, 0)),
        dg.AssetDep("brooks_tokens", partition_mapping=_months(-1, -1)),
    ],
    partitions_def=SERIES,
    backfill_policy=_A_RANGE_A_RUN,
    group_name="tokens",
    kinds={"parquet", "numba"},
    owners=["team:research"],
    code_version=CODE_VERSION,
    check_specs=_proofs("brooks_tokens"),
)
@explained
def brooks_tokens(context: dg.AssetExecutionContext, project: Project):
    """Brooks price-action tokens of each bar, one value a field of the grammar.

    The tokenizer's state is stored with the month and handed to the next, so that the months of an
    instrument give the same tokens as one pass over its whole history.
    """
    yield from make(context, project, "brooks_tokens")
