"""From files in the inbox to staged, verified, parsed slices."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import dagster as dg

from fints_pipeline.base.config import load_config
from fints_pipeline.base.digest import text_digest
from fints_pipeline.base.errors import UserError
from fints_pipeline.base.lake import Lake
from fints_pipeline.base.locations import Locations
from fints_pipeline.defs import delivered
from fints_pipeline.defs.cadence import has_partition, too_early, too_many
from fints_pipeline.defs.columns import ARCHIVES
from fints_pipeline.defs.failures import explained
from fints_pipeline.defs.metadata import rows_of
from fints_pipeline.defs.partitions import INSTRUMENTS, SERIES, register, series_partition
from fints_pipeline.defs.resources import Project
from fints_pipeline.defs.sources import sources

if TYPE_CHECKING:
    from fints_pipeline.data.slices import SliceChange

raw_slices = dg.AssetSpec(
    "raw_slices",
    deps=["raw_archives"],
    partitions_def=SERIES,
    group_name="data",
    kinds={"parquet"},
    owners=["team:data"],
    description=(
        "What the archives hold of one instrument's month, every delivery kept. Its data version "
        "is the slice's digest and changes only when a new archive brings other rows for it, so "
        "that an archive of a whole year makes stale just the months that it touches."
    ),
)


@dg.asset(
    group_name="data",
    kinds={"zip"},
    owners=["team:data"],
    code_version="1",
    check_specs=[
        dg.AssetCheckSpec(
            "none_quarantined",
            asset="raw_archives",
            description="Every archive in the inbox was accepted.",
        ),
        dg.AssetCheckSpec(
            "few_enough_partitions",
            asset="raw_archives",
            description="The data assets have no more partitions than Dagster's page can show.",
        ),
    ],
)
@explained
def raw_archives(context: dg.AssetExecutionContext, project: Project):
    """Archives of the inbox: checksums verified, unpacked safely, staged by content hash, parsed.

    A refused archive is quarantined with its reason and stops no other. New instruments become
    partitions; every touched slice is reported as a new version of `raw_slices`.
    """
    from fints_pipeline.data import staging
    from fints_pipeline.data.limits import load_limits
    from fints_pipeline.data.outside import load_outside
    from fints_pipeline.data.slices import slices

    locations = project.locations
    report = staging.stage_inbox(
        locations.inbox,
        locations.lake,
        dataset_configs(locations),
        limits=load_limits(locations),
        others=load_outside(locations),
    )
    damaged: dict[str, str] = {}
    staged = slices(locations.lake, damaged)
    for why in damaged.values():
        context.log.error(why)
    known = {slice_: digest for slice_, digest in staged.items() if has_partition(slice_[1])}
    instruments = sorted({instrument for instrument, _ in known})
    register(context.instance, INSTRUMENTS, instruments)
    changed = sorted((set(report.slices) & known.keys()) | unreported(context, known))
    for event in slice_events(locations.lake, known, changed):
        context.log_event(event)
    for event in _source_events(context, locations, report.changes):
        context.log_event(event)
    for event in nothing_delivered(context.instance, locations):
        context.log_event(event)
    metadata: dict[str, Any] = {
        "report": dg.MetadataValue.md(report.as_markdown()),
        "accepted": len(report.accepted),
        "unchanged": len(report.unchanged),
        "quarantined": len(report.quarantined),
        "instruments": ", ".join(instruments),
    }
    if damaged:
        metadata["damaged"] = "\n".join(damaged.values())
    if warning := too_early(month for _, month in staged):
        metadata["months left alone"] = warning
    files = len(report.accepted) + len(report.unchanged) + len(report.quarantined)
    metadata |= rows_of(files, ARCHIVES)
    yield dg.MaterializeResult(metadata=metadata, data_version=dg.DataVersion(report.digest))
    yield dg.AssetCheckResult(
        check_name="none_quarantined",
        passed=not report.quarantined,
        severity=dg.AssetCheckSeverity.WARN,
        metadata={"quarantined": dg.MetadataValue.md(report.as_markdown())},
    )
    yield few_enough(len(instruments))


def few_enough(instruments: int) -> dg.AssetCheckResult:
    """Return whether the data assets have a number of partitions that the page can show."""
    warning = too_many(instruments)
    return dg.AssetCheckResult(
        check_name="few_enough_partitions",
        passed=warning is None,
        severity=dg.AssetCheckSeverity.WARN,
        metadata={"instruments": instruments, "advice": warning or "none needed"},
    )


def unreported(
    context: dg.AssetExecutionContext, known: Collection[tuple[str, str]]
) -> set[tuple[str, str]]:
    """Return the slices that this Dagster instance has not heard of (a new home, an old lake)."""
    reported = context.instance.get_materialized_partitions(raw_slices.key)
    return {slice_ for slice_ in known if str(series_partition(*slice_)) not in reported}


def slice_events(
    lake: Lake, known: Mapping[tuple[str, str], str], changed: Collection[tuple[str, str]]
) -> list[dg.AssetObservation | dg.AssetMaterialization]:
    """Return the events that tell Dagster the current versions of slices."""
    touched = {series_partition(*slice_) for slice_ in changed}
    parts: dict[dg.MultiPartitionKey, list[tuple[str, str]]] = {}
    for slice_ in sorted(known):
        if (partition := series_partition(*slice_)) in touched:
            parts.setdefault(partition, []).append(slice_)
    digests = {partition: [known[each] for each in found] for partition, found in parts.items()}
    versions = {
        partition: found[0] if len(found) == 1 else text_digest(*found)
        for partition, found in digests.items()
    }
    shown = {partition: delivered.of_slices(lake, found) for partition, found in parts.items()}
    return _version_events("raw_slices", versions, shown)


def _version_events(
    asset: str, versions: Mapping[Any, str], shown: Mapping[Any, dict[str, Any]]
) -> list[dg.AssetObservation | dg.AssetMaterialization]:
    """Return the events that tell Dagster the versions of partitions that it does not make itself.

    Of such an asset, staleness reads observations and the partition grid reads materializations, so
    it takes both; and the observations first, because a later event than the one that a run has
    seen counts as an update.
    """
    tags = {partition: {"dagster/data_version": found} for partition, found in versions.items()}
    return [
        kind(asset, partition=partition, tags=each, metadata=shown[partition])
        for kind in (dg.AssetObservation, dg.AssetMaterialization)
        for partition, each in tags.items()
    ]


def _source_events(
    context: dg.AssetExecutionContext, locations: Locations, changes: "Sequence[SliceChange]"
) -> Iterator[dg.AssetObservation | dg.AssetMaterialization]:
    """Register series and subjects of news; yield versions that are new, or not yet heard of."""
    for source in sources().values():
        known = source.known(locations)
        register(context.instance, source.partitions, sorted(known))
        reported = context.instance.get_materialized_partitions(dg.AssetKey(source.raw))
        changed = {each.instrument for each in changes if each.table == source.raw}
        changed |= known.keys() - reported
        versions = {name: known[name] for name in sorted(changed)}
        shown = {name: delivered.of_source(source.raw, locations, name) for name in versions}
        yield from _version_events(source.raw, versions, shown)


def nothing_delivered(
    instance: dg.DagsterInstance, locations: Locations
) -> Iterator[dg.AssetMaterialization]:
    """Tell once of each asset of what comes from outside that there is nothing to make of it.

    Dagster's page asks "Are you sure?" before it launches what lies below an asset that was never
    materialised. A lake without series or news has all of them that there are: none. The event has
    no partition, so that neither the partition grid nor staleness takes notice.
    """
    for source in sources().values():
        key = dg.AssetKey(source.name)
        if source.known(locations) or instance.get_latest_materialization_event(key) is not None:
            continue
        yield dg.AssetMaterialization(
            key,
            description=f"Nothing was delivered: there is no {source.noun} to make.",
            metadata={"delivered": 0},
        )


def dataset_configs(locations: Locations) -> list:
    """Return the config of every data set.

    Raises:
        UserError: there is none, or one is wrong.
    """
    from fints_pipeline.data.config import DatasetConfig

    paths = locations.dataset_configs()
    if not paths:
        raise UserError("no data set is configured", where=str(locations.configs / "data"))
    return [load_config(path, DatasetConfig, section="dataset") for path in paths]
