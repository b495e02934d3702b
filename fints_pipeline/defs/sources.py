"""What comes from outside the traded market, one partition a series or a subject of news.

Their assets are made like series assets: a stage yields its checks and what it made, and whoever
finds one out of date on the way makes it first.
"""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass

import dagster as dg

from fints_pipeline.base.digest import text_digest
from fints_pipeline.base.lake import Lake
from fints_pipeline.base.lake.lineage import Staleness
from fints_pipeline.base.locations import Locations
from fints_pipeline.defs import deliveries
from fints_pipeline.defs.events import Made, Reporter, Verdict, ends
from fints_pipeline.defs.partitions import EXOGENOUS, NEWS, check_known
from fints_pipeline.defs.resources import Project

SourceEvent = dg.AssetMaterialization | dg.AssetCheckEvaluation


@dataclass(frozen=True)
class SourceAsset:
    """An asset of what comes from outside.

    Attributes:
        name: The asset's name, which is that of its key in `SOURCES` too.
        raw: The asset that it is made from.
        job: The job that makes it.
        noun: What one partition is.
        partitions: Its partitions.
        known: Returns the partitions that were delivered, with the version of each one's rows.
        stale: Returns what of a partition is missing or out of date.
        make: Makes a partition; yields its checks, then what was made.
    """

    name: str
    raw: str
    job: str
    noun: str
    partitions: dg.DynamicPartitionsDefinition
    known: Callable[[Locations], Mapping[str, str]]
    stale: Callable[[Locations, str], tuple[Staleness, ...]]
    make: Callable[[Locations, str], Iterator[Verdict | Made]]


def sources() -> dict[str, SourceAsset]:
    """Return the assets of what comes from outside, by name."""
    from fints_pipeline.defs import source_stages as stages

    series = SourceAsset(
        "exogenous_series", "raw_exogenous", "exogenous", "exogenous series", EXOGENOUS,
        deliveries.series_known, deliveries.series_stale, stages.series,
    )  # fmt: skip
    news = SourceAsset(
        "news_items", "raw_news", "news", "subject of news", NEWS,
        deliveries.news_known, deliveries.news_stale, stages.news,
    )  # fmt: skip
    return {each.name: each for each in (series, news)}


def run_source(
    context: dg.AssetExecutionContext, project: Project, asset: str
) -> Iterator[SourceEvent | dg.MaterializeResult | dg.Output]:
    """Make the run's partitions of a source's asset."""
    source, locations = sources()[asset], project.locations
    known = list(source.known(locations))
    reporter = Reporter(context)
    for name in context.partition_keys:
        check_known(source.noun, name, known)
        with alone(locations.lake, asset, name, reporter.waits(name)):
            yield from made(reporter, source, locations, name)
    yield from ends(context)


def made(
    reporter: Reporter, source: SourceAsset, locations: Locations, name: str
) -> Iterator[SourceEvent]:
    """Make one partition and yield its events."""
    for item in source.make(locations, name):
        if isinstance(item, Verdict):
            yield reporter.evaluation(source.name, name, item)
        else:
            yield reporter.materialization(source.name, name, item)


def ensured(
    reporter: Reporter, asset: str, locations: Locations, name: str
) -> Iterator[SourceEvent]:
    """Make a partition if it is out of date; one that nothing was delivered of is left alone."""
    source = sources()[asset]
    if name not in source.known(locations):
        return
    with alone(locations.lake, asset, name, reporter.waits(name)):
        if source.stale(locations, name):
            yield from made(reporter, source, locations, name)


@contextmanager
def alone(lake: Lake, asset: str, name: str, busy: Callable[[], None]) -> Iterator[None]:
    """Keep other runs from making a source's partition meanwhile; a killed run lets go.

    ``busy`` is called before waiting for one.
    """
    with lake.store.locked(f"source-{text_digest(asset, name)}", busy):
        yield
