"""Assets cut by instrument and month: bars, features, labels, tokens."""

import dagster as dg

from fints_pipeline.base.config import load_config, read_yaml
from fints_pipeline.base.errors import SchemaError
from fints_pipeline.base.lake import Footer, series_key
from fints_pipeline.defs.failures import explained
from fints_pipeline.defs.metadata import numbers, table_metadata
from fints_pipeline.defs.partitions import SERIES, series_of
from fints_pipeline.defs.resources import Project

_NOTHING_WRITTEN = "the check's evidence says more; the bars were not written"
_ONE_RUN_A_PARTITION = dg.BackfillPolicy.multi_run(max_partitions_per_run=1)


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


@dg.asset(
    deps=["raw_slices"],
    partitions_def=SERIES,
    backfill_policy=_ONE_RUN_A_PARTITION,
    group_name="data",
    kinds={"parquet", "pandas"},
    owners=["team:data"],
    code_version="1",
    check_specs=[
        dg.AssetCheckSpec(
            "rows_conserved",
            asset="bars",
            blocking=True,
            description="Every delivered row is in the bars or accounted for by a named rule.",
        ),
        dg.AssetCheckSpec(
            "clock_fits",
            asset="bars",
            blocking=True,
            description="The stamps fit the market's hours on the clock that the config declares.",
        ),
    ],
)
@explained
def bars(context: dg.AssetExecutionContext, project: Project):
    """Cleaned bars of the month at every frequency, on the market's own calendar.

    One-minute bars are cleaned by named rules that are counted in the quality report, gaps inside a
    session are filled and flagged, and 5m, 30m and 1D are resampled from the session's open. Prices
    are raw; `split_factor` makes them comparable through time.
    """
    from fints_pipeline.base.frames import to_pandas
    from fints_pipeline.data import partition
    from fints_pipeline.data.config import DatasetConfig
    from fints_pipeline.schemas.bars import BARS

    instrument, month = series_of(context)
    path = project.locations.dataset_config(instrument)
    config = load_config(path, DatasetConfig, section="dataset")
    clock = partition.clock(project.lake, config, instrument, month)
    yield dg.AssetCheckResult(
        check_name="clock_fits",
        passed=clock.passed,
        metadata={"evidence": dg.MetadataValue.md(clock.to_markdown())},
    )
    if not clock.passed:
        raise SchemaError(clock.reason, where=f"{instrument} {month}", fix=_NOTHING_WRITTEN)
    computed = partition.compute(project.lake, config, instrument, month)
    quality = dg.MetadataValue.md(computed.quality.to_markdown())
    conserved = computed.quality.conserves()
    yield dg.AssetCheckResult(
        check_name="rows_conserved", passed=conserved, metadata={"quality": quality}
    )
    if not conserved:
        raise SchemaError(
            "rows were lost in cleaning", where=f"{instrument} {month}", fix=_NOTHING_WRITTEN
        )
    made = partition.write(project.lake, config, instrument, month, computed)
    key = series_key("bars", config.base_frequency, instrument, month)
    base = made.footers[config.base_frequency]
    metadata = table_metadata(base, BARS, str(project.lake.path(key)))
    metadata |= {f"rows_{freq}": footer.rows for freq, footer in made.footers.items()}
    metadata |= numbers(_figures(made.quality))
    metadata["quality"] = quality
    metadata |= _pictures(to_pandas(project.lake.read(key)))
    version = "-".join(footer.digest[:16] for footer in made.footers.values())
    yield dg.MaterializeResult(metadata=metadata, data_version=dg.DataVersion(version))


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


def _pictures(bars) -> dict[str, dg.MetadataValue]:
    from fints_pipeline.data import plots

    drawn = {"coverage": plots.coverage(bars), "price": plots.price_with_flags(bars)}
    return {name: dg.MetadataValue.md(plots.as_markdown(p, name)) for name, p in drawn.items()}


