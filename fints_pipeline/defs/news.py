"""News: what was delivered about each subject, and its items, scored."""

import dagster as dg

from fints_pipeline.defs.events import CODE_VERSION
from fints_pipeline.defs.failures import explained
from fints_pipeline.defs.partitions import NEWS
from fints_pipeline.defs.resources import Project
from fints_pipeline.defs.sources import run_source

raw_news = dg.AssetSpec(
    "raw_news",
    deps=["raw_archives"],
    partitions_def=NEWS,
    group_name="data",
    kinds={"parquet"},
    owners=["team:data"],
    description=(
        "What the archives hold of news about one subject (`source.SYMBOL`), every delivery kept. "
        "Its data version changes only when a new archive brings other items."
    ),
)


def _check(name: str, description: str) -> dg.AssetCheckSpec:
    return dg.AssetCheckSpec(
        name, asset="news_items", blocking=True, partitions_def=NEWS, description=description
    )


@dg.asset(
    deps=["raw_news"],
    partitions_def=NEWS,
    group_name="data",
    kinds={"parquet"},
    owners=["team:data"],
    code_version=CODE_VERSION,
    check_specs=[
        _check(
            "schema_and_digest",
            "Read back, the items satisfy their schema and have the digests that their footers "
            "say.",
        ),
        _check(
            "no_look_ahead",
            "Scored again with noise in place of every item that came out after a cut, the items "
            "up to it are the same to the bit.",
        ),
    ],
)
@explained
def news_items(context: dg.AssetExecutionContext, project: Project):
    """News about one subject, an item a row, known from the second of its publication on.

    Items that were delivered twice are one. Words of good and of bad tidings are counted with a
    lexicon, negations considered. `news_bars` counts the items on an instrument's bars; fusion
    models read their texts.
    """
    yield from run_source(context, project, "news_items")