@dg.asset(
    deps=[dg.AssetDep("bars", partition_mapping=_months(-1, 0))],
    partitions_def=SERIES,
    backfill_policy=_ONE_RUN_A_PARTITION,
    group_name="features",
    kinds={"parquet", "numba"},
    owners=["team:research"],
    code_version="1",
)
@explained
def features(context: dg.AssetExecutionContext, project: Project):
    """Continuous causal columns of each bar, as the data set's `features:` section lists them.

    Row t uses the bars up to t and no further; the lookback is read from the months before.
    """
    from fints_pipeline.features import partition
    from fints_pipeline.features.config import FeaturesConfig
    from fints_pipeline.schemas.features import features_contract

    instrument, month = series_of(context)
    path = project.locations.dataset_config(instrument)
    config = load_config(path, FeaturesConfig, section="features")
    footer = partition.build(project.lake, config, _frequency(path), instrument, month)
    return _result(
        project, "features", _frequency(path), footer, features_contract(config.columns), context
    )


@dg.asset(
    deps=[dg.AssetDep("bars", partition_mapping=_months(-1, 1)), "features"],
    partitions_def=SERIES,
    backfill_policy=_ONE_RUN_A_PARTITION,
    group_name="features",
    kinds={"parquet", "numba"},
    owners=["team:research"],
    code_version="1",
)
@explained
def labels(context: dg.AssetExecutionContext, project: Project):
    """What the models shall predict, each label with the end of its interval for purging.

    The month's last rows stay null until the next month's bars are there, which makes them stale.
    A meta-label reads its side from the month's features.
    """
    from fints_pipeline.labels import partition
    from fints_pipeline.labels.config import LabelsConfig
    from fints_pipeline.schemas.labels import labels_contract

    instrument, month = series_of(context)
    path = project.locations.dataset_config(instrument)
    config = load_config(path, LabelsConfig, section="labels")
    footer = partition.build(project.lake, config, _frequency(path), instrument, month)
    contract = labels_contract([label.column for label in config.labels])
    return _result(project, "labels", _frequency(path), footer, contract, context)


@dg.asset(
    deps=[
        dg.AssetDep("bars", partition_mapping=_months(0, 0)),
        dg.AssetDep("brooks_tokens", partition_mapping=_months(-1, -1)),
    ],
    partitions_def=SERIES,
    backfill_policy=_ONE_RUN_A_PARTITION,
    group_name="tokens",
    kinds={"parquet", "numba"},
    owners=["team:research"],
    code_version="1",
)
@explained
def brooks_tokens(context: dg.AssetExecutionContext, project: Project):
    """Brooks price-action tokens of each bar, one value a field of the grammar.

    The tokenizer's state is stored with the month and handed to the next, so that the months of an
    instrument give the same tokens as one pass over its whole history.
    """
    from fints_pipeline.data.config import DatasetConfig
    from fints_pipeline.schemas.tokens import tokens_contract
    from fints_pipeline.tokenizers import partition
    from fints_pipeline.tokenizers.brooks import FIELDS
    from fints_pipeline.tokenizers.config import TokenizeConfig

    instrument, month = series_of(context)
    path = project.locations.dataset_config(instrument)
    dataset = load_config(path, DatasetConfig, section="dataset")
    symbol = dataset.symbol(instrument)
    tokenizer = project.locations.tokenize_config(read_yaml(path).get("tokenize", "brooks"))
    config = load_config(tokenizer, TokenizeConfig)
    footer = partition.build(
        project.lake,
        config,
        dataset.model_frequency,
        instrument,
        month,
        tick=dataset.ticks.get(symbol, dataset.ticks.get("*")),
        session_mode=dataset.calendar_of(symbol).mode,
    )
    contract = tokens_contract(FIELDS)
    return _result(project, "tokens", dataset.model_frequency, footer, contract, context)


def _frequency(path) -> str:
    from fints_pipeline.data.config import DatasetConfig

    return load_config(path, DatasetConfig, section="dataset").model_frequency


def _result(project, table, freq, footer: Footer, contract, context) -> dg.MaterializeResult:
    instrument, month = series_of(context)
    path = project.lake.path(series_key(table, freq, instrument, month))
    return dg.MaterializeResult(
        metadata=table_metadata(footer, contract, str(path)),
        data_version=dg.DataVersion(footer.digest),
    )
